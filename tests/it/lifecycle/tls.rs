//! TLS by certificate files: served, renewed without restart, kept when a renewal is broken, and
//! missed loudly where it should be.

use std::net::SocketAddr;
use std::path::Path;

use reqwest::Certificate;
use serde_json::{Value, json};
use sluice_tests::client::raw;
use sluice_tests::gateway::run;
use sluice_tests::process::Server;
use sluice_tests::waiting::until;

use super::of_accounts;

/// A certificate for loopback and its key, in PEM.
pub(super) struct Pair {
    cert: String,
    key: String,
}

impl Pair {
    pub(super) fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        Self { cert: made.cert.pem(), key: made.signing_key.serialize_pem() }
    }
}

/// Puts the pair where the configuration below looks for it.
pub(super) fn write_pair(directory: &Path, pair: &Pair) {
    std::fs::write(directory.join("key.pem"), &pair.key).unwrap();
    std::fs::write(directory.join("cert.pem"), &pair.cert).unwrap();
}

fn with_tls() -> Value {
    json!({ "server": { "tls": { "cert_file": "cert.pem", "key_file": "key.pem", "reload_interval_ms": 50 } } })
}

pub(super) async fn over_tls(name: &str, pair: &Pair) -> Server {
    let setup = of_accounts(name, with_tls());
    write_pair(setup.directory.path(), pair);
    Server::start(setup).await
}

/// Gets a path on a connection of its own, trusting this certificate alone.
async fn get(addr: SocketAddr, trusted: &Pair, path: &str) -> reqwest::Result<reqwest::Response> {
    let trusted = Certificate::from_pem(trusted.cert.as_bytes()).unwrap();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([trusted]).build().unwrap();
    client.get(format!("https://{addr}{path}")).send().await
}

pub(super) async fn get_text(server: &Server, trusted: &Pair, path: &str) -> String {
    get(server.addr(), trusted, path).await.unwrap().text().await.unwrap()
}

#[test]
fn the_certificate_is_served_and_plain_text_is_not() {
    run(async {
        let pair = Pair::new();
        let server = over_tls("tls", &pair).await;
        assert_eq!(get(server.addr(), &pair, "/v1/tables").await.unwrap().status(), 401);
        assert!(
            get(server.addr(), &Pair::new(), "/healthz").await.is_err(),
            "another certificate is trusted"
        );
        let answer =
            raw(server.addr(), b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        assert!(!answer.contains("HTTP"), "{answer}");
    });
}

#[test]
fn a_renewed_certificate_is_taken_without_a_restart() {
    run(async {
        let (old, new) = (Pair::new(), Pair::new());
        let server = over_tls("renewed", &old).await;
        assert!(get(server.addr(), &new, "/healthz").await.is_err());
        write_pair(server.directory(), &new);
        until("the new certificate is served", || async {
            get(server.addr(), &new, "/healthz").await.is_ok().then_some(())
        })
        .await;
        assert!(get(server.addr(), &old, "/healthz").await.is_err());
        until("the new certificate counts as current", || async {
            get_text(&server, &new, "/metrics").await.contains("sluice_certificate_current 1").then_some(())
        })
        .await;
    });
}

#[test]
fn a_broken_renewal_keeps_the_old_certificate_and_shows() {
    run(async {
        let (old, new) = (Pair::new(), Pair::new());
        let server = over_tls("broken-renewal", &old).await;
        let cert = server.directory().join("cert.pem");
        let is_current = async |current: u8| {
            let text = get_text(&server, &old, "/metrics").await;
            text.contains(&format!("sluice_certificate_current {current}")).then_some(())
        };
        for (what, broken) in
            [("no certificate", "hello"), ("of another key", new.cert.as_str()), ("empty", "")]
        {
            std::fs::write(&cert, broken).unwrap();
            until(&format!("{what} is refused"), || is_current(0)).await;
            until("readiness tells of it", || async {
                let report: Value = serde_json::from_str(&get_text(&server, &old, "/readyz").await).unwrap();
                let reason = &report["reasons"][0]["component"];
                (report["status"] == "degraded" && reason == "server").then_some(())
            })
            .await;
            server.logs("certificate refused").await;
            std::fs::write(&cert, &old.cert).unwrap();
            until("the old one is back", || is_current(1)).await;
        }
        std::fs::remove_file(&cert).unwrap();
        until("a missing file is refused", || is_current(0)).await;
        write_pair(server.directory(), &new);
        until("the whole new pair is taken", || async {
            get(server.addr(), &new, "/healthz").await.is_ok().then_some(())
        })
        .await;
        until("readiness is well again", || async {
            get_text(&server, &new, "/readyz").await.contains("\"status\":\"ready\"").then_some(())
        })
        .await;
    });
}

#[test]
fn plain_text_off_loopback_is_warned_about() {
    const WARNING: &str = "SERVING PLAIN TEXT";
    run(async {
        let everywhere = json!({ "server": { "http_addr": "0.0.0.0:0" } });
        let open = Server::start(of_accounts("open", everywhere.clone())).await;
        open.logs(WARNING).await;
        let _ = open.nobody().get("/healthz").await.expect_status(200);

        let setup = of_accounts("closed", everywhere).with(with_tls());
        write_pair(setup.directory.path(), &Pair::new());
        let mut without_warning =
            [Server::start(setup).await, Server::start(of_accounts("local", json!({}))).await];
        for server in &mut without_warning {
            server.terminate();
            assert_eq!(server.exit().await.code(), Some(0));
            server.logs("stopped").await;
            assert!(!server.log().contains(WARNING), "{}", server.log());
        }
    });
}
