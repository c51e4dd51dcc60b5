//! Limits on subscriptions, each at its number and one over, and readers that are slow or gone.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use serde_json::json;
use sluice_tests::gateway::{Gateway, run};
use sluice_tests::waiting::until;
use sluice_tests::wire::{Wire, post};
use tokio_tungstenite::tungstenite::Message;

use super::socket::{Heard, Socket};
use super::{ALL, asked, begins, of_event, rows, subscribed, told};
use crate::following::stage::{Stage, clear, of, schema};
use crate::graphql::code;

/// A socket with a subscription, where there is room for both.
pub(super) async fn watching(gateway: &Gateway) -> Option<Socket> {
    let mut socket = Socket::open(gateway.addr(), &[]).await;
    socket.init(&gateway.role_token("reader")).await;
    if !matches!(socket.hear().await, Heard::Says(_)) {
        return None;
    }
    socket.subscribe("1", &asked("subscription { tChanged { version } }")).await;
    (socket.about("1").await["type"] == "next").then_some(socket)
}

#[test]
fn so_many_streams_are_open_and_not_one_more() {
    for (limit, most) in [
        ("sockets_max", 2),
        ("subject_sockets_max", 2),
        ("subscriptions_max", 2),
        ("subject_subscriptions_max", 2),
    ] {
        run(async {
            let stage = Stage::build("subscribed-limits", json!({ "graphql": { limit: most } })).await;
            let caller = stage.gateway.role("reader");
            let first = subscribed(&caller, ALL, 0).await;
            let _second = subscribed(&caller, ALL, 0).await;
            let wants = caller.clone().header("Accept", "text/event-stream");
            let refused = wants.post("/graphql", &asked(ALL)).await.expect_status(503);
            assert_eq!(
                (code(&refused).as_str(), refused.header("retry-after")),
                ("overloaded", "1"),
                "{limit}"
            );
            // A socket counts as a stream does, and an operation on one as any other.
            let mut socket = Socket::open(stage.gateway.addr(), &[]).await;
            socket.init(&stage.gateway.role_token("reader")).await;
            if limit.ends_with("subscriptions_max") {
                assert_eq!(socket.hear().await, Heard::Says(json!({ "type": "connection_ack" })));
                socket.subscribe("1", &asked(ALL)).await;
                assert_eq!(socket.refused("1").await, "overloaded");
            } else {
                assert_eq!(socket.code().await, 1013, "{limit}");
            }
            drop(first);
            until("the place of a reader that went away is free", || watching(&stage.gateway)).await;
            stage.gateway.shutdown().await;
        });
    }
}

#[test]
fn a_socket_has_so_many_operations_and_not_one_more() {
    run(async {
        let overrides = json!({ "graphql": { "socket_subscriptions_max": 2 } });
        let mut stage = Stage::build("socket-operations", overrides).await;
        let mut socket = Socket::known(&stage.gateway, "reader").await;
        for id in ["1", "2"] {
            socket.subscribe(id, &asked(ALL)).await;
            assert_eq!(socket.change(id).await, begins(0));
        }
        socket.subscribe("3", &asked(ALL)).await;
        assert_eq!(socket.refused("3").await, "overloaded");
        socket.say(&json!({ "type": "complete", "id": "1" })).await;
        socket.subscribe("3", &asked(ALL)).await;
        assert_eq!(socket.change("3").await, begins(0));
        stage.table.append(&[of("a", [1])]);
        let Heard::Says(event) = socket.hear().await else { panic!("no event") };
        assert_ne!(event["id"], "1");
        stage.gateway.shutdown().await;
    });
}

#[test]
fn messages_and_what_is_kept_of_them_have_a_length() {
    run(async {
        let overrides =
            json!({ "graphql": { "socket_message_bytes_max": 1_000, "document_bytes_max": 300 } });
        let stage = Stage::build("socket-lengths", overrides).await;
        let ping = |bytes: usize| {
            let empty = json!({ "type": "ping", "payload": { "p": "" } }).to_string().len();
            json!({ "type": "ping", "payload": { "p": "x".repeat(bytes - empty) } })
        };
        let mut socket = Socket::known(&stage.gateway, "reader").await;
        socket.say(&ping(1_000)).await;
        assert_eq!(socket.hear().await, Heard::Says(json!({ "type": "pong" })));
        let padded = |bytes: usize| {
            let variables =
                json!({ "v": "x".repeat(bytes - ALL.len() - json!({ "v": "" }).to_string().len()) });
            json!({ "query": ALL, "variables": variables })
        };
        socket.subscribe("1", &padded(301)).await;
        assert_eq!(socket.refused("1").await, "request_too_large");
        socket.subscribe("1", &padded(300)).await;
        assert_eq!(socket.change("1").await, begins(0));
        socket.say(&ping(1_001)).await;
        assert_eq!(socket.code().await, 4400);
        // In many frames, the length of which is no fault of its own.
        let mut socket = Socket::known(&stage.gateway, "reader").await;
        socket.send(Message::text("x".repeat(100_000))).await;
        assert!(matches!(socket.hear().await, Heard::Closed(4400, _) | Heard::Gone));
        stage.gateway.shutdown().await;
    });
}

#[test]
fn a_first_message_and_each_operation_count_as_requests() {
    run(async {
        let rate = json!({ "limits": { "subject_requests_per_s": 1, "subject_burst_requests": 3 } });
        let stage = Stage::build("socket-rate", rate).await;
        let mut socket = Socket::known(&stage.gateway, "reader").await;
        // More than three, where asking takes long.
        let refused = loop {
            socket.subscribe("1", &asked("{ __typename }")).await;
            let message = socket.about("1").await;
            if message["type"] == "error" {
                break message["payload"][0]["extensions"].clone();
            }
            assert_eq!(socket.about("1").await["type"], "complete");
        };
        assert_eq!(refused["code"], "rate_limited");
        assert!(refused["retry_after_ms"].is_u64(), "{refused}");
        loop {
            let mut surplus = Socket::open(stage.gateway.addr(), &[]).await;
            surplus.init(&stage.gateway.role_token("reader")).await;
            match surplus.hear().await {
                Heard::Says(_) => {}
                closed => {
                    assert!(matches!(closed, Heard::Closed(1013, _)), "{closed:?}");
                    break;
                }
            }
        }
        stage.gateway.shutdown().await;
    });
}

/// Rows that are long: more than what lies between two ends of a connection.
pub(super) fn long(ids: std::ops::Range<i64>) -> RecordBatch {
    let text = "x".repeat(64 * 1024);
    let ids: Int64Array = ids.collect();
    let texts: StringArray = ids.iter().map(|_| Some(text.as_str())).collect();
    let tenants: StringArray = ids.iter().map(|_| Some("a")).collect();
    let columns: Vec<ArrayRef> = vec![Arc::new(ids), Arc::new(tenants), Arc::new(texts)];
    RecordBatch::try_new(schema(), columns).unwrap()
}

/// Answers of long rows are not too long.
pub(super) const LONG_ANSWERS: usize = 64 << 20;

/// What was on its way to a socket that took nothing, to its end: nothing failed, and how many rows came.
pub(super) async fn taken(socket: &mut Socket) -> (usize, Heard) {
    let mut rows = 0;
    loop {
        match socket.hear().await {
            Heard::Says(message) => {
                assert_eq!(message["type"], "next", "{:.300}", message.to_string());
                rows += of_event(&message["payload"])["rows"].as_array().map_or(0, Vec::len);
            }
            end => return (rows, end),
        }
    }
}

/// Appends long rows until the only place of a reader that takes nothing is free.
async fn outgrown(stage: &mut Stage) {
    let mut next = 1;
    while watching(&stage.gateway).await.is_none() {
        stage.table.append(&[long(next..next + 100)]);
        next += 100;
        stage.settle().await;
    }
}

/// A stranger's pings are answered no faster than the answers are read, so that they do not pile up.
#[test]
fn a_socket_that_only_pings_is_read_no_further() {
    const PING_BYTES: usize = 125;
    const PINGS: usize = 2_000_000;
    run(async {
        let overrides = json!({ "graphql": { "send_wait_ms_max": 300, "socket_init_wait_ms_max": 600_000 } });
        let stage = Stage::build("socket-pings", overrides).await;
        let mut socket = Socket::open(stage.gateway.addr(), &[]).await;
        let mut sent = 0;
        while sent < PINGS && socket.feed(Message::Ping(vec![0; PING_BYTES].into())).await {
            sent += 1;
        }
        assert!(sent < PINGS / 4, "{sent} pings were taken");
        drop(socket);
        stage.gateway.shutdown().await;
    });
}

#[test]
fn an_answer_over_a_socket_has_a_length() {
    run(async {
        let overrides = json!({ "graphql": { "socket_answer_bytes_max": 2_000 } });
        let mut stage = Stage::build("socket-answers", overrides).await;
        stage.table.append(&[of("a", 0..100)]);
        stage.settle().await;
        let mut socket = Socket::known(&stage.gateway, "reader").await;
        let rows = |first: usize| asked(&format!("{{ t(first: {first}) {{ nodes {{ id tenant ssn }} }} }}"));
        socket.subscribe("1", &rows(5)).await;
        assert!(socket.about("1").await["payload"].get("errors").is_none());
        assert_eq!(socket.about("1").await["type"], "complete");
        socket.subscribe("2", &rows(90)).await;
        let answer = socket.about("2").await.to_string();
        assert!(answer.contains("result_too_large"), "{answer}");
        // Over plain HTTP the answer has the size that all have.
        let whole = stage.gateway.role("reader").post("/graphql", &rows(90)).await.expect_status(200);
        assert!(whole.json().get("errors").is_none() && whole.text().len() > 2_000, "{}", whole.text());
        stage.gateway.shutdown().await;
    });
}

#[test]
fn a_reader_that_takes_nothing_is_cut_off() {
    let overrides = || {
        json!({ "graphql": {
            "send_wait_ms_max": 300, "subscriptions_max": 1, "socket_answer_bytes_max": LONG_ANSWERS,
        }})
    };
    run(async {
        let mut stage = Stage::build("subscribed-stuck", overrides()).await;
        let mut wire = Wire::open(stage.gateway.addr()).await;
        let token = stage.gateway.role_token("reader");
        let request = post("/graphql", &token, &asked(ALL).to_string());
        let request = request.replace("host: x\r\n", "host: x\r\naccept: text/event-stream\r\n");
        assert!(wire.send(request).await);
        assert!(!wire.some(1).await.is_empty());
        outgrown(&mut stage).await;
        drop(wire);
        stage.gateway.shutdown().await;
    });
    run(async {
        let mut stage = Stage::build("socket-stuck", overrides()).await;
        let mut socket = Socket::known(&stage.gateway, "reader").await;
        socket.subscribe("1", &asked(ALL)).await;
        assert_eq!(socket.change("1").await, begins(0));
        outgrown(&mut stage).await;
        let (_, end) = taken(&mut socket).await;
        assert_eq!(end, Heard::Gone);
        stage.gateway.shutdown().await;
    });
}

#[test]
fn a_socket_that_gives_no_sign_of_life_is_closed_and_one_that_does_is_not() {
    run(async {
        let overrides = json!({
            "server": { "connection_idle_ms_max": 1_600, "body_read_timeout_ms": 1_500 },
            "limits": { "query_time_ms_max": 1_500, "queue_wait_ms_max": 1_500 },
            "graphql": { "sockets_max": 2 },
        });
        let mut stage = Stage::build("socket-silent", overrides).await;
        let mut living = Socket::known(&stage.gateway, "reader").await;
        living.subscribe("1", &asked(ALL)).await;
        assert_eq!(living.change("1").await, begins(0));
        // It does not read, and so does not answer.
        let silent = Socket::known(&stage.gateway, "reader").await;
        let waiting = async {
            until("the place of the silent one is free", || watching(&stage.gateway)).await;
        };
        tokio::select! {
            () = waiting => {}
            heard = living.hear() => panic!("{heard:?}"),
        }
        drop(silent);
        stage.table.append(&[of("a", [1])]);
        assert_eq!(living.change("1").await, told(1, false, rows(clear("a", [1]))));
        stage.gateway.shutdown().await;
    });
}

/// Nothing is committed that could tell it.
#[test]
fn whoever_stops_listening_stops_what_it_asked() {
    run(async {
        let stage = Stage::build("subscribed-left", json!({ "graphql": { "subscriptions_max": 1 } })).await;
        let gateway = &stage.gateway;
        drop(subscribed(&gateway.role("reader"), ALL, 0).await);
        drop(until("the place of a stream is free", || watching(gateway)).await);
        let mut socket = until("that of a socket is free", || watching(gateway)).await;
        assert!(watching(gateway).await.is_none());
        socket.say(&json!({ "type": "complete", "id": "1" })).await;
        let _other = until("that of an operation is free", || watching(gateway)).await;
        socket.say(&json!({ "type": "ping" })).await;
        assert_eq!(socket.hear().await, Heard::Says(json!({ "type": "pong" })));
        stage.gateway.shutdown().await;
    });
}
