//! Columns that are masked by their tags, while their table changes under the tags' names: owns what
//! is shown then, which is never a column that a tag was meant for.

use std::path::Path;

use serde_json::{Value, json};
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup, run};
use sluice_tests::waiting::until;

use crate::accounts;

const POLICIES: &str = "version: 1
roles:
  analyst:
    tables: { accounts: { columns: '*' } }
    masks_by_tag: { pii: null }
  auditor:
    administrator: true
    time_travel: true
    tables: { '*': { columns: all } }
    masks_by_tag: { pii: null }
  admin:
    administrator: true
    tables: { '*': { columns: all } }
";

/// A version with column `from` called `to`, as a writer that replaces the schema leaves it.
fn rename(table: &mut HandTable, directory: &Path, from: &str, to: &str) {
    let first = std::fs::read_to_string(directory.join("_delta_log/00000000000000000000.json")).unwrap();
    let actions = first.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut metadata = actions.into_iter().find(|action| action.get("metaData").is_some()).unwrap();
    let schema = metadata["metaData"]["schemaString"].as_str().unwrap();
    let renamed = schema.replace(&format!("\"{from}\""), &format!("\"{to}\""));
    assert_ne!(schema, renamed);
    metadata["metaData"]["schemaString"] = json!(renamed);
    table.commit("REPLACE", vec![metadata]);
}

async fn columns(gateway: &Gateway, role: &str) -> Option<Vec<String>> {
    let described = gateway.role(role).get("/v1/tables/accounts").await;
    if described.status == 404 {
        return None;
    }
    let described = described.expect_status(200).object();
    let names = described["columns"].as_array().unwrap().iter();
    Some(names.map(|column| column["name"].as_str().unwrap().to_owned()).collect())
}

async fn shows(gateway: &Gateway, role: &str, column: &str) -> bool {
    columns(gateway, role).await.is_some_and(|names| names.iter().any(|name| name == column))
}

#[test]
fn a_tagged_column_that_is_renamed_without_an_id_is_not_shown_under_its_new_name() {
    run(async {
        let mut definition = accounts::definition();
        definition["columns"] = json!({ "ssn": { "tags": ["pii.ssn"] } });
        let setup = Setup::new("tag-renamed", POLICIES).table(definition);
        let directory = setup.place("accounts");
        let mut table = accounts::write(&directory);
        let gateway = setup.start().await;
        for role in ["analyst", "auditor"] {
            let page = gateway.role(role).get("/v1/tables/accounts/rows?select=id,ssn").await;
            let rows = page.expect_status(200).data();
            assert!(!rows.is_empty() && rows.iter().all(|row| row["ssn"].is_null()), "{role}");
        }

        rename(&mut table, &directory, "ssn", "social");
        until("the new name is seen", || async { shows(&gateway, "admin", "social").await.then_some(()) })
            .await;
        let seen = columns(&gateway, "analyst").await.unwrap();
        assert!(!seen.iter().any(|name| name == "social" || name == "ssn"), "{seen:?}");
        assert_eq!(columns(&gateway, "auditor").await, None);
        let before = gateway.role("auditor").get("/v1/tables/accounts/rows?version=2&select=ssn").await;
        assert!(before.expect_status(200).data().iter().all(|row| row["ssn"].is_null()));

        // Rules that are read again meet a table that has no such column.
        std::fs::write(gateway.directory.join("policies.yaml"), format!("{POLICIES}# read again\n")).unwrap();
        until("the rules are refused", || async {
            let report = gateway.nobody().get("/readyz").await.text();
            report.contains("the old set is in force").then_some(())
        })
        .await;
        assert!(!shows(&gateway, "analyst", "social").await);
        assert_eq!(columns(&gateway, "auditor").await, None);
        gateway.shutdown().await;
    });
}

#[test]
fn a_table_that_appears_without_a_tagged_column_is_not_found() {
    run(async {
        let mut definition = accounts::definition();
        definition["columns"] = json!({ "Ssn": { "tags": ["pii.ssn"] } });
        let setup = Setup::new("tag-later", POLICIES).table(definition);
        let directory = setup.place("accounts");
        let gateway = setup.start().await;
        let _table = accounts::write(&directory);
        until("the table is seen not to fit", || async {
            gateway.nobody().get("/readyz").await.text().contains("do not fit").then_some(())
        })
        .await;
        for role in ["analyst", "auditor"] {
            assert_eq!(columns(&gateway, role).await, None, "{role}");
        }
        gateway.shutdown().await;
    });
}
