//! The values of variables as a request carries them: owns reading JSON into values of the document's own kind, in
//! one pass and without losing a digit. Does not know the types of variables.

use std::collections::HashMap;

use apollo_compiler::ast::{FloatValue, IntValue, Value};
use apollo_compiler::{Name, Node};
use serde_json::value::RawValue;

use crate::engine::statement::Literal;
use crate::protocol::literal::literal;
use crate::query::error::{ErrorCode, QueryError};

/// Values by the names of their variables.
pub type Given = HashMap<String, Node<Value>>;

/// Lists and objects inside each other: the JSON parser takes no more either.
const DEPTH_MAX: usize = 127;

/// Reads `variables`.
///
/// # Errors
/// `invalid_request`: what is neither an object nor null, names a variable twice, or holds a number that no reader
/// could take.
pub fn read(raw: &RawValue) -> Result<Given, QueryError> {
    let mut reader = Reader { text: raw.get(), at: 0 };
    match reader.value(0).map_err(invalid)? {
        Value::Null => Ok(Given::new()),
        Value::Object(members) => {
            let mut given = Given::with_capacity(members.len());
            for (name, value) in members {
                if given.insert(name.to_string(), value).is_some() {
                    return Err(invalid(&format!("\"variables\" names \"{name}\" twice")));
                }
            }
            Ok(given)
        }
        _ => Err(invalid("\"variables\" must be an object")),
    }
}

fn invalid(message: &str) -> QueryError {
    QueryError::new(ErrorCode::InvalidRequest, message)
}

/// A walk over a text that is known to be JSON.
struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn value(&mut self, depth: usize) -> Result<Value, &'static str> {
        match self.next() {
            b'{' | b'[' if depth == DEPTH_MAX => Err("\"variables\" are nested too deeply"),
            b'{' => self.object(depth),
            b'[' => self.list(depth),
            _ => self.plain(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, &'static str> {
        let mut members: Vec<(Name, Node<Value>)> = Vec::new();
        self.at += 1;
        while self.next() != b'}' {
            let Value::String(name) = self.plain()? else { return Err(NOT_JSON) };
            self.expect(b':')?;
            // A name that is none in the language names no member of anything, and is refused as such.
            members.push((Name::new_unchecked(&name), Node::new(self.value(depth + 1)?)));
            self.separate(b'}')?;
        }
        self.at += 1;
        Ok(Value::Object(members))
    }

    fn list(&mut self, depth: usize) -> Result<Value, &'static str> {
        let mut items: Vec<Node<Value>> = Vec::new();
        self.at += 1;
        while self.next() != b']' {
            items.push(Node::new(self.value(depth + 1)?));
            self.separate(b']')?;
        }
        self.at += 1;
        Ok(Value::List(items))
    }

    fn plain(&mut self) -> Result<Value, &'static str> {
        let is_text = self.next() == b'"';
        let rest = &self.text.as_bytes()[self.at..];
        let length = if is_text { text_length(rest) } else { word_length(rest) };
        let part = self.text.get(self.at..self.at + length).ok_or(NOT_JSON)?;
        self.at += length;
        let raw: &RawValue = serde_json::from_str(part).map_err(|_| NOT_JSON)?;
        Ok(match literal(raw)? {
            Literal::Null => Value::Null,
            Literal::Bool(value) => Value::Boolean(value),
            Literal::Text(text) => Value::String(text),
            Literal::Number(digits) if digits.contains(['.', 'e', 'E']) => {
                Value::Float(FloatValue::new_parsed(&digits))
            }
            Literal::Number(digits) => Value::Int(IntValue::new_parsed(&digits)),
        })
    }

    /// The next character that is no blank; none are left at the end of the text, where this is 0.
    fn next(&mut self) -> u8 {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.text.as_bytes().get(self.at).copied().unwrap_or_default()
    }

    fn expect(&mut self, byte: u8) -> Result<(), &'static str> {
        if self.next() != byte {
            return Err(NOT_JSON);
        }
        self.at += 1;
        Ok(())
    }

    fn separate(&mut self, end: u8) -> Result<(), &'static str> {
        if self.next() == end { Ok(()) } else { self.expect(b',') }
    }
}

const NOT_JSON: &str = "\"variables\" are not JSON";

/// Bytes of the text that starts here, quotes included.
fn text_length(rest: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = rest.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Bytes of the number or word that starts here.
fn word_length(rest: &[u8]) -> usize {
    rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')).count()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Result<Given, QueryError> {
        read(serde_json::from_str::<&RawValue>(text).unwrap())
    }

    fn value(text: &str) -> String {
        of(&format!("{{\"v\":{text}}}")).unwrap()["v"].to_string()
    }

    #[test]
    fn numbers_keep_their_digits() {
        for digits in ["12345678901234567890.1234567890", "-0", "1e2", "1E+5", "0", "-7", "1.50"] {
            assert_eq!(value(digits), digits);
        }
        assert!(of("{\"v\": 1e400}").unwrap_err().message.contains("out of range"));
    }

    #[test]
    fn values_of_every_kind_are_read() {
        let text = " [ 1 , \"a\\\"]\\u00e9\" , null,true, {\"a\" :[] } ] ";
        let given = of(&format!("{{\"v\":{text}}}")).unwrap();
        assert_eq!(back(&given["v"]), serde_json::json!([1, "a\"]\u{e9}", null, true, {"a": []}]));
    }

    #[test]
    fn variables_are_an_object_or_nothing() {
        assert!(of("null").unwrap().is_empty() && of(" {} ").unwrap().is_empty());
        for text in ["[]", "1", "\"a\"", "{\"a\":1,\"a\":2}"] {
            assert_eq!(of(text).unwrap_err().code, ErrorCode::InvalidRequest, "{text}");
        }
    }

    #[test]
    fn nesting_ends_somewhere() {
        let nested = |levels: usize| format!("{{\"v\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(of(&nested(DEPTH_MAX - 1)).is_ok());
        assert!(of(&nested(DEPTH_MAX)).is_err());
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(serde_json::Value::from),
            any::<i64>().prop_map(serde_json::Value::from),
            any::<f64>().prop_map(serde_json::Value::from),
            any::<String>().prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    fn back(value: &Value) -> serde_json::Value {
        match value {
            Value::Null => serde_json::Value::Null,
            Value::Boolean(value) => (*value).into(),
            Value::String(text) => text.as_str().into(),
            Value::Int(number) => serde_json::from_str(number.as_str()).unwrap(),
            Value::Float(number) => serde_json::from_str(number.as_str()).unwrap(),
            Value::List(items) => items.iter().map(|item| back(item)).collect(),
            Value::Object(members) => {
                members.iter().map(|(name, value)| (name.to_string(), back(value))).collect()
            }
            Value::Enum(_) | Value::Variable(_) => panic!("no such thing in JSON"),
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_was_written(value in json(), pretty: bool) {
            let wrapped = serde_json::json!({ "v": value });
            let text = if pretty { serde_json::to_string_pretty(&wrapped) } else { serde_json::to_string(&wrapped) };
            let given = of(&text.unwrap()).unwrap();
            prop_assert_eq!(back(&given["v"]), value);
        }
    }
}
