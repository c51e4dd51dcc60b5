//! Answers that their callers do not read: how much memory they may take, of one subject and of
//! all, and that it is free again when they leave.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use sluice_policies::keys::KeyRing;
use sluice_policies::token::{MintSpec, mint};
use sluice_tests::gateway::{Gateway, run};
use sluice_tests::waiting::until;
use sluice_tests::wire::{Wire, post};

use super::limited;

/// More than the sockets' buffers take, so that the gateway has to keep an answer.
const ANSWER_BYTES: usize = 20_000_000;
/// Two answers fit, with what it takes to encode the second; three do not.
const ROOM: usize = 2 * ANSWER_BYTES + ANSWER_BYTES / 2;

const OF_SUBJECT: &str = "requests and unread answers of this subject take too much memory";
const OF_ALL: &str = "requests and unread answers take too much memory";

/// Small in memory and long as JSON: 40,000 numbers, each under a name of 500 letters.
fn long() -> String {
    let name = "n".repeat(ANSWER_BYTES / 40_000);
    format!("select a.id as {name} from accounts a, accounts b")
}

/// A token of another subject than everybody else's.
fn stranger(gateway: &Gateway) -> String {
    let ring = KeyRing::load(&gateway.directory.join("keys/signing.yaml")).unwrap();
    let spec = MintSpec {
        issuer: "tests".to_owned(),
        audience: "sluice".to_owned(),
        subject: "stranger".to_owned(),
        role: Some("admin".to_owned()),
        roles: Vec::new(),
        claims: BTreeMap::new(),
        ttl: Duration::from_secs(3600),
    };
    mint(ring.current(), &spec, SystemTime::now()).unwrap()
}

async fn asked(gateway: &Gateway, token: &str) -> Wire {
    let mut wire = Wire::open(gateway.addr()).await;
    assert!(wire.send(post("/v1/sql", token, &json!({ "sql": long() }).to_string())).await);
    wire
}

/// A caller whose answer has begun, and who reads no more of it.
async fn unread(gateway: &Gateway, token: &str) -> Wire {
    let mut wire = asked(gateway, token).await;
    let head = wire.head().await;
    assert_eq!(head.status, 200);
    assert!((ANSWER_BYTES..ANSWER_BYTES + ROOM / 10).contains(&head.length), "{}", head.length);
    wire
}

async fn assert_refused(gateway: &Gateway, token: &str, why: &str) {
    let refused = gateway.bearer(token).sql(&long()).await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "overloaded"), "{}", refused.status);
    assert!(refused.text().contains(why), "{}", refused.text());
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
}

#[test]
fn a_subject_that_does_not_read_is_refused_and_others_are_served() {
    run(async {
        let limits = json!({ "limits": { "subject_undelivered_bytes_max": ROOM } });
        let gateway = limited("unread-subject", limits).await;
        let (tester, stranger) = (gateway.token("admin", json!({})), stranger(&gateway));
        let first = unread(&gateway, &tester).await;
        let second = unread(&gateway, &tester).await;
        assert_refused(&gateway, &tester, OF_SUBJECT).await;
        let small = gateway.bearer(&tester).get("/v1/tables/accounts/rows?limit=1").await;
        assert_eq!(small.status, 200, "{}", small.text());
        let other = gateway.bearer(&stranger).sql(&long()).await.expect_status(200).data();
        assert_eq!(other.len(), 40_000);

        drop((first, second));
        let third = until("an answer that was not read is given up", || async {
            let mut wire = asked(&gateway, &tester).await;
            (wire.head().await.status == 200).then_some(wire)
        })
        .await;
        let fourth = until("the other is given up too", || async {
            let mut wire = asked(&gateway, &tester).await;
            (wire.head().await.status == 200).then_some(wire)
        })
        .await;
        assert_refused(&gateway, &tester, OF_SUBJECT).await;
        drop((third, fourth));
        gateway.shutdown().await;
    });
}

#[test]
fn all_who_do_not_read_share_one_limit_and_a_first_answer_gets_through() {
    run(async {
        let limits = json!({ "limits": { "undelivered_bytes_max": ROOM } });
        let gateway = limited("unread-all", limits).await;
        let (tester, stranger) = (gateway.token("admin", json!({})), stranger(&gateway));
        let first = unread(&gateway, &tester).await;
        let second = unread(&gateway, &tester).await;
        assert_refused(&gateway, &tester, OF_ALL).await;
        let third = unread(&gateway, &stranger).await;
        assert_refused(&gateway, &stranger, OF_ALL).await;
        drop((first, second, third));
        gateway.shutdown().await;
    });
}

#[test]
fn an_answer_that_is_read_makes_room_for_the_next() {
    run(async {
        let limits = json!({ "limits": { "undelivered_bytes_max": 1, "subject_undelivered_bytes_max": 1 } });
        let gateway = limited("read", limits).await;
        let admin = gateway.role("admin");
        for _ in 0..3 {
            let rows: Vec<Value> = until("the answer before is gone", || async {
                let answer = admin.sql(&long()).await;
                (answer.status == 200).then(|| answer.data())
            })
            .await;
            assert_eq!(rows.len(), 40_000);
        }
        gateway.shutdown().await;
    });
}
