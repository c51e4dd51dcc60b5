//! What a cursor belongs to, whichever door gave it: owns that every door refuses it for another question, version or
//! policy, and takes it where only the columns or the rows of a page differ.

use serde_json::{Value, json};
use sluice_proto::v1::{RowsRequest, RowsResponse};
use sluice_tests::gateway::{Gateway, run};
use sluice_tests::grpc::{GrpcCaller, questions};

use super::outcome::Cursor;
use super::statement::question;
use super::suite::{ROLES, ask, doors_of};

const FIRST: &str =
    r#"rows flights {"limit":3,"order":"flight_id","filter":{"column":"flight_id","op":"gt","value":60}}"#;
const CONTINUED: [&str; 3] = [
    FIRST,
    r#"rows flights {"limit":2,"order":"flight_id","filter":{"column":"flight_id","op":"gt","value":60},"count":"exact"}"#,
    r#"rows flights {"order":[{"column":"flight_id"}],"filter":{"column":"flight_id","op":"gt","value":60},"select":["carrier"],"limit":1}"#,
];
const OTHERS: [&str; 6] = [
    r#"rows flights {"order":"-flight_id","filter":{"column":"flight_id","op":"gt","value":60}}"#,
    r#"rows flights {"filter":{"column":"flight_id","op":"gt","value":60}}"#,
    r#"rows flights {"order":"flight_id","filter":{"column":"flight_id","op":"gt","value":61}}"#,
    r#"rows flights {"order":"flight_id","filter":"flight_id > 60"}"#,
    r#"rows flights {"order":"flight_id","filter":{"column":"flight_id","op":"gt","value":60},"version":3}"#,
    r#"rows weather {"order":"time_hour"}"#,
];

#[test]
fn every_door_takes_a_cursor_for_its_own_question_only() {
    run(async {
        let gateway = Gateway::demo().await;
        let doors = doors_of(gateway, "admin");
        let first = ask(&doors, &question(FIRST).unwrap(), None).await.unwrap();
        assert_eq!(first.len(), doors.len(), "every door asks this");
        for cursor in first.iter().map(|page| page.next.as_deref().map(Cursor::forward)) {
            for (lines, code) in [(&CONTINUED[..], "answered"), (&OTHERS[..], "cursor_mismatch")] {
                for line in lines {
                    let outcomes = ask(&doors, &question(line).unwrap(), cursor).await.expect(line);
                    assert_eq!(outcomes[0].code(), code, "{line}");
                }
            }
            let partner = doors_of(gateway, "partner");
            let outcomes = ask(&partner, &question(FIRST).unwrap(), cursor).await.unwrap();
            assert_eq!(outcomes[0].code(), "cursor_mismatch");
        }
    });
}

/// Pages of every door, and from either end of each, to either side.
#[test]
fn every_door_continues_any_cursor_to_either_side() {
    run(async {
        let gateway = Gateway::demo().await;
        for role in ROLES {
            let doors = doors_of(gateway, role);
            let middle = ask(&doors, &question(FIRST).unwrap(), None).await.unwrap();
            let next = middle[0].next.as_deref().map(Cursor::forward);
            let middle = ask(&doors, &question(FIRST).unwrap(), next).await.unwrap();
            assert_eq!(middle.len(), doors.len(), "every door asks this");
            for cursor in middle.iter().flat_map(|page| [page.next.as_deref(), page.prev.as_deref()]) {
                let cursor = cursor.map(Cursor::forward);
                assert!(cursor.is_some());
                for side in ["before", "after"] {
                    let sided = FIRST.replacen('{', &format!(r#"{{"side":"{side}","#), 1);
                    let outcomes = ask(&doors, &question(&sided).unwrap(), cursor).await.expect(role);
                    assert_eq!(outcomes[0].code(), "answered");
                }
            }
        }
    });
}

async fn page(caller: &GrpcCaller, asked: RowsRequest) -> RowsResponse {
    caller.query().rows(caller.request(asked)).await.unwrap().into_inner()
}

#[test]
fn a_float_without_a_fraction_asks_the_same_question_as_a_whole_number() {
    run(async {
        let caller = Gateway::demo().await.grpc_role("admin");
        let of = |value: Value| {
            let filter = json!({ "column": "dep_delay", "op": "gt", "value": value });
            questions::rows("flights", &json!({ "limit": 1, "filter": filter }))
        };
        let first = page(&caller, of(json!(60))).await;
        let cursor = first.page.unwrap().next_cursor;
        let second = page(&caller, RowsRequest { cursor, ..of(json!(60.0)) }).await;
        assert!(!second.page.unwrap().prev_cursor.is_empty());
    });
}
