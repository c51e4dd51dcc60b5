//! What a cursor belongs to, whichever door gave it: owns that every door refuses it for another question, version or
//! policy, and takes it where only the columns or the size of a page differ.

use serde_json::{Value, json};
use sluice_proto::v1::{RowsRequest, RowsResponse};
use sluice_tests::doors::Cursor;
use sluice_tests::doors::question::question;
use sluice_tests::gateway::{Gateway, run};
use sluice_tests::grpc::{GrpcCaller, questions};

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

const FIRST_GROUPS: &str = r#"aggregate flights {"group_by":["carrier"],"measures":[{"fn":"count"}],"filter":{"column":"flight_id","op":"lt","value":9000},"having":{"column":"count","op":"gt","value":1},"order":"-count","limit":3}"#;
const OTHER_GROUPS: [&str; 9] = [
    r#"aggregate flights {"group_by":["origin"],"measures":[{"fn":"count"}],"filter":{"column":"flight_id","op":"lt","value":9000},"having":{"column":"count","op":"gt","value":1},"order":"-count","limit":3}"#,
    r#"aggregate flights {"group_by":["carrier"],"measures":[{"fn":"count"},{"fn":"max","column":"dest"}],"filter":{"column":"flight_id","op":"lt","value":9000},"having":{"column":"count","op":"gt","value":1},"order":"-count","limit":3}"#,
    r#"aggregate flights {"group_by":["carrier"],"measures":[{"fn":"count","column":"dest","as":"count"}],"filter":{"column":"flight_id","op":"lt","value":9000},"having":{"column":"count","op":"gt","value":1},"order":"-count","limit":3}"#,
    r#"aggregate flights {"group_by":["carrier"],"measures":[{"fn":"count"}],"filter":{"column":"flight_id","op":"lt","value":9001},"having":{"column":"count","op":"gt","value":1},"order":"-count","limit":3}"#,
    r#"aggregate flights {"group_by":["carrier"],"measures":[{"fn":"count"}],"filter":{"column":"flight_id","op":"lt","value":9000},"having":{"column":"count","op":"gt","value":0},"order":"-count","limit":3}"#,
    r#"aggregate flights {"group_by":["carrier"],"measures":[{"fn":"count"}],"filter":{"column":"flight_id","op":"lt","value":9000},"having":{"column":"count","op":"gt","value":1},"order":"count","limit":3}"#,
    r#"aggregate flights {"group_by":["carrier"],"measures":[{"fn":"count"}],"filter":{"column":"flight_id","op":"lt","value":9000},"having":{"column":"count","op":"gt","value":1},"order":"-count","limit":3,"version":3}"#,
    r#"aggregate weather {"group_by":["origin"],"limit":3}"#,
    r#"rows flights {"filter":{"column":"flight_id","op":"lt","value":9000}}"#,
];

#[test]
fn every_door_takes_a_cursor_of_groups_for_its_own_question_only() {
    run(async {
        let gateway = Gateway::demo().await;
        let doors = doors_of(gateway, "admin");
        let first = ask(&doors, &question(FIRST_GROUPS).unwrap(), None).await.unwrap();
        let rows = ask(&doors, &question(FIRST).unwrap(), None).await.unwrap();
        let fewer = FIRST_GROUPS.replace(r#""limit":3"#, r#""limit":1"#);
        let endless = FIRST_GROUPS.replace(r#","limit":3"#, "");
        for (groups, rows) in first.iter().zip(&rows) {
            assert_eq!(
                (&groups.said["has_more"], &groups.said["has_previous"]),
                (&json!(true), &json!(false))
            );
            let mut asked: Vec<(&str, &str)> = OTHER_GROUPS.map(|line| (line, "cursor_mismatch")).to_vec();
            asked.extend([(&*fewer, "answered"), (FIRST_GROUPS, "answered"), (&*endless, "invalid_request")]);
            for (line, code) in asked {
                let question = question(line).unwrap();
                let outcomes =
                    ask(&doors, &question, groups.next.as_deref().map(Cursor::forward)).await.expect(line);
                assert_eq!(outcomes[0].code(), code, "{line}");
                if code == "answered" {
                    assert_eq!(outcomes[0].said["has_previous"], json!(true));
                    assert!(outcomes[0].prev.is_none(), "groups are paged forward");
                }
            }
            let of_rows =
                ask(&doors, &question(FIRST_GROUPS).unwrap(), rows.next.as_deref().map(Cursor::forward))
                    .await
                    .unwrap();
            assert_eq!(of_rows[0].code(), "cursor_mismatch");
            let partner = doors_of(gateway, "partner");
            let outcomes =
                ask(&partner, &question(FIRST_GROUPS).unwrap(), groups.next.as_deref().map(Cursor::forward))
                    .await;
            assert_eq!(outcomes.unwrap()[0].code(), "cursor_mismatch");
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
