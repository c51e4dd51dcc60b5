//! Some rows of each of many keys: owns the limits of that and the cursors that it gives. Does not read rows.

use std::time::Duration;

use super::select::page_rows;
use crate::engine::authorized::AuthorizedQuery;
use crate::engine::page::{self, KeyRows, PageQuery};
use crate::engine::statement::{Filter, PerKey, Select, Side};
use crate::query::Shared;
use crate::query::cursor::question::{Condition, Question};
use crate::query::cursor::walk::{SealedWalk, Walk};
use crate::query::error::{ErrorCode, QueryError};
use crate::query::groups::{GroupCursors, GroupPage, Groups};
use crate::query::response::Response;

/// Answers for each key.
pub(super) async fn each(
    shared: &Shared,
    query: &AuthorizedQuery,
    select: &Select,
    per_key: &PerKey,
    travels: bool,
) -> Result<Response, QueryError> {
    if select.cursor.is_some() || select.side == Some(Side::Before) {
        return Err(QueryError::new(ErrorCode::InvalidRequest, "a cursor continues the rows of one key"));
    }
    if per_key.keys.num_rows() > shared.limits.result_rows_max {
        let most = shared.limits.result_rows_max;
        return Err(too_large(QueryError::new(
            ErrorCode::ResultTooLarge,
            format!("there are more than {most} keys"),
        )));
    }
    let table = query.table()?;
    let rest = rest(select)?;
    let filter =
        select.filter.as_ref().map(|filter| page::filter(&shared.engine, table, filter)).transpose()?;
    let key_id = shared.sealer.current_key();
    let tie_key = shared
        .sealer
        .tie_key(key_id, table.snapshot().table_id())
        .ok_or_else(|| QueryError::internal("no key for ties"))?;
    let page_query = PageQuery {
        columns: select.columns.as_deref(),
        filter,
        order: &select.order,
        rows_max: page_rows(shared, table, select.limit)?,
        bytes_max: shared.limits.page_bytes_max,
        from: None,
        backward: false,
        tie_key,
    };
    let read = page::each(&shared.engine, table, &page_query, per_key, select.count_exact).await;
    let KeyRows { rows, places, in_file_order, keys } = read.map_err(|error| too_large(error.into()))?;
    let cursors = if select.row_cursors {
        let question = Question::over(table.name(), &select.order)?;
        let walk = Walk::over(table, question.digest(None), travels);
        let walk = SealedWalk::new(&shared.sealer, key_id, walk);
        Some(GroupCursors::new(walk, question, rest, per_key.clone(), (&places, in_file_order)))
    } else {
        None
    };
    let page =
        |key: page::EachKey| GroupPage { rows: key.rows, has_more: key.more_after, total_rows: key.count };
    Ok(Response {
        schema: rows.schema(),
        batches: vec![rows],
        page: None,
        total_rows: None,
        groups: Some(Groups { pages: keys.into_iter().map(page).collect(), cursors }),
        tables: Vec::new(),
        elapsed: Duration::ZERO,
    })
}

/// What is asked of the rows of every key. A text cannot be said again beside a key.
fn rest(select: &Select) -> Result<Option<Condition>, QueryError> {
    match &select.filter {
        None => Ok(None),
        Some(filter @ Filter::Tree(_)) => Condition::of(filter).map(Some),
        Some(Filter::Text(_)) => {
            let message = "a condition on the rows of many keys has to be structured";
            Err(QueryError::new(ErrorCode::InvalidRequest, message))
        }
    }
}

fn too_large(error: QueryError) -> QueryError {
    if error.code != ErrorCode::ResultTooLarge {
        return error;
    }
    error.with_hint("ask for fewer keys, or for fewer rows of each")
}
