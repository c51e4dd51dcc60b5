//! Where one request ends and the next begins: requests that servers in a row may read differently, and
//! bodies that are announced.

use serde_json::json;
use sluice_tests::client::raw;
use sluice_tests::gateway::{Gateway, Setup, run};
use sluice_tests::wire::Wire;

const BODY: &str = "{\"sql\":\"select 1 as one\"}";

fn document(answer: &str) -> serde_json::Value {
    let (_, body) = answer.split_once("\r\n\r\n").expect(answer);
    serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"))
}

fn assert_refused(what: &str, answer: &str, detail: &str) {
    assert!(answer.starts_with("HTTP/1.1 400 "), "{what}: {answer}");
    let document = document(answer);
    assert_eq!((&document["status"], &document["code"]), (&json!(400), &json!("invalid_request")), "{what}");
    assert!(document["detail"].as_str().unwrap().contains(detail), "{what}: {answer}");
}

#[test]
fn a_request_names_one_host() {
    run(async {
        let gateway = Gateway::demo().await;
        for hosts in ["", "host: a\r\nhost: b\r\n", "host: a\r\nhost: a\r\n"] {
            let request = format!("GET /healthz HTTP/1.1\r\n{hosts}connection: close\r\n\r\n");
            let answer = raw(gateway.addr(), request.as_bytes()).await;
            assert_refused(hosts, &answer, "does not name one host");
        }
        let one = raw(gateway.addr(), b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
        assert!(one.starts_with("HTTP/1.1 200 "), "{one}");
        let old = raw(gateway.addr(), b"GET /healthz HTTP/1.0\r\n\r\n").await;
        assert!(old.starts_with("HTTP/1.0 200 "), "{old}");
    });
}

#[test]
fn no_transfer_coding_but_chunked_is_taken() {
    run(async {
        let gateway = Gateway::demo().await;
        let token = gateway.token("admin", json!({}));
        let ask = async |codings: &str| {
            let request = format!(
                "POST /v1/sql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
                 {codings}connection: close\r\n\r\n{:x}\r\n{BODY}\r\n0\r\n\r\n",
                BODY.len()
            );
            raw(gateway.addr(), request.as_bytes()).await
        };
        for coding in ["chunked", "Chunked", " chunked "] {
            let answer = ask(&format!("transfer-encoding: {coding}\r\n")).await;
            assert!(answer.starts_with("HTTP/1.1 200 "), "{coding}: {answer}");
        }
        for codings in ["gzip, chunked", "identity, chunked", "chunked, chunked", "gzip,chunked", ", chunked"]
        {
            let answer = ask(&format!("transfer-encoding: {codings}\r\n")).await;
            assert_refused(codings, &answer, "transfer coding");
        }
        let twice = ask("transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n").await;
        assert_refused("two fields", &twice, "transfer coding");
        for codings in ["xchunked", "chunked, gzip", "identity", "\"chunked\""] {
            let answer = ask(&format!("transfer-encoding: {codings}\r\n")).await;
            assert!(answer.starts_with("HTTP/1.1 400 "), "{codings}: {answer}");
        }
    });
}

#[test]
fn an_announced_body_is_asked_for_only_when_it_may_come() {
    run(async {
        let limits = json!({ "limits": { "body_bytes_max": 2_000 } });
        let setup = Setup::new("announced", "version: 1\nroles:\n  reader: { tables: {} }\n").with(limits);
        let gateway = setup.start().await;
        let head = |token: &str, bytes: usize| {
            format!(
                "POST /v1/sql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
                 expect: 100-continue\r\ncontent-length: {bytes}\r\n\r\n"
            )
        };
        let token = gateway.token("reader", json!({}));
        for (bytes, token, status) in [(2_001, token.as_str(), "413"), (2_000, "no.good.token", "401")] {
            let mut refused = Wire::open(gateway.addr()).await;
            assert!(refused.send(head(token, bytes)).await);
            // Nobody sends the body, so that the answer ends the connection.
            let answer = String::from_utf8(refused.rest().await).unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
            assert!(!answer.contains("100 Continue"), "{answer}");
        }
        let mut taken = Wire::open(gateway.addr()).await;
        assert!(taken.send(head(&token, 2_000)).await);
        assert_eq!(
            taken.exactly("HTTP/1.1 100 Continue\r\n\r\n".len()).await,
            b"HTTP/1.1 100 Continue\r\n\r\n"
        );
        assert!(taken.send(format!("{BODY}{}", " ".repeat(2_000 - BODY.len()))).await);
        let (status, body) = taken.answer().await;
        assert_eq!(status, 200, "{body}");
        gateway.shutdown().await;
    });
}
