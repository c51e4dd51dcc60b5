//! Gives arrays read under physical names their logical type: owns the positional renaming of
//! nested fields. Does not match fields by name; both types come from the same table schema.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, FixedSizeListArray, LargeListArray, ListArray, MapArray, StructArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use arrow::error::ArrowError;

/// `array` with the names of `target`, which has the same shape. A leaf of another type is cast,
/// and a value that does not fit is an error: never a silent null.
pub(super) fn relabel(array: &ArrayRef, target: &DataType) -> Result<ArrayRef, ArrowError> {
    if array.data_type() == target {
        return Ok(Arc::clone(array));
    }
    match (array.data_type(), target) {
        (DataType::Struct(_), DataType::Struct(fields)) => {
            let source = downcast::<StructArray>(array)?;
            let columns = source
                .columns()
                .iter()
                .zip(fields.iter())
                .map(|(column, field)| relabel(column, field.data_type()))
                .collect::<Result<Vec<_>, _>>()?;
            if columns.len() != fields.len() {
                return Err(shape_mismatch());
            }
            let renamed = StructArray::try_new_with_length(
                fields.clone(),
                columns,
                source.nulls().cloned(),
                source.len(),
            )?;
            Ok(Arc::new(renamed))
        }
        (DataType::List(_), DataType::List(item)) => {
            let source = downcast::<ListArray>(array)?;
            let values = relabel(source.values(), item.data_type())?;
            Ok(Arc::new(ListArray::try_new(
                Arc::clone(item),
                source.offsets().clone(),
                values,
                source.nulls().cloned(),
            )?))
        }
        (DataType::LargeList(_), DataType::LargeList(item)) => {
            let source = downcast::<LargeListArray>(array)?;
            let values = relabel(source.values(), item.data_type())?;
            Ok(Arc::new(LargeListArray::try_new(
                Arc::clone(item),
                source.offsets().clone(),
                values,
                source.nulls().cloned(),
            )?))
        }
        (DataType::FixedSizeList(_, size), DataType::FixedSizeList(item, _)) => {
            let source = downcast::<FixedSizeListArray>(array)?;
            let values = relabel(source.values(), item.data_type())?;
            Ok(Arc::new(FixedSizeListArray::try_new(
                Arc::clone(item),
                *size,
                values,
                source.nulls().cloned(),
            )?))
        }
        (DataType::Map(_, _), DataType::Map(entries, ordered)) => {
            let source = downcast::<MapArray>(array)?;
            let inner: ArrayRef = Arc::new(source.entries().clone());
            let inner = relabel(&inner, entries.data_type())?;
            Ok(Arc::new(MapArray::try_new(
                Arc::clone(entries),
                source.offsets().clone(),
                downcast::<StructArray>(&inner)?.clone(),
                source.nulls().cloned(),
                *ordered,
            )?))
        }
        _ => cast_with_options(array, target, &CastOptions { safe: false, ..CastOptions::default() }),
    }
}

/// The type with every nested field nullable, map entries and keys aside: what a reader may rely
/// on when files were written by others.
pub(super) fn nullable_deep(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(nullable_field).collect::<Fields>()),
        DataType::List(item) => DataType::List(nullable_field(item)),
        DataType::LargeList(item) => DataType::LargeList(nullable_field(item)),
        DataType::FixedSizeList(item, n) => DataType::FixedSizeList(nullable_field(item), *n),
        DataType::Map(entries, ordered) => {
            let DataType::Struct(pair) = entries.data_type() else { return data_type.clone() };
            let relaxed: Fields = pair
                .iter()
                .enumerate()
                .map(|(i, f)| {
                    let inner = f.as_ref().clone().with_data_type(nullable_deep(f.data_type()));
                    Arc::new(inner.with_nullable(i > 0))
                })
                .collect();
            let entries = Field::new(entries.name(), DataType::Struct(relaxed), false);
            DataType::Map(Arc::new(entries), *ordered)
        }
        other => other.clone(),
    }
}

/// The field, nullable at every level. Field ids stay: files may have to be matched by them.
pub(super) fn nullable_field(field: &FieldRef) -> FieldRef {
    let data_type = nullable_deep(field.data_type());
    Arc::new(field.as_ref().clone().with_data_type(data_type).with_nullable(true))
}

fn downcast<T: 'static>(array: &ArrayRef) -> Result<&T, ArrowError> {
    array.as_any().downcast_ref::<T>().ok_or_else(shape_mismatch)
}

fn shape_mismatch() -> ArrowError {
    ArrowError::SchemaError("a file's column differs in shape from the table's".to_owned())
}
