//! Typed values: owns how a JSON claim, or a literal of a policy file, becomes a value of
//! exactly the type of the column that it is compared with. Never converts between types.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int8Array, Int16Array,
    Int32Array, Int64Array, LargeStringArray, StringArray, StringViewArray, TimestampMicrosecondArray,
};
use arrow_schema::{ArrowError, DataType, TimeUnit};
use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime};
use serde_json::Value;

/// A value that was checked against the type of the column that it meets.
#[derive(Debug, Clone, PartialEq)]
pub enum ClaimValue {
    /// For string columns.
    String(String),
    /// For integer columns, in the range of the column.
    Int(i64),
    /// For float columns, finite.
    Float(f64),
    /// For Boolean columns.
    Bool(bool),
    /// For date columns: days since 1970-01-01.
    Date(i32),
    /// For timestamp columns without a time zone: microseconds since 1970-01-01T00:00:00.
    TimestampMicros(i64),
    /// For timestamp columns with a time zone: microseconds since 1970-01-01T00:00:00Z.
    TimestampUtcMicros(i64),
    /// For decimal columns: exactly `unscaled` / 10^`scale`, of the column's own precision and scale.
    Decimal128 {
        /// The digits.
        unscaled: i128,
        /// Precision of the column.
        precision: u8,
        /// Scale of the column.
        scale: i8,
    },
}

/// A value cannot be one of the wanted type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// There is no way to write values of this type.
    #[error("values of type {0} cannot be written in a policy")]
    UnsupportedType(DataType),
    /// The text or JSON is not of this type, or out of its range.
    #[error("not a value of type {0}")]
    NotOfType(DataType),
}

impl ClaimValue {
    /// The JSON value as one of exactly this type. Numbers are never read from strings, nor
    /// integers from fractions; dates and timestamps are ISO 8601 strings, with an offset
    /// exactly when the type has a time zone; decimals take integers only, because JSON readers
    /// round fractions.
    pub fn from_json(value: &Value, data_type: &DataType) -> Result<Self, ValueError> {
        let wrong = || ValueError::NotOfType(data_type.clone());
        match data_type {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                value.as_str().map(|text| Self::String(text.to_string())).ok_or_else(wrong)
            }
            DataType::Boolean => value.as_bool().map(Self::Bool).ok_or_else(wrong),
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => {
                let number = value.as_i64().ok_or_else(wrong)?;
                in_range(number, data_type).map(Self::Int).ok_or_else(wrong)
            }
            DataType::Float32 | DataType::Float64 => {
                value.as_f64().filter(|number| number.is_finite()).map(Self::Float).ok_or_else(wrong)
            }
            DataType::Decimal128(..) => {
                let number = value.as_i64().ok_or_else(wrong)?;
                Self::decimal(&number.to_string(), data_type)
            }
            DataType::Date32 | DataType::Timestamp(..) => {
                Self::from_text(value.as_str().ok_or_else(wrong)?, data_type)
            }
            _ => Err(ValueError::UnsupportedType(data_type.clone())),
        }
    }

    /// The text of a literal as a value of exactly this type.
    pub fn from_text(text: &str, data_type: &DataType) -> Result<Self, ValueError> {
        let wrong = || ValueError::NotOfType(data_type.clone());
        match data_type {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Ok(Self::String(text.to_string())),
            DataType::Boolean => text.parse().map(Self::Bool).map_err(|_| wrong()),
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => {
                let number = text.parse().map_err(|_| wrong())?;
                in_range(number, data_type).map(Self::Int).ok_or_else(wrong)
            }
            DataType::Float32 | DataType::Float64 => {
                let number: f64 = text.parse().map_err(|_| wrong())?;
                let fits =
                    number.is_finite() && (*data_type == DataType::Float64 || (number as f32).is_finite());
                if fits { Ok(Self::Float(number)) } else { Err(wrong()) }
            }
            DataType::Decimal128(..) => Self::decimal(text, data_type),
            DataType::Date32 => days(text).map(Self::Date).ok_or_else(wrong),
            DataType::Timestamp(TimeUnit::Microsecond, None) => {
                naive_micros(text).map(Self::TimestampMicros).ok_or_else(wrong)
            }
            DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => DateTime::parse_from_rfc3339(text)
                .map(|time| Self::TimestampUtcMicros(time.timestamp_micros()))
                .map_err(|_| wrong()),
            _ => Err(ValueError::UnsupportedType(data_type.clone())),
        }
    }

    fn decimal(text: &str, data_type: &DataType) -> Result<Self, ValueError> {
        let wrong = || ValueError::NotOfType(data_type.clone());
        let DataType::Decimal128(precision, scale) = *data_type else { return Err(wrong()) };
        let (digits, digits_scale) = parse_decimal(text).ok_or_else(wrong)?;
        let unscaled = rescale(digits, digits_scale, scale).ok_or_else(wrong)?;
        let limit = 10i128.checked_pow(u32::from(precision)).ok_or_else(wrong)?;
        if unscaled.unsigned_abs() >= limit.unsigned_abs() {
            return Err(wrong());
        }
        Ok(Self::Decimal128 { unscaled, precision, scale })
    }

    /// An array of one element, of exactly this type, which must be the one that the value was
    /// checked against.
    pub fn to_array(&self, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
        let mismatch = || ArrowError::InvalidArgumentError(format!("value does not fit type {data_type}"));
        let range = |_| mismatch();
        let array: ArrayRef = match (self, data_type) {
            (Self::String(text), DataType::Utf8) => Arc::new(StringArray::from(vec![text.as_str()])),
            (Self::String(text), DataType::LargeUtf8) => {
                Arc::new(LargeStringArray::from(vec![text.as_str()]))
            }
            (Self::String(text), DataType::Utf8View) => Arc::new(StringViewArray::from(vec![text.as_str()])),
            (Self::Int(n), DataType::Int8) => {
                Arc::new(Int8Array::from(vec![i8::try_from(*n).map_err(range)?]))
            }
            (Self::Int(n), DataType::Int16) => {
                Arc::new(Int16Array::from(vec![i16::try_from(*n).map_err(range)?]))
            }
            (Self::Int(n), DataType::Int32) => {
                Arc::new(Int32Array::from(vec![i32::try_from(*n).map_err(range)?]))
            }
            (Self::Int(n), DataType::Int64) => Arc::new(Int64Array::from(vec![*n])),
            (Self::Float(x), DataType::Float32) => Arc::new(Float32Array::from(vec![*x as f32])),
            (Self::Float(x), DataType::Float64) => Arc::new(Float64Array::from(vec![*x])),
            (Self::Bool(b), DataType::Boolean) => Arc::new(BooleanArray::from(vec![*b])),
            (Self::Date(days), DataType::Date32) => Arc::new(Date32Array::from(vec![*days])),
            (Self::TimestampMicros(t), DataType::Timestamp(TimeUnit::Microsecond, None)) => {
                Arc::new(TimestampMicrosecondArray::from(vec![*t]))
            }
            (Self::TimestampUtcMicros(t), DataType::Timestamp(TimeUnit::Microsecond, Some(zone))) => {
                Arc::new(TimestampMicrosecondArray::from(vec![*t]).with_timezone(Arc::clone(zone)))
            }
            (Self::Decimal128 { unscaled, precision, scale }, DataType::Decimal128(p, s))
                if precision == p && scale == s =>
            {
                Arc::new(Decimal128Array::from(vec![*unscaled]).with_precision_and_scale(*p, *s)?)
            }
            _ => return Err(mismatch()),
        };
        Ok(array)
    }

    /// The type of the value by itself: the widest of its kind (`Int64`, `Float64`, `Utf8`, UTC).
    pub fn data_type(&self) -> DataType {
        match self {
            Self::String(_) => DataType::Utf8,
            Self::Int(_) => DataType::Int64,
            Self::Float(_) => DataType::Float64,
            Self::Bool(_) => DataType::Boolean,
            Self::Date(_) => DataType::Date32,
            Self::TimestampMicros(_) => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::TimestampUtcMicros(_) => DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC"))),
            Self::Decimal128 { precision, scale, .. } => DataType::Decimal128(*precision, *scale),
        }
    }

    /// The value as a SQL literal, to show to the owner of the policy.
    pub fn to_sql(&self) -> String {
        match self {
            Self::String(text) => format!("'{}'", text.replace('\'', "''")),
            Self::Int(n) => n.to_string(),
            Self::Float(x) => format!("{x:?}"),
            Self::Bool(b) => b.to_string(),
            Self::Date(days) => NaiveDate::default()
                .checked_add_signed(Duration::days(i64::from(*days)))
                .map_or_else(|| format!("DATE {days}"), |date| format!("DATE '{date}'")),
            Self::TimestampMicros(t) => DateTime::from_timestamp_micros(*t).map_or_else(
                || format!("TIMESTAMP {t}"),
                |time| format!("TIMESTAMP '{}'", time.naive_utc().format("%Y-%m-%dT%H:%M:%S%.f")),
            ),
            Self::TimestampUtcMicros(t) => DateTime::from_timestamp_micros(*t).map_or_else(
                || format!("TIMESTAMP {t}"),
                |time| format!("TIMESTAMP '{}'", time.format("%Y-%m-%dT%H:%M:%S%.fZ")),
            ),
            Self::Decimal128 { unscaled, scale, .. } => decimal_text(*unscaled, *scale),
        }
    }

    /// Type and value as bytes that no other value has, for fingerprints.
    pub(crate) fn identity(&self) -> Vec<u8> {
        match self {
            Self::String(text) => [b"s", text.as_bytes()].concat(),
            Self::Int(n) => [b"i".as_slice(), &n.to_le_bytes()].concat(),
            Self::Float(x) => [b"f".as_slice(), &x.to_bits().to_le_bytes()].concat(),
            Self::Bool(b) => vec![b'b', u8::from(*b)],
            Self::Date(days) => [b"d".as_slice(), &days.to_le_bytes()].concat(),
            Self::TimestampMicros(t) => [b"t".as_slice(), &t.to_le_bytes()].concat(),
            Self::TimestampUtcMicros(t) => [b"z".as_slice(), &t.to_le_bytes()].concat(),
            Self::Decimal128 { unscaled, precision, scale } => {
                [b"n".as_slice(), &[*precision, scale.to_le_bytes()[0]], &unscaled.to_le_bytes()].concat()
            }
        }
    }
}

fn in_range(number: i64, data_type: &DataType) -> Option<i64> {
    let fits = match data_type {
        DataType::Int8 => i8::try_from(number).is_ok(),
        DataType::Int16 => i16::try_from(number).is_ok(),
        DataType::Int32 => i32::try_from(number).is_ok(),
        DataType::Int64 => true,
        _ => false,
    };
    fits.then_some(number)
}

/// Digits and scale of plain decimal notation (no exponent).
pub(crate) fn parse_decimal(text: &str) -> Option<(i128, i8)> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || unsigned.ends_with('.') {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    Some((if negative { -digits } else { digits }, i8::try_from(fraction.len()).ok()?))
}

/// The same number at another scale, when it has one exactly.
pub(crate) fn rescale(digits: i128, from: i8, to: i8) -> Option<i128> {
    let difference = i32::from(to) - i32::from(from);
    let factor = 10i128.checked_pow(difference.unsigned_abs())?;
    if difference >= 0 {
        digits.checked_mul(factor)
    } else {
        (digits % factor == 0).then_some(digits / factor)
    }
}

fn decimal_text(unscaled: i128, scale: i8) -> String {
    let sign = if unscaled < 0 { "-" } else { "" };
    let digits = unscaled.unsigned_abs().to_string();
    match usize::try_from(scale) {
        Ok(0) => format!("{sign}{digits}"),
        Ok(scale) => {
            let padded = format!("{digits:0>width$}", width = scale + 1);
            let (whole, fraction) = padded.split_at(padded.len() - scale);
            format!("{sign}{whole}.{fraction}")
        }
        Err(_) => format!("{sign}{digits}e{}", -i32::from(scale)),
    }
}

fn days(text: &str) -> Option<i32> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    if text.len() != 10 || date.to_string() != text {
        return None;
    }
    i32::try_from(date.signed_duration_since(NaiveDate::default()).num_days()).ok()
}

fn naive_micros(text: &str) -> Option<i64> {
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .map(|time| time.and_utc().timestamp_micros())
}
