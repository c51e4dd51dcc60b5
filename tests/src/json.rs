//! Rows as the REST door promises to write them: owns an encoder that shares no code with the
//! door's, so that answers can be held against plain record batches.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StructArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, NaiveDate};
use serde_json::{Map, Value, json};

/// Every row of the batches, in order, as an object of its columns.
pub fn rows(batches: &[RecordBatch]) -> Vec<Value> {
    batches.iter().flat_map(batch_rows).collect()
}

/// Rows as lines of text in a fixed order, to compare where no order is promised.
pub fn sorted(rows: &[Value]) -> Vec<String> {
    let mut lines: Vec<String> = rows.iter().map(|row| in_name_order(row).to_string()).collect();
    lines.sort();
    lines
}

/// The value with the members of every object in name order.
fn in_name_order(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(in_name_order).collect(),
        Value::Object(members) => {
            let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
            sorted.sort_by_key(|(name, _)| name.as_str());
            Value::Object(
                sorted.into_iter().map(|(name, value)| (name.clone(), in_name_order(value))).collect(),
            )
        }
        other => other.clone(),
    }
}

fn batch_rows(batch: &RecordBatch) -> Vec<Value> {
    let table = StructArray::from(batch.clone());
    (0..table.len()).map(|row| object(&table, row)).collect()
}

fn object(fields: &StructArray, row: usize) -> Value {
    let members: Map<String, Value> = fields
        .fields()
        .iter()
        .zip(fields.columns())
        .map(|(field, column)| (field.name().clone(), value(column, row)))
        .collect();
    Value::Object(members)
}

/// One value; panics on types that the tests do not use.
fn value(column: &ArrayRef, row: usize) -> Value {
    if column.is_null(row) || matches!(column.data_type(), DataType::Null) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Boolean => json!(column.as_boolean().value(row)),
        DataType::Int8 => json!(column.as_primitive::<Int8Type>().value(row)),
        DataType::Int16 => json!(column.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => json!(column.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => json!(column.as_primitive::<Int64Type>().value(row)),
        DataType::UInt8 => json!(column.as_primitive::<UInt8Type>().value(row)),
        DataType::UInt16 => json!(column.as_primitive::<UInt16Type>().value(row)),
        DataType::UInt32 => json!(column.as_primitive::<UInt32Type>().value(row)),
        DataType::UInt64 => json!(column.as_primitive::<UInt64Type>().value(row)),
        DataType::Float32 => float(&format!("{:?}", column.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => float(&format!("{:?}", column.as_primitive::<Float64Type>().value(row))),
        DataType::Utf8 => json!(column.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => json!(column.as_string::<i64>().value(row)),
        DataType::Utf8View => json!(column.as_string_view().value(row)),
        DataType::Binary => json!(STANDARD.encode(column.as_binary::<i32>().value(row))),
        DataType::Date32 => date(column.as_primitive::<Date32Type>().value(row)),
        DataType::Timestamp(unit, zone) => timestamp(micros(column, *unit, row), zone.is_some()),
        DataType::Decimal128(_, scale) => decimal(column.as_primitive::<Decimal128Type>().value(row), *scale),
        DataType::Struct(_) => object(column.as_struct(), row),
        DataType::List(_) => list(&column.as_list::<i32>().value(row)),
        DataType::Map(..) => map(column, row),
        DataType::Dictionary(..) => {
            let plain = arrow::compute::cast(column, &DataType::Utf8).expect("a dictionary of strings");
            value(&plain, row)
        }
        other => panic!("no JSON form for {other}"),
    }
}

/// Read back from its shortest text: that of a 32-bit float is another number than the float
/// widened, and the JSON reader may be a unit in the last place off, which both sides then are.
fn float(text: &str) -> Value {
    match text {
        "NaN" | "inf" | "-inf" => Value::Null,
        number => serde_json::from_str(number).expect("a number"),
    }
}

fn list(elements: &ArrayRef) -> Value {
    (0..elements.len()).map(|row| value(elements, row)).collect()
}

/// A map with string keys is an object, any other a list of entries.
fn map(column: &ArrayRef, row: usize) -> Value {
    let entries = column.as_map().value(row);
    let (keys, values) = (entries.column(0), entries.column(1));
    let pairs = (0..entries.len()).map(|entry| (value(keys, entry), value(values, entry)));
    if matches!(keys.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) {
        let members: Map<String, Value> =
            pairs.map(|(key, value)| (key.as_str().unwrap_or_default().to_owned(), value)).collect();
        return Value::Object(members);
    }
    pairs.map(|(key, value)| json!({ "key": key, "value": value })).collect()
}

fn date(days: i32) -> Value {
    let date = NaiveDate::from_epoch_days(days).expect("a date that chrono can hold");
    json!(date.format("%Y-%m-%d").to_string())
}

fn micros(column: &ArrayRef, unit: TimeUnit, row: usize) -> i64 {
    match unit {
        TimeUnit::Second => column.as_primitive::<TimestampSecondType>().value(row) * 1_000_000,
        TimeUnit::Millisecond => column.as_primitive::<TimestampMillisecondType>().value(row) * 1_000,
        TimeUnit::Microsecond => column.as_primitive::<TimestampMicrosecondType>().value(row),
        TimeUnit::Nanosecond => column.as_primitive::<TimestampNanosecondType>().value(row) / 1_000,
    }
}

/// An instant as Sluice writes it: ISO 8601, with as many digits of a second as it has.
///
/// # Panics
///
/// For a time outside the calendar.
pub fn timestamp(micros: i64, zoned: bool) -> Value {
    let time = DateTime::from_timestamp_micros(micros).expect("a time that chrono can hold");
    let fraction = match micros.rem_euclid(1_000_000) {
        0 => "",
        some if some % 1_000 == 0 => "%.3f",
        _ => "%.6f",
    };
    let text = time.format(&format!("%Y-%m-%dT%H:%M:%S{fraction}")).to_string();
    json!(if zoned { text + "Z" } else { text })
}

/// Read back as a number: both sides of a comparison lose the same digits.
fn decimal(unscaled: i128, scale: i8) -> Value {
    serde_json::from_str(&decimal_text(unscaled, scale)).expect("a number")
}

/// Every digit of a decimal.
///
/// # Panics
///
/// For a negative scale.
pub fn decimal_text(unscaled: i128, scale: i8) -> String {
    let places = usize::try_from(scale).expect("no negative scales");
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let sign = if unscaled < 0 { "-" } else { "" };
    let point = if places == 0 { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}
