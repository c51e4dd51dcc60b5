//! Values of a data file in the types of the table: owns which conversions keep every value what
//! it is. Fields that a file lacks are null, at any depth; a value that the table's type cannot
//! hold exactly is an error, and so is a type that is another.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, Int64Array, ListArray, MapArray, NullArray, PrimitiveArray,
    StructArray, new_null_array,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    ArrowTimestampType, DataType, FieldRef, Fields, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use arrow::error::ArrowError;

use super::matching::Matching;

/// Casts fail on values that do not fit, rather than make them null.
const CHECKED: CastOptions<'_> =
    CastOptions { safe: false, format_options: arrow::util::display::FormatOptions::new() };

/// `array` in the type `target`, whose struct fields are found by `matching`.
pub(super) fn conform(
    array: &ArrayRef,
    target: &DataType,
    matching: Matching,
) -> Result<ArrayRef, ArrowError> {
    if array.data_type() == target {
        return Ok(Arc::clone(array));
    }
    match (array.data_type(), target) {
        (DataType::Dictionary(_, values), _) => {
            let plain = cast_with_options(array, values, &CHECKED)?;
            conform(&plain, target, matching)
        }
        (DataType::Null, _) => Ok(new_null_array(target, array.len())),
        (_, DataType::Null) if array.logical_null_count() == array.len() => {
            Ok(Arc::new(NullArray::new(array.len())))
        }
        (DataType::Struct(_), DataType::Struct(fields)) => {
            Ok(Arc::new(structure(array.as_struct(), fields, matching)?))
        }
        (
            DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..),
            DataType::List(_) | DataType::FixedSizeList(..),
        ) => list(array, target, matching),
        (DataType::Map(..), DataType::Map(entries, ordered)) => {
            map(array.as_map(), entries, *ordered, matching)
        }
        (DataType::Timestamp(unit, _), DataType::Timestamp(TimeUnit::Microsecond, zone)) => {
            // Files count moments from the same epoch whether or not they name a zone.
            let micros = micros(array, *unit)?.reinterpret_cast::<TimestampMicrosecondType>();
            Ok(Arc::new(micros.with_timezone_opt(zone.clone())))
        }
        (from, to) if casts_exactly(from, to) => cast_with_options(array, to, &CHECKED),
        (from, to) => Err(ArrowError::SchemaError(format!("a file holds {from} where the table has {to}"))),
    }
}

/// Whether a checked cast keeps every value that it does not refuse.
fn casts_exactly(from: &DataType, to: &DataType) -> bool {
    use DataType::{
        Binary, BinaryView, FixedSizeBinary, Float16, Float32, Float64, LargeBinary, LargeUtf8, Utf8,
        Utf8View,
    };
    let text = |t: &DataType| matches!(t, Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView);
    match to {
        to if to.is_integer() => from.is_integer(),
        Float32 => matches!(from, Float16),
        Float64 => matches!(from, Float16 | Float32),
        Utf8 => text(from),
        Binary => text(from) || matches!(from, FixedSizeBinary(_)),
        DataType::Decimal128(_, scale) => decimal_scale(from).is_some_and(|stored| stored <= *scale),
        _ => false,
    }
}

fn decimal_scale(data_type: &DataType) -> Option<i8> {
    match data_type {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => Some(*scale),
        _ => None,
    }
}

fn structure(source: &StructArray, fields: &Fields, matching: Matching) -> Result<StructArray, ArrowError> {
    let mut columns = Vec::with_capacity(fields.len());
    for field in fields {
        columns.push(match matching.find(source.fields(), field)? {
            Some(place) => conform(source.column(place), field.data_type(), matching)?,
            None => new_null_array(field.data_type(), source.len()),
        });
    }
    StructArray::try_new_with_length(fields.clone(), columns, source.nulls().cloned(), source.len())
}

fn list(array: &ArrayRef, target: &DataType, matching: Matching) -> Result<ArrayRef, ArrowError> {
    match (array.data_type(), target) {
        (DataType::List(_), DataType::List(item)) => {
            let source = array.as_list::<i32>();
            let values = conform(source.values(), item.data_type(), matching)?;
            let (offsets, nulls) = (source.offsets().clone(), source.nulls().cloned());
            Ok(Arc::new(ListArray::try_new(Arc::clone(item), offsets, values, nulls)?))
        }
        (DataType::FixedSizeList(_, size), DataType::FixedSizeList(item, wanted)) if size == wanted => {
            let source = array.as_fixed_size_list();
            let values = conform(source.values(), item.data_type(), matching)?;
            let nulls = source.nulls().cloned();
            Ok(Arc::new(FixedSizeListArray::try_new(Arc::clone(item), *size, values, nulls)?))
        }
        (DataType::LargeList(item) | DataType::FixedSizeList(item, _), DataType::List(_)) => {
            let plain = cast_with_options(array, &DataType::List(Arc::clone(item)), &CHECKED)?;
            conform(&plain, target, matching)
        }
        (from, to) => Err(ArrowError::SchemaError(format!("a file holds {from} where the table has {to}"))),
    }
}

/// Keys and values have no names of their own: they are matched by place.
fn map(
    source: &MapArray,
    entries: &FieldRef,
    ordered: bool,
    matching: Matching,
) -> Result<ArrayRef, ArrowError> {
    let DataType::Struct(pair) = entries.data_type() else {
        return Err(ArrowError::SchemaError("a map's entries are no struct".to_owned()));
    };
    let columns = source
        .entries()
        .columns()
        .iter()
        .zip(pair)
        .map(|(column, field)| conform(column, field.data_type(), matching))
        .collect::<Result<Vec<_>, _>>()?;
    let pairs = StructArray::try_new(pair.clone(), columns, source.entries().nulls().cloned())?;
    let (offsets, nulls) = (source.offsets().clone(), source.nulls().cloned());
    Ok(Arc::new(MapArray::try_new(Arc::clone(entries), offsets, pairs, nulls, ordered)?))
}

fn micros(array: &ArrayRef, unit: TimeUnit) -> Result<Int64Array, ArrowError> {
    let too_far = |value: i64| ArrowError::ComputeError(format!("timestamp {value} is out of range"));
    let times = |factor: i64| move |value: i64| value.checked_mul(factor).ok_or_else(|| too_far(value));
    match unit {
        TimeUnit::Second => counts::<TimestampSecondType>(array).try_unary(times(1_000_000)),
        TimeUnit::Millisecond => counts::<TimestampMillisecondType>(array).try_unary(times(1_000)),
        TimeUnit::Microsecond => Ok(counts::<TimestampMicrosecondType>(array)),
        TimeUnit::Nanosecond => counts::<TimestampNanosecondType>(array).try_unary(|value: i64| {
            let whole = value.rem_euclid(1_000) == 0;
            whole
                .then_some(value.div_euclid(1_000))
                .ok_or_else(|| ArrowError::ComputeError("a timestamp has parts of a microsecond".to_owned()))
        }),
    }
}

fn counts<T: ArrowTimestampType>(array: &ArrayRef) -> PrimitiveArray<Int64Type> {
    array.as_primitive::<T>().reinterpret_cast::<Int64Type>()
}

#[cfg(test)]
mod tests;
