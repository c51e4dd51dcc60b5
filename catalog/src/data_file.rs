//! One data file of a snapshot: owns what the log says of it. Does not read the file.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use object_store::path::Path;

use crate::deletion_vector::DeletionVector;

mod stats;

pub use stats::{ColumnStats, FileStats, StatsLayout};

/// A live file of one version.
#[derive(Debug, Clone, PartialEq)]
pub struct DataFile {
    /// Full path in the table's store.
    pub path: Path,
    /// The path as the log writes it: what the canonical order compares, byte by byte.
    pub key: String,
    /// Size as the log states it.
    pub size_bytes: u64,
    /// When the file was written, as the log states it.
    pub modified_at: DateTime<Utc>,
    /// Value of each partition column, by logical name, as text in the form of the Delta protocol;
    /// `None` is null. Shared between the files of a partition.
    pub partition_values: Arc<BTreeMap<String, Option<String>>>,
    /// Statistics, when the log has them in a form that can be read.
    pub stats: Option<FileStats>,
    /// Rows of the file that are deleted.
    pub deletion_vector: Option<DeletionVector>,
}

impl DataFile {
    /// Rows that are not deleted; `None` when the log does not say how many rows the file has.
    pub fn live_rows(&self) -> Option<u64> {
        let rows = self.stats.as_ref()?.num_records?;
        let deleted = self.deletion_vector.as_ref().map_or(0, |vector| vector.cardinality);
        rows.checked_sub(deleted)
    }
}
