//! Subscriptions on the wire: owns what events say of commits, and the ways in which they come. What followers are told
//! is held in `following`.

mod clients;
mod drain;
mod events;
mod limits;
mod protocol;
mod rights;
mod socket;

use serde_json::{Value, json};
use sluice_tests::client::Caller;
use sluice_tests::events::Events;
use sluice_tests::gateway::Gateway;

/// Everything of each change of the table of [`crate::following::stage`].
const ALL: &str = "subscription { tChanged { version more rows { id tenant ssn } } }";

/// What a request asks by a document alone.
fn asked(document: &str) -> Value {
    json!({ "query": document })
}

/// A subscription by events that has been told where it begins.
async fn subscribed(caller: &Caller, document: &str, version: u64) -> Events {
    let mut events = caller.events("/graphql", &asked(document)).await;
    assert_eq!(change(&mut events).await, begins(version));
    events
}

/// The first event of a subscription.
fn begins(version: u64) -> Value {
    told(version, false, Value::Null)
}

fn told(version: u64, more: bool, rows: Value) -> Value {
    json!({ "version": version.to_string(), "more": more, "rows": rows })
}

/// The next change that a stream tells of.
async fn change(events: &mut Events) -> Value {
    of_event(&events.data().await)
}

fn of_event(event: &Value) -> Value {
    assert!(event.get("errors").is_none(), "{event}");
    let mut change = event["data"]["tChanged"].clone();
    // Files come by their names, which are random.
    if let Some(rows) = change.get_mut("rows").and_then(Value::as_array_mut) {
        rows.sort_by_key(|row| row["id"].as_str().map(|id| id.parse::<i64>().unwrap()));
    }
    change
}

/// Rows as the door writes them: numbers of 64 bits are texts.
fn rows(rows: Vec<Value>) -> Value {
    let written = rows.into_iter().map(|mut row| {
        row["id"] = Value::from(row["id"].to_string());
        row
    });
    written.collect()
}

/// A figure of the gateway's, summed over the lines that have all of these parts.
async fn figure(gateway: &Gateway, parts: &[&str]) -> u64 {
    let text = gateway.nobody().get("/metrics").await.expect_status(200).text();
    let lines = text.lines().filter(|line| parts.iter().all(|part| line.contains(part)));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}
