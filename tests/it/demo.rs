//! The demo: owns what a first look at it finds: files, tokens, the configuration that serves
//! without it, and the binary's commands on it.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::json;
use sluice_gateway::config::Config;
use sluice_gateway::config::graphql::GraphqlConfig;
use sluice_gateway::demo::{DemoError, DemoOptions, prepare, welcome};
use sluice_tests::gateway::{Gateway, run};
use sluice_tests::scratch;

#[test]
fn the_lake_holds_the_real_rows() {
    run(async {
        let gateway = Gateway::demo().await;
        let listed = gateway.role("admin").get("/v1/tables").await.expect_status(200).data();
        let sizes: Vec<(String, u64)> = listed
            .iter()
            .map(|table| (table["name"].as_str().unwrap().to_owned(), table["rows"].as_u64().unwrap()))
            .collect();
        let expected = [
            ("airlines", 16),
            ("airports", 1_458),
            ("customer", 15_000),
            ("flights", 336_776),
            ("orders", 150_000),
            ("planes", 3_322),
            ("weather", 26_115),
        ];
        assert_eq!(sizes, expected.map(|(name, rows)| (name.to_owned(), rows)));
    });
}

#[test]
fn flights_are_partitioned_by_month_with_a_history() {
    run(async {
        let gateway = Gateway::demo().await;
        let flights = gateway.role("admin").get("/v1/tables/flights").await.expect_status(200).object();
        assert_eq!(flights["version"], json!(4));
        let partitions: Vec<&str> = flights["columns"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|column| column["partition"] == json!(true))
            .map(|column| column["name"].as_str().unwrap())
            .collect();
        assert_eq!(partitions, ["month"]);
    });
}

#[test]
fn hashed_tail_numbers_still_join() {
    run(async {
        let gateway = Gateway::demo().await;
        let sql = "select count(*) as n from flights join planes using (tailnum)";
        let analyst = gateway.role("analyst").sql(sql).await.expect_status(200).data();
        let admin = gateway.role("admin").sql(sql).await.expect_status(200).data();
        assert_eq!(analyst, admin);
        assert!(admin[0]["n"].as_u64().unwrap() > 200_000);
        let seen = gateway
            .role("analyst")
            .get("/v1/tables/planes/rows?limit=1000&select=tailnum")
            .await
            .expect_status(200)
            .data();
        assert!(seen.iter().all(|row| row["tailnum"].as_str().unwrap().len() == 32), "{:?}", seen[0]);
    });
}

#[test]
fn the_written_tokens_open_the_door_and_belong_to_their_owner() {
    run(async {
        let gateway = Gateway::demo().await;
        for role in ["admin", "analyst", "partner"] {
            let file = gateway.directory.join("tokens").join(format!("{role}.jwt"));
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{role}");
            let token = fs::read_to_string(&file).unwrap();
            let rows =
                gateway.bearer(&token).get("/v1/tables/flights/rows?limit=1").await.expect_status(200).data();
            assert_eq!(rows.len(), 1, "{role}");
        }
        for ring in ["signing", "cursor", "mask"] {
            let file = gateway.directory.join(format!("keys/{ring}.yaml"));
            assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600, "{ring}");
        }
    });
}

#[test]
fn a_second_start_reuses_the_lake_and_keeps_what_was_edited() {
    run(async {
        let gateway = Gateway::demo().await;
        let marker = gateway.directory.join("lake/DEMO_LAKE_VERSION");
        let made = fs::metadata(&marker).unwrap().modified().unwrap();
        let policies = gateway.directory.join("policies.yaml");
        let edited = fs::read_to_string(&policies).unwrap() + "\n# edited\n";
        fs::write(&policies, &edited).unwrap();
        let options = DemoOptions {
            data_dir: gateway.directory.clone(),
            http_addr: SocketAddr::from(([127, 0, 0, 1], 4321)),
            grpc_addr: SocketAddr::from(([127, 0, 0, 1], 4322)),
        };
        let config: Config = prepare(&options).await.unwrap();
        assert_eq!(config.server.http_addr, options.http_addr);
        assert_eq!(config.server.grpc_addr, Some(options.grpc_addr));
        assert_eq!(fs::metadata(&marker).unwrap().modified().unwrap(), made);
        assert_eq!(fs::read_to_string(&policies).unwrap(), edited);
    });
}

#[test]
fn a_directory_of_somebody_else_is_left_alone() {
    run(async {
        let directory = scratch::fresh("foreign");
        let own = directory.path().join("lake/precious.txt");
        fs::create_dir(directory.path().join("lake")).unwrap();
        fs::write(&own, "mine").unwrap();
        let options = DemoOptions {
            data_dir: directory.path().to_path_buf(),
            http_addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            grpc_addr: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        assert!(matches!(prepare(&options).await, Err(DemoError::Foreign { .. })));
        assert_eq!(fs::read_to_string(own).unwrap(), "mine");
    });
}

#[test]
fn every_line_of_the_welcome_works_when_pasted() {
    run(async {
        let gateway = Gateway::demo().await;
        let (http, grpc, graphql) = (gateway.addr(), gateway.grpc_addr(), GraphqlConfig::default());
        let text = welcome(http, Some(grpc), &graphql, &gateway.directory).unwrap();
        assert!(text.contains(&grpc.to_string()) && text.contains("/graphql (paste"), "{text}");
        for role in ["admin", "analyst", "partner"] {
            let token = fs::read_to_string(gateway.directory.join(format!("tokens/{role}.jwt"))).unwrap();
            assert!(text.lines().any(|line| line == token), "{text}");
        }
        let script = text.replace("\\\n", " ");
        let lines: Vec<&str> =
            script.lines().map(str::trim).filter(|line| line.starts_with("curl ")).collect();
        assert!(lines.len() >= 6, "{text}");
        for line in lines {
            let line = line.replacen("curl ", "curl --fail-with-body ", 1);
            let pasted = line.clone();
            let running =
                tokio::task::spawn_blocking(move || Command::new("bash").arg("-c").arg(pasted).output());
            let output = running.await.unwrap().unwrap();
            let answer = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && !answer.contains("\"errors\""), "{line}: {answer}");
        }
    });
}
