//! Making tables: owns creating a Delta table and appending to it. Reads nothing back, and knows
//! no upserts, deletes or maintenance.

use std::collections::HashMap;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow_schema::SchemaRef;
use delta_kernel::engine::arrow_conversion::TryIntoKernel;
use delta_kernel::schema::{StructField, StructType};
use deltalake_core::operations::create::CreateBuilder;
use deltalake_core::writer::{DeltaWriter, RecordBatchWriter};
use deltalake_core::{DeltaTable, DeltaTableBuilder};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use url::Url;

use crate::error::CatalogError;
use crate::store::local_directory;

/// Rows of a row group: few enough that a page reads little, many enough to compress well.
const ROW_GROUP_ROWS: usize = 128 * 1024;

/// What a new table is like.
#[derive(Debug, Clone)]
pub struct NewTable<'a> {
    /// Columns, partition columns included.
    pub schema: SchemaRef,
    /// Partition columns, in order.
    pub partition_columns: &'a [String],
    /// Name in the table's own metadata.
    pub name: Option<&'a str>,
    /// Comment in the table's own metadata.
    pub description: Option<&'a str>,
    /// Table properties, such as `delta.enableDeletionVectors`.
    pub configuration: HashMap<String, String>,
}

/// Creates an empty table in the directory `location`, which is made when it does not exist.
/// Fails if there is a table.
pub async fn create_table(location: &Path, table: NewTable<'_>) -> Result<(), CatalogError> {
    std::fs::create_dir_all(location).map_err(|error| CatalogError::InvalidLocation {
        location: location.display().to_string(),
        reason: error.to_string(),
    })?;
    let schema: StructType = table
        .schema
        .as_ref()
        .try_into_kernel()
        .map_err(|error| CatalogError::Schema { reason: error.to_string() })?;
    let columns: Vec<StructField> = schema.fields().cloned().collect();
    let mut builder = CreateBuilder::new()
        .with_location(table_url(location)?.as_str())
        .with_columns(columns)
        .with_partition_columns(table.partition_columns.iter().cloned())
        .with_configuration(table.configuration.into_iter().map(|(key, value)| (key, Some(value))));
    if let Some(name) = table.name {
        builder = builder.with_table_name(name);
    }
    if let Some(description) = table.description {
        builder = builder.with_comment(description);
    }
    builder.await?;
    Ok(())
}

/// Appends rows in one commit, a file for each partition, and gives its version. The batches'
/// schema must be the table's.
pub async fn append(location: &Path, batches: Vec<RecordBatch>) -> Result<u64, CatalogError> {
    let mut table: DeltaTable = DeltaTableBuilder::from_url(table_url(location)?)?.load().await?;
    let mut writer = RecordBatchWriter::for_table(&table)?.with_writer_properties(writer_properties());
    for batch in batches {
        writer.write(batch).await?;
    }
    let version = writer.flush_and_commit(&mut table).await?;
    Ok(version as u64)
}

fn writer_properties() -> WriterProperties {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .build()
}

fn table_url(location: &Path) -> Result<Url, CatalogError> {
    let directory = local_directory(&location.to_string_lossy(), Path::new(""))?;
    Url::from_directory_path(&directory).map_err(|()| CatalogError::InvalidLocation {
        location: location.display().to_string(),
        reason: "it is not an absolute directory path".to_owned(),
    })
}
