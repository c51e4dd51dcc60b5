//! Batches that hold their rows and nothing else: owns the layouts that leave the server.
//!
//! IPC writes buffers, not values. Those of an array may hold more than its rows: the texts that a view or a
//! dictionary was cut from, the bytes under a null, the items around a slice. After rows are hidden and columns
//! masked these would be what the caller may not see. So each array is made anew from its valid values alone, and
//! names of columns are all that is left of its schema.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use sluice_policies::type_name::type_name;

use crate::query::error::{ErrorCode, QueryError};

/// The schema of what leaves: plain layouts, no metadata.
///
/// # Errors
/// `not_acceptable` for a type that has no plain layout.
pub(super) fn plain_schema(schema: &Schema) -> Result<SchemaRef, QueryError> {
    let field = |field: &FieldRef| {
        let data_type = plain_type(field.data_type());
        let supported = |data_type: &DataType| {
            RowConverter::supports_fields(std::slice::from_ref(&SortField::new(data_type.clone())))
        };
        match data_type.filter(supported) {
            Some(data_type) => Ok(Field::new(field.name(), data_type, field.is_nullable())),
            None => Err(unsupported(field)),
        }
    };
    let fields = schema.fields().iter().map(field).collect::<Result<Vec<Field>, QueryError>>()?;
    Ok(Arc::new(Schema::new(fields)))
}

fn unsupported(field: &Field) -> QueryError {
    let kind = type_name(field.data_type());
    let message = format!("column \"{}\" of type {kind} cannot be sent as Arrow IPC", field.name());
    QueryError::new(ErrorCode::NotAcceptable, message).with_hint("ask for ROW_FORMAT_VALUES")
}

fn plain_type(data_type: &DataType) -> Option<DataType> {
    Some(match data_type {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::Dictionary(_, values) => plain_type(values)?,
        DataType::RunEndEncoded(_, values) => plain_type(values.data_type())?,
        DataType::List(item) | DataType::ListView(item) => DataType::List(plain_field(item)?),
        DataType::LargeList(item) | DataType::LargeListView(item) => DataType::LargeList(plain_field(item)?),
        DataType::FixedSizeList(item, length) => DataType::FixedSizeList(plain_field(item)?, *length),
        DataType::Map(entries, sorted) => DataType::Map(plain_field(entries)?, *sorted),
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(plain_field).collect::<Option<Fields>>()?)
        }
        DataType::Union(..) => return None,
        plain => plain.clone(),
    })
}

fn plain_field(field: &FieldRef) -> Option<FieldRef> {
    Some(Arc::new(Field::new(field.name(), plain_type(field.data_type())?, field.is_nullable())))
}

/// The same rows under the plain schema, in buffers of their own.
///
/// # Errors
/// When a value cannot be moved, or would come as another type than the schema says.
pub(super) fn rebuilt(batch: &RecordBatch, plain: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let pairs = batch.columns().iter().zip(plain.fields());
    let columns = pairs.map(|(array, field)| rebuilt_array(array, field.data_type()));
    let columns = columns.collect::<Result<Vec<ArrayRef>, ArrowError>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(SchemaRef::clone(plain), columns, &options)
}

fn rebuilt_array(array: &ArrayRef, plain: &DataType) -> Result<ArrayRef, ArrowError> {
    let array = if array.data_type().equals_datatype(plain) {
        Arc::clone(array)
    } else {
        cast_with_options(array, plain, &CastOptions { safe: false, ..CastOptions::default() })?
    };
    let converter = RowConverter::new(vec![SortField::new(plain.clone())])?;
    let rows = converter.convert_columns(&[array])?;
    let mut columns = converter.convert_rows(&rows)?;
    match (columns.pop(), columns.is_empty()) {
        (Some(only), true) if only.data_type() == plain => Ok(only),
        _ => Err(ArrowError::SchemaError(format!("an array of {plain} did not come back as one"))),
    }
}

#[cfg(test)]
mod tests;
