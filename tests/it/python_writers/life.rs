//! A table's life, step by step: owns the comparison of what a gateway serves with what the writer
//! knows to be there. Does not know where the table lies.

use serde_json::{Value, json};
use sluice_tests::client::Caller;
use sluice_tests::gateway::{Gateway, Setup};
use sluice_tests::json::sorted;
use sluice_tests::python::Writer;
use sluice_tests::waiting::until;

pub(super) const POLICIES: &str = "version: 1\nroles:\n  reader: { administrator: true, time_travel: true, tables: { \"*\": { columns: all } } }\n";

/// The gateway's view once it has caught up.
pub(super) async fn caught_up(reader: &Caller, version: u64) -> Value {
    until("the gateway follows the writer", || async {
        let described = reader.get("/v1/tables/t").await;
        let described = (described.status == 200).then(|| described.object())?;
        (described["version"].as_u64() == Some(version)).then_some(described)
    })
    .await
}

/// Rows that the writer knows, with null where a column came later.
fn padded(rows: &[Value], described: &Value) -> Vec<Value> {
    let columns = described["columns"].as_array().unwrap();
    let mut rows = rows.to_vec();
    for row in &mut rows {
        let row = row.as_object_mut().unwrap();
        for column in columns {
            row.entry(column["name"].as_str().unwrap().to_owned()).or_insert(Value::Null);
        }
    }
    rows
}

/// Runs the steps one by one while a gateway follows the table: rows, counts and, as long as their
/// files are there, all earlier versions must be those that the writer knows.
pub(super) async fn follow(name: &str, setup: Setup, writer: &Writer, steps: &[&str]) {
    let table = json!({ "name": "t", "location": writer.location() });
    let overrides = setup.overrides.clone();
    let gateway: Gateway = setup.table(table.clone()).start().await;
    let reader = gateway.role("reader");
    let mut history: Vec<(u64, Vec<Value>)> = Vec::new();
    for step in steps {
        let (version, rows) = writer.write(step);
        let described = caught_up(&reader, version).await;
        let right = padded(&rows, &described);
        let read = reader.walk("t", &[("limit", "7")]).await;
        assert_eq!(sorted(&read), sorted(&right), "{name} after {step}");
        let counted = reader.sql("select count(*) as n from t").await.expect_status(200).data();
        assert_eq!(counted, [json!({ "n": right.len() })], "{name} after {step}");
        history.push((version, right));
    }
    // A gateway that starts from the last checkpoint pages like the one that followed each commit.
    let afresh = Setup::new("afresh", POLICIES).with(overrides).table(table).start().await;
    let asked = [("limit", "11")];
    assert_eq!(afresh.role("reader").walk("t", &asked).await, reader.walk("t", &asked).await, "{name}");
    afresh.shutdown().await;
    // Every version before the files went away reads as it was.
    if !steps.contains(&"vacuum") {
        for (version, right) in history {
            let version = version.to_string();
            let read = reader.walk("t", &[("limit", "100"), ("version", &version)]).await;
            assert_eq!(sorted(&read), sorted(&right), "{name} at version {version}");
        }
    }
    gateway.shutdown().await;
}
