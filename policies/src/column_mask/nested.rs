//! Masks inside structs: owns how a mask reaches a field by its path, through lists of structs
//! too. A list is no step of the path: `items.price` is the price of every item.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, GenericListArray, OffsetSizeTrait, StructArray};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields};

use super::{ColumnMask, MaskError};

/// The type of a column after one field inside it is masked.
pub fn nested_output_type(
    input: &DataType,
    path: &[String],
    mask: &ColumnMask,
) -> Result<DataType, MaskError> {
    let Some((name, rest)) = path.split_first() else {
        return match mask {
            ColumnMask::Expression(_) => Err(MaskError::ExpressionNested),
            other => other.output_type(input),
        };
    };
    let missing = || MaskError::NoSuchField(path.join("."));
    match input {
        DataType::Struct(fields) => {
            let place = fields.iter().position(|field| field.name() == name).ok_or_else(missing)?;
            let mut masked: Vec<FieldRef> = fields.iter().cloned().collect();
            if rest.is_empty() && matches!(mask, ColumnMask::Absent) {
                masked.remove(place);
            } else {
                let inner = nested_output_type(fields[place].data_type(), rest, mask)?;
                masked[place] = masked_field(&fields[place], inner);
            }
            Ok(DataType::Struct(Fields::from(masked)))
        }
        DataType::List(item) => Ok(DataType::List(masked_item(item, path, mask)?)),
        DataType::LargeList(item) => Ok(DataType::LargeList(masked_item(item, path, mask)?)),
        _ => Err(missing()),
    }
}

/// A column after one field inside it is masked. Total for every array of a type that
/// [`nested_output_type`] takes.
pub fn apply_nested(array: &ArrayRef, path: &[String], mask: &ColumnMask) -> Result<ArrayRef, ArrowError> {
    let Some((name, rest)) = path.split_first() else { return mask.apply(array) };
    match array.data_type() {
        DataType::Struct(fields) => {
            let place = fields.iter().position(|field| field.name() == name).ok_or_else(|| missing(path))?;
            let source = array.as_struct();
            let mut masked: Vec<FieldRef> = fields.iter().cloned().collect();
            let mut columns: Vec<ArrayRef> = source.columns().to_vec();
            if rest.is_empty() && matches!(mask, ColumnMask::Absent) {
                masked.remove(place);
                columns.remove(place);
            } else {
                columns[place] = apply_nested(&columns[place], rest, mask)?;
                masked[place] = masked_field(&fields[place], columns[place].data_type().clone());
            }
            if masked.is_empty() {
                let empty = StructArray::new_empty_fields(source.len(), source.nulls().cloned());
                return Ok(Arc::new(empty));
            }
            let rebuilt = StructArray::try_new(Fields::from(masked), columns, source.nulls().cloned())?;
            Ok(Arc::new(rebuilt))
        }
        DataType::List(item) => in_list::<i32>(array.as_list(), item, path, mask),
        DataType::LargeList(item) => in_list::<i64>(array.as_list(), item, path, mask),
        _ => Err(missing(path)),
    }
}

fn in_list<O: OffsetSizeTrait>(
    list: &GenericListArray<O>,
    item: &FieldRef,
    path: &[String],
    mask: &ColumnMask,
) -> Result<ArrayRef, ArrowError> {
    let values = apply_nested(list.values(), path, mask)?;
    let item = list_item(item, values.data_type().clone());
    let rebuilt =
        GenericListArray::<O>::try_new(item, list.offsets().clone(), values, list.nulls().cloned())?;
    Ok(Arc::new(rebuilt))
}

fn masked_item(item: &FieldRef, path: &[String], mask: &ColumnMask) -> Result<FieldRef, MaskError> {
    Ok(list_item(item, nested_output_type(item.data_type(), path, mask)?))
}

fn list_item(item: &FieldRef, data_type: DataType) -> FieldRef {
    Arc::new(Field::clone(item).with_data_type(data_type))
}

/// Nullable, and without the metadata, which may describe raw values.
fn masked_field(field: &Field, data_type: DataType) -> FieldRef {
    Arc::new(Field::new(field.name(), data_type, true))
}

fn missing(path: &[String]) -> ArrowError {
    ArrowError::InvalidArgumentError(MaskError::NoSuchField(path.join(".")).to_string())
}
