//! Steps of numbers: owns truncating, rounding and bucketing, for every value that a number
//! type can hold. A multiple that the type cannot hold gives way to the next one toward zero.

use std::fmt;
use std::str::FromStr;

use arrow_schema::DataType;

use super::MaskError;
use crate::row_filter::{parse_decimal, rescale};

/// A positive number that masked values are multiples of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    digits: i128,
    scale: i8,
}

/// The text is not a positive number in plain decimal notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a step is a positive number in plain decimal notation")]
pub struct InvalidStep;

impl FromStr for Step {
    type Err = InvalidStep;

    fn from_str(text: &str) -> Result<Self, InvalidStep> {
        let (digits, scale) = parse_decimal(text).ok_or(InvalidStep)?;
        if digits <= 0 { Err(InvalidStep) } else { Ok(Self { digits, scale }) }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = usize::try_from(self.scale).unwrap_or(0);
        let digits = format!("{:0>width$}", self.digits, width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        if places == 0 { f.write_str(whole) } else { write!(f, "{whole}.{fraction}") }
    }
}

/// Which multiple.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rounding {
    TowardZero,
    Nearest,
    Down,
}

pub(super) fn takes(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Float32
            | DataType::Float64
            | DataType::Decimal128(..)
    )
}

impl Step {
    /// Whether values of this type can be multiples of the step.
    pub(super) fn check(&self, data_type: &DataType) -> Result<(), MaskError> {
        let fits = match data_type {
            DataType::Float32 | DataType::Float64 => true,
            _ => self.in_units_of(data_type).is_some_and(|step| step <= limit(data_type).1),
        };
        if fits {
            return Ok(());
        }
        Err(MaskError::StepMismatch { step: self.to_string(), data_type: data_type.clone() })
    }

    /// The step in the integers that the type stores.
    pub(super) fn in_units_of(&self, data_type: &DataType) -> Option<i128> {
        let scale = match data_type {
            DataType::Decimal128(_, scale) => *scale,
            _ => 0,
        };
        rescale(self.digits, self.scale, scale)
    }

    /// The multiple for a float. NaN and infinities stay; so does a number so large beside the
    /// step that the quotient is out of range.
    pub(super) fn of_float(&self, value: f64, rounding: Rounding) -> f64 {
        let digits = self.digits as f64;
        let power = 10f64.powi(i32::from(self.scale));
        let quotient = value * power / digits;
        if !value.is_finite() || !quotient.is_finite() {
            return value;
        }
        let whole = match rounding {
            Rounding::TowardZero => quotient.trunc(),
            Rounding::Nearest => quotient.round(),
            Rounding::Down => quotient.floor(),
        };
        let multiple = whole * digits / power;
        // Adding zero turns -0, which would tell a sign, into 0.
        if multiple.is_finite() { multiple + 0.0 } else { value }
    }
}

/// The multiple of `step` for a stored integer, within the limits of its type.
pub(super) fn of_integer(value: i128, step: i128, (least, most): (i128, i128), rounding: Rounding) -> i128 {
    let Some(rest) = value.checked_rem(step) else { return value };
    let toward_zero = value - rest;
    let wanted = match rounding {
        Rounding::TowardZero => Some(toward_zero),
        Rounding::Down if rest < 0 => toward_zero.checked_sub(step),
        Rounding::Down => Some(toward_zero),
        Rounding::Nearest if rest.abs() < step - rest.abs() => Some(toward_zero),
        Rounding::Nearest if rest < 0 => toward_zero.checked_sub(step),
        Rounding::Nearest => toward_zero.checked_add(step),
    };
    wanted.filter(|multiple| (least..=most).contains(multiple)).unwrap_or(toward_zero)
}

/// Least and greatest stored integer of a type.
pub(super) fn limit(data_type: &DataType) -> (i128, i128) {
    match data_type {
        DataType::Int8 => (i8::MIN.into(), i8::MAX.into()),
        DataType::Int16 => (i16::MIN.into(), i16::MAX.into()),
        DataType::Int32 => (i32::MIN.into(), i32::MAX.into()),
        DataType::Int64 => (i64::MIN.into(), i64::MAX.into()),
        DataType::Decimal128(precision, _) => {
            let most = 10i128.checked_pow(u32::from(*precision)).map_or(i128::MAX, |bound| bound - 1);
            (-most, most)
        }
        _ => (0, 0),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const I8: (i128, i128) = (-128, 127);

    fn step(text: &str) -> Step {
        text.parse().unwrap()
    }

    #[test]
    fn integers_go_to_the_multiple_of_each_kind() {
        for (value, toward_zero, nearest, down) in [
            (17, 10, 20, 10),
            (-17, -10, -20, -20),
            (15, 10, 20, 10),
            (-15, -10, -20, -20),
            (4, 0, 0, 0),
            (-20, -20, -20, -20),
        ] {
            assert_eq!(of_integer(value, 10, I8, Rounding::TowardZero), toward_zero);
            assert_eq!(of_integer(value, 10, I8, Rounding::Nearest), nearest);
            assert_eq!(of_integer(value, 10, I8, Rounding::Down), down);
        }
    }

    #[test]
    fn multiples_outside_the_type_give_way_toward_zero() {
        assert_eq!(of_integer(127, 10, I8, Rounding::Nearest), 120);
        assert_eq!(of_integer(-128, 10, I8, Rounding::Down), -120);
        assert_eq!(of_integer(-128, 10, I8, Rounding::Nearest), -120);
        let limits = limit(&DataType::Decimal128(38, 0));
        let step = limits.1;
        assert_eq!(of_integer(-1, step, limits, Rounding::Down), -step);
        assert_eq!(of_integer(1 - step, step, limits, Rounding::Down), -step);
        assert_eq!(of_integer(i128::MIN, step, limits, Rounding::Nearest), -step);
    }

    #[test]
    fn floats_are_total() {
        assert_eq!(step("0.1").of_float(0.34, Rounding::TowardZero), 0.3);
        assert_eq!(step("1000").of_float(711.56, Rounding::Nearest), 1000.0);
        assert_eq!(step("10").of_float(-0.5, Rounding::TowardZero).to_bits(), 0.0f64.to_bits());
        assert!(step("10").of_float(f64::NAN, Rounding::Down).is_nan());
        assert_eq!(step("10").of_float(f64::NEG_INFINITY, Rounding::Down), f64::NEG_INFINITY);
        assert_eq!(step("0.001").of_float(f64::MAX, Rounding::Nearest), f64::MAX);
        assert!(step("7").of_float(f64::MAX, Rounding::Nearest).is_finite());
    }

    #[test]
    fn steps_are_positive_plain_numbers_that_fit_the_type() {
        for text in ["0", "-1", "1e3", "", "x", ".", "1.", "0.000"] {
            assert!(text.parse::<Step>().is_err(), "{text}");
        }
        assert_eq!(step("0.50").to_string(), "0.5");
        assert_eq!(step("1000").to_string(), "1000");
        assert!(step("0.5").check(&DataType::Int64).is_err());
        assert!(step("0.5").check(&DataType::Decimal128(12, 1)).is_ok());
        assert!(step("0.5").check(&DataType::Decimal128(12, 0)).is_err());
        assert!(step("200").check(&DataType::Int8).is_err());
    }
}
