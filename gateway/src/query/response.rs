//! What comes back: owns the answer types that every door encodes. Does not encode.

use std::collections::HashSet;
use std::time::Duration;

use arrow::array::{Array, ArrayData, RecordBatch};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, SchemaRef};
use chrono::{DateTime, Utc};
use sluice_policies::fingerprint::Fingerprint;

use super::admission::Held;
use super::error::{ErrorCode, QueryError};
use super::groups::Groups;
use super::row_cursors::RowCursors;

/// An answer on its way to its caller.
#[derive(Debug)]
pub struct Delivery {
    /// The answer.
    pub response: Response,
    /// Its memory: the rows, until the door says how large what it made of them is. Lives as long as
    /// any of that.
    pub held: Held,
}

impl Delivery {
    /// Counts the rows of an answer, and what their cursors are made of.
    ///
    /// # Errors
    /// As [`Held::resize`].
    pub(super) fn of(response: Response, mut held: Held) -> Result<Self, QueryError> {
        let cursors = response.page.as_ref().and_then(|page| page.row_cursors.as_ref());
        let cursors = cursors.map_or(0, RowCursors::bytes);
        let groups = response.groups.as_ref().map_or(0, Groups::bytes);
        held.resize(buffer_bytes(&response.batches) + cursors + groups)?;
        Ok(Self { response, held })
    }
}

/// Bytes of every buffer that the rows keep alive. Slices of one buffer keep all of it, once.
fn buffer_bytes(batches: &[RecordBatch]) -> usize {
    let mut seen = HashSet::new();
    let columns = batches.iter().flat_map(RecordBatch::columns);
    columns.map(|column| unseen_bytes(&column.to_data(), &mut seen)).sum()
}

fn unseen_bytes(data: &ArrayData, seen: &mut HashSet<usize>) -> usize {
    let nulls = data.nulls().map(|nulls| nulls.buffer());
    let own: usize = data
        .buffers()
        .iter()
        .chain(nulls)
        .filter(|buffer| seen.insert(buffer.data_ptr().addr().get()))
        .map(Buffer::capacity)
        .sum();
    own + data.child_data().iter().map(|child| unseen_bytes(child, seen)).sum::<usize>()
}

/// A complete, bounded answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// Columns as the caller sees them, in the order asked for.
    pub schema: SchemaRef,
    /// The rows; for a lookup one, or none.
    pub batches: Vec<RecordBatch>,
    /// Paging, for statements that page.
    pub page: Option<PageInfo>,
    /// Rows that match in all, when asked for.
    pub total_rows: Option<u64>,
    /// What the rows are of each key, for statements about many.
    pub groups: Option<Groups>,
    /// Every table that was read, in name order, with the version that the answer is true at.
    pub tables: Vec<TableMeta>,
    /// Time spent from admission to the last row.
    pub elapsed: Duration,
}

impl Response {
    /// For doors that answer a lookup whose row is not there as they do one whose table is not.
    ///
    /// # Errors
    /// `not_found`: there is no row.
    pub fn require_row(&self) -> Result<(), QueryError> {
        if self.batches.iter().any(|batch| batch.num_rows() > 0) {
            return Ok(());
        }
        Err(QueryError::new(ErrorCode::NotFound, "no row has this key"))
    }
}

/// Where a page stands. One without rows has no cursors: the rows on its other side are all that there are.
#[derive(Debug, Clone, Default)]
pub struct PageInfo {
    /// Continues after the last row; absent when there is nothing after it.
    pub next_cursor: Option<String>,
    /// Continues before the first row; absent on the first page, and of groups, which are walked forward only.
    pub prev_cursor: Option<String>,
    /// There are rows after this page.
    pub has_more: bool,
    /// There are rows before this page.
    pub has_previous: bool,
    /// A cursor for each row, where asked for.
    pub row_cursors: Option<RowCursors>,
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
    /// Time since the catalog last made sure that this was the newest version: for an older version,
    /// since it was superseded, or since it was committed where that is not known.
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
    /// The same type as its answers carry it.
    pub arrow_type: DataType,
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
    /// Fields inside it that the catalog says something about.
    pub fields: Vec<FieldDescription>,
}

/// What the catalog declares of a field inside a column.
#[derive(Debug, Clone)]
pub struct FieldDescription {
    /// Dotted path from the column on, as declared.
    pub path: String,
    /// Declared description.
    pub description: Option<String>,
    /// Declared tags.
    pub tags: Vec<String>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringArray, StructArray};

    use super::*;

    #[test]
    fn slices_of_one_buffer_count_it_once_and_whole() {
        let numbers: ArrayRef = Arc::new((0..4_096).collect::<Int64Array>());
        let rows = RecordBatch::try_from_iter([("n", Arc::clone(&numbers)), ("m", numbers)]).unwrap();
        let all = buffer_bytes(std::slice::from_ref(&rows));
        assert!((8 * 4_096..9 * 4_096).contains(&all), "{all}");
        assert_eq!(buffer_bytes(&[rows.slice(0, 1), rows.slice(1, 4_095), rows.clone()]), all);
    }

    #[test]
    fn a_row_is_required_of_a_lookup_and_batches_without_rows_are_none() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let row = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
        let answer = |batches: Vec<RecordBatch>| Response {
            schema: row.schema(),
            batches,
            page: None,
            total_rows: None,
            groups: None,
            tables: Vec::new(),
            elapsed: Duration::ZERO,
        };
        assert!(answer(vec![row.slice(0, 0), row.clone()]).require_row().is_ok());
        for none in [vec![], vec![row.slice(0, 0)]] {
            assert_eq!(answer(none).require_row().unwrap_err().code, ErrorCode::NotFound);
        }
    }

    #[test]
    fn texts_nulls_and_fields_of_structs_count() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("x".repeat(5_000)), None]));
        let plain = RecordBatch::try_from_iter([("s", Arc::clone(&texts))]).unwrap();
        let inside: ArrayRef = Arc::new(StructArray::try_from(vec![("s", texts)]).unwrap());
        let nested = RecordBatch::try_from_iter([("o", inside)]).unwrap();
        let bytes = buffer_bytes(&[plain]);
        assert!((5_000..6_000).contains(&bytes), "{bytes}");
        assert!(buffer_bytes(&[nested]) >= bytes);
    }
}
