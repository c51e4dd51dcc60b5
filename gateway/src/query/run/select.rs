//! One page of rows: owns its limits, the check of the cursor that it continues and the cursors that it gives. Does
//! not read rows.

use std::time::Duration;

use super::{Opened, expired_if_gone, key_id, tie_key};
use crate::engine::authorized::AuthorizedQuery;
use crate::engine::page::{self, Page, PageQuery, Position};
use crate::engine::secured::SecuredTable;
use crate::engine::statement::{Select, Side};
use crate::query::Shared;
use crate::query::cursor::question::{Condition, Question};
use crate::query::cursor::walk::{SealedWalk, Walk};
use crate::query::error::{ErrorCode, QueryError};
use crate::query::response::{PageInfo, Response};
use crate::query::row_cursors::RowCursors;

/// Answers a page.
pub(super) async fn select(
    shared: &Shared,
    query: &AuthorizedQuery,
    select: &Select,
    opened: Opened,
    travels: bool,
) -> Result<Response, QueryError> {
    let table = query.table()?;
    let condition = select.filter.as_ref().map(Condition::of).transpose()?;
    let question = Question::over(table.name(), &select.order)?.digest(condition.as_ref());
    let walk = Walk::over(table, question, travels);
    if let Some((cursor, _)) = &opened {
        walk.check(&cursor.walk, "repeat the table, filter and order that the cursor came with")?;
    }
    let (from, backward) = start(select.side, &opened)?;
    let key_id = key_id(shared, &opened);
    let filter = match &select.filter {
        Some(filter) => Some(page::filter(&shared.engine, table, filter)?),
        None => None,
    };
    let page_query = PageQuery {
        columns: select.columns.as_deref(),
        filter: filter.clone(),
        order: &select.order,
        rows_max: page_rows(shared, table, select.limit)?,
        bytes_max: shared.limits.page_bytes_max,
        backward,
        from,
        tie_key: tie_key(shared, table, key_id)?,
    };
    let read = page::read(&shared.engine, table, &page_query).await;
    let page = read.map_err(|error| expired_if_gone(error, &opened))?;
    let total_rows = match select.count_exact {
        true => Some(page::count(&shared.engine, table, filter).await?),
        false => None,
    };
    let info = page_info(SealedWalk::new(&shared.sealer, key_id, walk), &page, select.row_cursors)?;
    Ok(Response {
        schema: page.rows.schema(),
        batches: vec![page.rows],
        page: Some(info),
        total_rows,
        groups: None,
        tables: Vec::new(),
        elapsed: Duration::ZERO,
    })
}

/// Where the page starts, and whether it goes backward from there.
fn start(side: Option<Side>, opened: &Opened) -> Result<(Option<Position>, bool), QueryError> {
    let own = opened.as_ref().is_some_and(|(cursor, _)| cursor.backward);
    let backward = side.map_or(own, |side| side == Side::Before);
    let Some((cursor, _)) = opened else { return Ok((None, backward)) };
    let position = cursor.position(backward);
    let invalid = || QueryError::new(ErrorCode::CursorInvalid, "the cursor is not valid");
    Ok((Some(position.ok_or_else(invalid)?), backward))
}

/// The rows of a page of which so many were asked for.
///
/// # Errors
/// None, or more than a page may have.
pub(super) fn page_rows(
    shared: &Shared,
    table: &SecuredTable,
    asked: Option<usize>,
) -> Result<usize, QueryError> {
    let most =
        shared.limits.page_rows_max.min(table.table().definition().page_rows_max.unwrap_or(usize::MAX));
    match asked {
        Some(0) => Err(QueryError::new(ErrorCode::InvalidRequest, "\"limit\" must be at least 1")),
        Some(rows) if rows > most => {
            Err(QueryError::new(ErrorCode::InvalidRequest, format!("a page has at most {most} rows"))
                .with_hint("ask for less, and continue with the cursor"))
        }
        Some(rows) => Ok(rows),
        None => Ok(shared.limits.page_rows_default.min(most)),
    }
}

fn page_info(walk: SealedWalk, page: &Page, row_cursors: bool) -> Result<PageInfo, QueryError> {
    let next = page.after.as_ref().filter(|_| page.more_after);
    let prev = page.before.as_ref().filter(|_| page.more_before);
    Ok(PageInfo {
        next_cursor: next.map(|boundary| walk.beside(boundary, false)).transpose()?,
        prev_cursor: prev.map(|boundary| walk.beside(boundary, true)).transpose()?,
        has_more: page.more_after,
        has_previous: page.more_before,
        row_cursors: row_cursors.then(|| RowCursors::new(walk, &page.places, page.in_file_order)),
    })
}
