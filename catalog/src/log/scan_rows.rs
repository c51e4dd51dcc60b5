//! The kernel's scan rows: owns their reading as add actions. Does not run scans.

use std::collections::HashMap;

use arrow::array::{Array, AsArray, Int64Array, RecordBatch, StringArray, StructArray};
use arrow::datatypes::{Int32Type, Int64Type};

use super::actions::{AddAction, VectorFields};
use crate::error::CatalogError;

/// Reads the kernel's scan rows as add actions.
pub(super) fn read_rows(
    batch: &RecordBatch,
    mut each: impl FnMut(AddAction) -> Result<(), CatalogError>,
) -> Result<(), CatalogError> {
    let rows = StructArray::from(batch.clone());
    let paths = string(&rows, "path")?;
    let sizes = long(&rows, "size")?;
    let times = long(&rows, "modificationTime")?;
    let stats = string(&rows, "stats")?;
    let vectors = structure(&rows, "deletionVector")?;
    let storage_types = string(vectors, "storageType")?;
    let stored = string(vectors, "pathOrInlineDv")?;
    let offsets = column(vectors, "offset")?.as_primitive_opt::<Int32Type>().ok_or_else(unexpected)?;
    let vector_sizes =
        column(vectors, "sizeInBytes")?.as_primitive_opt::<Int32Type>().ok_or_else(unexpected)?;
    let cardinalities = long(vectors, "cardinality")?;
    let constants = structure(&rows, "fileConstantValues")?;
    let partitions = column(constants, "partitionValues")?.as_map_opt().ok_or_else(unexpected)?;
    for row in 0..rows.len() {
        if !paths.is_valid(row) {
            continue;
        }
        let vector = vectors.is_valid(row).then(|| VectorFields {
            storage_type: storage_types.value(row).to_owned(),
            path_or_inline_dv: stored.value(row).to_owned(),
            offset: offsets.is_valid(row).then(|| offsets.value(row)),
            size_in_bytes: vector_sizes.value(row),
            cardinality: cardinalities.value(row),
        });
        let partition_values = if constants.is_valid(row) && partitions.is_valid(row) {
            read_map(&partitions.value(row))?
        } else {
            HashMap::new()
        };
        each(AddAction {
            path: paths.value(row).to_owned(),
            partition_values,
            size: sizes.value(row),
            modification_time: times.value(row),
            stats: stats.is_valid(row).then(|| stats.value(row).to_owned()),
            deletion_vector: vector,
            // The commit that added the file knew.
            data_change: true,
        })?;
    }
    Ok(())
}

fn read_map(entries: &StructArray) -> Result<HashMap<String, Option<String>>, CatalogError> {
    let [keys, values] = entries.columns() else {
        return Err(unexpected());
    };
    let keys = keys.as_string_opt::<i32>().ok_or_else(unexpected)?;
    let values = values.as_string_opt::<i32>().ok_or_else(unexpected)?;
    let value = |at: usize| values.is_valid(at).then(|| values.value(at).to_owned());
    Ok((0..entries.len()).map(|at| (keys.value(at).to_owned(), value(at))).collect())
}

fn column<'a>(rows: &'a StructArray, name: &str) -> Result<&'a dyn Array, CatalogError> {
    rows.column_by_name(name).map(AsRef::as_ref).ok_or_else(unexpected)
}

fn string<'a>(rows: &'a StructArray, name: &str) -> Result<&'a StringArray, CatalogError> {
    column(rows, name)?.as_string_opt::<i32>().ok_or_else(unexpected)
}

fn long<'a>(rows: &'a StructArray, name: &str) -> Result<&'a Int64Array, CatalogError> {
    column(rows, name)?.as_primitive_opt::<Int64Type>().ok_or_else(unexpected)
}

fn structure<'a>(rows: &'a StructArray, name: &str) -> Result<&'a StructArray, CatalogError> {
    column(rows, name)?.as_struct_opt().ok_or_else(unexpected)
}

fn unexpected() -> CatalogError {
    CatalogError::Task { reason: "the kernel's scan rows have an unexpected form".to_owned() }
}
