//! Plain values in JSON: owns reading them without losing a digit. Does not know the types of columns.

use serde_json::value::RawValue;

use crate::engine::statement::Literal;

/// The plain value that stands at `raw`.
///
/// # Errors
/// What is wrong with it, in words: a list, an object, or a value that no reader could take.
pub fn literal(raw: &RawValue) -> Result<Literal, &'static str> {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'n') => Ok(Literal::Null),
        Some(b't') => Ok(Literal::Bool(true)),
        Some(b'f') => Ok(Literal::Bool(false)),
        Some(b'"') => serde_json::from_str(text).map(Literal::Text).map_err(|_| "a text is not sound"),
        Some(b'-' | b'0'..=b'9') => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Literal::Number(text.to_owned())),
            _ => Err("a number is out of range"),
        },
        _ => Err("a list or an object is no plain value"),
    }
}

/// A number that comes as text, in the syntax of JSON and in its own digits.
///
/// # Errors
/// What is wrong with it, in words.
pub fn number(text: &str) -> Result<Literal, &'static str> {
    const NO_NUMBER: &str = "a number is not written as in JSON, such as \"-12.50\" or \"1e-9\"";
    let raw: &RawValue = serde_json::from_str(text).map_err(|_| NO_NUMBER)?;
    match literal(raw)? {
        // Blanks around it are none of its digits.
        Literal::Number(digits) if digits == text => Ok(Literal::Number(digits)),
        _ => Err(NO_NUMBER),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn read(text: &str) -> Result<Literal, &'static str> {
        literal(serde_json::from_str::<&RawValue>(text).unwrap())
    }

    #[test]
    fn numbers_keep_their_digits() {
        for text in ["0.1234567890123456789", "12345678901234567890.12", "1e2", "-0", "1.50"] {
            assert_eq!(read(text), Ok(Literal::Number(text.to_owned())));
        }
        assert_eq!(read("1e400"), Err("a number is out of range"));
    }

    #[test]
    fn numbers_as_text_are_json_numbers() {
        for text in ["-12.50", "1e-9", "0"] {
            assert_eq!(number(text), Ok(Literal::Number(text.to_owned())));
        }
        for text in ["", " 1", "1 ", "+1", ".5", "01", "NaN", "\"1\"", "null", "1e400", "0x1", "[1]"] {
            assert!(number(text).is_err(), "{text}");
        }
    }

    #[test]
    fn other_plain_values_are_themselves() {
        assert_eq!(read("null"), Ok(Literal::Null));
        assert_eq!(read("true"), Ok(Literal::Bool(true)));
        assert_eq!(read("false"), Ok(Literal::Bool(false)));
        assert_eq!(read("\"a\\u00e9\\n\""), Ok(Literal::Text("a\u{e9}\n".to_owned())));
    }

    #[test]
    fn what_is_not_plain_is_refused() {
        for text in ["[]", "{}", "[1]", "\"\\ud800\""] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
