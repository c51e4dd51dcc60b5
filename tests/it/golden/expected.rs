//! The right rows of a golden table: owns reading the Parquet files beside it, in the JSON form
//! with `safe` and `nan=string`. Shares no code with the gateway.

use std::fs::File;
use std::path::Path;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StructArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimeUnit, TimestampMicrosecondType,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::NaiveDate;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value, json};
use sluice_tests::json::{decimal_text, timestamp};

/// The rows of `expected` beside a table that lies in `delta`; `None` where there is none.
pub(super) fn rows(table: &Path) -> Option<Vec<Value>> {
    let expected = table.parent()?.join("expected");
    if !table.ends_with("delta") || !expected.is_dir() {
        return None;
    }
    let mut files = Vec::new();
    for entry in expected.read_dir().expect("list the expected files") {
        let path = entry.expect("an expected file").path();
        if path.extension().is_some_and(|extension| extension == "parquet") {
            files.push(path);
        }
    }
    assert!(!files.is_empty(), "no expected files in {}", expected.display());
    Some(files.iter().flat_map(|file| file_rows(file)).collect())
}

fn file_rows(path: &Path) -> Vec<Value> {
    let file = File::open(path).expect("open an expected file");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|builder| builder.build());
    let batches = reader.expect("read an expected file");
    batches.flat_map(|batch| batch_rows(&batch.expect("rows of an expected file"))).collect()
}

fn batch_rows(batch: &RecordBatch) -> Vec<Value> {
    let table = StructArray::from(batch.clone());
    (0..table.len()).map(|row| object(&table, row)).collect()
}

fn object(fields: &StructArray, row: usize) -> Value {
    let members = fields.fields().iter().zip(fields.columns());
    Value::Object(members.map(|(field, column)| (field.name().clone(), value(column, row))).collect())
}

fn value(column: &ArrayRef, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => json!(column.as_boolean().value(row)),
        DataType::Int8 => json!(column.as_primitive::<Int8Type>().value(row)),
        DataType::Int16 => json!(column.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => json!(column.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => json!(column.as_primitive::<Int64Type>().value(row).to_string()),
        DataType::Float32 => {
            let value = column.as_primitive::<Float32Type>().value(row);
            // The shortest text of a 32-bit float is another number than the float widened.
            float(f64::from(value), serde_json::to_string(&value))
        }
        DataType::Float64 => {
            let value = column.as_primitive::<Float64Type>().value(row);
            float(value, serde_json::to_string(&value))
        }
        DataType::Utf8 => json!(column.as_string::<i32>().value(row)),
        DataType::Binary => json!(STANDARD.encode(column.as_binary::<i32>().value(row))),
        DataType::Date32 => {
            let date = NaiveDate::from_epoch_days(column.as_primitive::<Date32Type>().value(row));
            json!(date.expect("a date that chrono can hold").format("%Y-%m-%d").to_string())
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            timestamp(column.as_primitive::<TimestampMicrosecondType>().value(row), zone.is_some())
        }
        DataType::Decimal128(_, scale) => {
            json!(decimal_text(column.as_primitive::<Decimal128Type>().value(row), *scale))
        }
        DataType::Struct(_) => object(column.as_struct(), row),
        DataType::List(_) => list(&column.as_list::<i32>().value(row)),
        DataType::Map(..) => map(&column.as_map().value(row)),
        other => panic!("no JSON form for {other}"),
    }
}

/// Finite numbers by way of their text: what the client reads from the wire has gone the same way.
fn float(value: f64, text: serde_json::Result<String>) -> Value {
    if value.is_nan() {
        json!("NaN")
    } else if value.is_infinite() {
        json!(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else {
        serde_json::from_str(&text.expect("a number's text")).expect("a number")
    }
}

fn list(elements: &ArrayRef) -> Value {
    (0..elements.len()).map(|row| value(elements, row)).collect()
}

/// A map with string keys is an object, any other a list of entries.
fn map(entries: &StructArray) -> Value {
    let (keys, values) = (entries.column(0), entries.column(1));
    let pairs = (0..entries.len()).map(|entry| (value(keys, entry), value(values, entry)));
    if keys.data_type() == &DataType::Utf8 {
        let name = |key: Value| key.as_str().expect("a key").to_owned();
        return Value::Object(pairs.map(|(key, value)| (name(key), value)).collect::<Map<_, _>>());
    }
    pairs.map(|(key, value)| json!({ "key": key, "value": value })).collect()
}
