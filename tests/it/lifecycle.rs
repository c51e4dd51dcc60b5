//! The life of the gateway, its connections and its queries: owns what starts, what is renewed while
//! it runs, what stops, and what one query does to another. The binary runs as a process of its own
//! where its signals, its log or its rest are looked at.

mod cancellation;
mod hanging;
mod isolation;
mod shutdown;
mod tls;

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use serde_json::{Value, json};
use sluice_tests::client::Caller;
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup};

use crate::accounts;

/// The accounts, not started yet.
fn of_accounts(name: &str, overrides: Value) -> Setup {
    let setup = Setup::new(name, accounts::POLICIES).table(accounts::definition());
    let _table: HandTable = accounts::write(&setup.place("accounts"));
    setup.with(overrides)
}

/// The demo's flights, airlines and airports, for queries that take their time.
async fn of_flights(name: &str, overrides: Value) -> Setup {
    let lake = Gateway::demo().await.directory.join("lake");
    let table =
        |name: &str, key: &str| json!({ "name": name, "location": lake.join(name), "primary_key": [key] });
    let quiet =
        json!({ "catalog": { "poll_interval_ms": 5_000 }, "policies": { "reload_interval_ms": 5_000 } });
    Setup::new(name, accounts::POLICIES)
        .table(table("flights", "flight_id"))
        .table(table("airlines", "carrier"))
        .table(table("airports", "faa"))
        .with(quiet)
        .with(overrides)
}

/// Text of each row of [`wide`]. All of them are more than the buffers of a connection hold.
const WIDE_BYTES: usize = 200_000;
const WIDE_ROWS: i64 = 100;

/// Adds a table of few rows that make a large answer.
fn wide(setup: Setup) -> Setup {
    let columns = vec![Field::new("id", DataType::Int64, false), Field::new("text", DataType::Utf8, false)];
    let schema = Arc::new(Schema::new(columns));
    let ids: ArrayRef = Arc::new((0..WIDE_ROWS).collect::<Int64Array>());
    let texts: ArrayRef = Arc::new(
        (0..WIDE_ROWS).map(|id| Some(format!("{id}{}", "x".repeat(WIDE_BYTES)))).collect::<StringArray>(),
    );
    let rows = RecordBatch::try_new(Arc::clone(&schema), vec![ids, texts]).unwrap();
    HandTable::create(&setup.place("wide"), &schema).append(&[rows]);
    setup.table(json!({ "name": "wide", "location": "wide", "primary_key": ["id"] }))
}

/// The sum of a figure over all series that have these labels.
async fn figure(caller: &Caller, name: &str, labels: &[&str]) -> u64 {
    let text = caller.get("/metrics").await.expect_status(200).text();
    let has = |line: &&str| line.starts_with(name) && labels.iter().all(|label| line.contains(label));
    text.lines().filter(has).filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

/// Queries of a class that hold a slot.
async fn running(caller: &Caller, class: &str) -> u64 {
    figure(caller, "sluice_queries_running{", &[&format!("class=\"{class}\"")]).await
}
