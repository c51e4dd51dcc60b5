//! Rows as typed values: owns the value of every type. Does not frame the rows.

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, FixedSizeListArray, GenericListArray, MapArray,
    OffsetSizeTrait, RecordBatch, StructArray,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    DecimalType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use prost::Message;
use prost_types::Timestamp;
use sluice_proto::v1::value::Kind;
use sluice_proto::v1::{ListValue, LocalTimestamp, MapEntry, MapValue, Row, StructValue, Value};

use crate::query::calendar::per_second;
use crate::query::error::QueryError;

/// Most rows, and most values, that are encoded in one go. Between two slices a caller that went away is noticed,
/// and what has grown is counted.
const SLICE_ROWS: usize = 1_024;
const SLICE_VALUES: usize = 64 * 1024;
const NANOS_A_SECOND: i64 = 1_000_000_000;
const MILLIS_A_DAY: i64 = 86_400_000;

/// What rows that were made of an answer take.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Grown {
    /// In memory.
    pub(super) memory_bytes: usize,
    /// On the wire.
    pub(super) wire_bytes: usize,
}

/// Every row. Runs off the connection threads, a slice at a time, and stops with the slice at hand when the future
/// is dropped.
///
/// # Errors
/// Those of `grown`, which is told what there is after each slice.
pub(super) async fn rows(
    batches: &[RecordBatch],
    mut grown: impl FnMut(Grown) -> Result<(), QueryError>,
) -> Result<Vec<Row>, QueryError> {
    let mut all: Vec<Row> = Vec::new();
    let mut size = Grown::default();
    for batch in batches {
        let slice_rows = (SLICE_VALUES / batch.num_columns().max(1)).clamp(1, SLICE_ROWS);
        let mut done = 0;
        while done < batch.num_rows() {
            let slice = batch.slice(done, slice_rows.min(batch.num_rows() - done));
            done += slice.num_rows();
            let encoding = tokio::task::spawn_blocking(move || sized(&slice));
            let (rows, more) = encoding.await.map_err(QueryError::internal)?.map_err(QueryError::internal)?;
            all.extend(rows);
            size.memory_bytes += more.memory_bytes;
            size.wire_bytes += more.wire_bytes;
            grown(size)?;
        }
    }
    Ok(all)
}

fn sized(slice: &RecordBatch) -> Result<(Vec<Row>, Grown), ArrowError> {
    let columns = slice.columns().iter().map(|array| column(array));
    let columns = columns.collect::<Result<Vec<Vec<Value>>, ArrowError>>()?;
    let rows: Vec<Row> =
        transposed(columns, slice.num_rows()).into_iter().map(|values| Row { values }).collect();
    let memory = |row: &Row| size_of::<Row>() + row.values.iter().map(memory_bytes).sum::<usize>();
    let size = Grown {
        memory_bytes: rows.iter().map(memory).sum(),
        // A row stands behind a tag and its length.
        wire_bytes: rows.iter().map(|row| 6 + row.encoded_len()).sum(),
    };
    Ok((rows, size))
}

/// Rows of columns of `count` values each.
fn transposed(columns: Vec<Vec<Value>>, count: usize) -> Vec<Vec<Value>> {
    let mut columns: Vec<_> = columns.into_iter().map(Vec::into_iter).collect();
    (0..count).map(|_| columns.iter_mut().filter_map(Iterator::next).collect()).collect()
}

fn memory_bytes(value: &Value) -> usize {
    let all = |values: &[Value]| values.iter().map(memory_bytes).sum::<usize>();
    let inside = match &value.kind {
        Some(Kind::StringValue(text) | Kind::DecimalValue(text) | Kind::OtherValue(text)) => text.capacity(),
        Some(Kind::BytesValue(bytes)) => bytes.len(),
        Some(Kind::ListValue(list)) => all(&list.values),
        Some(Kind::StructValue(fields)) => all(&fields.values),
        Some(Kind::MapValue(map)) => {
            let entry =
                |entry: &MapEntry| entry.key.iter().chain(&entry.value).map(memory_bytes).sum::<usize>();
            map.entries.iter().map(entry).sum()
        }
        _ => 0,
    };
    size_of::<Value>() + inside
}

/// One value a row.
fn column(array: &dyn Array) -> Result<Vec<Value>, ArrowError> {
    Ok(match array.data_type() {
        DataType::Null => vec![null(); array.len()],
        DataType::Boolean => array.as_boolean().iter().map(|v| value(v.map(Kind::BoolValue))).collect(),
        DataType::Int8 => whole::<Int8Type>(array),
        DataType::Int16 => whole::<Int16Type>(array),
        DataType::Int32 => whole::<Int32Type>(array),
        DataType::Int64 => whole::<Int64Type>(array),
        DataType::UInt8 => natural::<UInt8Type>(array),
        DataType::UInt16 => natural::<UInt16Type>(array),
        DataType::UInt32 => natural::<UInt32Type>(array),
        DataType::UInt64 => natural::<UInt64Type>(array),
        DataType::Float16 => primitive::<Float16Type>(array, |v| Kind::FloatValue(v.to_f32())),
        DataType::Float32 => primitive::<Float32Type>(array, Kind::FloatValue),
        DataType::Float64 => primitive::<Float64Type>(array, Kind::DoubleValue),
        DataType::Utf8 => texts(array.as_string::<i32>().iter()),
        DataType::LargeUtf8 => texts(array.as_string::<i64>().iter()),
        DataType::Utf8View => texts(array.as_string_view().iter()),
        DataType::Binary => binaries(array.as_binary::<i32>().iter()),
        DataType::LargeBinary => binaries(array.as_binary::<i64>().iter()),
        DataType::BinaryView => binaries(array.as_binary_view().iter()),
        DataType::FixedSizeBinary(_) => binaries(array.as_fixed_size_binary().iter()),
        DataType::Decimal32(..) => decimals::<Decimal32Type>(array),
        DataType::Decimal64(..) => decimals::<Decimal64Type>(array),
        DataType::Decimal128(..) => decimals::<Decimal128Type>(array),
        DataType::Decimal256(..) => decimals::<Decimal256Type>(array),
        DataType::Date32 => primitive::<Date32Type>(array, |days| Kind::DateDays(days.into())),
        DataType::Date64 => {
            primitive::<Date64Type>(array, |millis| Kind::DateDays(millis.div_euclid(MILLIS_A_DAY)))
        }
        DataType::Timestamp(unit, zone) => timestamps(array, *unit, zone.is_some()),
        DataType::Time32(unit) | DataType::Time64(unit) => times_of_day(array, *unit),
        DataType::List(_) => list(array.as_list::<i32>())?,
        DataType::LargeList(_) => list(array.as_list::<i64>())?,
        DataType::FixedSizeList(..) => fixed_list(array.as_fixed_size_list())?,
        DataType::Struct(_) => structure(array.as_struct())?,
        DataType::Map(..) => map(array.as_map())?,
        DataType::Dictionary(_, values) => column(&cast(array, values)?)?,
        DataType::Duration(_)
        | DataType::Interval(_)
        | DataType::ListView(_)
        | DataType::LargeListView(_)
        | DataType::Union(..)
        | DataType::RunEndEncoded(..) => others(array)?,
    })
}

fn null() -> Value {
    value(None)
}

fn value(kind: Option<Kind>) -> Value {
    Value { kind: Some(kind.unwrap_or(Kind::NullValue(0))) }
}

fn primitive<T: ArrowPrimitiveType>(array: &dyn Array, kind: impl Fn(T::Native) -> Kind) -> Vec<Value> {
    array.as_primitive::<T>().iter().map(|one| value(one.map(&kind))).collect()
}

fn whole<T: ArrowPrimitiveType<Native: Into<i64>>>(array: &dyn Array) -> Vec<Value> {
    primitive::<T>(array, |number| Kind::Int64Value(number.into()))
}

fn natural<T: ArrowPrimitiveType<Native: Into<u64>>>(array: &dyn Array) -> Vec<Value> {
    primitive::<T>(array, |number| Kind::Uint64Value(number.into()))
}

fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> Vec<Value> {
    values.map(|text| value(text.map(|text| Kind::StringValue(text.to_owned())))).collect()
}

fn binaries<'a>(values: impl Iterator<Item = Option<&'a [u8]>>) -> Vec<Value> {
    values.map(|bytes| value(bytes.map(|bytes| Kind::BytesValue(Bytes::copy_from_slice(bytes))))).collect()
}

fn decimals<T: DecimalType>(array: &dyn Array) -> Vec<Value> {
    let numbers = array.as_primitive::<T>();
    let text = |row: usize| numbers.is_valid(row).then(|| Kind::DecimalValue(numbers.value_as_string(row)));
    (0..numbers.len()).map(|row| value(text(row))).collect()
}

fn timestamps(array: &dyn Array, unit: TimeUnit, zoned: bool) -> Vec<Value> {
    let per_second = per_second(unit);
    let kind = move |at: i64| {
        let seconds = at.div_euclid(per_second);
        // Fewer than a second's.
        let nanos = i32::try_from(at.rem_euclid(per_second) * (NANOS_A_SECOND / per_second)).unwrap_or(0);
        if zoned {
            Kind::TimestampValue(Timestamp { seconds, nanos })
        } else {
            Kind::LocalTimestampValue(LocalTimestamp { seconds, nanos })
        }
    };
    match unit {
        TimeUnit::Second => primitive::<TimestampSecondType>(array, kind),
        TimeUnit::Millisecond => primitive::<TimestampMillisecondType>(array, kind),
        TimeUnit::Microsecond => primitive::<TimestampMicrosecondType>(array, kind),
        TimeUnit::Nanosecond => primitive::<TimestampNanosecondType>(array, kind),
    }
}

fn times_of_day(array: &dyn Array, unit: TimeUnit) -> Vec<Value> {
    let nanos = move |time: i64| Kind::TimeNanos(time.saturating_mul(NANOS_A_SECOND / per_second(unit)));
    match unit {
        TimeUnit::Second => primitive::<Time32SecondType>(array, |time| nanos(time.into())),
        TimeUnit::Millisecond => primitive::<Time32MillisecondType>(array, |time| nanos(time.into())),
        TimeUnit::Microsecond => primitive::<Time64MicrosecondType>(array, nanos),
        TimeUnit::Nanosecond => primitive::<Time64NanosecondType>(array, nanos),
    }
}

fn list<O: OffsetSizeTrait>(lists: &GenericListArray<O>) -> Result<Vec<Value>, ArrowError> {
    lists.iter().map(|items| Ok(value(items.map(|items| items_of(&items)).transpose()?))).collect()
}

fn fixed_list(lists: &FixedSizeListArray) -> Result<Vec<Value>, ArrowError> {
    lists.iter().map(|items| Ok(value(items.map(|items| items_of(&items)).transpose()?))).collect()
}

fn items_of(items: &ArrayRef) -> Result<Kind, ArrowError> {
    Ok(Kind::ListValue(ListValue { values: column(items)? }))
}

fn structure(structs: &StructArray) -> Result<Vec<Value>, ArrowError> {
    let fields = structs.columns().iter().map(|field| column(field));
    let fields = fields.collect::<Result<Vec<Vec<Value>>, ArrowError>>()?;
    let rows = transposed(fields, structs.len()).into_iter().enumerate();
    let kind = |(row, values)| structs.is_valid(row).then_some(Kind::StructValue(StructValue { values }));
    Ok(rows.map(|one| value(kind(one))).collect())
}

fn map(maps: &MapArray) -> Result<Vec<Value>, ArrowError> {
    maps.iter()
        .map(|entries| {
            let Some(entries) = entries else { return Ok(null()) };
            let [keys, values] = entries.columns() else {
                return Err(ArrowError::SchemaError("entries of a map are pairs".to_owned()));
            };
            let pairs = column(keys)?.into_iter().zip(column(values)?);
            let entries = pairs.map(|(key, value)| MapEntry { key: Some(key), value: Some(value) }).collect();
            Ok(value(Some(Kind::MapValue(MapValue { entries }))))
        })
        .collect()
}

/// The text that JSON has of them.
fn others(array: &dyn Array) -> Result<Vec<Value>, ArrowError> {
    let options = FormatOptions::new().with_display_error(true);
    let formatter = ArrayFormatter::try_new(array, &options)?;
    let text = |row: usize| array.is_valid(row).then(|| Kind::OtherValue(formatter.value(row).to_string()));
    Ok((0..array.len()).map(|row| value(text(row))).collect())
}

#[cfg(test)]
mod tests;
