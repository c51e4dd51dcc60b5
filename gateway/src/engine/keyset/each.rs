//! The first rows of each of many groups: owns choosing them by their keys out of any number of batches, with the
//! memory that those rows need and little more. Does not know what makes a group.

use std::collections::BinaryHeap;
use std::ops::Range;

use arrow::array::{BooleanArray, RecordBatch, UInt32Array};
use arrow::compute::{filter_record_batch, interleave_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::row::Rows;

use super::COMPACT_ROWS;

/// The first rows of each group, in key order: as many as a page may have, in rows and in bytes, and the first that
/// is too many.
#[derive(Debug)]
pub(in crate::engine) struct FirstOfEach {
    schema: SchemaRef,
    /// Most rows of a group, that one included.
    rows_max: usize,
    /// Rows of a group past so many bytes are not wanted, but for the first of them.
    bytes_max: usize,
    groups: Vec<First>,
    /// Groups that have all rows that they may.
    full: usize,
    batches: Vec<RecordBatch>,
    /// Rows of the groups.
    held: Size,
    /// Those of the batches, of which some are held no more.
    stored: Size,
}

/// Rows and their bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::engine) struct Size {
    pub(in crate::engine) rows: usize,
    pub(in crate::engine) bytes: usize,
}

impl Size {
    /// One row more.
    pub(in crate::engine) fn add(&mut self, bytes: usize) {
        self.rows += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn remove(&mut self, bytes: usize) {
        self.rows -= 1;
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// One group.
#[derive(Debug, Default)]
struct First {
    /// The last of its rows on top.
    rows: BinaryHeap<Held>,
    bytes: usize,
    /// Rows that were pushed, held or not.
    seen: u64,
}

/// A row of a group. They compare as their keys do, of which no two are the same.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    key: Box<[u8]>,
    bytes: usize,
    batch: usize,
    row: usize,
}

/// What was found of one group.
#[derive(Debug)]
pub(in crate::engine) struct Group {
    /// Its rows among all, the one that is too many included.
    pub(in crate::engine) rows: Range<usize>,
    /// The bytes of each.
    pub(in crate::engine) bytes: Vec<usize>,
    /// Rows that were pushed.
    pub(in crate::engine) seen: u64,
}

impl FirstOfEach {
    /// Of `groups` groups; `rows_max` counts the row that is too many.
    pub(in crate::engine) fn new(
        schema: SchemaRef,
        groups: usize,
        rows_max: usize,
        bytes_max: usize,
    ) -> Self {
        Self {
            schema,
            rows_max,
            bytes_max,
            groups: std::iter::repeat_with(First::default).take(groups).collect(),
            full: 0,
            batches: Vec::new(),
            held: Size::default(),
            stored: Size::default(),
        }
    }

    /// Takes in rows with their keys and sizes, each of the group whose number stands beside it.
    pub(in crate::engine) fn push(
        &mut self,
        batch: &RecordBatch,
        groups: &UInt32Array,
        keys: &Rows,
        sizes: &[usize],
    ) -> Result<(), ArrowError> {
        let mut taken = vec![false; batch.num_rows()];
        let mut next = 0;
        for (row, (group, bytes)) in groups.values().iter().zip(sizes.iter().copied()).enumerate() {
            let group = &mut self.groups[*group as usize];
            group.seen += 1;
            let key = keys.row(row);
            if !group.wants(key.as_ref(), self.rows_max, self.bytes_max) {
                continue;
            }
            let was_full = group.is_full(self.rows_max, self.bytes_max);
            group.bytes = group.bytes.saturating_add(bytes);
            group.rows.push(Held { key: key.as_ref().into(), bytes, batch: self.batches.len(), row: next });
            self.held.add(bytes);
            while let Some(last) = group.pop_superfluous(self.rows_max, self.bytes_max) {
                self.held.remove(last.bytes);
            }
            self.full += usize::from(!was_full && group.is_full(self.rows_max, self.bytes_max));
            self.stored.add(bytes);
            taken[row] = true;
            next += 1;
        }
        if next > 0 {
            // Only these rows: a few of each batch must not keep all of them in memory.
            self.batches.push(filter_record_batch(batch, &BooleanArray::from(taken))?);
        }
        let superfluous = self.stored.rows - self.held.rows > self.held.rows + COMPACT_ROWS
            || self.stored.bytes - self.held.bytes > self.held.bytes.saturating_add(self.bytes_max);
        if superfluous { self.compact() } else { Ok(()) }
    }

    /// Which rows could be among the first of their groups, going by all that is held.
    pub(in crate::engine) fn contend(&self, groups: &UInt32Array, keys: &Rows) -> BooleanArray {
        let of_row = |(group, key): (&u32, arrow::row::Row<'_>)| {
            Some(self.groups[*group as usize].wants(key.as_ref(), self.rows_max, self.bytes_max))
        };
        groups.values().iter().zip(keys.iter()).map(of_row).collect()
    }

    /// Groups of which no later row is wanted, whose key would be after those of all that were pushed.
    pub(in crate::engine) const fn full(&self) -> usize {
        self.full
    }

    /// What is held of all groups.
    pub(in crate::engine) const fn held(&self) -> Size {
        self.held
    }

    /// All rows, group by group, and where each group's are.
    pub(in crate::engine) fn finish(mut self) -> Result<(RecordBatch, Vec<Group>), ArrowError> {
        let mut picks = Vec::with_capacity(self.held.rows);
        let mut found = Vec::with_capacity(self.groups.len());
        for group in std::mem::take(&mut self.groups) {
            let rows = picks.len()..picks.len() + group.rows.len();
            let held = group.rows.into_sorted_vec();
            picks.extend(held.iter().map(|held| (held.batch, held.row)));
            found.push(Group { rows, bytes: held.iter().map(|held| held.bytes).collect(), seen: group.seen });
        }
        Ok((self.gather(&picks)?, found))
    }

    /// Lets go of the rows that are held no more.
    fn compact(&mut self) -> Result<(), ArrowError> {
        let mut picks = Vec::with_capacity(self.held.rows);
        for group in &mut self.groups {
            let mut rows = std::mem::take(&mut group.rows).into_vec();
            for held in &mut rows {
                picks.push((held.batch, held.row));
                (held.batch, held.row) = (0, picks.len() - 1);
            }
            group.rows = rows.into();
        }
        self.batches = vec![self.gather(&picks)?];
        self.stored = self.held;
        Ok(())
    }

    fn gather(&self, picks: &[(usize, usize)]) -> Result<RecordBatch, ArrowError> {
        if picks.is_empty() {
            return Ok(RecordBatch::new_empty(SchemaRef::clone(&self.schema)));
        }
        interleave_record_batch(&self.batches.iter().collect::<Vec<_>>(), picks)
    }
}

impl First {
    /// A row with this key would be among the first.
    fn wants(&self, key: &[u8], rows_max: usize, bytes_max: usize) -> bool {
        !self.is_full(rows_max, bytes_max) || self.rows.peek().is_none_or(|last| key < last.key.as_ref())
    }

    /// One row is wanted whatever its size, and the next one to know of it.
    fn is_full(&self, rows_max: usize, bytes_max: usize) -> bool {
        self.rows.len() >= rows_max || (self.bytes > bytes_max && self.rows.len() > 1)
    }

    /// Takes out the last row where the others are all that is wanted.
    fn pop_superfluous(&mut self, rows_max: usize, bytes_max: usize) -> Option<Held> {
        let last = self.rows.peek()?.bytes;
        let others = self.rows.len() - 1;
        let suffice = others >= rows_max || (self.bytes - last > bytes_max && others > 1);
        if !suffice {
            return None;
        }
        self.bytes -= last;
        self.rows.pop()
    }
}

#[cfg(test)]
mod tests;
