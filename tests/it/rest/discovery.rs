//! `GET /v1/tables` and `GET /v1/tables/{t}`.

use serde_json::{Value, json};
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup, run};

use crate::accounts;

/// Column names of a description.
fn columns(description: &Value) -> Vec<&str> {
    description["columns"].as_array().unwrap().iter().map(|column| column["name"].as_str().unwrap()).collect()
}

fn column<'a>(description: &'a Value, name: &str) -> &'a Value {
    description["columns"].as_array().unwrap().iter().find(|column| column["name"] == name).unwrap()
}

#[test]
fn each_role_lists_its_own_tables_in_name_order() {
    run(async {
        let gateway = Gateway::demo().await;
        let every = ["airlines", "airports", "customer", "flights", "orders", "planes", "weather"];
        for (role, expected) in [
            ("admin", &every[..]),
            ("analyst", &every[..]),
            ("partner", &["airlines", "airports", "flights", "weather"]),
        ] {
            let answer = gateway.role(role).get("/v1/tables").await.expect_status(200);
            let listed = answer.data();
            let names: Vec<&str> = listed.iter().map(|table| table["name"].as_str().unwrap()).collect();
            assert_eq!(names, expected, "{role}");
            for table in &listed {
                assert!(table["description"].is_string(), "{table}");
                assert!(table["version"].is_u64(), "{table}");
                assert!(table["age_ms"].is_u64(), "{table}");
            }
        }
    });
}

#[test]
fn only_unfiltered_roles_learn_the_size_of_a_table() {
    run(async {
        let gateway = Gateway::demo().await;
        let size = |tables: Vec<Value>, name: &str| {
            let table = tables.iter().find(|table| table["name"] == name).unwrap().clone();
            (table["rows"].clone(), table["bytes"].is_u64())
        };
        let admin = gateway.role("admin").get("/v1/tables").await.data();
        let analyst = gateway.role("analyst").get("/v1/tables").await.data();
        let partner = gateway.role("partner").get("/v1/tables").await.data();
        assert_eq!(size(admin, "flights"), (json!(336_776), true));
        assert_eq!(size(analyst, "flights"), (json!(336_776), true));
        assert_eq!(size(partner.clone(), "airlines"), (json!(16), true));
        let (rows, bytes) = size(partner, "flights");
        assert!(rows.is_null() && !bytes);
        let described = gateway.role("partner").get("/v1/tables/flights").await.object();
        assert!(described["rows"].is_null() && described["bytes"].is_null(), "{described}");
    });
}

#[test]
fn a_description_shows_columns_as_the_caller_sees_them() {
    run(async {
        let gateway = Gateway::demo().await;
        let admin = gateway.role("admin").get("/v1/tables/customer").await.expect_status(200).object();
        let analyst = gateway.role("analyst").get("/v1/tables/customer").await.expect_status(200).object();
        let names = [
            "c_custkey",
            "c_name",
            "c_address",
            "c_nationkey",
            "c_phone",
            "c_acctbal",
            "c_mktsegment",
            "c_comment",
        ];
        assert_eq!(columns(&admin), names);
        assert_eq!(columns(&analyst), names);
        for name in names {
            let masked = ["c_name", "c_address", "c_phone", "c_acctbal"].contains(&name);
            assert_eq!(column(&admin, name)["masked"], json!(false), "{name}");
            assert_eq!(column(&analyst, name)["masked"], json!(masked), "{name}");
            if masked {
                assert_eq!(column(&analyst, name)["nullable"], json!(true), "{name}");
            }
        }
        assert_eq!(column(&analyst, "c_acctbal")["type"], column(&admin, "c_acctbal")["type"]);
        assert_eq!(column(&admin, "c_name")["tags"], json!(["pii.name"]));
        assert_eq!(column(&admin, "c_name")["description"], json!("Name"));
        assert_eq!(admin["primary_key"], json!(["c_custkey"]));
        assert_eq!(admin["version"], json!(1));
    });
}

#[test]
fn a_hidden_column_is_not_described() {
    run(async {
        let gateway = Gateway::demo().await;
        let admin = gateway.role("admin").get("/v1/tables/flights").await.object();
        let partner = gateway.role("partner").get("/v1/tables/flights").await;
        assert!(!partner.text().contains("air_time"), "{}", partner.text());
        let mut expected = columns(&admin);
        expected.retain(|name| *name != "air_time");
        assert_eq!(columns(&partner.object()), expected);
    });
}

#[test]
fn a_masked_key_is_no_key_to_look_up_by() {
    run(async {
        let gateway = Gateway::demo().await;
        let admin = gateway.role("admin").get("/v1/tables/planes").await.object();
        let analyst = gateway.role("analyst").get("/v1/tables/planes").await.object();
        assert_eq!(admin["key_lookup"], json!(true), "{admin}");
        assert_eq!(analyst["key_lookup"], json!(false), "{analyst}");
    });
}

#[test]
fn hidden_and_unknown_tables_answer_alike_but_for_the_name() {
    run(async {
        let gateway = Gateway::demo().await;
        let partner = gateway.role("partner").header("x-request-id", "same");
        let calls: [(&str, Option<Value>); 6] = [
            ("/v1/tables/{}", None),
            ("/v1/tables/{}/rows", None),
            ("/v1/tables/{}/rows?filter=zzz%20%3E%201&order=zzz", None),
            ("/v1/tables/{}/rows/1", None),
            ("/v1/tables/{}/query", Some(json!({ "filter": "zzz = 1" }))),
            ("/v1/tables/{}/aggregate", Some(json!({ "measures": [{ "fn": "count", "as": "n" }] }))),
        ];
        for (path, body) in &calls {
            let mut seen: Vec<(u16, String, String)> = Vec::new();
            for table in ["customer", "planes", "orders", "customes", "nope"] {
                let path = path.replace("{}", table);
                let answer = match body {
                    None => partner.get(&path).await,
                    Some(body) => partner.post(&path, body).await,
                };
                let mut headers: Vec<String> = answer
                    .headers
                    .iter()
                    .filter(|(name, _)| !["date", "content-length"].contains(&name.as_str()))
                    .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
                    .collect();
                headers.sort();
                seen.push((answer.status, answer.text().replace(table, "{}"), headers.join("\n")));
            }
            assert_eq!(seen[0].0, 404, "{path}: {}", seen[0].1);
            assert!(seen.iter().all(|one| *one == seen[0]), "{path}: {seen:#?}");
            assert!(!seen[0].1.contains("hint"), "{path}: {}", seen[0].1);
        }
    });
}

#[test]
fn sql_cannot_tell_a_hidden_table_from_an_unknown_one() {
    run(async {
        let gateway = Gateway::demo().await;
        let partner = gateway.role("partner").header("x-request-id", "same");
        let mut seen: Vec<(u16, String)> = Vec::new();
        for table in ["customer", "planes", "orders", "customes", "nope"] {
            let answer = partner.sql(&format!("select * from {table}")).await;
            seen.push((answer.status, answer.text().replace(table, "{}")));
        }
        assert_eq!(seen[0].0, 404, "{}", seen[0].1);
        assert!(seen.iter().all(|one| *one == seen[0]), "{seen:#?}");
    });
}

/// To those who may not know why, such a table does not exist.
#[test]
fn a_table_of_another_protocol_is_listed_to_administrators_with_what_it_lacks() {
    run(async {
        let policies = format!(
            "{}  reader: {{ tables: {{ accounts: {{ columns: '*' }}, newer: {{ columns: '*' }} }} }}\n",
            accounts::POLICIES.trim_start()
        );
        let setup = Setup::new("newer", policies)
            .table(accounts::definition())
            .table(json!({ "name": "newer", "location": "newer" }));
        let _table = accounts::write(&setup.place("accounts"));
        let mut newer: HandTable = accounts::write(&setup.place("newer"));
        newer.commit(
            "UPGRADE",
            vec![json!({ "protocol": {
                "minReaderVersion": 3, "minWriterVersion": 7,
                "readerFeatures": ["timeTurner"], "writerFeatures": ["timeTurner"],
            }})],
        );
        let gateway = setup.start().await;
        let listed = |tables: Vec<Value>| -> Vec<String> {
            tables.iter().map(|table| table["name"].as_str().unwrap().to_owned()).collect()
        };
        let tables = gateway.role("admin").get("/v1/tables").await.expect_status(200).data();
        let reason = tables.iter().find(|table| table["name"] == "newer").unwrap()["unavailable"].to_string();
        assert!(reason.contains("timeTurner"), "{reason}");
        assert_eq!(listed(tables), ["accounts", "newer"]);
        let reader = gateway.role("reader");
        assert_eq!(listed(reader.get("/v1/tables").await.expect_status(200).data()), ["accounts"]);
        let _ = reader.get("/v1/tables/accounts/rows?limit=1").await.expect_status(200);
        gateway.shutdown().await;
    });
}
