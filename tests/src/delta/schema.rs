//! Delta's spelling of a schema: owns the JSON of types and the protocol that they need.

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use serde_json::{Value, json};

/// The protocol action that a table of this schema needs, with deletion vectors or without.
pub(super) fn protocol(schema: &Schema, vectors: bool) -> Value {
    let ntz = schema.fields().iter().any(|field| matches!(field.data_type(), DataType::Timestamp(_, None)));
    let named = [("timestampNtz", ntz), ("deletionVectors", vectors)];
    let features: Vec<&str> =
        named.into_iter().filter(|(_, needed)| *needed).map(|(feature, _)| feature).collect();
    if features.is_empty() {
        return json!({ "protocol": { "minReaderVersion": 1, "minWriterVersion": 2 } });
    }
    json!({ "protocol": {
        "minReaderVersion": 3, "minWriterVersion": 7,
        "readerFeatures": features, "writerFeatures": features,
    }})
}

/// The `struct` type of a schema.
pub(super) fn delta_schema(schema: &Schema) -> Value {
    struct_type(schema.fields().iter().map(AsRef::as_ref))
}

fn struct_type<'a>(fields: impl Iterator<Item = &'a Field>) -> Value {
    let fields: Vec<Value> = fields
        .map(|field| {
            json!({
                "name": field.name(), "type": delta_type(field.data_type()),
                "nullable": field.is_nullable(), "metadata": {},
            })
        })
        .collect();
    json!({ "type": "struct", "fields": fields })
}

fn delta_type(data_type: &DataType) -> Value {
    let name = match data_type {
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int8 => "byte".to_owned(),
        DataType::Int16 => "short".to_owned(),
        DataType::Int32 => "integer".to_owned(),
        DataType::Int64 => "long".to_owned(),
        DataType::Float32 => "float".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Utf8 => "string".to_owned(),
        DataType::Binary => "binary".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => "timestamp".to_owned(),
        DataType::Timestamp(TimeUnit::Microsecond, None) => "timestamp_ntz".to_owned(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::Struct(fields) => return struct_type(fields.iter().map(AsRef::as_ref)),
        DataType::List(element) => {
            return json!({
                "type": "array", "elementType": delta_type(element.data_type()),
                "containsNull": element.is_nullable(),
            });
        }
        DataType::Map(entries, _) => {
            let DataType::Struct(pair) = entries.data_type() else { panic!("a map of pairs") };
            return json!({
                "type": "map", "keyType": delta_type(pair[0].data_type()),
                "valueType": delta_type(pair[1].data_type()), "valueContainsNull": pair[1].is_nullable(),
            });
        }
        other => panic!("no Delta type for {other}"),
    };
    Value::String(name)
}
