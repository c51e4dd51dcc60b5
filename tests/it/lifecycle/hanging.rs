//! Files that hang when they are read: what is in force stays, everything else goes on, and the
//! process still ends.

use serde_json::json;
use sluice_tests::client::Caller;
use sluice_tests::fifo::Fifo;
use sluice_tests::gateway::run;
use sluice_tests::process::Server;
use sluice_tests::waiting::until;

use super::{of_accounts, tls};
use crate::accounts;

const ROWS: &str = "/v1/tables/accounts/rows?limit=1";

/// Whether readiness gives this reason.
async fn is_told(caller: &Caller, reason: &str) -> bool {
    caller.get("/readyz").await.text().contains(reason)
}

#[test]
fn policies_that_hang_stay_in_force_and_the_process_ends() {
    run(async {
        let mut server = Server::start(of_accounts("policies-hang", json!({}))).await;
        let hanging = Fifo::in_place_of(&server.directory().join("policies.yaml")).hangs().await;
        for _ in 0..20 {
            let _ = server.role("admin").get(ROWS).await.expect_status(200);
        }
        server.terminate();
        assert_eq!(server.exit().await.code(), Some(0));
        drop(hanging);
    });
}

#[test]
fn token_keys_that_hang_do_not_hold_policies_up() {
    run(async {
        let mut server = Server::start(of_accounts("keys-hang", json!({}))).await;
        let (admin, nobody) = (server.role("admin"), server.nobody());
        let hanging = Fifo::in_place_of(&server.directory().join("keys/signing.yaml")).hangs().await;
        let reason = "policy or token key files cannot be read in time";
        until("readiness tells", || async { is_told(&nobody, reason).await.then_some(()) }).await;
        let _ = admin.get(ROWS).await.expect_status(200);
        let without_admin = accounts::POLICIES.replace("admin:", "other:");
        std::fs::write(server.directory().join("policies.yaml"), without_admin).unwrap();
        until("the new policies are in force", || async {
            (admin.get(ROWS).await.status == 403).then_some(())
        })
        .await;
        server.terminate();
        assert_eq!(server.exit().await.code(), Some(0));
        drop(hanging);
    });
}

#[test]
fn a_certificate_that_hangs_stays_in_force_and_the_process_ends() {
    run(async {
        let pair = tls::Pair::new();
        let mut server = tls::over_tls("certificate-hangs", &pair).await;
        let hanging = Fifo::in_place_of(&server.directory().join("cert.pem")).hangs().await;
        assert!(tls::get_text(&server, &pair, "/readyz").await.contains("\"status\":\"ready\""));
        server.terminate();
        assert_eq!(server.exit().await.code(), Some(0));
        drop(hanging);
    });
}
