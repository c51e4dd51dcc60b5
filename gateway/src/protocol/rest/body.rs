//! JSON request bodies: owns reading them into typed bodies, strictly, and the places of faults.
//! Does not know what a call's fields mean.

use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, MapAccess, Visitor};
use serde_json::error::Category;

use crate::config::limits::LimitsConfig;
use crate::protocol::suggest::did_you_mean;
use crate::query::error::{ErrorCode, QueryError, TextPosition};

/// A body that knows the names of its fields.
pub(super) trait Body<'a>: Deserialize<'a> {
    /// Every field.
    const FIELDS: &'static [&'static str];
}

/// Reads a body. Its nesting is checked before anything recursive touches it.
pub(super) fn parse<'a, T: Body<'a>>(bytes: &'a [u8], limits: &LimitsConfig) -> Result<T, QueryError> {
    if nesting(bytes) > limits.json_depth_max {
        let message = format!("the request body is nested deeper than {} levels", limits.json_depth_max);
        return Err(QueryError::new(ErrorCode::InvalidRequest, message));
    }
    let read: Result<Object<T>, serde_json::Error> = serde_json::from_slice(bytes);
    read.map(|Object(body)| body).map_err(|error| {
        let refusal = syntax_error(&error, ErrorCode::InvalidRequest).at(place(error.line(), error.column()));
        match unknown_field_hint(bytes, T::FIELDS) {
            Some(hint) if error.classify() == Category::Data => refusal.with_hint(hint),
            _ => refusal,
        }
    })
}

/// A parser's complaint in our own punctuation, without its place.
pub(super) fn syntax_error(error: &serde_json::Error, code: ErrorCode) -> QueryError {
    const MESSAGE_CHARS_MAX: usize = 300;
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let message = text.strip_suffix(&place).unwrap_or(&text).replace('`', "\"");
    QueryError::new(code, message.chars().take(MESSAGE_CHARS_MAX).collect::<String>())
}

/// The place of a fault inside `part`, which is a slice of `body`, counted from the body's start.
/// `None` when `part` is no slice of `body`.
pub(super) fn position_in(body: &[u8], part: &str, line: usize, column: usize) -> Option<TextPosition> {
    let offset = (part.as_ptr() as usize).checked_sub(body.as_ptr() as usize)?;
    let before = body.get(..offset)?;
    let lines_before = before.iter().filter(|byte| **byte == b'\n').count();
    if line > 1 {
        return place(lines_before + line, column);
    }
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    place(lines_before + line, offset - line_start + column)
}

fn place(line: usize, column: usize) -> Option<TextPosition> {
    let (line, column) = (u64::try_from(line).ok()?, u64::try_from(column).ok()?);
    (line > 0).then_some(TextPosition { line, column: column.max(1) })
}

/// Deepest nesting of brackets outside strings.
fn nesting(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let (mut in_string, mut escaped) = (false, false);
    for byte in bytes {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn unknown_field_hint(bytes: &[u8], known: &[&str]) -> Option<String> {
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(bytes).ok()?;
    let unknown = fields.keys().find(|field| !known.contains(&field.as_str()))?;
    did_you_mean(unknown, known)
}

/// A structure that is written as an object. Left to itself, the derived reading takes an array
/// of the fields' values too.
#[derive(Debug, Clone, Copy)]
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
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
        parse(text.as_bytes(), &LimitsConfig { json_depth_max: 3, ..LimitsConfig::default() })
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

    #[test]
    fn nesting_is_refused_one_level_over_the_limit() {
        assert!(!read("{\"a\":[[1]]}").unwrap_err().message.contains("nested"));
        assert!(read("{\"a\":[[[1]]]}").unwrap_err().message.contains("nested deeper than 3"));
        assert!(read(&"[".repeat(1_000_000)).unwrap_err().message.contains("nested"));
    }
}
