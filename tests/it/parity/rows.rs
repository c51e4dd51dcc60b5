//! Rows written as JSON, a line each, as columns: owns the conversion of every type that a table may have. Values are
//! written as the REST door writes them under `Sluice-Json: safe, nan=string`, but for 64-bit integers, which are
//! numbers. What a row leaves out is null.

use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array,
    Float64Array, ListArray, MapArray, PrimitiveArray, RecordBatch, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, FieldRef, Fields, Int8Type, Int16Type, Int32Type, Int64Type, SchemaRef};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{NaiveDate, NaiveDateTime};
use serde_json::{Value, json};

/// Every line of a text.
pub(super) fn batch(schema: &SchemaRef, lines: &str) -> RecordBatch {
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("a row")).collect();
    let known = |name: &String| schema.field_with_name(name).is_ok();
    for row in &rows {
        assert!(row.as_object().expect("a row is an object").keys().all(known), "{row}");
    }
    let rows: Vec<&Value> = rows.iter().collect();
    RecordBatch::try_new(Arc::clone(schema), fields(&rows, schema.fields())).expect("rows of the schema")
}

fn fields(objects: &[&Value], fields: &Fields) -> Vec<ArrayRef> {
    let column = |field: &FieldRef| {
        let values: Vec<&Value> = objects.iter().map(|object| &object[field.name().as_str()]).collect();
        column(&values, field.data_type())
    };
    fields.iter().map(column).collect()
}

fn column(values: &[&Value], data_type: &DataType) -> ArrayRef {
    let texts = || values.iter().map(|value| value.as_str());
    match data_type {
        DataType::Boolean => Arc::new(values.iter().map(|value| value.as_bool()).collect::<BooleanArray>()),
        DataType::Int8 => whole::<Int8Type>(values),
        DataType::Int16 => whole::<Int16Type>(values),
        DataType::Int32 => whole::<Int32Type>(values),
        DataType::Int64 => whole::<Int64Type>(values),
        DataType::Float32 => {
            Arc::new(values.iter().map(|value| float(value).map(|v| v as f32)).collect::<Float32Array>())
        }
        DataType::Float64 => Arc::new(values.iter().map(|value| float(value)).collect::<Float64Array>()),
        DataType::Decimal128(precision, scale) => {
            let numbers: Decimal128Array =
                texts().map(|text| text.map(|text| unscaled(text, *scale))).collect();
            Arc::new(numbers.with_precision_and_scale(*precision, *scale).expect("digits that fit"))
        }
        DataType::Utf8 => Arc::new(texts().collect::<StringArray>()),
        DataType::Binary => {
            let bytes = texts().map(|text| text.map(|text| STANDARD.decode(text).expect("base64")));
            Arc::new(bytes.collect::<BinaryArray>())
        }
        DataType::Date32 => {
            let days = |text: &str| text.parse::<NaiveDate>().expect("a date").to_epoch_days();
            Arc::new(texts().map(|text| text.map(days)).collect::<Date32Array>())
        }
        DataType::Timestamp(_, zone) => {
            let times: TimestampMicrosecondArray = texts().map(|text| text.map(micros)).collect();
            Arc::new(times.with_timezone_opt(zone.clone()))
        }
        DataType::Struct(inner) => {
            Arc::new(StructArray::new(inner.clone(), fields(values, inner), Some(valid(values))))
        }
        DataType::List(item) => Arc::new(lists(values, item)),
        DataType::Map(entries, ordered) => Arc::new(maps(values, entries, *ordered)),
        other => panic!("no column of {other}"),
    }
}

fn whole<T: ArrowPrimitiveType<Native: TryFrom<i64, Error: Debug>>>(values: &[&Value]) -> ArrayRef {
    let number = |value: &&Value| {
        value.as_i64().map(|number| T::Native::try_from(number).expect("a number of the column's type"))
    };
    Arc::new(values.iter().map(number).collect::<PrimitiveArray<T>>())
}

/// A number, or `NaN`, `Infinity`, `-Infinity`.
fn float(value: &Value) -> Option<f64> {
    match value {
        Value::String(name) => Some(name.parse().expect("a float")),
        number => number.as_f64(),
    }
}

fn unscaled(text: &str, scale: i8) -> i128 {
    let places = usize::try_from(scale).expect("no negative scales");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    assert!(fraction.len() <= places, "{text} has too many digits");
    format!("{whole}{fraction:0<places$}").parse().expect("a decimal")
}

fn micros(text: &str) -> i64 {
    let time: NaiveDateTime = text.trim_end_matches('Z').parse().expect("a time");
    time.and_utc().timestamp_micros()
}

fn valid(values: &[&Value]) -> NullBuffer {
    NullBuffer::from(values.iter().map(|value| !value.is_null()).collect::<Vec<bool>>())
}

fn lists(values: &[&Value], item: &FieldRef) -> ListArray {
    let lists: Vec<&[Value]> =
        values.iter().map(|value| value.as_array().map_or(&[][..], Vec::as_slice)).collect();
    let offsets = OffsetBuffer::from_lengths(lists.iter().map(|list| list.len()));
    let items: Vec<&Value> = lists.into_iter().flatten().collect();
    ListArray::new(Arc::clone(item), offsets, column(&items, item.data_type()), Some(valid(values)))
}

/// Keys of objects are texts; those of other types are read from them.
fn maps(values: &[&Value], entries: &FieldRef, ordered: bool) -> MapArray {
    let DataType::Struct(pair) = entries.data_type() else { panic!("a map of pairs") };
    let read = |key: &String| match pair[0].data_type() {
        DataType::Utf8 => json!(key),
        _ => serde_json::from_str(key).expect("a key"),
    };
    let (mut keys, mut inner, mut lengths) = (Vec::<Value>::new(), Vec::<&Value>::new(), Vec::new());
    for value in values {
        let members = value.as_object();
        lengths.push(members.map_or(0, serde_json::Map::len));
        for (key, value) in members.into_iter().flatten() {
            keys.push(read(key));
            inner.push(value);
        }
    }
    let keys: Vec<&Value> = keys.iter().collect();
    let columns = vec![column(&keys, pair[0].data_type()), column(&inner, pair[1].data_type())];
    let pairs = StructArray::new(pair.clone(), columns, None);
    let offsets = OffsetBuffer::from_lengths(lengths);
    MapArray::new(Arc::clone(entries), offsets, pairs, Some(valid(values)), ordered)
}
