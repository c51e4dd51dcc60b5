//! The protocol of sockets under those who do not keep to it, and who may open one.

use serde_json::{Value, json};
use sluice_tests::gateway::run;
use tokio_tungstenite::tungstenite::Message;

use super::socket::{Heard, OPENING, Socket};
use super::{ALL, asked, begins};
use crate::following::stage::Stage;

#[test]
fn whoever_breaks_the_protocol_is_closed_with_its_code() {
    run(async {
        let overrides = json!({ "limits": { "json_depth_max": 8 } });
        let stage = Stage::build("protocol-broken", overrides).await;
        let subscribe =
            |payload: Value| json!({ "type": "subscribe", "id": "1", "payload": payload }).to_string();
        let deep = subscribe(json!({ "query": ALL, "variables": { "a": [[[[[[[1]]]]]]] } }));
        for text in [
            "",
            "{",
            "[]",
            "{\"type\":\"hello\"}",
            "{\"type\":\"subscribe\",\"id\":\"\",\"payload\":{}}",
            "{\"type\":\"subscribe\",\"payload\":{\"query\":\"{a}\"}}",
            "{\"type\":\"complete\"}",
            &subscribe(json!({ "query": 7 })),
            &subscribe(json!([asked(ALL)])),
            &deep,
        ] {
            let mut socket = Socket::known(&stage.gateway, "reader").await;
            socket.send(Message::text(text)).await;
            assert_eq!(socket.code().await, 4400, "{text}");
            assert_eq!(socket.hear().await, Heard::Gone);
        }
        let mut socket = Socket::known(&stage.gateway, "reader").await;
        socket.send(Message::binary(b"{\"type\":\"ping\"}".to_vec())).await;
        assert_eq!(socket.code().await, 4400);

        let mut socket = Socket::known(&stage.gateway, "reader").await;
        socket.init(&stage.gateway.role_token("reader")).await;
        assert_eq!(socket.code().await, 4429);

        let mut socket = Socket::known(&stage.gateway, "reader").await;
        for _ in 0..2 {
            socket.subscribe("1", &asked(ALL)).await;
        }
        let mut heard = socket.hear().await;
        if heard != Heard::Closed(4409, "an operation with this id is under way".to_owned()) {
            assert!(matches!(heard, Heard::Says(_)), "{heard:?}");
            heard = socket.hear().await;
        }
        assert!(matches!(heard, Heard::Closed(4409, _)), "{heard:?}");
        stage.gateway.shutdown().await;
    });
}

#[test]
fn nothing_is_asked_before_the_caller_is_known() {
    run(async {
        let overrides = json!({ "graphql": { "socket_init_wait_ms_max": 200 } });
        let stage = Stage::build("protocol-unknown", overrides).await;
        let addr = stage.gateway.addr();
        let mut early = Socket::open(addr, &[]).await;
        early.subscribe("1", &asked(ALL)).await;
        assert_eq!(early.code().await, 4401);
        let mut silent = Socket::open(addr, &[]).await;
        assert_eq!(silent.code().await, 4408);
        // Signs of life do not keep it open.
        let mut talking = Socket::open(addr, &[]).await;
        let code = loop {
            talking.say(&json!({ "type": "ping" })).await;
            match talking.hear().await {
                Heard::Says(message) => assert_eq!(message["type"], "pong"),
                Heard::Closed(code, _) => break code,
                Heard::Gone => panic!("cut"),
            }
        };
        assert_eq!(code, 4408);
        stage.gateway.shutdown().await;
    });
}

#[test]
fn credentials_come_with_the_request_or_with_the_first_message() {
    run(async {
        let stage = Stage::build("protocol-credentials", json!({})).await;
        let addr = stage.gateway.addr();
        let token = format!("Bearer {}", stage.gateway.role_token("reader"));
        let init = |payload: Value| json!({ "type": "connection_init", "payload": payload });
        for (headers, payload) in [
            (vec![("Authorization", token.as_str())], json!({})),
            (vec![("Authorization", token.as_str()), ("Sluice-Role", "reader")], Value::Null),
            (vec![], json!({ "AUTHORIZATION": token, "sluice-role": "reader", "other": 1 })),
        ] {
            let mut socket = Socket::open(addr, &headers).await;
            socket.say(&init(payload)).await;
            assert_eq!(socket.hear().await, Heard::Says(json!({ "type": "connection_ack" })), "{headers:?}");
            socket.subscribe("1", &asked(ALL)).await;
            assert_eq!(socket.change("1").await, begins(0));
        }
        for (headers, payload) in [
            (vec![], json!({})),
            (vec![], json!({ "authorization": "Bearer nonsense" })),
            (vec![], json!({ "authorization": 7 })),
            (vec![], json!({ "authorization": token, "Authorization": token })),
            (vec![], json!({ "authorization": token, "Sluice-Role": "tenant" })),
            (vec![("Authorization", token.as_str())], json!({ "authorization": token })),
            (vec![("Sluice-Role", "reader")], json!({ "authorization": token })),
        ] {
            let mut socket = Socket::open(addr, &headers).await;
            socket.say(&init(payload.clone())).await;
            assert_eq!(socket.code().await, 4403, "{headers:?} {payload}");
        }
        let headers = [&OPENING[..], &[("Authorization", "Bearer nonsense")]].concat();
        let refused = Socket::try_open(addr, &headers).await.err().unwrap();
        assert!(refused.starts_with("HTTP/1.1 401") && refused.contains("\"unauthenticated\""), "{refused}");
        stage.gateway.shutdown().await;
    });
}

#[test]
fn pages_of_other_origins_open_no_socket() {
    run(async {
        let cors = json!({ "server": { "cors": { "allowed_origins": ["https://app.example"] } } });
        let stage = Stage::build("protocol-origins", cors).await;
        let addr = stage.gateway.addr();
        let own = format!("http://{addr}");
        for origin in [own.as_str(), "https://app.example"] {
            let _open = Socket::open(addr, &[("Origin", origin)]).await;
        }
        for origin in ["https://evil.example", "null", "http://127.0.0.1"] {
            let headers = [&OPENING[..], &[("Origin", origin)]].concat();
            let refused = Socket::try_open(addr, &headers).await.err().unwrap();
            assert!(refused.starts_with("HTTP/1.1 403") && refused.contains("\"forbidden\""), "{refused}");
        }
        stage.gateway.shutdown().await;
    });
}

#[test]
fn a_request_that_opens_no_socket_is_told_why() {
    run(async {
        let stage = Stage::build("protocol-opening", json!({})).await;
        for (name, value) in [
            ("Sec-WebSocket-Protocol", "graphql-ws"),
            ("Sec-WebSocket-Version", "8"),
            ("Connection", "keep-alive"),
        ] {
            let changed = |(known, set): &(&'static str, &'static str)| {
                if *known == name { (name, value) } else { (*known, *set) }
            };
            let headers: Vec<(&str, &str)> = OPENING.iter().map(changed).collect();
            let refused = Socket::try_open(stage.gateway.addr(), &headers).await.err().unwrap();
            assert!(
                refused.starts_with("HTTP/1.1 400") && refused.contains("\"invalid_request\""),
                "{refused}"
            );
        }
        stage.gateway.shutdown().await;
    });
}

#[test]
fn where_subscriptions_are_turned_off_no_socket_is_opened() {
    run(async {
        let stage = Stage::build("protocol-off", json!({ "graphql": { "subscriptions": false } })).await;
        let refused = Socket::try_open(stage.gateway.addr(), &OPENING).await.err().unwrap();
        assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
        stage.gateway.shutdown().await;
    });
}
