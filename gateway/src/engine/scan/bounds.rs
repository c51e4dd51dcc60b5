//! What file statistics prove about one column: owns the careful reading of the log's minima and
//! maxima. Whatever does not decide is unknown (null), and an unknown bound skips nothing.

use std::sync::Arc;

use arrow::array::{ArrayRef, UInt64Array};
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use serde_json::Value;
use sluice_catalog::data_file::{ColumnStats, DataFile};
use sluice_catalog::snapshot::Snapshot;

use super::partition::partition_value;

/// Writers cut timestamps to the millisecond below, so a maximum may be this much too small.
const TIMESTAMP_CUT_MICROS: i64 = 999;

/// A string maximum of this many characters may have been cut short.
const STRING_CUT_CHARS: usize = 32;

/// Leading bits that survive two roundings to a double of 53: of the unscaled number, and of its quotient.
const DOUBLE_BITS: u32 = 51;

/// Bounds of one column in the given files, in their order.
#[derive(Debug)]
pub(in crate::engine) struct Bounds {
    /// Smallest possible value.
    pub(in crate::engine) min: ArrayRef,
    /// Largest possible value.
    pub(in crate::engine) max: ArrayRef,
    /// Nulls, where known.
    pub(in crate::engine) nulls: Arc<UInt64Array>,
}

/// Reads the bounds of the snapshot's column `column` for the files `ordinals`.
pub(in crate::engine) fn bounds(snapshot: &Snapshot, column: usize, ordinals: &[usize]) -> Result<Bounds> {
    let column = &snapshot.columns()[column];
    let data_type = column.field.data_type();
    let unknown = ScalarValue::try_from(data_type)?;
    let mut minima = Vec::with_capacity(ordinals.len());
    let mut maxima = Vec::with_capacity(ordinals.len());
    let mut nulls = Vec::with_capacity(ordinals.len());
    for ordinal in ordinals {
        let file = &snapshot.files()[*ordinal];
        if column.partition {
            let text = file.partition_values.get(&column.name).and_then(Option::as_deref);
            let value = partition_value(text, data_type).unwrap_or_else(|_| unknown.clone());
            nulls.push(if value.is_null() { num_records(file) } else { Some(0) });
            minima.push(value.clone());
            maxima.push(value);
            continue;
        }
        let stats = file.stats.as_ref().and_then(|s| s.column(&column.name)).unwrap_or_default();
        minima.push(minimum(&stats, data_type).unwrap_or_else(|| unknown.clone()));
        maxima.push(maximum(&stats, data_type).unwrap_or_else(|| unknown.clone()));
        let tight = file.stats.as_ref().is_some_and(|s| s.tight_bounds);
        nulls.push(stats.null_count.filter(|_| tight));
    }
    if ordinals.is_empty() {
        minima.push(unknown.clone());
        maxima.push(unknown);
        nulls.push(None);
    }
    Ok(Bounds {
        min: ScalarValue::iter_to_array(minima)?,
        max: ScalarValue::iter_to_array(maxima)?,
        nulls: Arc::new(UInt64Array::from(nulls)),
    })
}

/// Rows in the file, deleted ones included, when the log says so.
pub(in crate::engine) fn num_records(file: &DataFile) -> Option<u64> {
    file.stats.as_ref()?.num_records
}

fn minimum(stats: &ColumnStats<'_>, data_type: &DataType) -> Option<ScalarValue> {
    let token = stats.min?;
    match data_type {
        DataType::Utf8 => Some(ScalarValue::Utf8(Some(text(token)?))),
        DataType::Decimal128(_, _) => decimal(token, data_type, -1),
        _ => exact(token, data_type, 0),
    }
}

fn maximum(stats: &ColumnStats<'_>, data_type: &DataType) -> Option<ScalarValue> {
    let token = stats.max?;
    match data_type {
        DataType::Utf8 => {
            let value = text(token)?;
            (value.chars().count() < STRING_CUT_CHARS).then_some(ScalarValue::Utf8(Some(value)))
        }
        DataType::Decimal128(_, _) => decimal(token, data_type, 1),
        _ => exact(token, data_type, TIMESTAMP_CUT_MICROS),
    }
}

/// Integers, dates and timestamps. Floats prove nothing: NaN sorts outside what writers record.
fn exact(token: &str, data_type: &DataType, widen_micros: i64) -> Option<ScalarValue> {
    match data_type {
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => {
            let value: i64 = token.parse().ok()?;
            ScalarValue::Int64(Some(value)).cast_to(data_type).ok()
        }
        DataType::Date32 => ScalarValue::try_from_string(text(token)?, data_type).ok(),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let value = ScalarValue::try_from_string(text(token)?, data_type).ok()?;
            match value {
                ScalarValue::TimestampMicrosecond(Some(micros), _) => {
                    let widened = micros.checked_add(widen_micros)?;
                    Some(ScalarValue::TimestampMicrosecond(Some(widened), zone.clone()))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// A decimal, moved out by as much as writers may have lost: one unit for how they round, and the digits
/// that a double does not hold, for some write doubles. Those cut whole numbers to 64 bits.
fn decimal(token: &str, data_type: &DataType, outwards: i128) -> Option<ScalarValue> {
    let token = token.trim_matches('"');
    let is_cut = token.parse::<i64>().is_ok_and(|whole| whole == i64::MAX || whole == i64::MIN);
    if is_cut || token.contains(['e', 'E']) {
        return None;
    }
    match ScalarValue::try_from_string(token.to_owned(), data_type).ok()? {
        ScalarValue::Decimal128(Some(value), precision, scale) => {
            let slack = i128::try_from(value.unsigned_abs() >> DOUBLE_BITS).ok()? + 1;
            let moved = value.checked_add(outwards * slack)?;
            Some(ScalarValue::Decimal128(Some(moved), precision, scale))
        }
        _ => None,
    }
}

fn text(token: &str) -> Option<String> {
    match serde_json::from_str(token).ok()? {
        Value::String(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn unscaled(token: &str, precision: u8, scale: i8, outwards: i128) -> Option<i128> {
        match decimal(token, &DataType::Decimal128(precision, scale), outwards)? {
            ScalarValue::Decimal128(value, ..) => value,
            _ => None,
        }
    }

    /// What a writer makes of a decimal that passes through a double.
    fn through_a_double(value: i128, scale: i32) -> String {
        (value as f64 / 10_f64.powi(scale)).to_string()
    }

    #[test]
    fn bounds_of_decimals_hold_the_values_that_doubles_were_made_of() {
        for (value, scale) in [
            (123_456_789_012_345_678_i128, 2_u8),
            (9_999_999_999_999_999_999_999, 18),
            (-1_234_567_890_123_456_789_012_345_678_901, 18),
            (500_000_000_000_000_012, 18),
            (99_999_999_999_999_999_999_999_999_999_999_999, 10),
            (7, 2),
        ] {
            let token = through_a_double(value, i32::from(scale));
            let (low, high) = (unscaled(&token, 38, scale as i8, -1), unscaled(&token, 38, scale as i8, 1));
            assert!(low.is_none_or(|low| low <= value), "{token}: {low:?} <= {value}");
            assert!(high.is_none_or(|high| high >= value), "{token}: {high:?} >= {value}");
        }
        assert_eq!(unscaled("1.50", 10, 2, 1), Some(151));
        assert_eq!(unscaled("9223372036854775807", 38, 0, 1), None, "cut to 64 bits");
        assert_eq!(unscaled("-9223372036854775808", 38, 0, -1), None, "cut to 64 bits");
    }
}
