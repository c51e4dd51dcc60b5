//! Token keys and their change while callers are at work: owns key rings that are caught half-written,
//! what a broken one shows, and callers without a token when the rules drop their role.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use serde_json::{Value, json};
use sluice_policies::keys::KeyRing;
use sluice_tests::gateway::{Gateway, Setup, run};
use sluice_tests::process::Server;
use sluice_tests::waiting::until;

use super::TABLES;
use super::forge::{claims, hs256};

const POLICIES: &str = "version: 1\nroles:\n  reader: { tables: {} }\n";

/// Writes a file over and over, each time a little otherwise, until it is dropped. Whoever reads it finds
/// `text`.
struct Rewriting {
    goes_on: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Rewriting {
    fn of(file: PathBuf, text: String) -> Self {
        let goes_on = Arc::new(AtomicBool::new(true));
        let flag = Arc::clone(&goes_on);
        let thread = std::thread::spawn(move || {
            let beside = file.with_extension("beside");
            let mut number = 0_u64;
            while flag.load(Ordering::Acquire) {
                number += 1;
                fs::write(&beside, format!("{text}\n# {number}\n")).unwrap();
                fs::rename(&beside, &file).unwrap();
            }
        });
        Self { goes_on, thread: Some(thread) }
    }
}

impl Drop for Rewriting {
    fn drop(&mut self) {
        self.goes_on.store(false, Ordering::Release);
        // A writer that failed shows in the test itself.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

async fn says(gateway: &Gateway, path: &str, text: &str) -> Option<()> {
    let said = gateway.nobody().get(path).await.expect_status(200).text();
    said.contains(text).then_some(())
}

#[test]
fn a_key_ring_is_not_taken_while_it_is_being_written() {
    run(async {
        let gateway = Setup::new("keys-half", POLICIES).start().await;
        let reader = gateway.role("reader");
        let file = gateway.directory.join("keys/signing.yaml");
        let old: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        let fresh = KeyRing::generate("fresh");
        fresh.to_file(&file).unwrap();
        let text = fs::read_to_string(&file).unwrap();

        // The new key stands there and the old one does not yet.
        let rewriting = Rewriting::of(file.clone(), text.clone());
        for look in 1..=5 {
            // Token keys are looked at whenever policies are.
            fs::write(gateway.directory.join("policies.yaml"), format!("{POLICIES}# {look}\n")).unwrap();
            let taken = format!("sluice_policy_reloads_total{{outcome=\"taken\"}} {look}");
            until("the policies were looked at", || async {
                let _ = reader.get(TABLES).await.expect_status(200);
                says(&gateway, "/metrics", &taken).await
            })
            .await;
        }
        drop(rewriting);

        let mut ring: Value = serde_json::from_str(&text).unwrap();
        ring["keys"].as_array_mut().unwrap().push(old["keys"][0].clone());
        fs::write(&file, ring.to_string()).unwrap();
        let header = json!({ "alg": "HS256", "kid": "fresh" });
        let claims = claims(json!({ "iss": "tests", "role": "reader" }));
        let new_reader = gateway.bearer(&hs256(&header, &claims, fresh.current().secret()));
        until("the new key is in force", || async {
            (new_reader.get(TABLES).await.status == 200).then_some(())
        })
        .await;
        let _ = reader.get(TABLES).await.expect_status(200);
        gateway.shutdown().await;
    });
}

#[test]
fn a_refused_key_ring_keeps_the_old_keys_and_shows() {
    run(async {
        let gateway = Setup::new("keys-broken", POLICIES).start().await;
        let reader = gateway.role("reader");
        let file = gateway.directory.join("keys/signing.yaml");
        let sound = fs::read_to_string(&file).unwrap();
        until("the keys count as current", || says(&gateway, "/metrics", "sluice_token_keys_current 1"))
            .await;
        for broken in ["keys: []", "", "keys: [{ id: a, secret: c2hvcnQ= }]"] {
            fs::write(&file, broken).unwrap();
            until("the metrics tell", || says(&gateway, "/metrics", "sluice_token_keys_current 0")).await;
            until("readiness tells", || says(&gateway, "/readyz", "the old keys are in force")).await;
            let _ = reader.get(TABLES).await.expect_status(200);
            fs::write(&file, &sound).unwrap();
            until("the mended ring counts", || says(&gateway, "/metrics", "sluice_token_keys_current 1"))
                .await;
            until("readiness is well again", || says(&gateway, "/readyz", "\"ready\"")).await;
        }
        fs::remove_file(&file).unwrap();
        until("a missing file is told", || says(&gateway, "/metrics", "sluice_token_keys_current 0")).await;
        let _ = reader.get(TABLES).await.expect_status(200);
        gateway.shutdown().await;
    });
}

#[test]
fn each_fault_of_a_key_ring_is_logged() {
    run(async {
        let server = Server::start(Setup::new("keys-log", POLICIES)).await;
        let file = server.directory().join("keys/signing.yaml");
        for (broken, said) in [
            ("keys: []", "key ring is empty"),
            ("keys: [{ id: '', secret: '' }]", "a key id has 1 to 64 bytes"),
            ("keys: [{ id: a, secret: '?' }]", "is not base64"),
        ] {
            fs::write(&file, broken).unwrap();
            server.logs(said).await;
        }
        assert!(server.log().contains("token keys refused, the old ones stay in force"), "{}", server.log());
    });
}

/// What was shown and is no good is not the same as nothing.
#[test]
fn a_bad_token_does_not_make_its_bearer_anonymous() {
    const WITH_GUEST: &str = "version: 1\nroles:\n  reader: { tables: {} }\n  guest: { tables: {} }\n";
    run(async {
        let anonymous = json!({ "tokens": { "anonymous_role": "guest" } });
        let gateway = Setup::new("keys-bad-guest", WITH_GUEST).with(anonymous).start().await;
        let _ = gateway.nobody().get(TABLES).await.expect_status(200);
        let token = gateway.token("reader", json!({}));
        let (kid, secret) = gateway.signing_key();
        let expired = hs256(&json!({ "alg": "HS256", "kid": kid }), &claims(json!({ "exp": 1 })), secret);
        for shown in [
            format!("Bearer {expired}"),
            format!("Bearer {token}x"),
            "Bearer x.y.z".to_owned(),
            "Bearer ".to_owned(),
            "Bearer".to_owned(),
            "Basic Z3Vlc3Q6Z3Vlc3Q=".to_owned(),
            token.clone(),
        ] {
            let answer = gateway.nobody().header("authorization", &shown).get(TABLES).await;
            let said = (answer.status, answer.code());
            assert_eq!(said, (401, "unauthenticated".to_owned()), "{shown}: {}", answer.text());
        }
        let twice = gateway.bearer(&token).header("authorization", &format!("Bearer {token}"));
        let _ = twice.get(TABLES).await.expect_status(401);
        let other = gateway.nobody().header("sluice-role", "reader").get(TABLES).await;
        assert_eq!((other.status, other.code().as_str()), (403, "role_denied"), "{}", other.text());
        gateway.shutdown().await;
    });
}

#[test]
fn without_their_role_callers_without_a_token_are_refused_and_it_shows() {
    const WITH_GUEST: &str = "version: 1\nroles:\n  reader: { tables: {} }\n  guest: { tables: {} }\n";
    run(async {
        let anonymous = json!({ "tokens": { "anonymous_role": "guest" } });
        let gateway = Setup::new("keys-guest", WITH_GUEST).with(anonymous).start().await;
        let nobody = gateway.nobody();
        let _ = nobody.get(TABLES).await.expect_status(200);
        let file = gateway.directory.join("policies.yaml");
        fs::write(&file, POLICIES).unwrap();
        let refused = until("the new rules are in force", || async {
            let answer = nobody.get(TABLES).await;
            (answer.status != 200).then_some(answer)
        })
        .await;
        assert_eq!((refused.status, refused.code().as_str()), (403, "role_denied"), "{}", refused.text());
        until("readiness tells", || says(&gateway, "/readyz", "do not define the anonymous role")).await;
        let _ = gateway.role("reader").get(TABLES).await.expect_status(200);
        fs::write(&file, WITH_GUEST).unwrap();
        until("readiness is well again", || says(&gateway, "/readyz", "\"ready\"")).await;
        let _ = nobody.get(TABLES).await.expect_status(200);
        gateway.shutdown().await;
    });
}
