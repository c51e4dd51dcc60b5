//! Plain values of questions: owns turning them into the engine's, without losing a digit. Does not know the types
//! of columns.

use sluice_proto::v1::literal::Kind;
use sluice_proto::v1::{Literal as LiteralMessage, LocalTimestamp};

use super::refusal::Refusal;
use crate::engine::statement::Literal;
use crate::protocol::literal::number;
use crate::query::calendar::{append_date, append_instant};
use crate::query::error::{ErrorCode, QueryError};

/// Floats are written with an exponent from here on, and below its inverse: they would have as many digits.
const PLAIN_BELOW: f64 = 1e16;
const PLAIN_FROM: f64 = 1e-5;

/// The plain value of a message. What is none is refused under `code`: that of what the value stands in.
///
/// # Errors
/// `invalid_request`: none is set; `code`: one that no reader could take.
pub(super) fn literal(message: LiteralMessage, code: ErrorCode) -> Result<Literal, Refusal> {
    let refused = |fault: &str, field: &str| Refusal::of_field(QueryError::new(code, fault), field);
    let Some(kind) = message.kind else {
        let error = QueryError::new(ErrorCode::InvalidRequest, "a value has no kind that this server knows");
        return Err(error.into());
    };
    Ok(match kind {
        Kind::NullValue(_) => Literal::Null,
        Kind::BoolValue(value) => Literal::Bool(value),
        Kind::Int64Value(value) => Literal::Number(value.to_string()),
        Kind::Uint64Value(value) => Literal::Number(value.to_string()),
        Kind::DoubleValue(value) if value.is_finite() => Literal::Number(digits(value)),
        Kind::DoubleValue(_) => {
            return Err(refused("NaN and infinities are no plain values", "double_value"));
        }
        Kind::StringValue(text) => Literal::Text(text),
        Kind::DecimalValue(text) => number(&text).map_err(|fault| refused(fault, "decimal_value"))?,
        Kind::DateDays(days) => Literal::Text(text(|out| append_date(out, days))),
        Kind::TimestampValue(at) => {
            let text = instant(at.seconds, at.nanos);
            Literal::Text(text.map_err(|fault| refused(fault, "timestamp_value.nanos"))? + "Z")
        }
        Kind::LocalTimestampValue(LocalTimestamp { seconds, nanos }) => {
            let text = instant(seconds, nanos);
            Literal::Text(text.map_err(|fault| refused(fault, "local_timestamp_value.nanos"))?)
        }
    })
}

/// The digits that an author of JSON would write: whole numbers have no point.
fn digits(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude == 0.0 || (PLAIN_FROM..PLAIN_BELOW).contains(&magnitude) {
        format!("{value}")
    } else {
        format!("{value:e}")
    }
}

fn instant(seconds: i64, nanos: i32) -> Result<String, &'static str> {
    match u32::try_from(nanos) {
        Ok(nanos) if nanos < 1_000_000_000 => Ok(text(|out| append_instant(out, seconds, nanos))),
        _ => Err("\"nanos\" is not from 0 to 999999999"),
    }
}

fn text(append: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    append(&mut out);
    // The calendar writes ASCII.
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use prost_types::Timestamp;

    use super::*;

    fn read(kind: Kind) -> Result<Literal, Refusal> {
        literal(LiteralMessage { kind: Some(kind) }, ErrorCode::InvalidExpression)
    }

    #[test]
    fn numbers_get_the_digits_of_json() {
        let of = |kind: Kind| match read(kind).unwrap() {
            Literal::Number(digits) => digits,
            other => panic!("{other:?}"),
        };
        assert_eq!(of(Kind::Int64Value(i64::MIN)), "-9223372036854775808");
        assert_eq!(of(Kind::Uint64Value(u64::MAX)), "18446744073709551615");
        assert_eq!(of(Kind::DecimalValue("0.1234567890123456789".to_owned())), "0.1234567890123456789");
        for (value, expected) in [
            (60.0, "60"),
            (0.1, "0.1"),
            (-0.0, "-0"),
            (1e300, "1e300"),
            (1e-9, "1e-9"),
            (123_456.5, "123456.5"),
        ] {
            assert_eq!(of(Kind::DoubleValue(value)), expected);
            let _: f64 = serde_json::from_str(expected).unwrap();
        }
    }

    #[test]
    fn dates_and_times_are_written_as_in_json() {
        let at = Timestamp { seconds: 1_359_608_400, nanos: 5_000_000 };
        assert_eq!(
            read(Kind::TimestampValue(at)).unwrap(),
            Literal::Text("2013-01-31T05:00:00.005Z".to_owned())
        );
        let at = LocalTimestamp { seconds: -1, nanos: 0 };
        assert_eq!(
            read(Kind::LocalTimestampValue(at)).unwrap(),
            Literal::Text("1969-12-31T23:59:59".to_owned())
        );
        assert_eq!(read(Kind::DateDays(15_736)).unwrap(), Literal::Text("2013-01-31".to_owned()));
    }

    #[test]
    fn what_is_no_plain_value_is_refused() {
        for kind in [
            Kind::DoubleValue(f64::NAN),
            Kind::DoubleValue(f64::INFINITY),
            Kind::DecimalValue("1,5".to_owned()),
            Kind::DecimalValue("1e400".to_owned()),
            Kind::TimestampValue(Timestamp { seconds: 0, nanos: -1 }),
            Kind::LocalTimestampValue(LocalTimestamp { seconds: 0, nanos: 1_000_000_000 }),
        ] {
            assert_eq!(read(kind).unwrap_err().error().code, ErrorCode::InvalidExpression);
        }
        let unset = literal(LiteralMessage { kind: None }, ErrorCode::InvalidExpression);
        assert_eq!(unset.unwrap_err().error().code, ErrorCode::InvalidRequest);
    }
}
