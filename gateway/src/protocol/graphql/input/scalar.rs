//! Values of scalars: owns which forms each scalar takes and what they become. Dates and times stay texts, which the
//! engine reads as it reads those of every other door.

use apollo_compiler::ast::Value;

use super::Input;
use crate::engine::statement::Literal;
use crate::protocol::literal::number;

/// The value of the scalar of that name; `None` is an error that says nothing but that it does not fit.
pub(super) fn coerced(scalar: &str, value: &Value) -> Result<Input, Option<&'static str>> {
    match (scalar, value) {
        ("Boolean", Value::Boolean(value)) => Ok(Input::Bool(*value)),
        ("Int", Value::Int(digits)) => match digits.try_to_i32() {
            Ok(_) => Ok(Input::Number(digits.as_str().into())),
            Err(_) => Err(Some("an \"Int\" has 32 bits")),
        },
        ("Float" | "Decimal", Value::Int(digits)) => number_of(digits.as_str()),
        ("Float" | "Decimal", Value::Float(digits)) => number_of(digits.as_str()),
        ("Decimal", Value::String(text)) => number_of(text),
        ("Int64", Value::Int(digits)) => whole(digits.as_str()),
        ("Int64", Value::String(text)) => whole(text),
        ("String" | "ID" | "Date" | "Timestamp" | "LocalTimestamp" | "Base64", Value::String(text)) => {
            Ok(Input::Text(text.as_str().into()))
        }
        _ => Err(None),
    }
}

/// The syntax of JSON, in a range that every reader takes.
fn number_of(text: &str) -> Result<Input, Option<&'static str>> {
    match number(text).map_err(Some)? {
        Literal::Number(digits) => Ok(Input::Number(digits.into())),
        _ => Err(None),
    }
}

/// Digits that fit 64 bits, with a sign or without.
fn whole(text: &str) -> Result<Input, Option<&'static str>> {
    let is_integer = !text.contains(['.', 'e', 'E']) && number(text).is_ok();
    let fits = text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok();
    match is_integer && fits {
        true => Ok(Input::Number(text.into())),
        false => Err(Some("an \"Int64\" is a whole number of 64 bits, or its digits as text")),
    }
}
