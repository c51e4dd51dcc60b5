//! Rules and tokens that change while somebody listens.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use sluice_policies::keys::KeyRing;
use sluice_policies::token::{MintSpec, mint};
use sluice_tests::events::{Event, Events};
use sluice_tests::gateway::{Gateway, run};
use sluice_tests::waiting::until;

use super::limits::{LONG_ANSWERS, long, taken, watching};
use super::socket::{Heard, Socket};
use super::{ALL, asked, begins, change, rows, subscribed, told};
use crate::following::stage::{POLICIES, Stage, clear, of};

const READER: &str = "reader: { tables: { t: { columns: '*' } } }";

/// Replaces what the reader may, and waits until that is in force.
async fn replace(gateway: &Gateway, tables: &str) {
    let text = POLICIES.replace(READER, &format!("reader: {{ tables: {tables} }}"));
    assert_ne!(text, POLICIES);
    let caller = gateway.role("reader");
    let columns = async || {
        let described = caller.get("/v1/tables/t").await.json();
        described["data"]["columns"].as_array().map(Vec::len)
    };
    let before = columns().await;
    std::fs::write(gateway.directory.join("policies.yaml"), text).unwrap();
    until("the new rules are in force", || async { (columns().await != before).then_some(()) }).await;
}

/// The code of the error that ends a stream.
async fn ended(events: &mut Events) -> String {
    let event = events.data().await;
    assert!(event.get("data").is_none(), "{event}");
    assert_eq!((events.next().await, events.next().await), (Some(Event::Complete), None));
    event["errors"][0]["extensions"]["code"].as_str().unwrap().to_owned()
}

#[test]
fn what_no_longer_fits_what_the_role_sees_ends_and_what_does_goes_on() {
    run(async {
        let mut stage = Stage::build("rights-column", json!({})).await;
        let reader = stage.gateway.role("reader");
        let mut with = subscribed(&reader, ALL, 0).await;
        let bare = "subscription { tChanged { version more rows { id } } }";
        let mut without = subscribed(&reader, bare, 0).await;
        let mut socket = Socket::known(&stage.gateway, "reader").await;
        socket.subscribe("1", &asked(ALL)).await;
        assert_eq!(socket.change("1").await, begins(0));
        replace(&stage.gateway, "{ t: { columns: '*', hide: [ssn] } }").await;
        stage.table.append(&[of("a", [1])]);
        assert_eq!(ended(&mut with).await, "unknown_column");
        assert_eq!(socket.refused("1").await, "unknown_column");
        // What was read before was read under other rules.
        assert_eq!(change(&mut without).await, told(1, false, Value::Null));
        stage.table.append(&[of("a", [2])]);
        assert_eq!(change(&mut without).await, told(2, false, json!([{ "id": "2" }])));
        stage.gateway.shutdown().await;
    });
}

#[test]
fn a_table_that_is_taken_away_ends_its_subscriptions_at_once() {
    run(async {
        let stage = Stage::build("rights-table", json!({})).await;
        let mut events = subscribed(&stage.gateway.role("reader"), ALL, 0).await;
        replace(&stage.gateway, "{}").await;
        assert_eq!(ended(&mut events).await, "not_found");
        stage.gateway.shutdown().await;
    });
}

#[test]
fn tables_that_a_role_does_not_see_are_as_those_that_are_not_there() {
    run(async {
        let stage = Stage::build("rights-hidden", json!({})).await;
        let mut said: Vec<Value> = Vec::new();
        for (role, field) in [("stranger", "tChanged"), ("stranger", "uChanged"), ("reader", "uChanged")] {
            let document = format!("subscription {{ {field} {{ version }} }}");
            let mut events = stage.gateway.role(role).events("/graphql", &asked(&document)).await;
            let mut errors = events.data().await["errors"].clone();
            errors[0]["extensions"]["request_id"].take();
            said.push(serde_json::from_str(&errors.to_string().replace(field, "_")).unwrap());
        }
        assert_eq!(said[0], said[1]);
        assert!(!said[2].to_string().contains("ssn"), "{}", said[2]);
        stage.gateway.shutdown().await;
    });
}

/// A token of the reader that ends soon.
fn short(gateway: &Gateway) -> String {
    let ring = KeyRing::load(&gateway.directory.join("keys/signing.yaml")).unwrap();
    let spec = MintSpec {
        issuer: "tests".to_owned(),
        audience: "sluice".to_owned(),
        subject: "tester".to_owned(),
        role: Some("reader".to_owned()),
        roles: Vec::new(),
        claims: BTreeMap::new(),
        ttl: Duration::from_secs(8),
    };
    mint(ring.current(), &spec, SystemTime::now()).unwrap()
}

#[test]
fn whoever_listens_by_a_key_that_is_withdrawn_is_told_nothing_more() {
    run(async {
        let mut stage = Stage::build("rights-key", json!({})).await;
        let reader = stage.gateway.role("reader");
        let mut events = subscribed(&reader, ALL, 0).await;
        let mut socket = Socket::known(&stage.gateway, "reader").await;
        socket.subscribe("1", &asked(ALL)).await;
        assert_eq!(socket.change("1").await, begins(0));
        let ring = stage.gateway.directory.join("keys/signing.yaml");
        KeyRing::generate("other").to_file(&ring).unwrap();
        until("the key is withdrawn", || async {
            (reader.get("/v1/tables").await.status == 401).then_some(())
        })
        .await;
        stage.table.append(&[of("a", [1])]);
        assert_eq!(ended(&mut events).await, "unauthenticated");
        assert_eq!(socket.refused("1").await, "unauthenticated");
        stage.gateway.shutdown().await;
    });
}

#[test]
fn whoever_listens_does_so_as_long_as_its_token_lasts() {
    run(async {
        let mut stage = Stage::build("rights-expiry", json!({})).await;
        let token = short(&stage.gateway);
        let mut socket = Socket::open(stage.gateway.addr(), &[]).await;
        socket.init(&token).await;
        assert_eq!(socket.hear().await, Heard::Says(json!({ "type": "connection_ack" })));
        let mut quiet = Socket::open(stage.gateway.addr(), &[]).await;
        quiet.init(&token).await;
        assert_eq!(quiet.hear().await, Heard::Says(json!({ "type": "connection_ack" })));
        let mut events = subscribed(&stage.gateway.bearer(&token), ALL, 0).await;
        socket.subscribe("1", &asked(ALL)).await;
        assert_eq!(socket.change("1").await, begins(0));
        stage.table.append(&[of("a", [1])]);
        assert_eq!(change(&mut events).await, told(1, false, rows(clear("a", [1]))));
        assert_eq!(socket.change("1").await, told(1, false, rows(clear("a", [1]))));
        // Nothing else would end them.
        assert_eq!(ended(&mut events).await, "unauthenticated");
        assert_eq!(quiet.code().await, 4403);
        let last = match socket.hear().await {
            Heard::Says(message) => {
                assert_eq!(message["payload"][0]["extensions"]["code"], "unauthenticated");
                socket.hear().await
            }
            other => other,
        };
        assert_eq!(last, Heard::Closed(4403, "the token has expired".to_owned()));
        stage.gateway.shutdown().await;
    });
}

/// What is on its way to it may take as long as it likes otherwise.
#[test]
fn whoever_takes_nothing_has_its_place_no_longer_than_its_token_lasts() {
    run(async {
        let overrides = json!({ "graphql": {
            "send_wait_ms_max": 600_000, "subscriptions_max": 1, "socket_answer_bytes_max": LONG_ANSWERS,
        }});
        let mut stage = Stage::build("rights-stuck", overrides).await;
        let mut socket = Socket::open(stage.gateway.addr(), &[]).await;
        socket.init(&short(&stage.gateway)).await;
        assert_eq!(socket.hear().await, Heard::Says(json!({ "type": "connection_ack" })));
        socket.subscribe("1", &asked(ALL)).await;
        assert_eq!(socket.change("1").await, begins(0));
        for first in (0..1_000).step_by(100) {
            stage.table.append(&[long(first..first + 100)]);
        }
        until("the place of the expired one is free", || watching(&stage.gateway)).await;
        let (rows, _) = taken(&mut socket).await;
        assert!(rows < 1_000, "something was on its way");
        stage.gateway.shutdown().await;
    });
}
