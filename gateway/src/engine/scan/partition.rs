//! Partition values: owns their reading from the text that the log has. A text that is not
//! exactly a value of the column's type is an error.

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;

use crate::engine::error::EngineError;

/// A partition value from its text in the log. The empty string is null, as the protocol has it;
/// a timestamp that names no zone is taken as UTC.
pub(in crate::engine) fn partition_value(
    text: Option<&str>,
    data_type: &DataType,
) -> Result<ScalarValue, EngineError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return ScalarValue::try_from(data_type).map_err(|e| EngineError::Storage(Box::new(e)));
    };
    parse(text, data_type)
        .ok_or_else(|| EngineError::Storage(format!("a partition value in the log is no {data_type}").into()))
}

fn parse(text: &str, data_type: &DataType) -> Option<ScalarValue> {
    Some(match data_type {
        DataType::Utf8 => ScalarValue::Utf8(Some(text.to_owned())),
        DataType::Binary => ScalarValue::Binary(Some(text.as_bytes().to_vec())),
        DataType::Boolean if text.eq_ignore_ascii_case("true") => ScalarValue::Boolean(Some(true)),
        DataType::Boolean if text.eq_ignore_ascii_case("false") => ScalarValue::Boolean(Some(false)),
        DataType::Int8 => ScalarValue::Int8(Some(text.parse().ok()?)),
        DataType::Int16 => ScalarValue::Int16(Some(text.parse().ok()?)),
        DataType::Int32 => ScalarValue::Int32(Some(text.parse().ok()?)),
        DataType::Int64 => ScalarValue::Int64(Some(text.parse().ok()?)),
        DataType::Float32 => ScalarValue::Float32(Some(text.parse().ok()?)),
        DataType::Float64 => ScalarValue::Float64(Some(text.parse().ok()?)),
        DataType::Decimal128(precision, scale) => {
            ScalarValue::Decimal128(Some(decimal(text, *precision, *scale)?), *precision, *scale)
        }
        DataType::Date32 | DataType::Timestamp(..) => {
            ScalarValue::try_from_string(text.to_owned(), data_type).ok()?
        }
        _ => return None,
    })
}

/// Unscaled value, when no digit is lost. Exponents occur: Java writes a zero of scale 18 `0E-18`.
fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let unscaled: i128 = format!("{whole}{fraction}").parse().ok()?;
    let places = i32::try_from(fraction.len()).ok()?;
    let shift = i32::from(scale).checked_add(exponent)?.checked_sub(places)?;
    let ten = |power: u32| 10_i128.checked_pow(power);
    let value = match (unscaled, shift) {
        (0, _) => 0,
        (_, 0..) => unscaled.checked_mul(ten(shift.unsigned_abs())?)?,
        (_, ..0) => {
            let divisor = ten(shift.unsigned_abs())?;
            (unscaled % divisor == 0).then_some(unscaled / divisor)?
        }
    };
    (value.unsigned_abs() < ten(u32::from(precision))?.unsigned_abs()).then_some(value)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use arrow::datatypes::TimeUnit;

    use super::*;

    fn read(text: &str, data_type: &DataType) -> Option<ScalarValue> {
        partition_value(Some(text), data_type).ok()
    }

    #[test]
    fn decimals_keep_every_digit_or_are_refused() {
        for (text, scale, value) in [
            ("1.50", 2, Some(150)),
            ("-1.5", 2, Some(-150)),
            ("1.500", 2, Some(150)),
            ("1.501", 2, None),
            ("0E-18", 2, Some(0)),
            ("1E-2", 2, Some(1)),
            ("1E-3", 2, None),
            ("12E+1", 0, Some(120)),
            ("100", 2, None),
            ("1.-5", 2, None),
            ("", 2, None),
            ("x", 2, None),
            ("1E999999999", 2, None),
            (".", 2, None),
        ] {
            assert_eq!(decimal(text, 4, scale), value.filter(|v: &i128| v.abs() < 10_000), "{text}");
        }
    }

    #[test]
    fn floats_are_read_as_java_writes_them() {
        for (text, right) in [("Infinity", f64::INFINITY), ("-Infinity", f64::NEG_INFINITY), ("1.0E-5", 1e-5)]
        {
            assert_eq!(read(text, &DataType::Float64), Some(ScalarValue::Float64(Some(right))), "{text}");
        }
        let Some(ScalarValue::Float32(Some(nan))) = read("NaN", &DataType::Float32) else { panic!() };
        assert!(nan.is_nan());
    }

    #[test]
    fn moments_are_read_in_both_forms_of_the_protocol() {
        let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let local = DataType::Timestamp(TimeUnit::Microsecond, None);
        for text in ["1970-01-01 00:00:01.5", "1970-01-01 00:00:01.500000", "1970-01-01T00:00:01.500000Z"] {
            let right = ScalarValue::TimestampMicrosecond(Some(1_500_000), Some("UTC".into()));
            assert_eq!(read(text, &utc), Some(right), "{text}");
        }
        let right = ScalarValue::TimestampMicrosecond(Some(-62_135_596_800_000_000), None);
        assert_eq!(read("0001-01-01 00:00:00", &local), Some(right));
        assert_eq!(read("9999-12-31", &DataType::Date32), Some(ScalarValue::Date32(Some(2_932_896))));
    }

    #[test]
    fn text_of_another_type_is_refused_and_empty_text_is_null() {
        for (text, data_type) in [
            ("1.5", DataType::Int32),
            ("128", DataType::Int8),
            (" 1", DataType::Int64),
            ("yes", DataType::Boolean),
            ("yesterday", DataType::Date32),
        ] {
            assert!(read(text, &data_type).is_none(), "{text}");
            assert!(read("", &data_type).unwrap().is_null());
            assert!(partition_value(None, &data_type).unwrap().is_null());
        }
    }
}
