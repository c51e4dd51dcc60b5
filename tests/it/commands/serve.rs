//! `sluice serve`: starting from a configuration, the port that it picks, and its end.

use sluice_tests::gateway::run;
use sluice_tests::process::Server;

use super::{accounts_setup, sluice};

#[test]
fn it_prints_the_port_that_it_picked_and_ends_when_asked() {
    run(async {
        let (setup, _table) = accounts_setup("serve");
        let mut server = Server::start(setup).await;
        assert_ne!(server.addr().port(), 0);
        assert!(server.log().contains(&server.addr().to_string()), "{}", server.log());
        let listed = server.role("admin").get("/v1/tables").await.expect_status(200).data();
        assert_eq!(listed[0]["name"], "accounts");
        server.terminate();
        assert_eq!(server.exit().await.code(), Some(0), "{}", server.log());
    });
}

#[test]
fn it_does_not_start_from_what_check_refuses() {
    let (setup, _table) = accounts_setup("serve-bad");
    std::fs::write(setup.place("policies.yaml"), "version: 1\nroles: { alice: { tabels: {} } }\n").unwrap();
    let said = sluice(setup.directory.path(), &["serve", "--config", "sluice.yaml"]);
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(said.err.contains("policies.yaml:2:") && said.err.contains("tabels"), "{}", said.err);
}

#[test]
fn a_taken_address_is_told() {
    run(async {
        let (setup, _table) = accounts_setup("serve-taken");
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = taken.local_addr().unwrap().to_string();
        let path = setup.place("sluice.yaml");
        let sound = std::fs::read_to_string(&path).unwrap();
        for door in ["http_addr", "grpc_addr"] {
            let config =
                sound.replace(&format!("\"{door}\":\"127.0.0.1:0\""), &format!("\"{door}\":\"{addr}\""));
            assert_ne!(config, sound);
            std::fs::write(&path, config).unwrap();
            let ran = sluice(setup.directory.path(), &["serve", "--config", "sluice.yaml"]);
            assert_eq!(ran.code, 1, "{}", ran.err);
            assert!(ran.err.contains(&format!("sluice: cannot listen on {addr}: ")), "{}", ran.err);
        }
    });
}
