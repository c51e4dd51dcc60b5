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

/// Writers disagree on how they round decimals: one unit of slack.
fn decimal(token: &str, data_type: &DataType, slack: i128) -> Option<ScalarValue> {
    if token.contains(['e', 'E']) {
        return None;
    }
    match ScalarValue::try_from_string(token.trim_matches('"').to_owned(), data_type).ok()? {
        ScalarValue::Decimal128(Some(value), precision, scale) => {
            Some(ScalarValue::Decimal128(Some(value.checked_add(slack)?), precision, scale))
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
