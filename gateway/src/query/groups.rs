//! Answers about many keys at once: owns what is told of each key, and the cursors of its rows. Does not read them.

use std::ops::Range;

use super::cursor::question::{Condition, Question};
use super::cursor::walk::SealedWalk;
use super::error::QueryError;
use super::key_values::key_values;
use crate::engine::page::Places;
use crate::engine::statement::{PerKey, keyed_filter};

/// What there is of each key, in the order of the keys.
#[derive(Debug, Clone)]
pub struct Groups {
    /// One for each key.
    pub pages: Vec<GroupPage>,
    /// Cursors of the rows, where asked for.
    pub cursors: Option<GroupCursors>,
}

/// What there is of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupPage {
    /// Its rows among all rows of the answer.
    pub rows: Range<usize>,
    /// There are rows of it after these.
    pub has_more: bool,
    /// Rows of it in all, where they were to be counted.
    pub total_rows: Option<u64>,
}

impl Groups {
    /// Bytes that they take beside the rows.
    pub(super) fn bytes(&self) -> usize {
        let cursors = self.cursors.as_ref().map_or(0, GroupCursors::bytes);
        self.pages.capacity() * size_of::<GroupPage>() + cursors
    }
}

/// The cursors of the rows of each key. Each continues the question about its own key alone, whose condition is
/// [`keyed_filter`] of the key's [`key_values`].
#[derive(Debug, Clone)]
pub struct GroupCursors {
    walk: SealedWalk,
    question: Question,
    /// What is asked of the rows of every key.
    rest: Option<Condition>,
    per_key: PerKey,
    places: Places,
    in_file_order: bool,
}

impl GroupCursors {
    /// Those of the rows that stand at `places`. The question of `walk` does not matter.
    pub(super) fn new(
        walk: SealedWalk,
        question: Question,
        rest: Option<Condition>,
        per_key: PerKey,
        (places, in_file_order): (&Places, bool),
    ) -> Self {
        Self { walk, question, rest, per_key, places: places.alone(), in_file_order }
    }

    /// The cursor of row `row` of the answer, which is one of the group `group`. They all have one length.
    ///
    /// # Errors
    /// `internal`: there is no such row or group, or the cursor cannot be sealed.
    pub fn at(&self, group: usize, row: usize) -> Result<String, QueryError> {
        let unknown = || QueryError::internal("an answer has no such row");
        let place = self.places.at(row).ok_or_else(unknown)?;
        let key = key_values(&self.per_key.keys, group).ok_or_else(unknown)?;
        let key = Condition::of(&keyed_filter(&self.per_key.columns, &key, None))?;
        let condition = match &self.rest {
            None => key,
            Some(rest) => Condition::both(&key, rest),
        };
        self.walk.about(self.question.digest(Some(&condition))).at(place, self.in_file_order)
    }

    fn bytes(&self) -> usize {
        self.places.bytes() + self.per_key.keys.get_array_memory_size()
    }
}
