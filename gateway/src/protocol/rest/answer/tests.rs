//! Tests of the form of answers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use arrow::datatypes::Schema;
use chrono::DateTime;
use serde_json::{Value, json};
use sluice_policies::fingerprint::Fingerprint;

use super::*;
use crate::query::response::TableMeta;

fn table(name: &str, stale: bool) -> TableMeta {
    TableMeta {
        table: name.to_owned(),
        version: 7,
        committed_at: DateTime::from_timestamp_millis(1_359_608_400_120).unwrap(),
        age: Duration::from_millis(12),
        stale,
        policy: Fingerprint::from_bytes([7; 32]),
    }
}

fn meta(tables: Vec<TableMeta>, form: Form) -> Value {
    let response = Response {
        schema: Arc::new(Schema::empty()),
        batches: vec![],
        page: None,
        total_rows: None,
        groups: None,
        tables,
        elapsed: Duration::from_micros(3_900),
    };
    serde_json::to_value(MetaBody::of(&response, form)).unwrap()
}

#[test]
fn one_table_stands_in_meta_itself() {
    let expected = json!({
        "table": "flights", "version": 7, "as_of": "2013-01-31T05:00:00.120Z", "age_ms": 12, "elapsed_ms": 3
    });
    assert_eq!(meta(vec![table("flights", false)], Form::Rows), expected);
}

#[test]
fn several_tables_are_listed_and_staleness_is_told() {
    let answer = meta(vec![table("a", false), table("b", true)], Form::RowsOfTables);
    assert_eq!(answer.get("table"), None);
    assert_eq!(answer["tables"][0].get("stale"), None);
    assert_eq!(answer["tables"][1]["stale"], json!(true));
    assert_eq!(meta(vec![], Form::RowsOfTables)["tables"], json!([]));
}

#[test]
fn sql_over_one_table_lists_it_too() {
    let answer = meta(vec![table("flights", false)], Form::RowsOfTables);
    assert_eq!(answer["version"], answer["tables"][0]["version"]);
}

#[test]
fn cursors_that_are_absent_are_null() {
    let page = PageInfo { prev_cursor: Some("p".to_owned()), has_previous: true, ..PageInfo::default() };
    let plain = serde_json::to_value(PageBody::of(&page, None)).unwrap();
    let expected = json!({"next_cursor": null, "prev_cursor": "p", "has_more": false, "has_previous": true});
    assert_eq!(plain, expected);
    let counted = serde_json::to_value(PageBody::of(&page, Some(5))).unwrap();
    assert_eq!(counted["total_rows"], json!(5));
}
