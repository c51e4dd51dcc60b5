//! What was found for a root field: owns the rows of each level, which of them belong to which rows above, and what all
//! of it counts. Does not ask, and does not write.

use std::ops::Range;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use chrono::{DateTime, Utc};

use super::output::{ChangeMember, ConnectionMember, Object, RowMember};
use crate::query::admission::Held;
use crate::query::error::QueryError;
use crate::query::groups::Groups;
use crate::query::lifecycle::{Answered, QueryLife};
use crate::query::response::{PageInfo, Response, TableMeta};

/// What there is for a root field.
#[derive(Debug)]
pub(super) enum Found {
    /// What was known before, as JSON.
    Written(Vec<u8>),
    /// Rows, and the form in which they are told.
    Rows(Box<FoundRows>),
}

/// Rows of all levels.
#[derive(Debug)]
pub(super) struct FoundRows {
    /// The rows of the root field, and all below them.
    pub level: Level,
    /// Their form.
    pub output: Output,
    /// What finding them took.
    pub account: Account,
}

/// The form of the rows of a root field.
#[derive(Debug)]
pub(super) enum Output {
    /// A page.
    Connection(Object<ConnectionMember>),
    /// One row, or null.
    Row(Object<RowMember>),
    /// What a commit added.
    Change(Object<ChangeMember>, ChangeFacts),
}

/// What there is to tell of a change besides its rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChangeFacts {
    /// The version that the commit made.
    pub version: u64,
    /// When it did.
    pub committed_at: DateTime<Utc>,
    /// Further rows of it come.
    pub more: bool,
    /// It is known which rows it added.
    pub has_rows: bool,
}

/// What statements leave behind besides their rows.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Memory of the rows.
    pub helds: Vec<Held>,
    /// The lives of the queries.
    pub lives: Vec<QueryLife<Answered>>,
    /// Tables that were read.
    pub tables: Vec<TableMeta>,
}

impl Account {
    /// Takes what further statements left behind.
    pub(super) fn add(&mut self, mut other: Self) {
        self.helds.append(&mut other.helds);
        self.lives.append(&mut other.lives);
        self.tables.append(&mut other.tables);
    }
}

/// The rows that one statement found, in one page or in one for each of many keys.
#[derive(Debug)]
pub(super) struct Level {
    /// The rows.
    pub batch: RecordBatch,
    pages: Pages,
    /// For each plan below, what was found.
    pub below: Vec<Below>,
}

#[derive(Debug)]
enum Pages {
    One { page: PageInfo, total_rows: Option<u64> },
    Many(Groups),
}

/// Rows of another table that belong to the rows of a level.
#[derive(Debug)]
pub(super) struct Below {
    /// For each row above, its page among those of the level; `None` where no row can belong to it.
    pub pages: Vec<Option<usize>>,
    /// The rows. `None` where there is no page.
    pub level: Option<Level>,
}

impl Level {
    /// From what the pipeline answered: one batch of rows, but any number of groups.
    ///
    /// # Errors
    /// `internal`: the batches are not of one schema.
    pub(super) fn new(response: Response, below: Vec<Below>) -> Result<Self, QueryError> {
        let Response { schema, mut batches, page, total_rows, groups, .. } = response;
        let batch = match (batches.pop(), batches.is_empty()) {
            (Some(only), true) => only,
            (last, _) => {
                batches.extend(last);
                concat_batches(&schema, &batches).map_err(QueryError::internal)?
            }
        };
        let pages = match groups {
            Some(groups) => Pages::Many(groups),
            None => Pages::One { page: page.unwrap_or_default(), total_rows },
        };
        Ok(Self { batch, pages, below })
    }

    /// The rows of a page.
    pub(super) fn rows(&self, page: usize) -> Range<usize> {
        match &self.pages {
            Pages::One { .. } => 0..self.batch.num_rows(),
            Pages::Many(groups) => groups.pages.get(page).map_or(0..0, |page| page.rows.clone()),
        }
    }

    /// There are rows after those of a page.
    pub(super) fn has_next(&self, page: usize) -> bool {
        match &self.pages {
            Pages::One { page, .. } => page.has_more,
            Pages::Many(groups) => groups.pages.get(page).is_some_and(|page| page.has_more),
        }
    }

    /// There are rows before those of a page.
    pub(super) fn has_previous(&self) -> bool {
        match &self.pages {
            Pages::One { page, .. } => page.has_previous,
            Pages::Many(_) => false,
        }
    }

    /// The cursor that leads on from the only page, if there are rows after it.
    pub(super) fn next_cursor(&self) -> Option<&str> {
        match &self.pages {
            Pages::One { page, .. } => page.next_cursor.as_deref(),
            Pages::Many(_) => None,
        }
    }

    /// Rows that the page is part of.
    ///
    /// # Errors
    /// `internal`: they were not counted.
    pub(super) fn total_rows(&self, page: usize) -> Result<u64, QueryError> {
        let counted = match &self.pages {
            Pages::One { total_rows, .. } => *total_rows,
            Pages::Many(groups) => groups.pages.get(page).and_then(|page| page.total_rows),
        };
        counted.ok_or_else(|| QueryError::internal("rows were not counted"))
    }

    /// The cursor of a row of a page.
    ///
    /// # Errors
    /// `internal`: none was asked for.
    pub(super) fn cursor(&self, page: usize, row: usize) -> Result<String, QueryError> {
        let without = || QueryError::internal("rows without cursors");
        match &self.pages {
            Pages::One { page, .. } => page.row_cursors.as_ref().ok_or_else(without)?.at(row),
            Pages::Many(groups) => groups.cursors.as_ref().ok_or_else(without)?.at(page, row),
        }
    }

    /// The cursor of the first row of a page, or that of the last. The page's own reads less than that of the row.
    ///
    /// # Errors
    /// As for [`Self::cursor`].
    pub(super) fn end(&self, page: usize, first: bool) -> Result<Option<String>, QueryError> {
        let rows = self.rows(page);
        if rows.is_empty() {
            return Ok(None);
        }
        let own = match &self.pages {
            Pages::One { page, .. } if first => page.prev_cursor.clone(),
            Pages::One { page, .. } => page.next_cursor.clone(),
            Pages::Many(_) => None,
        };
        match own {
            Some(own) => Ok(Some(own)),
            None => self.cursor(page, if first { rows.start } else { rows.end - 1 }).map(Some),
        }
    }
}
