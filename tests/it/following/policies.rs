//! Policies and tokens that change while a table is followed.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use futures::FutureExt;
use serde_json::json;
use sluice_gateway::engine::statement::Select;
use sluice_gateway::query::error::ErrorCode;
use sluice_gateway::query::follow::Follow;
use sluice_policies::principal::Principal;
use sluice_tests::gateway::{Gateway, run};
use sluice_tests::waiting::until;

use super::stage::{POLICIES, Stage, clear, next, of, select, told};

const READER: &str = "reader: { tables: { t: { columns: '*' } } }";

/// Replaces what the reader may, and waits until that is in force: until its description of the table is another.
async fn replace(gateway: &Gateway, reader: &str) {
    let caller = gateway.role("reader");
    let target = "/v1/tables/t/rows?limit=1&count=exact";
    let before = caller.get(target).await;
    let text = POLICIES.replace(READER, &format!("reader: {{ tables: {reader} }}"));
    assert_ne!(text, POLICIES);
    std::fs::write(gateway.directory.join("policies.yaml"), text).unwrap();
    until("the new rules are in force", || async {
        let now = caller.get(target).await;
        let seen = |answer: &sluice_tests::client::Answer| match answer.status {
            200 => (answer.data().first().cloned(), answer.json()["page"]["total_rows"].as_u64()),
            _ => (None, None),
        };
        (now.status != before.status || seen(&now) != seen(&before)).then_some(())
    })
    .await;
}

async fn failure(follow: &mut Follow) -> ErrorCode {
    next(follow).await.unwrap_err().code
}

#[test]
fn a_table_that_is_taken_away_ends_its_followers_at_once() {
    run(async {
        let mut stage = Stage::build("following-taken", json!({})).await;
        let mut waiting = stage.follow("reader").await;
        let mut behind = stage.follow("reader").await;
        assert!(waiting.due().now_or_never().is_none());
        replace(&stage.gateway, "{}").await;
        // There is no commit that could wake it.
        assert_eq!(failure(&mut waiting).await, ErrorCode::NotFound);
        stage.table.append(&[of("a", [1])]);
        stage.settle().await;
        for follower in [&mut waiting, &mut behind] {
            let refused = next(follower).await.unwrap_err();
            assert_eq!(refused.code, ErrorCode::NotFound);
            assert_eq!(refused.message, "table \"t\" not found");
        }
        stage.gateway.shutdown().await;
    });
}

#[test]
fn a_column_that_is_taken_away_is_unknown_to_its_followers() {
    run(async {
        let mut stage = Stage::build("following-column", json!({})).await;
        stage.table.append(&[of("a", [0])]);
        stage.settle().await;
        let columns = |names: &[&str]| Select {
            columns: Some(names.iter().map(|&name| name.to_owned()).collect()),
            ..select()
        };
        let mut with = stage.ask("reader", columns(&["id", "ssn"]));
        let mut without = stage.ask("reader", columns(&["id"]));
        for follower in [&mut with, &mut without] {
            assert_eq!(told(follower).await, (1, None, false));
        }
        replace(&stage.gateway, "{ t: { columns: '*', hide: [ssn] } }").await;
        stage.table.append(&[of("a", [1])]);
        stage.table.append(&[of("a", [2])]);
        stage.settle().await;
        assert_eq!(failure(&mut with).await, ErrorCode::UnknownColumn);
        // What it has read was read under other rules, and it is told so.
        assert_eq!(told(&mut without).await, (3, None, false));
        stage.table.append(&[of("a", [3])]);
        assert_eq!(told(&mut without).await, (4, Some(vec![json!({ "id": 3 })]), false));
        assert_eq!(failure(&mut with).await, ErrorCode::UnknownColumn);
        stage.gateway.shutdown().await;
    });
}

#[test]
fn no_row_comes_under_rules_that_are_no_longer_in_force() {
    run(async {
        let limits = json!({ "limits": { "change_rows_max": 2 } });
        let mut stage = Stage::build("following-tightened", limits).await;
        let mut reader = stage.follow("reader").await;
        stage.table.append(&[of("a", 1..4), of("b", 4..7)]);
        let (version, rows, more) = told(&mut reader).await;
        assert_eq!((version, rows.unwrap().len(), more), (1, 2, true));
        // In the middle of a change.
        replace(&stage.gateway, "{ t: { columns: '*', rows: \"tenant = 'b'\" } }").await;
        assert_eq!(told(&mut reader).await, (1, None, false));
        stage.table.append(&[of("a", [7]), of("b", [8])]);
        assert_eq!(told(&mut reader).await, (2, Some(clear("b", [8])), false));
        stage.gateway.shutdown().await;
    });
}

#[test]
fn a_follower_ends_with_its_token() {
    run(async {
        let stage = Stage::build("following-expiry", json!({})).await;
        let until = |expires_at: SystemTime| Principal {
            expires_at: Some(expires_at),
            ..Principal::local("reader", BTreeMap::new())
        };
        let now = SystemTime::now();
        let mut over = stage.ask_as(until(now), select()).unwrap();
        assert_eq!(failure(&mut over).await, ErrorCode::Unauthenticated);
        let mut ending = stage.ask_as(until(now + Duration::from_secs(5)), select()).unwrap();
        assert_eq!(told(&mut ending).await, (0, None, false));
        // Nothing else would wake it.
        assert_eq!(failure(&mut ending).await, ErrorCode::Unauthenticated);
        assert_eq!(ending.due().await.unwrap_err().code, ErrorCode::Unauthenticated);
        stage.gateway.shutdown().await;
    });
}
