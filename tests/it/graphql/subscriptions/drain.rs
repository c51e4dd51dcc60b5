//! The end of the server: nobody who only listens holds it up, and everybody is told.

use std::time::{Duration, Instant};

use serde_json::json;
use sluice_tests::gateway::run;

use super::limits::{LONG_ANSWERS, long, taken};
use super::socket::{Heard, Socket};
use super::{ALL, asked, begins, subscribed};
use crate::following::stage::Stage;

/// Much longer than a drain of what ends at once, and much shorter than the one that is configured.
const SOON: Duration = Duration::from_secs(30);

#[test]
fn sockets_and_streams_end_when_the_server_is_about_to_stop() {
    run(async {
        let patient = json!({ "server": { "drain_timeout_ms": 300_000 } });
        let stage = Stage::build("drained", patient).await;
        let gateway = &stage.gateway;
        let mut events = subscribed(&gateway.role("reader"), ALL, 0).await;
        let mut socket = Socket::known(gateway, "reader").await;
        socket.subscribe("1", &asked(ALL)).await;
        assert_eq!(socket.change("1").await, begins(0));
        let mut unknown = Socket::open(gateway.addr(), &[]).await;
        let began = Instant::now();
        let ending = tokio::spawn(stage.gateway.shutdown());
        // Not as if all had been told: whoever listens asks elsewhere.
        assert_eq!(events.next().await, None);
        for socket in [&mut socket, &mut unknown] {
            assert_eq!(socket.hear().await, Heard::Closed(1001, "the server stops".to_owned()));
        }
        ending.await.unwrap();
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    });
}

/// One that neither reads nor closes.
#[test]
fn a_socket_that_does_not_say_goodbye_does_not_hold_the_end_up() {
    run(async {
        let patient = json!({ "server": { "drain_timeout_ms": 300_000 } });
        let stage = Stage::build("drained-silent", patient).await;
        let socket = Socket::known(&stage.gateway, "reader").await;
        let began = Instant::now();
        stage.gateway.shutdown().await;
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
        drop(socket);
    });
}

/// What is on its way to it may take as long as it likes otherwise.
#[test]
fn a_socket_that_takes_nothing_does_not_hold_the_end_up() {
    run(async {
        let patient = json!({
            "server": { "drain_timeout_ms": 300_000 },
            "graphql": { "send_wait_ms_max": 300_000, "socket_answer_bytes_max": LONG_ANSWERS },
        });
        let mut stage = Stage::build("drained-stuck", patient).await;
        let mut socket = Socket::known(&stage.gateway, "reader").await;
        socket.subscribe("1", &asked(ALL)).await;
        assert_eq!(socket.change("1").await, begins(0));
        for first in (0..1_000).step_by(100) {
            stage.table.append(&[long(first..first + 100)]);
            stage.settle().await;
        }
        let began = Instant::now();
        stage.gateway.shutdown().await;
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
        let (rows, _) = taken(&mut socket).await;
        assert!(rows < 1_000, "something was on its way");
    });
}
