//! Connections: how many there may be, and how long they may be silent, slow or deaf.

use std::time::Duration;

use serde_json::json;
use sluice_tests::gateway::{Gateway, Setup, run};
use sluice_tests::process::Server;
use sluice_tests::waiting::until;
use sluice_tests::wire::{Wire, post};

use super::limited;
use crate::accounts;

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";

/// A connection that was let in, and stays.
async fn let_in(gateway: &Gateway) -> Option<Wire> {
    let mut wire = Wire::open(gateway.addr()).await;
    if !wire.send(HEALTH).await || wire.some(1).await.is_empty() {
        return None;
    }
    let _rest_of_the_answer = wire.some(10_000).await;
    Some(wire)
}

/// A question of a caller with a token.
fn select(gateway: &Gateway) -> String {
    post("/v1/sql", &gateway.token("admin", json!({})), "{\"sql\":\"select 1 as one\"}")
}

/// The connection is open, and answers.
async fn answers(wire: &mut Wire) -> bool {
    wire.send(HEALTH).await && !wire.some(10_000).await.is_empty()
}

#[test]
fn one_connection_over_the_limit_takes_the_place_of_the_one_unused_the_longest() {
    run(async {
        let gateway = limited("connections", json!({ "limits": { "connections_max": 3 } })).await;
        let mut open: Vec<Wire> = Vec::new();
        for at in 0..3 {
            open.push(let_in(&gateway).await.unwrap_or_else(|| panic!("connection {at} was closed")));
        }
        // A probe is no use; a question is.
        assert!(answers(&mut open[1]).await);
        assert!(open[0].send(select(&gateway)).await);
        assert_eq!(open[0].answer().await.0, 200);
        let mut fourth = let_in(&gateway).await.expect("room for one more");
        assert_eq!(open[1].rest().await, b"", "the second was unused the longest");
        assert!(answers(&mut open[0]).await && answers(&mut open[2]).await && answers(&mut fourth).await);
        gateway.shutdown().await;
    });
}

/// Who has just come has had no time to show a token, and would be shut out by whoever comes next.
#[test]
fn a_newcomer_is_not_the_next_to_go() {
    run(async {
        let gateway = limited("connections-new", json!({ "limits": { "connections_max": 3 } })).await;
        let mut known: Vec<Wire> = Vec::new();
        for _ in 0..3 {
            let mut wire = Wire::open(gateway.addr()).await;
            assert!(wire.send(select(&gateway)).await);
            assert_eq!(wire.answer().await.0, 200);
            known.push(wire);
        }
        let mut newcomers: Vec<Wire> = Vec::new();
        for _ in 0..3 {
            newcomers.push(let_in(&gateway).await.expect("room for a newcomer"));
        }
        for (newcomer, known) in newcomers.iter_mut().zip(&mut known) {
            assert!(newcomer.send(select(&gateway)).await);
            assert_eq!(newcomer.answer().await.0, 200);
            assert_eq!(known.rest().await, b"");
        }
        gateway.shutdown().await;
    });
}

#[test]
fn a_connection_over_the_limit_is_closed_while_all_serve_callers_with_tokens() {
    run(async {
        let limits = json!({
            "limits": { "connections_max": 2 },
            "server": { "body_read_timeout_ms": 600_000, "connection_idle_ms_max": 700_000 },
        });
        let gateway = limited("connections-serving", limits).await;
        let token = gateway.token("admin", json!({}));
        let whole = post("/v1/sql", &token, "{\"sql\":\"select 1 as one\"}")
            .replace("content-type", "expect: 100-continue\r\ncontent-type");
        let (head, body) = whole.split_at(whole.find("{").unwrap());
        let mut serving: Vec<Wire> = Vec::new();
        for _ in 0..2 {
            let mut wire = Wire::open(gateway.addr()).await;
            assert!(wire.send(head).await);
            // Said once the caller is known and its body is waited for.
            assert_eq!(wire.exactly(25).await, b"HTTP/1.1 100 Continue\r\n\r\n");
            serving.push(wire);
        }
        assert!(let_in(&gateway).await.is_none(), "one more was let in");
        for wire in &mut serving {
            assert!(wire.send(body).await);
            assert_eq!(wire.answer().await.0, 200);
        }
        let _in_the_place_of_one = until("an answer is over", || let_in(&gateway)).await;
        gateway.shutdown().await;
    });
}

#[test]
fn connections_do_not_take_the_files_that_tables_need() {
    run(async {
        // A soft limit is raised, as it is meant for programs that use `select`; a hard one is kept to.
        for (ulimit, warned) in [("-Sn 128", false), ("-n 400", true)] {
            // No place becomes free by itself.
            let patient = json!({ "header_read_timeout_ms": 600_000, "connection_idle_ms_max": 700_000 });
            let setup = Setup::new("open-files", accounts::POLICIES)
                .table(accounts::definition())
                .with(json!({ "server": patient, "limits": { "connections_max": 460 } }));
            let _table = accounts::write(&setup.place("accounts"));
            let server = Server::start_limited(ulimit, setup).await;
            let admin = server.role("admin");
            let mut open: Vec<Wire> = Vec::new();
            for _ in 0..450 {
                let mut wire = Wire::open(server.addr()).await;
                assert!(answers(&mut wire).await, "{ulimit}");
                open.push(wire);
            }
            assert_eq!(admin.walk("accounts", &[("limit", "50")]).await.len(), 200, "{ulimit}");
            assert_eq!(server.log().contains("too few open files"), warned, "{ulimit}");
        }
    });
}

/// Sends a byte again and again until the gateway has had enough; gives what it said.
async fn dribble(mut wire: Wire) -> String {
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    let mut sent = 0_u32;
    while wire.send("a").await {
        let _ = pace.tick().await;
        sent += 1;
        assert!(sent < 3_000, "the gateway listens for ever");
    }
    String::from_utf8_lossy(&wire.rest().await).into_owned()
}

#[test]
fn a_head_that_does_not_arrive_in_time_ends_its_connection() {
    run(async {
        let gateway = limited("slow-head", json!({ "server": { "header_read_timeout_ms": 300 } })).await;
        let mut never_used = Wire::open(gateway.addr()).await;
        let mut half = Wire::open(gateway.addr()).await;
        assert!(half.send("GET /v1/tables HTTP/1.1\r\nhost: x\r\nx-slow: ").await);
        let mut dribbling = Wire::open(gateway.addr()).await;
        assert!(dribbling.send("GET /v1/tables HTTP/1.1\r\nhost: x\r\nx-slow: ").await);
        assert_eq!(never_used.rest().await, b"");
        assert!(!String::from_utf8_lossy(&half.rest().await).contains(" 200 "));
        assert!(!dribble(dribbling).await.contains(" 200 "));
        assert!(let_in(&gateway).await.is_some());
        gateway.shutdown().await;
    });
}

#[test]
fn a_body_that_does_not_arrive_in_time_is_given_up() {
    run(async {
        let gateway = limited("slow-body", json!({ "server": { "body_read_timeout_ms": 300 } })).await;
        let token = gateway.token("admin", json!({}));
        let whole = post("/v1/sql", &token, &format!("{{\"sql\":\"select 1 as one\"}}{}", " ".repeat(900)));
        let (sent, unsent) = whole.split_at(whole.len() - 900);
        let mut stalled = Wire::open(gateway.addr()).await;
        assert!(stalled.send(sent).await);
        let (status, body) = stalled.answer().await;
        assert_eq!(status, 400, "{body}");
        assert!(body.contains("\"invalid_request\"") && body.contains("did not arrive in time"), "{body}");
        let mut quick = Wire::open(gateway.addr()).await;
        assert!(quick.send(sent).await && quick.send(unsent).await);
        assert_eq!(quick.answer().await.0, 200);
        gateway.shutdown().await;
    });
}

#[test]
fn a_connection_that_is_silent_too_long_is_closed() {
    run(async {
        let gateway = limited(
            "idle",
            json!({
                "server": { "connection_idle_ms_max": 900, "body_read_timeout_ms": 800, "header_read_timeout_ms": 600_000 },
                "limits": { "query_time_ms_max": 800, "queue_wait_ms_max": 800 },
            }),
        )
        .await;
        let mut idle = let_in(&gateway).await.unwrap();
        assert_eq!(idle.rest().await, b"");
        gateway.shutdown().await;
    });
}

/// While an answer is written, its reader says nothing.
#[test]
fn an_answer_that_is_read_slowly_keeps_its_connection() {
    const IDLE: Duration = Duration::from_millis(2_000);
    const PACE: Duration = Duration::from_millis(10);
    const PIECE_BYTES: usize = 64 * 1024;
    run(async {
        let times = json!({
            "server": { "connection_idle_ms_max": IDLE.as_millis(), "body_read_timeout_ms": 1_900 },
            "limits": { "query_time_ms_max": 1_900, "queue_wait_ms_max": 1_900 },
        });
        let gateway = limited("slow-reader", times).await;
        let token = gateway.token("admin", json!({}));
        // 40,000 rows, each under a name of 1,000 letters: much more than the sockets' buffers take.
        let sql = format!("select a.id as {} from accounts a, accounts b", "n".repeat(1_000));
        let mut wire = Wire::open(gateway.addr()).await;
        assert!(wire.send(post("/v1/sql", &token, &json!({ "sql": sql }).to_string())).await);
        let head = wire.head().await;
        assert!(head.status == 200 && head.length > 40_000_000, "{head:?}");
        let mut left = head.length;
        let mut pace = tokio::time::interval(PACE);
        for _ in 0..2 * IDLE.as_millis() / PACE.as_millis() {
            let _ = pace.tick().await;
            left -= wire.some(PIECE_BYTES.min(left)).await.len();
        }
        assert!(left > 0, "it was read too fast to tell");
        assert_eq!(wire.exactly(left).await.len(), left, "cut while it was read");
        gateway.shutdown().await;
    });
}
