//! Sockets: owns one held by hand, which may say anything, and that what is asked by one is answered as by any door.

use std::net::SocketAddr;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use sluice_tests::gateway::{Gateway, run};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::{ALL, asked, begins, of_event, rows, told};
use crate::following::stage::{Stage, clear, masked, of};

/// Longer than anything takes that comes at all.
const GIVE_UP: Duration = Duration::from_secs(60);

pub(super) struct Socket(WebSocketStream<TcpStream>);

/// What comes over a socket.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Heard {
    Says(Value),
    /// The code of a close, and why.
    Closed(u16, String),
    /// It is cut.
    Gone,
}

/// The header fields of a request for a socket.
pub(super) const OPENING: [(&str, &str); 5] = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Sec-WebSocket-Protocol", "graphql-transport-ws"),
];

impl Socket {
    /// Opens one, with further header fields.
    pub(super) async fn open(addr: SocketAddr, further: &[(&str, &str)]) -> Self {
        let headers = [&OPENING[..], further].concat();
        Self::try_open(addr, &headers).await.unwrap_or_else(|head| panic!("no socket: {head}"))
    }

    /// Asks for one by these header fields; the answer where there is none.
    pub(super) async fn try_open(addr: SocketAddr, headers: &[(&str, &str)]) -> Result<Self, String> {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        let fields: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!("GET /graphql HTTP/1.1\r\nHost: {addr}\r\n{fields}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        if !head.starts_with("HTTP/1.1 101") {
            let length = head.to_lowercase();
            let length = length.lines().find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.unwrap().parse().unwrap()];
            stream.read_exact(&mut body).await.unwrap();
            return Err(format!("{head}{}", String::from_utf8_lossy(&body)));
        }
        assert!(head.to_lowercase().contains("sec-websocket-protocol: graphql-transport-ws\r\n"), "{head}");
        Ok(Self(WebSocketStream::from_raw_socket(stream, Role::Client, None).await))
    }

    /// Opens one whose caller is known.
    pub(super) async fn known(gateway: &Gateway, role: &str) -> Self {
        let mut socket = Self::open(gateway.addr(), &[]).await;
        socket.init(&gateway.role_token(role)).await;
        assert_eq!(socket.hear().await, Heard::Says(json!({ "type": "connection_ack" })));
        socket
    }

    pub(super) async fn init(&mut self, token: &str) {
        let payload = json!({ "Authorization": format!("Bearer {token}") });
        self.say(&json!({ "type": "connection_init", "payload": payload })).await;
    }

    pub(super) async fn say(&mut self, message: &Value) {
        self.send(Message::text(message.to_string())).await;
    }

    pub(super) async fn subscribe(&mut self, id: &str, payload: &Value) {
        self.say(&json!({ "type": "subscribe", "id": id, "payload": payload })).await;
    }

    /// Sends anything; what is closed already takes nothing, which shows in what comes.
    pub(super) async fn send(&mut self, message: Message) {
        let _ = self.0.send(message).await;
    }

    /// Whether one more message was taken.
    pub(super) async fn feed(&mut self, message: Message) -> bool {
        self.0.send(message).await.is_ok()
    }

    /// What comes next. Pings are answered.
    pub(super) async fn hear(&mut self) -> Heard {
        loop {
            match tokio::time::timeout(GIVE_UP, self.0.next()).await.expect("it goes on") {
                Some(Ok(Message::Text(text))) => return Heard::Says(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(Some(frame)))) => {
                    return Heard::Closed(frame.code.into(), frame.reason.as_str().to_owned());
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(_) | Err(_)) | None => return Heard::Gone,
            }
        }
    }

    /// The next message, which is about this operation.
    pub(super) async fn about(&mut self, id: &str) -> Value {
        match self.hear().await {
            Heard::Says(message) if message["id"] == id => message,
            other => panic!("nothing of \"{id}\", but {other:?}"),
        }
    }

    /// The change that the next event of this operation tells.
    pub(super) async fn change(&mut self, id: &str) -> Value {
        let message = self.about(id).await;
        assert_eq!(message["type"], "next", "{message}");
        of_event(&message["payload"])
    }

    /// The code that the next message of this operation refuses it with.
    pub(super) async fn refused(&mut self, id: &str) -> String {
        let message = self.about(id).await;
        assert_eq!(message["type"], "error", "{message}");
        message["payload"][0]["extensions"]["code"].as_str().unwrap().to_owned()
    }

    /// The code that it is closed with.
    pub(super) async fn code(&mut self) -> u16 {
        match self.hear().await {
            Heard::Closed(code, reason) => {
                assert!(!reason.is_empty());
                code
            }
            other => panic!("not closed, but {other:?}"),
        }
    }
}

#[test]
fn several_operations_share_a_socket() {
    run(async {
        let mut stage = Stage::build("socket-several", json!({})).await;
        let mut reader = Socket::known(&stage.gateway, "reader").await;
        let mut tenant = Socket::known(&stage.gateway, "tenant").await;
        for id in ["1", "two"] {
            reader.subscribe(id, &asked(ALL)).await;
            assert_eq!(reader.change(id).await, begins(0));
        }
        tenant.subscribe("1", &asked(ALL)).await;
        assert_eq!(tenant.change("1").await, begins(0));
        stage.table.append(&[of("a", [1]), of("b", [2])]);
        let mut met: Vec<Value> = Vec::new();
        for _ in 0..2 {
            let Heard::Says(message) = reader.hear().await else { panic!("no event") };
            let all = rows([clear("a", [1]), clear("b", [2])].concat());
            assert_eq!(of_event(&message["payload"]), told(1, false, all));
            met.push(message["id"].clone());
        }
        met.sort_by_key(|id| id.to_string());
        assert_eq!(met, [json!("1"), json!("two")]);
        assert_eq!(tenant.change("1").await, told(1, false, rows(masked([1]))));
        // One is left; the id of the other is free again, for another operation.
        reader.say(&json!({ "type": "complete", "id": "1" })).await;
        reader.say(&json!({ "type": "complete", "id": "nothing" })).await;
        reader.subscribe("1", &asked("{ t(first: 1) { totalCount } }")).await;
        let answer = reader.about("1").await;
        assert_eq!(answer["payload"]["data"]["t"]["totalCount"], "2", "{answer}");
        assert_eq!(reader.about("1").await, json!({ "type": "complete", "id": "1" }));
        stage.table.append(&[of("a", [3])]);
        assert_eq!(reader.change("two").await, told(2, false, rows(clear("a", [3]))));
        stage.gateway.shutdown().await;
    });
}

#[test]
fn what_is_wrong_with_an_operation_ends_it_alone() {
    run(async {
        let stage = Stage::build("socket-wrong", json!({})).await;
        let mut socket = Socket::known(&stage.gateway, "reader").await;
        let persisted =
            json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": "0".repeat(64) } } });
        for (payload, code) in [
            (asked("{"), "invalid_document"),
            (asked("subscription { tChanged { rows { nope } } }"), "unknown_column"),
            (asked("mutation { a }"), "invalid_document"),
            (json!({}), "invalid_request"),
            (json!({ "query": ALL, "operationName": "S" }), "invalid_document"),
            (persisted, "persisted_query_not_found"),
        ] {
            socket.subscribe("1", &payload).await;
            assert_eq!(socket.refused("1").await, code, "{payload}");
        }
        socket.say(&json!({ "type": "ping", "payload": { "n": 1 } })).await;
        assert_eq!(socket.hear().await, Heard::Says(json!({ "type": "pong" })));
        socket.subscribe("1", &asked(ALL)).await;
        assert_eq!(socket.change("1").await, begins(0));
        stage.gateway.shutdown().await;
    });
}
