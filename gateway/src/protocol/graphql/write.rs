//! Rows as the JSON of an answer: owns writing what was found for a root field in the form that was asked for, a part at
//! a time. Writing takes processor time: call it on a thread that may block. Does not own the form of values.

mod change;
mod connection;
mod row;
mod value;

use std::ops::Range;

use self::change::BoundChange;
use self::connection::{BoundConnection, Part};
use self::row::BoundRow;
use super::found::{Level, Output};
use crate::query::error::QueryError;

/// Most rows, and about as many bytes, that are written in one go. Between two parts a caller that went away is
/// noticed, and what has grown is counted.
const PART_ROWS: usize = 1_024;
const PART_BYTES: usize = 4 * 1024 * 1024;

/// Where the next part starts: a member of the page, and a row of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    member: usize,
    row: usize,
}

/// Appends a part of what was found, and says where the next one starts; `None` after the last.
///
/// # Errors
/// `internal`.
pub(super) fn append(
    level: &Level,
    output: &Output,
    from: Place,
    out: &mut Vec<u8>,
) -> Result<Option<Place>, QueryError> {
    let options = value::options();
    let size = Part { rows: PART_ROWS, bytes: PART_BYTES };
    match output {
        Output::Change(object, facts) => {
            BoundChange::of(object, *facts, level, &options)?.append(from, size, out)
        }
        Output::Connection(object) => {
            BoundConnection::of(object, Some(level), &options)?.append(Some(0), from, size, out)
        }
        Output::Row(object) => {
            let rows = level.rows(0);
            let mut bound = BoundRow::of(object, Some(level), &options)?;
            append_first(&mut bound, rows, out).map(|()| None)
        }
    }
}

/// The first of these rows, or null.
fn append_first(bound: &mut BoundRow<'_>, rows: Range<usize>, out: &mut Vec<u8>) -> Result<(), QueryError> {
    if rows.is_empty() {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    bound.append(rows.start, out)
}

/// Keys are names of the language, which need no escapes.
fn append_key(at: usize, key: &str, out: &mut Vec<u8>) {
    if at > 0 {
        out.push(b',');
    }
    append_text(key, out);
    out.push(b':');
}

/// Names, digits and cursors need no escapes either.
fn append_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

#[cfg(test)]
mod tests;
