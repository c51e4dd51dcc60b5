//! JSON in the bodies of requests: owns what an object is, and the words and places of faults. Does not know the
//! fields of any.

use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, MapAccess, Visitor};

use crate::query::error::{ErrorCode, QueryError, TextPosition};

/// A structure that is written as an object. Left to itself, the derived reading takes an array
/// of the fields' values too.
#[derive(Debug, Clone, Copy)]
pub struct Object<T>(pub T);

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

/// A parser's complaint in our own punctuation, without its place.
pub fn syntax_error(error: &serde_json::Error, code: ErrorCode) -> QueryError {
    const MESSAGE_CHARS_MAX: usize = 300;
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let message = text.strip_suffix(&place).unwrap_or(&text).replace('`', "\"");
    QueryError::new(code, message.chars().take(MESSAGE_CHARS_MAX).collect::<String>())
}

/// The place of a fault. `None` where the parser knows none.
pub fn place(line: usize, column: usize) -> Option<TextPosition> {
    let (line, column) = (u64::try_from(line).ok()?, u64::try_from(column).ok()?);
    (line > 0).then_some(TextPosition { line, column: column.max(1) })
}

/// The place of a fault inside `part`, which is a slice of `body`, counted from the body's start.
/// `None` when `part` is no slice of `body`.
pub fn position_in(body: &[u8], part: &str, line: usize, column: usize) -> Option<TextPosition> {
    let offset = (part.as_ptr() as usize).checked_sub(body.as_ptr() as usize)?;
    let before = body.get(..offset)?;
    let lines_before = before.iter().filter(|byte| **byte == b'\n').count();
    if line > 1 {
        return place(lines_before + line, column);
    }
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    place(lines_before + line, offset - line_start + column)
}
