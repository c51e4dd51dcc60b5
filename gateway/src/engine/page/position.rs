//! Where pages end and continue: owns the forms of a position and taking one from the rows of a page.
//! Does not seal them.

use arrow::array::{Int64Array, RecordBatch, UInt32Array};
use arrow::buffer::ScalarBuffer;

use crate::engine::error::EngineError;
use crate::engine::scan::{FILE, ROW};

/// Where a row of a pinned version stands. They compare as rows do in file order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Index in the canonical file order.
    pub file: u32,
    /// Row in the file.
    pub row: i64,
}

/// The row of a pinned version beside which a page starts, in one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// In file order.
    Row(Place),
    /// In an asked order: the row's comparable key, made for the direction in which it is continued.
    Key(Vec<u8>),
    /// In an asked order: where the row stands, whose key is read again.
    KeyOf(Place),
}

/// The outermost row of a page on one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boundary {
    /// Where it stands.
    pub place: Place,
    /// In an asked order, its comparable key, made for going on from it to that side.
    pub key: Option<Vec<u8>>,
}

/// Where the rows of a page stand, one by one.
#[derive(Debug, Clone)]
pub struct Places {
    files: ScalarBuffer<u32>,
    rows: ScalarBuffer<i64>,
}

impl Places {
    /// Those of rows that are held for a page.
    pub(super) fn of(rows: &RecordBatch) -> Result<Self, EngineError> {
        let (files, numbers) = places(rows)?;
        Ok(Self { files: files.values().clone(), rows: numbers.values().clone() })
    }

    /// Where row `at` of the page stands; `None` if the page has no such row.
    pub fn at(&self, at: usize) -> Option<Place> {
        Some(Place { file: *self.files.get(at)?, row: *self.rows.get(at)? })
    }

    /// The same in memory of their own: a part of what a page was read into keeps all of that.
    #[must_use]
    pub fn alone(&self) -> Self {
        Self { files: self.files.to_vec().into(), rows: self.rows.to_vec().into() }
    }

    /// Bytes of the memory that they keep.
    pub fn bytes(&self) -> usize {
        self.files.inner().capacity() + self.rows.inner().capacity()
    }
}

/// The file ordinals and the row numbers of rows that are held for a page.
pub(super) fn places(rows: &RecordBatch) -> Result<(&UInt32Array, &Int64Array), EngineError> {
    let missing = || EngineError::Internal("a page lacks its positions".into());
    let files = rows.column_by_name(FILE).and_then(|column| column.as_any().downcast_ref());
    let numbers = rows.column_by_name(ROW).and_then(|column| column.as_any().downcast_ref());
    Ok((files.ok_or_else(missing)?, numbers.ok_or_else(missing)?))
}

/// Where row `at` of the held rows stands.
pub(super) fn place(rows: &RecordBatch, at: usize) -> Result<Place, EngineError> {
    let (files, numbers) = places(rows)?;
    Ok(Place { file: files.value(at), row: numbers.value(at) })
}
