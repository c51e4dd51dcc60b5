//! The messages of `graphql-transport-ws`: owns their form, in both directions. Does not decide what follows from them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::protocol::auth::credential;
use crate::protocol::graphql::request::Parameters;
use crate::protocol::http::json_body::Object;

/// Longest id of an operation, in bytes: it is repeated with every event.
const ID_BYTES_MAX: usize = 256;

/// A message from a client.
#[derive(Debug)]
pub(super) enum Received<'a> {
    /// Says who asks, before anything else.
    Init(Option<&'a RawValue>),
    /// Asks for a sign of life.
    Ping,
    /// Is one.
    Pong,
    /// Asks an operation.
    Subscribe(String, Parameters<'a>),
    /// Takes no more of it.
    Complete(String),
}

/// A text that is no message of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    id: Option<String>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

/// Reads a text, which is nested no deeper than the limit.
pub(super) fn read(text: &str) -> Result<Received<'_>, Malformed> {
    let Object(Message { kind, id, payload }) = serde_json::from_str(text).map_err(|_| Malformed)?;
    let id = || id.filter(|id| (1..=ID_BYTES_MAX).contains(&id.len())).ok_or(Malformed);
    match kind.as_ref() {
        _ if kind != "subscribe" && !payload.is_none_or(|text| text.get().starts_with('{')) => Err(Malformed),
        "connection_init" => Ok(Received::Init(payload)),
        "ping" => Ok(Received::Ping),
        "pong" => Ok(Received::Pong),
        "complete" => id().map(Received::Complete),
        "subscribe" => {
            let payload = payload.ok_or(Malformed)?;
            let Object(parameters) = serde_json::from_str(payload.get()).map_err(|_| Malformed)?;
            Ok(Received::Subscribe(id()?, parameters))
        }
        _ => Err(Malformed),
    }
}

/// The members of a payload, which may be absent.
fn object(payload: Option<&RawValue>) -> Result<BTreeMap<String, Value>, Malformed> {
    payload
        .map_or_else(|| Ok(BTreeMap::new()), |text| serde_json::from_str(text.get()).map_err(|_| Malformed))
}

/// The credentials that the payload of a `connection_init` holds, as header fields.
pub(super) fn credentials(payload: Option<&RawValue>) -> Result<HeaderMap, Malformed> {
    let mut found = HeaderMap::new();
    for (name, value) in object(payload)? {
        let Some(name) = credential(&name) else { continue };
        let value = value.as_str().and_then(|text| HeaderValue::from_str(text).ok());
        found.append(name, value.ok_or(Malformed)?);
    }
    Ok(found)
}

/// The answer to a `connection_init`.
pub(super) const ACK: &str = "{\"type\":\"connection_ack\"}";
/// The answer to a `ping`.
pub(super) const PONG: &str = "{\"type\":\"pong\"}";

/// A message about an operation, with a payload that is JSON.
pub(super) fn of_operation(kind: &str, id: &str, payload: Option<Vec<u8>>) -> Vec<u8> {
    let head = format!("{{\"id\":{},\"type\":\"{kind}\"", Value::from(id)).into_bytes();
    let Some(mut message) = payload else { return [&head[..], b"}"].concat() };
    // In front of what may be long, without another copy of it.
    message.splice(0..0, [&head[..], b",\"payload\":"].concat());
    message.push(b'}');
    message
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use axum::http::header::AUTHORIZATION;

    use super::*;
    use crate::protocol::auth::SLUICE_ROLE;

    #[test]
    fn messages_are_those_of_the_protocol_and_nothing_else() {
        let id = "x".repeat(ID_BYTES_MAX);
        assert!(matches!(read(r#"{"type":"connection_init"}"#), Ok(Received::Init(None))));
        assert!(matches!(read(r#"{"type":"connection_init","payload":{}}"#), Ok(Received::Init(Some(_)))));
        assert!(matches!(read(r#"{"type":"ping","payload":null}"#), Ok(Received::Ping)));
        assert!(matches!(read(r#"{"type":"pong","payload":{"a":1}}"#), Ok(Received::Pong)));
        assert!(matches!(read(&format!(r#"{{"type":"complete","id":"{id}"}}"#)), Ok(Received::Complete(_))));
        let subscribe = r#"{"id":"1","type":"subscribe","payload":{"query":"{a}"}}"#;
        assert!(matches!(read(subscribe), Ok(Received::Subscribe(id, _)) if id == "1"));
        for text in [
            "",
            "{",
            "[]",
            "\"ping\"",
            "{}",
            r#"["ping"]"#,
            r#"{"type":"next","id":"1"}"#,
            r#"{"type":"Ping"}"#,
            r#"{"type":7}"#,
            r#"{"type":"ping","type":"ping"}"#,
            r#"{"type":"ping","payload":[]}"#,
            r#"{"type":"connection_init","payload":"token"}"#,
            r#"{"type":"complete"}"#,
            r#"{"type":"complete","id":""}"#,
            r#"{"type":"complete","id":7}"#,
            r#"{"type":"subscribe","id":"1"}"#,
            r#"{"type":"subscribe","id":"1","payload":[]}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":7}}"#,
            r#"{"type":"subscribe","payload":{"query":"{a}"}}"#,
            &format!(r#"{{"type":"complete","id":"{id}x"}}"#),
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn credentials_are_read_in_any_case_and_are_texts() {
        let of = |text: &str| credentials(Some(&RawValue::from_string(text.to_owned()).unwrap()));
        let found = of(r#"{"AUTHORIZATION":"Bearer a","sluice-Role":"r","other":[1]}"#).unwrap();
        assert_eq!(
            (&found[AUTHORIZATION], &found[SLUICE_ROLE], found.len()),
            (&HeaderValue::from_static("Bearer a"), &HeaderValue::from_static("r"), 2)
        );
        assert_eq!(of(r#"{"Authorization":"a","authorization":"b"}"#).unwrap().len(), 2);
        assert!(credentials(None).unwrap().is_empty());
        for text in [r#"{"authorization":1}"#, r#"{"authorization":null}"#, r#"{"authorization":"a\nb"}"#] {
            assert_eq!(of(text), Err(Malformed), "{text}");
        }
    }

    #[test]
    fn what_is_sent_repeats_the_id_as_it_was() {
        let text = |payload: Option<&str>| {
            String::from_utf8(of_operation("next", "a\"\n", payload.map(|text| text.as_bytes().to_vec())))
                .unwrap()
        };
        assert_eq!(text(None), r#"{"id":"a\"\n","type":"next"}"#);
        assert_eq!(text(Some("[1]")), r#"{"id":"a\"\n","type":"next","payload":[1]}"#);
    }
}
