//! Types as messages: owns what each type of column is called. Does not encode values.

use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use sluice_policies::type_name::type_name;
use sluice_proto::v1::{DataType as TypeMessage, Field as FieldMessage, RowSchema, TypeKind};

/// The columns of an answer.
pub(super) fn row_schema(schema: &Schema) -> RowSchema {
    RowSchema { fields: schema.fields().iter().map(|field| field_message(field)).collect() }
}

fn field_message(field: &Field) -> FieldMessage {
    FieldMessage {
        name: field.name().clone(),
        r#type: Some(type_message(field.data_type())),
        nullable: field.is_nullable(),
    }
}

/// A type, with the types inside it.
pub(super) fn type_message(data_type: &DataType) -> TypeMessage {
    let (precision, scale) = match data_type {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => (u32::from(*precision), i32::from(*scale)),
        _ => (0, 0),
    };
    let fields = match data_type {
        DataType::Struct(fields) => fields.iter().map(|field| field_message(field)).collect(),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            vec![field_message(item)]
        }
        DataType::Map(entries, _) => entry_fields(entries),
        _ => Vec::new(),
    };
    let kind = kind(data_type).into();
    TypeMessage { kind, text: type_name(data_type), precision, scale, fields }
}

fn entry_fields(entries: &FieldRef) -> Vec<FieldMessage> {
    match entries.data_type() {
        DataType::Struct(fields) => fields.iter().map(|field| field_message(field)).collect(),
        _ => Vec::new(),
    }
}

/// What values of a type come as; `values` encodes by the same arms.
pub(super) fn kind(data_type: &DataType) -> TypeKind {
    match data_type {
        DataType::Null => TypeKind::Null,
        DataType::Boolean => TypeKind::Boolean,
        DataType::Int8 => TypeKind::Int8,
        DataType::Int16 => TypeKind::Int16,
        DataType::Int32 => TypeKind::Int32,
        DataType::Int64 => TypeKind::Int64,
        DataType::UInt8 => TypeKind::Uint8,
        DataType::UInt16 => TypeKind::Uint16,
        DataType::UInt32 => TypeKind::Uint32,
        DataType::UInt64 => TypeKind::Uint64,
        DataType::Float16 => TypeKind::Float16,
        DataType::Float32 => TypeKind::Float32,
        DataType::Float64 => TypeKind::Float64,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => TypeKind::String,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            TypeKind::Binary
        }
        DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => TypeKind::Decimal,
        DataType::Date32 | DataType::Date64 => TypeKind::Date,
        DataType::Timestamp(_, Some(_)) => TypeKind::Timestamp,
        DataType::Timestamp(_, None) => TypeKind::TimestampLocal,
        DataType::Time32(_) | DataType::Time64(_) => TypeKind::Time,
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => TypeKind::List,
        DataType::Struct(_) => TypeKind::Struct,
        DataType::Map(..) => TypeKind::Map,
        DataType::Dictionary(_, values) => kind(values),
        DataType::Duration(_)
        | DataType::Interval(_)
        | DataType::ListView(_)
        | DataType::LargeListView(_)
        | DataType::Union(..)
        | DataType::RunEndEncoded(..) => TypeKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn types_are_named_with_what_is_inside_them() {
        let fields = vec![Field::new("a", DataType::Utf8, false)];
        let list = DataType::List(Arc::new(Field::new("item", DataType::Struct(fields.into()), true)));
        let message = type_message(&list);
        assert_eq!(message.kind(), TypeKind::List);
        let inner = message.fields[0].r#type.clone().unwrap_or_default();
        assert_eq!((inner.kind(), inner.fields[0].name.as_str()), (TypeKind::Struct, "a"));
        let decimal = type_message(&DataType::Decimal128(12, -2));
        assert_eq!((decimal.kind(), decimal.precision, decimal.scale), (TypeKind::Decimal, 12, -2));
    }
}
