//! One version of a table: owns what a reader needs to know of it. Immutable, and complete but for deletion
//! vectors, which are loaded when asked for. Reads no data.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use chrono::{DateTime, Utc};
use object_store::ObjectStore;
use roaring::RoaringTreemap;
use url::Url;

use crate::data_file::{DataFile, StatsLayout};
use crate::error::CatalogError;
use crate::log::LogSource;
use crate::schema::{Column, ColumnMapping, TableSchema};

/// What only a metadata or protocol commit changes.
#[derive(Debug)]
pub(crate) struct TableMetadata {
    pub(crate) table_id: String,
    pub(crate) description: Option<String>,
    pub(crate) columns: TableSchema,
    /// Commits from this version on carry their own time.
    pub(crate) in_commit_timestamps_from: Option<u64>,
}

/// A table at one version.
#[derive(Debug)]
pub struct Snapshot {
    source: Arc<LogSource>,
    metadata: Arc<TableMetadata>,
    version: u64,
    committed_at: DateTime<Utc>,
    files: Arc<[Arc<DataFile>]>,
    num_rows: Option<u64>,
    num_bytes: u64,
}

impl Snapshot {
    pub(crate) fn new(
        source: Arc<LogSource>,
        metadata: Arc<TableMetadata>,
        version: u64,
        committed_at: DateTime<Utc>,
        files: Arc<[Arc<DataFile>]>,
    ) -> Self {
        let num_rows = files.iter().try_fold(0_u64, |sum, file| sum.checked_add(file.live_rows()?));
        let num_bytes = files.iter().fold(0_u64, |sum, file| sum.saturating_add(file.size_bytes));
        Self { source, metadata, version, committed_at, files, num_rows, num_bytes }
    }

    /// The same version with no other files than these, which are some of its own in canonical order.
    pub(crate) fn with_files(&self, files: Arc<[Arc<DataFile>]>) -> Self {
        let Self { source, metadata, version, committed_at, .. } = self;
        Self::new(Arc::clone(source), Arc::clone(metadata), *version, *committed_at, files)
    }

    pub(crate) const fn metadata(&self) -> &Arc<TableMetadata> {
        &self.metadata
    }

    /// Delta version.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Identity of the table: a table that was dropped and made anew has another.
    pub fn table_id(&self) -> &str {
        &self.metadata.table_id
    }

    /// When the version was committed: by the commit itself where the table records that, else by
    /// the time of the commit file, made strictly increasing over versions.
    pub const fn committed_at(&self) -> DateTime<Utc> {
        self.committed_at
    }

    /// Logical columns, without metadata.
    pub fn schema(&self) -> &SchemaRef {
        &self.metadata.columns.schema
    }

    /// Columns in schema order.
    pub fn columns(&self) -> &[Column] {
        &self.metadata.columns.columns
    }

    /// Ids of columns and struct fields by dotted logical path; empty where columns aren't mapped.
    /// A path that could be read in two ways is left out.
    pub fn column_ids(&self) -> &BTreeMap<String, i64> {
        &self.metadata.columns.column_ids
    }

    /// How data files name columns.
    pub fn column_mapping(&self) -> ColumnMapping {
        self.metadata.columns.mapping
    }

    /// Logical names of the partition columns, in the table's order.
    pub fn partition_columns(&self) -> &[String] {
        &self.metadata.columns.partition_columns
    }

    /// Positions of columns in [`crate::data_file::FileStats`].
    pub fn stats_layout(&self) -> &Arc<StatsLayout> {
        &self.metadata.columns.stats_layout
    }

    /// Live files in canonical order: by the bytes of their path in the log, however the version
    /// was loaded. No two have the same path.
    pub const fn files(&self) -> &Arc<[Arc<DataFile>]> {
        &self.files
    }

    /// The table's directory, ending in `/`.
    pub fn root(&self) -> &Url {
        &self.source.location.root
    }

    /// Reads objects of this table, and of no other.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.source.location.store
    }

    /// A URL of scheme and authority that stands for [`Self::store`] alone: register the store
    /// under it with an engine that finds stores by URL.
    pub fn store_url(&self) -> &Url {
        &self.source.location.store_url
    }

    /// Rows that are not deleted; `None` when some file does not say.
    pub const fn num_rows(&self) -> Option<u64> {
        self.num_rows
    }

    /// Bytes of all live files.
    pub const fn num_bytes(&self) -> u64 {
        self.num_bytes
    }

    /// The comment in the table's own metadata.
    pub fn description(&self) -> Option<&str> {
        self.metadata.description.as_deref()
    }

    /// Positions of deleted rows of a file of this snapshot, counted from 0; `None` when it has
    /// none. Loaded vectors are kept in a bounded cache.
    pub async fn deleted_rows(&self, file: &DataFile) -> Result<Option<Arc<RoaringTreemap>>, CatalogError> {
        match &file.deletion_vector {
            Some(vector) => {
                let rows = self.source.vectors.load(&self.source, &file.key, vector).await?;
                check_within(file, &rows)?;
                Ok(Some(rows))
            }
            None => Ok(None),
        }
    }
}

/// A vector that deletes rows which the file does not have belongs to another file.
fn check_within(file: &DataFile, deleted: &RoaringTreemap) -> Result<(), CatalogError> {
    let rows = file.stats.as_ref().and_then(|stats| stats.num_records);
    match (rows, deleted.max()) {
        (Some(rows), Some(last)) if last >= rows => Err(CatalogError::DeletionVector {
            path: file.key.clone(),
            reason: format!("it deletes row {last} of {rows}"),
        }),
        _ => Ok(()),
    }
}
