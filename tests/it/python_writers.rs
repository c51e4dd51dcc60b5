//! Tables that the Python package `deltalake` writes: owns that they read right after every kind of
//! write, and that a walk stays whole while they are rewritten. Without Python these tests say so and
//! pass.

use serde_json::{Value, json};
use sluice_tests::gateway::{Setup, run};
use sluice_tests::json::sorted;
use sluice_tests::python::{Writer, interpreter};

mod buckets;
mod life;

use life::{POLICIES, caught_up};

/// Follows a table in a directory through the steps.
async fn steps(name: &str, steps: &[&str]) {
    let Some(python) = interpreter() else { return };
    let setup = Setup::new(name, POLICIES);
    let writer = Writer::local(&python, &setup.place("t"));
    life::follow(name, setup, &writer, steps).await;
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
fn long_decimals_are_found_by_their_values() {
    run(async {
        let Some(python) = interpreter() else { return };
        let setup = Setup::new("long-decimals", POLICIES);
        let writer = Writer::local(&python, &setup.place("t"));
        let (_, rows) = writer.write("create_long_decimals");
        let gateway =
            setup.table(json!({ "name": "t", "location": "t", "primary_key": ["a"] })).start().await;
        let reader = gateway.role("reader").header("sluice-json", "safe");
        let ids = |rows: &[Value]| rows.iter().map(|row| row["id"].clone()).collect::<Vec<Value>>();
        for row in &rows {
            let id = vec![Value::from(row["id"].to_string())];
            let key = row["a"].as_str().unwrap();
            let found = reader.get(&format!("/v1/tables/t/rows/{key}")).await.expect_status(200).object();
            assert_eq!(found["id"], id[0], "{key}");
            for column in ["a", "b", "c"] {
                let filter = format!("{column} = {}", row[column].as_str().unwrap());
                let page = reader.ask("/v1/tables/t/rows", &[("filter", &filter)]).await;
                assert_eq!(ids(&page.expect_status(200).data()), id, "{filter}");
                let sql = format!("select id from t where {filter}");
                assert_eq!(ids(&reader.sql(&sql).await.expect_status(200).data()), id, "{sql}");
            }
        }
        for column in ["a", "b", "c"] {
            let order = format!("-{column}");
            let walked = reader.walk("t", &[("order", &order), ("limit", "2")]).await;
            let whole = reader.walk("t", &[("order", &order), ("limit", "1000")]).await;
            let sql = format!("select * from t order by {column} desc");
            assert_eq!((walked.len(), &walked), (rows.len(), &whole), "{order}");
            assert_eq!(ids(&walked), ids(&reader.sql(&sql).await.expect_status(200).data()), "{order}");
        }
        gateway.shutdown().await;
    });
}

#[test]
fn a_walk_stays_whole_while_the_table_is_compacted() {
    run(async {
        let Some(python) = interpreter() else { return };
        let setup = Setup::new("compacted", POLICIES).table(json!({ "name": "t", "location": "t" }));
        let writer = Writer::local(&python, &setup.place("t"));
        writer.write("create");
        writer.write("more");
        let (version, rows) = writer.write("more");
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
            let (newest, _) = writer.write(step);
            caught_up(&reader, newest).await;
        }
        assert_eq!(sorted(&met), sorted(&rows));
        gateway.shutdown().await;
    });
}
