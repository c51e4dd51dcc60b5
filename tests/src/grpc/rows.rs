//! Rows of gRPC as the REST door would write them under `Sluice-Json: safe, nan=string`, which loses no digit: owns
//! the conversion, so that answers of both can be held against each other.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Map, Value, json};
use sluice_proto::v1::value::Kind;
use sluice_proto::v1::{DataType, Field, MapValue, Row, RowSchema, TypeKind, Value as Message};

const NANOS_A_SECOND: i64 = 1_000_000_000;

/// Every row, in order, as an object of its columns.
pub fn rows(schema: &RowSchema, rows: &[Row]) -> Vec<Value> {
    rows.iter().map(|row| object(&schema.fields, &row.values)).collect()
}

fn object(fields: &[Field], values: &[Message]) -> Value {
    assert_eq!(fields.len(), values.len(), "a value for each field");
    let members: Map<String, Value> = fields
        .iter()
        .zip(values)
        .map(|(field, message)| (field.name.clone(), value(field.r#type.as_ref().expect("a type"), message)))
        .collect();
    Value::Object(members)
}

fn value(data_type: &DataType, message: &Message) -> Value {
    let kind = message.kind.as_ref().expect("a value has a kind");
    let inner = |at: usize| data_type.fields[at].r#type.as_ref().expect("a type");
    match kind {
        Kind::NullValue(_) => Value::Null,
        Kind::BoolValue(value) => json!(value),
        // Readers whose numbers are doubles would lose digits of the widest integers, and of decimals.
        Kind::Int64Value(value) if data_type.kind() == TypeKind::Int64 => json!(value.to_string()),
        Kind::Uint64Value(value) if data_type.kind() == TypeKind::Uint64 => json!(value.to_string()),
        Kind::Int64Value(value) => json!(value),
        Kind::Uint64Value(value) => json!(value),
        Kind::FloatValue(value) => float(&format!("{value:?}")),
        Kind::DoubleValue(value) => float(&format!("{value:?}")),
        Kind::StringValue(text) | Kind::DecimalValue(text) | Kind::OtherValue(text) => json!(text),
        Kind::BytesValue(bytes) => json!(STANDARD.encode(bytes)),
        Kind::DateDays(days) => {
            let days = i32::try_from(*days).expect("a date that chrono can hold");
            let date = NaiveDate::from_epoch_days(days).expect("a date that chrono can hold");
            json!(date.format("%Y-%m-%d").to_string())
        }
        Kind::TimestampValue(at) => json!(instant(at.seconds, at.nanos, "%Y-%m-%dT%H:%M:%S") + "Z"),
        Kind::LocalTimestampValue(at) => json!(instant(at.seconds, at.nanos, "%Y-%m-%dT%H:%M:%S")),
        Kind::TimeNanos(nanos) => {
            let part = i32::try_from(nanos % NANOS_A_SECOND).expect("a part of a second");
            json!(instant(nanos / NANOS_A_SECOND, part, "%H:%M:%S"))
        }
        Kind::ListValue(list) => list.values.iter().map(|item| value(inner(0), item)).collect(),
        Kind::StructValue(fields) => object(&data_type.fields, &fields.values),
        Kind::MapValue(map) => pairs(map, inner(0), inner(1)),
    }
}

/// Its shortest text, read back: that of a 32-bit float is another number than the float widened.
fn float(text: &str) -> Value {
    match text {
        "NaN" => json!("NaN"),
        "inf" => json!("Infinity"),
        "-inf" => json!("-Infinity"),
        number => serde_json::from_str(number).expect("a number"),
    }
}

/// With none, three, six or nine digits of a second, as many as it needs.
fn instant(seconds: i64, nanos: i32, form: &str) -> String {
    let part = u32::try_from(nanos).expect("a part of a second");
    let time: DateTime<Utc> = DateTime::from_timestamp(seconds, part).expect("a time that chrono can hold");
    let fraction = match part {
        0 => "",
        some if some % 1_000_000 == 0 => "%.3f",
        some if some % 1_000 == 0 => "%.6f",
        _ => "%.9f",
    };
    time.format(&format!("{form}{fraction}")).to_string()
}

/// A map with string keys is an object, any other a list of entries.
fn pairs(map: &MapValue, key_type: &DataType, value_type: &DataType) -> Value {
    let pairs = map.entries.iter().map(|entry| {
        let (key, inner) = (entry.key.as_ref().expect("a key"), entry.value.as_ref().expect("a value"));
        (value(key_type, key), value(value_type, inner))
    });
    if key_type.kind() == TypeKind::String {
        let members: Map<String, Value> =
            pairs.map(|(key, value)| (key.as_str().unwrap_or_default().to_owned(), value)).collect();
        return Value::Object(members);
    }
    pairs.map(|(key, value)| json!({ "key": key, "value": value })).collect()
}
