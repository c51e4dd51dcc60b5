//! Cursors of single rows: owns making them when they are wanted. Until then a row costs what its place takes, since
//! a cursor is many times as long, and most are never looked at.

use super::cursor::walk::SealedWalk;
use super::error::QueryError;
use crate::engine::page::Places;

/// The cursors of a page's rows. Each goes on after its row, or to the side that is asked for with it.
#[derive(Debug, Clone)]
pub struct RowCursors {
    walk: SealedWalk,
    places: Places,
    in_file_order: bool,
}

impl RowCursors {
    /// Those of the rows that stand at `places`.
    pub(super) fn new(walk: SealedWalk, places: &Places, in_file_order: bool) -> Self {
        Self { walk, places: places.alone(), in_file_order }
    }

    /// The cursor of row `row` of the page. They all have one length, whatever their rows hold.
    ///
    /// # Errors
    /// `internal`: the page has no such row, or the cursor cannot be sealed.
    pub fn at(&self, row: usize) -> Result<String, QueryError> {
        let place = self.places.at(row).ok_or_else(|| QueryError::internal("a page has no such row"))?;
        self.walk.at(place, self.in_file_order)
    }

    /// Bytes that they take until they are made.
    pub(super) fn bytes(&self) -> usize {
        self.places.bytes()
    }
}
