//! `/healthz`, `/readyz` and `/metrics`: open to all, and telling nothing of the tables.

use serde_json::{Value, json};
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup, run};
use sluice_tests::waiting::until;

use crate::accounts;

#[test]
fn health_needs_no_token() {
    run(async {
        let gateway = Gateway::demo().await;
        let nobody = gateway.nobody();
        for path in ["/healthz", "/readyz", "/metrics"] {
            let _ = nobody.get(path).await.expect_status(200);
        }
        assert_eq!(nobody.get("/readyz").await.json()["status"], json!("ready"));
    });
}

#[test]
fn metrics_name_no_table_column_or_subject() {
    run(async {
        let gateway = Gateway::demo().await;
        let _ = gateway
            .role("analyst")
            .get("/v1/tables/customer/rows?filter=c_mktsegment%3D'ZYXWVUT'")
            .await
            .expect_status(200);
        let metrics = gateway.nobody().get("/metrics").await.expect_status(200).text();
        assert!(metrics.contains("sluice_"), "{metrics}");
        for word in ["customer", "c_mktsegment", "ZYXWVUT", "flights", "tester"] {
            assert!(!metrics.contains(word), "{word}: {metrics}");
        }
    });
}

#[test]
fn a_broken_policy_file_keeps_the_old_rules_and_shows() {
    run(async {
        let setup = Setup::new("broken-policy", accounts::POLICIES).table(accounts::definition());
        let _table: HandTable = accounts::write(&setup.place("accounts"));
        let gateway = setup.start().await;
        let nobody = gateway.nobody();
        let file = gateway.directory.join("policies.yaml");
        let rows = |role: &str| {
            let caller = accounts::caller(&gateway, role);
            async move { caller.get("/v1/tables/accounts/rows").await.expect_status(200).data().len() }
        };
        let before = rows("alice").await;

        std::fs::write(
            &file,
            "version: 1\nroles: {alice: {tables: {accounts: {columns: '*', rows: \"nope = 1\"}}}}",
        )
        .unwrap();
        until("readiness tells of the broken file", || async {
            let report: Value = nobody.get("/readyz").await.json();
            report["reasons"]
                .as_array()
                .unwrap()
                .iter()
                .any(|reason| reason["component"] == "policies")
                .then_some(())
        })
        .await;
        assert!(!nobody.get("/readyz").await.text().contains("accounts"));
        assert_eq!(rows("alice").await, before);

        std::fs::write(&file, accounts::POLICIES).unwrap();
        until("readiness is well again", || async {
            (nobody.get("/readyz").await.json()["status"] == "ready").then_some(())
        })
        .await;
        gateway.shutdown().await;
    });
}

#[test]
fn a_prefix_that_cannot_be_searched_shows_and_serving_goes_on() {
    run(async {
        let setup = Setup::new("no-prefix", accounts::POLICIES)
            .table(accounts::definition())
            .with(json!({ "catalog": { "discover": [{ "prefix": "hoard" }], "discover_interval_ms": 50 } }));
        let _table: HandTable = accounts::write(&setup.place("accounts"));
        let gateway = setup.start().await;
        let nobody = gateway.nobody();
        let gauge = |value: u32| {
            let line = format!("sluice_discovery_troubles {value}");
            let metrics = nobody.get("/metrics");
            async move { metrics.await.text().lines().any(|one| one == line) }
        };
        let report = nobody.get("/readyz").await.expect_status(200);
        assert_eq!(report.json()["status"], json!("degraded"));
        assert_eq!(report.json()["reasons"][0]["component"], json!("catalog"));
        assert!(!report.text().contains("hoard") && gauge(1).await, "{}", report.text());
        let _ = accounts::caller(&gateway, "alice").get("/v1/tables/accounts").await.expect_status(200);

        std::fs::create_dir(gateway.directory.join("hoard")).unwrap();
        until("readiness is well", || async {
            (nobody.get("/readyz").await.json()["status"] == "ready").then_some(())
        })
        .await;
        assert!(gauge(0).await);
        gateway.shutdown().await;
    });
}
