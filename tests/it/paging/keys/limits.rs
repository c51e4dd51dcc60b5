//! What an answer about many keys may be at most, and what it costs: owns the limits at their values and one beyond.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use serde_json::json;
use sluice_gateway::engine::statement::{PerKey, Select, Side};
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup, run};

use super::question::whole_keys;
use crate::paging::asked::Asked;

const POLICIES: &str = "version: 1
roles:
  reader: { administrator: true, tables: { t: { columns: all } } }
";
/// Rows of each key.
const ROWS: i64 = 4;
/// A row as it is held: a key and a number of 64 bits, and where it stands.
const ROW_BYTES: usize = 8 + 8 + 4 + 8;

/// Keys 0 to 9 with `ROWS` rows each.
async fn gateway(limits: serde_json::Value) -> Gateway {
    let setup = Setup::new("key-limits", POLICIES)
        .table(json!({ "name": "t", "location": "t" }))
        .with(json!({ "limits": limits }));
    let keys: ArrayRef = Arc::new((0..10 * ROWS).map(|row| row / ROWS).collect::<Int64Array>());
    let numbers: ArrayRef = Arc::new((0..10 * ROWS).collect::<Int64Array>());
    let rows = RecordBatch::try_from_iter([("k", keys), ("n", numbers)]).unwrap();
    HandTable::create(&setup.place("t"), &rows.schema()).append(&[rows]);
    setup.start().await
}

fn of_keys(keys: impl IntoIterator<Item = i64>, limit: usize) -> Select {
    let per_key = PerKey { columns: vec!["k".to_owned()], keys: whole_keys(keys) };
    Select { per_key: Some(per_key), limit: Some(limit), ..Select::default() }
}

fn asked(gateway: &Gateway) -> Asked<'_> {
    Asked { gateway, role: "reader" }
}

#[test]
fn rows_of_all_keys_and_keys_are_bounded_together() {
    run(async {
        let gateway = gateway(json!({ "result_rows_max": 8 })).await;
        let rows = async |keys: i64, limit| {
            let answer = asked(&gateway).select(of_keys(0..keys, limit)).await;
            answer.map(|delivery| delivery.response.batches[0].num_rows())
        };
        assert_eq!(rows(2, 4).await.unwrap(), 8);
        assert_eq!(rows(4, 2).await.unwrap(), 8);
        assert_eq!(rows(8, 1).await.unwrap(), 8);
        for (keys, limit) in [(3, 4), (3, 3), (8, 4)] {
            let refused = rows(keys, limit).await.unwrap_err();
            assert_eq!(refused.code.as_str(), "result_too_large");
            assert_eq!(refused.message, "the keys have more than 8 rows together");
            assert_eq!(refused.hint.as_deref(), Some("ask for fewer keys, or for fewer rows of each"));
        }
        // Whether anybody has them or not.
        assert_eq!(
            asked(&gateway).select(of_keys(100..108, 1)).await.unwrap().response.batches[0].num_rows(),
            0
        );
        let refused = asked(&gateway).select(of_keys(100..109, 1)).await.unwrap_err();
        assert_eq!(
            (refused.code.as_str(), refused.message.as_str()),
            ("result_too_large", "there are more than 8 keys")
        );
        gateway.shutdown().await;
    });
}

#[test]
fn bytes_of_all_keys_are_bounded_together() {
    run(async {
        let gateway = gateway(json!({ "result_bytes_max": 6 * ROW_BYTES })).await;
        let answer = asked(&gateway).select(of_keys(0..3, 2)).await.unwrap();
        assert_eq!(answer.response.batches[0].num_rows(), 6);
        let refused = asked(&gateway).select(of_keys(0..7, 1)).await.unwrap_err();
        assert_eq!(refused.code.as_str(), "result_too_large");
        assert_eq!(refused.message, format!("the rows of all keys are larger than {} bytes", 6 * ROW_BYTES));
        gateway.shutdown().await;
    });
}

#[test]
fn rows_of_one_key_are_bounded_as_those_of_a_page() {
    run(async {
        let gateway = gateway(json!({ "page_rows_max": 3, "page_rows_default": 2 })).await;
        let of_default = Select { limit: None, ..of_keys([1, 2], 1) };
        let answer = asked(&gateway).select(of_default).await.unwrap().response;
        let pages = answer.groups.unwrap().pages;
        assert_eq!(pages.iter().map(|page| page.rows.clone()).collect::<Vec<_>>(), [0..2, 2..4]);
        assert!(pages.iter().all(|page| page.has_more && page.total_rows.is_none()));
        assert!(asked(&gateway).select(of_keys([1, 2], 3)).await.is_ok());
        for wrong in [0, 4] {
            let refused = asked(&gateway).select(of_keys([1, 2], wrong)).await.unwrap_err();
            assert_eq!(refused.code.as_str(), "invalid_request", "{wrong}");
        }
        gateway.shutdown().await;
    });
}

#[test]
fn a_cursor_and_the_last_rows_are_of_one_key() {
    run(async {
        let gateway = gateway(json!({})).await;
        let page = asked(&gateway).select(Select { limit: Some(1), ..Select::default() }).await.unwrap();
        let cursor = page.response.page.unwrap().next_cursor;
        assert!(cursor.is_some());
        for wrong in [
            Select { cursor, ..of_keys([1, 2], 1) },
            Select { side: Some(Side::Before), ..of_keys([1, 2], 1) },
        ] {
            let refused = asked(&gateway).select(wrong).await.unwrap_err();
            let expected = ("invalid_request", "a cursor continues the rows of one key");
            assert_eq!((refused.code.as_str(), refused.message.as_str()), expected);
        }
        assert!(
            asked(&gateway).select(Select { side: Some(Side::After), ..of_keys([1, 2], 1) }).await.is_ok()
        );
        gateway.shutdown().await;
    });
}

#[test]
fn a_stream_has_the_rows_of_no_keys() {
    run(async {
        let gateway = gateway(json!({})).await;
        let request = asked(&gateway).request(Select { limit: None, ..of_keys([1, 2], 1) });
        let refused = gateway.service().stream(request).await.unwrap_err();
        assert_eq!(refused.code.as_str(), "invalid_request");
        gateway.shutdown().await;
    });
}

#[test]
fn no_keys_and_keys_of_nobody_have_no_rows() {
    run(async {
        let gateway = gateway(json!({})).await;
        for keys in [vec![], vec![77, -1]] {
            let count_exact = Select { count_exact: true, row_cursors: true, ..of_keys(keys.clone(), 5) };
            let answer = asked(&gateway).select(count_exact).await.unwrap().response;
            assert_eq!((answer.batches[0].num_rows(), answer.schema.fields().len()), (0, 2));
            let pages = answer.groups.unwrap().pages;
            assert_eq!(pages.len(), keys.len());
            assert!(
                pages.iter().all(|page| page.rows == (0..0) && !page.has_more && page.total_rows == Some(0))
            );
        }
        gateway.shutdown().await;
    });
}

#[test]
fn places_and_keys_that_cursors_are_made_of_count_as_memory() {
    run(async {
        let gateway = gateway(json!({})).await;
        let without = asked(&gateway).select(of_keys(0..5, 4)).await.unwrap();
        let with = Select { row_cursors: true, ..of_keys(0..5, 4) };
        let with = asked(&gateway).select(with).await.unwrap();
        let places = 5 * 4 * (4 + 8);
        assert!(with.held.bytes() >= without.held.bytes() + places, "{}", with.held.bytes());
        assert!(without.response.groups.unwrap().cursors.is_none());
        gateway.shutdown().await;
    });
}
