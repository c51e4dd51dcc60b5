//! Tables that the Python package `deltalake` writes: owns that they read right after every kind of
//! write, and that a walk stays whole while they are rewritten. `tests/run` sets up the package and
//! names its interpreter in `SLUICE_PYTHON`; without it these tests say so and pass.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use sluice_tests::client::Caller;
use sluice_tests::gateway::{Gateway, Setup, run};
use sluice_tests::json::sorted;
use sluice_tests::waiting::until;

const POLICIES: &str = "version: 1\nroles:\n  reader: { administrator: true, time_travel: true, tables: { t: { columns: all } } }\n";

fn python() -> Option<String> {
    let interpreter = std::env::var("SLUICE_PYTHON").ok();
    if interpreter.is_none() {
        eprintln!("python_writers: skipped, SLUICE_PYTHON is not set; tests/run sets it");
    }
    interpreter
}

/// Runs one step of the writer and gives the version and rows that must be there after it.
fn write(python: &str, table: &Path, step: &str) -> (u64, Vec<Value>) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/write.py");
    let output = Command::new(python).arg(script).arg(table).arg(step).output().unwrap();
    assert!(output.status.success(), "{step}: {}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    (told["version"].as_u64().unwrap(), told["rows"].as_array().unwrap().clone())
}

/// The gateway's view once it has caught up.
async fn caught_up(reader: &Caller, version: u64) -> Value {
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

async fn steps(name: &str, steps: &[&str]) {
    let Some(python) = python() else { return };
    let setup = Setup::new(name, POLICIES).table(json!({ "name": "t", "location": "t" }));
    let place = setup.place("t");
    let gateway: Gateway = setup.start().await;
    let reader = gateway.role("reader");
    let mut history: Vec<(u64, Vec<Value>)> = Vec::new();
    for step in steps {
        let (version, rows) = write(&python, &place, step);
        let described = caught_up(&reader, version).await;
        let right = padded(&rows, &described);
        let read = reader.walk("t", &[("limit", "7")]).await;
        assert_eq!(sorted(&read), sorted(&right), "{name} after {step}");
        let counted = reader.sql("select count(*) as n from t").await.expect_status(200).data();
        assert_eq!(counted, [json!({ "n": right.len() })], "{name} after {step}");
        history.push((version, right));
    }
    // A gateway that starts from the last checkpoint pages like the one that followed each commit.
    let location = place.to_str().unwrap();
    let afresh =
        Setup::new("afresh", POLICIES).table(json!({ "name": "t", "location": location })).start().await;
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

#[test]
fn a_plain_table_through_its_whole_life() {
    run(steps(
        "plain",
        &[
            "create",
            "more",
            "more",
            "compact",
            "delete",
            "update",
            "checkpoint",
            "more",
            "merge",
            "vacuum",
            "more",
        ],
    ));
}

#[test]
fn schema_evolution_and_overwrite_appear_without_restart() {
    run(steps("evolution", &["create", "evolve", "more", "compact", "checkpoint", "overwrite"]));
}

#[test]
fn partitions_with_odd_values() {
    run(steps(
        "partitions",
        &["create_partitioned", "more", "more", "delete", "compact", "checkpoint", "more"],
    ));
}

#[test]
fn column_mapping_by_name() {
    run(steps("mapped", &["create_mapped", "checkpoint"]));
}

#[test]
fn column_mapping_by_id() {
    run(steps("mapped-by-id", &["create_mapped_by_id", "more", "delete", "checkpoint"]));
}

#[test]
fn deletion_vectors_enabled() {
    run(steps("vectors", &["create_with_vectors", "delete", "more", "compact"]));
}

#[test]
fn every_type_reads_as_documented() {
    run(steps("typed", &["create_typed"]));
}

#[test]
fn a_walk_stays_whole_while_the_table_is_compacted() {
    run(async {
        let Some(python) = python() else { return };
        let setup = Setup::new("compacted", POLICIES).table(json!({ "name": "t", "location": "t" }));
        let place = setup.place("t");
        write(&python, &place, "create");
        write(&python, &place, "more");
        let (version, rows) = write(&python, &place, "more");
        let gateway = setup.start().await;
        let reader = gateway.role("reader");
        caught_up(&reader, version).await;
        let mut met: Vec<Value> = Vec::new();
        let mut cursor: Option<String> = None;
        for step in ["compact", "delete", "more", "compact", "update"].iter().cycle() {
            let mut asked = vec![("limit", "10")];
            if let Some(cursor) = &cursor {
                asked.push(("cursor", cursor));
            }
            let page = reader.ask("/v1/tables/t/rows", &asked).await.expect_status(200).json();
            assert_eq!(page["meta"]["version"], json!(version));
            met.extend(page["data"].as_array().unwrap().iter().cloned());
            cursor = page["page"]["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
            let (newest, _) = write(&python, &place, step);
            caught_up(&reader, newest).await;
        }
        assert_eq!(sorted(&met), sorted(&rows));
        gateway.shutdown().await;
    });
}
