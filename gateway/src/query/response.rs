//! What comes back: owns the answer types that every door encodes. Does not encode.

use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use chrono::{DateTime, Utc};
use sluice_policies::fingerprint::Fingerprint;

/// A complete, bounded answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// Columns as the caller sees them, in the order asked for.
    pub schema: SchemaRef,
    /// The rows.
    pub batches: Vec<RecordBatch>,
    /// Paging, for statements that page.
    pub page: Option<PageInfo>,
    /// Rows that match in all, when asked for.
    pub total_rows: Option<u64>,
    /// Every table that was read, in name order, with the version that the answer is true at.
    pub tables: Vec<TableMeta>,
    /// Time spent from admission to the last row.
    pub elapsed: Duration,
}

/// Where a page stands.
#[derive(Debug, Clone, Default)]
pub struct PageInfo {
    /// Continues after the last row; absent when there is nothing after it.
    pub next_cursor: Option<String>,
    /// Continues before the first row; absent on the first page.
    pub prev_cursor: Option<String>,
    /// There are rows after this page.
    pub has_more: bool,
}

/// One table of an answer.
#[derive(Debug, Clone)]
pub struct TableMeta {
    /// Declared name.
    pub table: String,
    /// Delta version.
    pub version: u64,
    /// When that version was committed.
    pub committed_at: DateTime<Utc>,
    /// Time since the catalog last made sure that this was the newest version; for an older
    /// version, since it was superseded as far as is known.
    pub age: Duration,
    /// The log could not be read lately; the answer is from the last good version.
    pub stale: bool,
    /// Identity of the policy that it was read under, for the audit; never sent.
    pub policy: Fingerprint,
}

/// A table in a listing.
#[derive(Debug, Clone)]
pub struct TableSummary {
    /// Declared name.
    pub name: String,
    /// Declared description.
    pub description: Option<String>,
    /// Version and freshness; absent while the table is unavailable.
    pub meta: Option<TableMeta>,
    /// Why it cannot be read; shown to administrators only.
    pub unavailable: Option<String>,
    /// Live rows; only where the caller's view is unfiltered and the log knows.
    pub rows: Option<u64>,
    /// Bytes of data files; only where the caller's view is unfiltered.
    pub bytes: Option<u64>,
}

/// A table as its caller sees it.
#[derive(Debug, Clone)]
pub struct TableDescription {
    /// What the listing says of it.
    pub summary: TableSummary,
    /// Visible columns in table order.
    pub columns: Vec<ColumnDescription>,
    /// The primary key, when every part of it is visible.
    pub primary_key: Vec<String>,
    /// Lookups by the key work: it is declared, visible and unmasked.
    pub key_lookup: bool,
    /// Largest page, in rows.
    pub max_page_rows: usize,
}

/// A column as its caller sees it.
#[derive(Debug, Clone)]
pub struct ColumnDescription {
    /// Name.
    pub name: String,
    /// SQL-like type after masking, such as `int64`, `decimal(12,2)` or `struct<a: utf8>`.
    pub data_type: String,
    /// May be null (masked columns always may).
    pub nullable: bool,
    /// Declared description, or the one in the table's own schema.
    pub description: Option<String>,
    /// Declared tags.
    pub tags: Vec<String>,
    /// The values are masked for this caller.
    pub masked: bool,
    /// Partition column.
    pub partition: bool,
}
