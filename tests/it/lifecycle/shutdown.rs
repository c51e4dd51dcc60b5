//! SIGTERM: what runs finishes, what is idle does not hold the end up, what runs too long is cut.

use std::time::Duration;

use serde_json::{Value, json};
use sluice_tests::gateway::run;
use sluice_tests::process::Server;
use sluice_tests::waiting::until;
use sluice_tests::wire::{Wire, post};
use tokio::net::TcpStream;

use super::{WIDE_BYTES, WIDE_ROWS, of_accounts, running, wide};

/// A second or more of work for any machine, with a known answer: 200 rows to the third power.
const LONG: &str =
    "select count(*) as n from accounts a, accounts b, accounts c where a.id + b.id * c.id >= 0";
const LONG_COUNT: u64 = 8_000_000;
/// Minutes of work for any machine.
const ENDLESS: &str = "select count(*) as n from accounts a, accounts b, accounts c, accounts d, accounts e \
                       where a.id + b.id * c.id - d.id > e.id";

/// Nothing times out within a test.
fn patient() -> Value {
    json!({
        "server": {
            "drain_timeout_ms": 600_000, "header_read_timeout_ms": 600_000,
            "body_read_timeout_ms": 600_000, "connection_idle_ms_max": 700_000,
        },
        "limits": { "query_time_ms_max": 600_000 },
    })
}

async fn is_refused(server: &Server) {
    until("new connections are refused", || async {
        TcpStream::connect(server.addr()).await.is_err().then_some(())
    })
    .await;
}

#[test]
fn what_runs_finishes_and_what_is_idle_is_closed() {
    run(async {
        let mut server = Server::start(of_accounts("drain", patient())).await;
        let nobody = server.nobody();
        let mut never_used = Wire::open(server.addr()).await;
        let mut idle = Wire::open(server.addr()).await;
        assert!(idle.send("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await);
        assert_eq!(idle.answer().await.0, 200);
        let mut begun = Wire::open(server.addr()).await;
        assert!(begun.send("GET /v1/tab").await);
        let request = post("/v1/sql", &server.token("admin"), "{\"sql\":\"select 1 as one\"}");
        let (sent, unsent) = request.split_at(request.len() - 5);
        let mut arriving = Wire::open(server.addr()).await;
        assert!(arriving.send(sent).await);
        let admin = server.role("admin");
        let long = tokio::spawn(async move { admin.sql(LONG).await });
        until("the query runs", || async { (running(&nobody, "heavy").await == 1).then_some(()) }).await;

        server.terminate();
        assert_eq!(never_used.rest().await, b"");
        assert_eq!(idle.rest().await, b"");
        is_refused(&server).await;
        assert!(arriving.send(unsent).await);
        let (status, body) = arriving.answer().await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &body["data"]), (200, &json!([{ "one": 1 }])));
        let answer = long.await.unwrap().expect_status(200);
        assert_eq!(answer.data(), [json!({ "n": LONG_COUNT })]);
        assert_eq!(server.exit().await.code(), Some(0));
        assert_eq!(begun.rest().await, b"");
        let log = server.log();
        let (draining, ended) = (log.find("draining"), log.rfind("query ended"));
        assert!(draining.is_some() && draining < ended, "the query ended before the drain: {log}");
    });
}

#[test]
fn a_slow_reader_gets_its_whole_answer() {
    run(async {
        let mut server = Server::start(wide(of_accounts("slow-reader", patient()))).await;
        let mut reader = Wire::open(server.addr()).await;
        let request = post("/v1/sql", &server.token("admin"), "{\"sql\":\"select * from wide\"}");
        assert!(reader.send(request).await);
        let head = reader.head().await;
        assert_eq!(head.status, 200);
        assert!(head.length > WIDE_BYTES * usize::try_from(WIDE_ROWS).unwrap());
        server.terminate();
        is_refused(&server).await;
        // The reader's pace: in all longer than what is left open gets after the last request.
        let mut pace = tokio::time::interval(Duration::from_millis(30));
        let mut body: Vec<u8> = Vec::new();
        while body.len() < head.length {
            let _ = pace.tick().await;
            let more = reader.some(head.length - body.len()).await;
            assert!(!more.is_empty(), "cut after {} of {} bytes", body.len(), head.length);
            body.extend(more);
        }
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["data"].as_array().unwrap().len(), usize::try_from(WIDE_ROWS).unwrap());
        assert_eq!(server.exit().await.code(), Some(0));
    });
}

#[test]
fn a_query_longer_than_the_drain_is_cancelled() {
    run(async {
        let mut overrides = patient();
        overrides["server"]["drain_timeout_ms"] = json!(300);
        let mut server = Server::start(of_accounts("cut", overrides)).await;
        let nobody = server.nobody();
        let mut asking = Wire::open(server.addr()).await;
        let body = json!({ "sql": ENDLESS }).to_string();
        assert!(asking.send(post("/v1/sql", &server.token("admin"), &body)).await);
        until("the query runs", || async { (running(&nobody, "heavy").await == 1).then_some(()) }).await;
        server.terminate();
        assert_eq!(asking.rest().await, b"", "no answer, rather than one that looks complete");
        assert_eq!(server.exit().await.code(), Some(0));
        server.logs("outcome=\"cancelled\"").await;
    });
}

#[test]
fn a_handshake_that_stalls_does_not_hold_the_end_up() {
    run(async {
        let setup = of_accounts("stalled", patient());
        super::tls::write_pair(setup.directory.path(), &super::tls::Pair::new());
        let tls = json!({ "server": { "tls": { "cert_file": "cert.pem", "key_file": "key.pem" } } });
        let mut server = Server::start(setup.with(tls)).await;
        let mut stalled = Wire::open(server.addr()).await;
        assert!(stalled.send([0x16, 0x03, 0x01]).await);
        server.terminate();
        assert_eq!(stalled.rest().await, b"");
        assert_eq!(server.exit().await.code(), Some(0));
    });
}

#[test]
fn readiness_ends_before_the_listener_does() {
    run(async {
        let delay = json!({ "server": { "drain_delay_ms": 3_000 } });
        let mut server = Server::start(of_accounts("unready", delay)).await;
        let nobody = server.nobody();
        let _ = nobody.get("/readyz").await.expect_status(200);
        server.terminate();
        let report = until("readiness has ended", || async {
            let answer = nobody.get("/readyz").await;
            (answer.status == 503).then(|| answer.json())
        })
        .await;
        assert_eq!(report["status"], "not_ready");
        assert_eq!(report["reasons"], json!([{ "component": "server", "message": "draining" }]));
        let _ = server.role("admin").get("/v1/tables").await.expect_status(200);
        assert_eq!(server.exit().await.code(), Some(0));
    });
}
