//! One demo table in the making: owns the casts to types that Delta stores and the commits. Does
//! not know the tables.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use sluice_catalog::commit::{self, NewTable};

use super::DemoError;

/// A table that exists and takes commits.
#[derive(Debug)]
pub(super) struct TableWriter {
    table: &'static str,
    location: PathBuf,
    schema: SchemaRef,
}

impl TableWriter {
    /// Makes the empty table, which is its version 0.
    pub(super) async fn create(
        lake: &Path,
        table: &'static str,
        source: &Schema,
        partition_columns: &[&str],
    ) -> Result<Self, DemoError> {
        let location = lake.join(table);
        let schema = stored_schema(source);
        let partitions: Vec<String> = partition_columns.iter().map(|name| (*name).to_owned()).collect();
        let new = NewTable {
            schema: Arc::clone(&schema),
            partition_columns: &partitions,
            name: Some(table),
            description: None,
            configuration: HashMap::new(),
        };
        commit::create_table(&location, new).await.map_err(|source| DemoError::Commit { table, source })?;
        Ok(Self { table, location, schema })
    }

    /// Appends the rows as one commit.
    pub(super) async fn commit(&self, batches: Vec<RecordBatch>) -> Result<(), DemoError> {
        let stored: Result<Vec<RecordBatch>, ArrowError> =
            batches.iter().map(|batch| stored_batch(batch, &self.schema)).collect();
        let stored = stored.map_err(|source| DemoError::Data { table: self.table, source })?;
        commit::append(&self.location, stored)
            .await
            .map_err(|source| DemoError::Commit { table: self.table, source })?;
        Ok(())
    }
}

/// Delta has no view types; generated rows come in them.
fn stored_schema(source: &Schema) -> SchemaRef {
    let fields: Vec<Field> = source
        .fields()
        .iter()
        .map(|field| {
            let stored = match field.data_type() {
                DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
                other => other.clone(),
            };
            Field::new(field.name(), stored, field.is_nullable())
        })
        .collect();
    Arc::new(Schema::new(fields))
}

fn stored_batch(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns: Result<Vec<ArrayRef>, ArrowError> = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| cast(column, field.data_type()))
        .collect();
    RecordBatch::try_new(Arc::clone(schema), columns?)
}
