//! Values as JSON: owns binding what is asked of them to a column, once for all of its rows. They look as they do at
//! every door, but for fields of structs that were not asked for.

use arrow::array::{Array, ArrayRef, AsArray, OffsetSizeTrait};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, FieldRef};
use arrow_json::EncoderOptions;
use arrow_json::writer::{NullableEncoder, make_encoder};

use super::{append_key, append_text};
use crate::protocol::graphql::output::{Object, StructMember, Value};
use crate::protocol::json_values::{JsonOptions, encoder_options};
use crate::query::error::QueryError;

/// Wide integers and decimals are texts, and what is no number is null: GraphQL has no other way for either.
pub(super) fn options() -> EncoderOptions {
    encoder_options(JsonOptions { safe: true, nan_as_string: false })
}

/// A fault of ours.
pub(super) fn lacking(name: &str) -> QueryError {
    QueryError::internal(format!("the rows lack the column \"{name}\""))
}

/// An object's members; one without a value is the name of the type.
pub(super) struct BoundObject<'a> {
    type_name: &'a str,
    members: Vec<(&'a str, Option<BoundValue<'a>>)>,
}

impl BoundObject<'_> {
    fn append(&mut self, row: usize, out: &mut Vec<u8>) {
        out.push(b'{');
        for (at, (key, value)) in self.members.iter_mut().enumerate() {
            append_key(at, key, out);
            match value {
                Some(value) => value.append(row, out),
                None => append_text(self.type_name, out),
            }
        }
        out.push(b'}');
    }
}

/// A value of each row, bound once for all of them.
pub(super) enum BoundValue<'a> {
    Whole(NullableEncoder<'a>),
    Struct { nulls: Option<&'a NullBuffer>, object: BoundObject<'a> },
    List { nulls: Option<&'a NullBuffer>, bounds: Box<dyn Fn(usize) -> (usize, usize) + 'a>, item: Box<Self> },
}

impl<'a> BoundValue<'a> {
    /// Binds what is asked of a value to a column.
    ///
    /// # Errors
    /// `internal`: the column lacks a field.
    pub(super) fn of(
        value: &'a Value,
        field: &'a FieldRef,
        array: &'a ArrayRef,
        options: &'a EncoderOptions,
    ) -> Result<Self, QueryError> {
        match (value, array.data_type()) {
            (Value::Whole, _) => {
                let encoder = make_encoder(field, array.as_ref(), options).map_err(QueryError::internal)?;
                Ok(Self::Whole(encoder))
            }
            (Value::Struct(object), DataType::Struct(_)) => Self::of_struct(object, array, options),
            (Value::List(item), DataType::List(field)) => Self::of_list::<i32>(item, field, array, options),
            (Value::List(item), DataType::LargeList(field)) => {
                Self::of_list::<i64>(item, field, array, options)
            }
            _ => Err(QueryError::internal("a column is of another type than its field")),
        }
    }

    fn of_struct(
        object: &'a Object<StructMember>,
        array: &'a ArrayRef,
        options: &'a EncoderOptions,
    ) -> Result<Self, QueryError> {
        let values = array.as_struct();
        let member = |(key, member): &'a (String, StructMember)| match member {
            StructMember::TypeName => Ok((key.as_str(), None)),
            StructMember::Field(name, value) => {
                let (place, field) = values.fields().find(name).ok_or_else(|| lacking(name))?;
                Ok((key.as_str(), Some(Self::of(value, field, values.column(place), options)?)))
            }
        };
        let members = object.members.iter().map(member).collect::<Result<_, QueryError>>()?;
        let object = BoundObject { type_name: &object.type_name, members };
        Ok(Self::Struct { nulls: values.nulls(), object })
    }

    fn of_list<O: OffsetSizeTrait>(
        item: &'a Value,
        field: &'a FieldRef,
        array: &'a ArrayRef,
        options: &'a EncoderOptions,
    ) -> Result<Self, QueryError> {
        let lists = array.as_list::<O>();
        let item = Box::new(Self::of(item, field, lists.values(), options)?);
        let offsets = lists.value_offsets();
        let bounds = Box::new(move |row: usize| (offsets[row].as_usize(), offsets[row + 1].as_usize()));
        Ok(Self::List { nulls: lists.nulls(), bounds, item })
    }

    /// Appends the value of a row.
    pub(super) fn append(&mut self, row: usize, out: &mut Vec<u8>) {
        match self {
            Self::Whole(encoder) if encoder.is_null(row) => out.extend_from_slice(b"null"),
            Self::Whole(encoder) => encoder.encode(row, out),
            Self::Struct { nulls: Some(nulls), .. } | Self::List { nulls: Some(nulls), .. }
                if nulls.is_null(row) =>
            {
                out.extend_from_slice(b"null");
            }
            Self::Struct { object, .. } => object.append(row, out),
            Self::List { bounds, item, .. } => {
                let (start, end) = bounds(row);
                out.push(b'[');
                for at in start..end {
                    if at > start {
                        out.push(b',');
                    }
                    item.append(at, out);
                }
                out.push(b']');
            }
        }
    }
}
