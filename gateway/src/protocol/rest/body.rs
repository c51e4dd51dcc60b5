//! JSON request bodies: owns reading them into typed bodies, strictly. Does not know what a call's fields mean.

use serde::de::{Deserialize, Visitor};
use serde_json::error::Category;

use crate::protocol::http::json_body::{Object, place, syntax_error};
use crate::protocol::suggest::did_you_mean;
use crate::query::error::{ErrorCode, QueryError};

/// A body that knows the names of its fields.
pub(super) trait Body<'a>: Deserialize<'a> {
    /// Every field.
    const FIELDS: &'static [&'static str];
}

/// Reads a body.
pub(super) fn parse<'a, T: Body<'a>>(bytes: &'a [u8]) -> Result<T, QueryError> {
    let read: Result<Object<T>, serde_json::Error> = serde_json::from_slice(bytes);
    read.map(|Object(body)| body).map_err(|error| {
        let refusal = syntax_error(&error, ErrorCode::InvalidRequest).at(place(error.line(), error.column()));
        match unknown_field_hint(bytes, T::FIELDS) {
            Some(hint) if error.classify() == Category::Data => refusal.with_hint(hint),
            _ => refusal,
        }
    })
}

fn unknown_field_hint(bytes: &[u8], known: &[&str]) -> Option<String> {
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(bytes).ok()?;
    let unknown = fields.keys().find(|field| !known.contains(&field.as_str()))?;
    did_you_mean(unknown, known)
}

/// A count in a body. Its own type, so that a wrong value is told in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole(pub(super) u64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(WholeVisitor)
    }
}

struct WholeVisitor;

impl Visitor<'_> for WholeVisitor {
    type Value = Whole;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a whole number that is not negative")
    }

    fn visit_u64<E>(self, value: u64) -> Result<Whole, E> {
        Ok(Whole(value))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields, default, expecting = "an object")]
    #[derive(Default)]
    struct Example {
        limit: Option<Whole>,
        count: Option<String>,
    }

    impl Body<'_> for Example {
        const FIELDS: &'static [&'static str] = &["limit", "count"];
    }

    fn read(text: &str) -> Result<Example, QueryError> {
        parse(text.as_bytes())
    }

    #[test]
    fn unknown_fields_are_refused_with_place_and_suggestion() {
        let refused = read("{\n \"limti\": 1}").unwrap_err();
        assert!(refused.message.starts_with("unknown field \"limti\""), "{}", refused.message);
        assert_eq!(refused.hint.as_deref(), Some("did you mean \"limit\"?"));
        assert_eq!(refused.position.map(|at| at.line), Some(2));
    }

    #[test]
    fn faults_name_no_type_of_ours() {
        assert_eq!(read("[]").unwrap_err().message, "invalid type: sequence, expected an object");
        let negative = read("{\"limit\":-1}").unwrap_err().message;
        assert!(negative.ends_with("expected a whole number that is not negative"), "{negative}");
        assert!(read("{\"limit\":1,\"limit\":2}").unwrap_err().message.contains("duplicate field"));
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in ["", "{", "{} x", "\u{feff}{}", "{\"count\":\"\\ud800\"}"] {
            assert_eq!(read(text).unwrap_err().code, ErrorCode::InvalidRequest, "{text}");
        }
        assert!(
            read("{\"limit\":7,\"count\":\"[[[[[[\"}")
                .is_ok_and(|e| e.limit == Some(Whole(7)) && e.count.is_some())
        );
    }
}
