//! All groups, or one page of them: owns the check of the cursor that a page continues and the cursor that it gives.
//! Does not group.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

use super::{Opened, expired_if_gone, key_id};
use crate::engine::authorized::AuthorizedQuery;
use crate::engine::planner::{self, Groups, GroupsQuery};
use crate::engine::statement::Aggregate;
use crate::query::Shared;
use crate::query::cursor::Digest;
use crate::query::cursor::position::GroupPlace;
use crate::query::cursor::walk::{SealedWalk, Walk};
use crate::query::error::{ErrorCode, QueryError};
use crate::query::response::{PageInfo, Response};

/// What a cursor of groups goes with.
const REPEAT: &str = "repeat the table, groups, measures, conditions and order that the cursor came with";

/// Answers groups.
pub(super) async fn aggregate(
    shared: &Shared,
    query: &AuthorizedQuery,
    aggregate: &Aggregate,
    opened: Opened,
    travels: bool,
) -> Result<Response, QueryError> {
    let table = query.table()?;
    if opened.is_some() && aggregate.limit.is_none() {
        return Err(QueryError::new(
            ErrorCode::InvalidRequest,
            "a \"cursor\" of groups goes with a \"limit\"",
        )
        .with_hint("say how many groups the next page has"));
    }
    let walk = Walk::over(table, question(table.name(), aggregate)?, travels);
    if let Some((cursor, _)) = &opened {
        walk.check(&cursor.walk, REPEAT)?;
    }
    let start = start(&opened)?;
    let key_id = key_id(shared, &opened);
    let invalid = || QueryError::new(ErrorCode::CursorInvalid, "the cursor is not valid");
    let groups_query = GroupsQuery {
        statement: aggregate,
        skip: usize::try_from(start.skip).map_err(|_| invalid())?,
        asked_at: DateTime::from_timestamp_micros(start.asked_at_us).ok_or_else(invalid)?,
        order_key: order_key(shared, key_id)?,
    };
    let read = planner::aggregate(&shared.engine, Arc::clone(table), &groups_query).await;
    let groups = read.map_err(|error| expired_if_gone(error, &opened))?;
    let page = match aggregate.limit {
        Some(_) => Some(page_info(&SealedWalk::new(&shared.sealer, key_id, walk), start, &groups)?),
        None => None,
    };
    Ok(Response {
        schema: groups.rows.schema,
        batches: groups.rows.batches,
        page,
        total_rows: None,
        groups: None,
        tables: Vec::new(),
        elapsed: Duration::ZERO,
    })
}

/// The groups of a walk are added up in one order, whichever key is current by then; the first page goes by that one,
/// as SQL does.
fn order_key(shared: &Shared, key_id: &str) -> Result<[u8; 16], QueryError> {
    shared.sealer.order_key(key_id).ok_or_else(|| QueryError::internal("no key for the order of rows"))
}

/// Where the page starts.
fn start(opened: &Opened) -> Result<GroupPlace, QueryError> {
    let Some((cursor, _)) = opened else {
        return Ok(GroupPlace { skip: 0, asked_at_us: Utc::now().timestamp_micros(), settled: true });
    };
    match cursor.position.group() {
        Some(place) if place.settled => Ok(place),
        Some(_) => Err(QueryError::new(
            ErrorCode::CursorExpired,
            "memory was short when the groups before the cursor were put in order",
        )
        .with_hint(
            "start again without a cursor, with fewer groups or an order without means and sums of floats",
        )),
        None => Err(QueryError::new(ErrorCode::CursorInvalid, "the cursor is not valid")),
    }
}

/// Digest of what a cursor continues: everything that decides which groups come in which order, and what they hold.
fn question(table: &str, aggregate: &Aggregate) -> Result<Digest, QueryError> {
    let Aggregate { table: _, group_by, measures, filter, having, order, limit: _, cursor: _ } = aggregate;
    let text = serde_json::to_vec(&(table, group_by, measures, filter, having, order));
    let mut digest = Sha256::new();
    digest.update(b"sluice groups");
    digest.update(text.map_err(QueryError::internal)?);
    Ok(Digest::of(&digest.finalize().into()))
}

/// Groups are walked forward only: the way back is to begin again.
fn page_info(walk: &SealedWalk, start: GroupPlace, groups: &Groups) -> Result<PageInfo, QueryError> {
    let shown: usize = groups.rows.batches.iter().map(|batch| batch.num_rows()).sum();
    let next = GroupPlace { skip: start.skip.saturating_add(shown as u64), settled: groups.settled, ..start };
    Ok(PageInfo {
        next_cursor: groups.more.then(|| walk.among_groups(next)).transpose()?,
        prev_cursor: None,
        has_more: groups.more,
        has_previous: start.skip > 0,
        row_cursors: None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use crate::engine::statement::{Filter, GroupKey, Measure, MeasureFunction, OrderKey};

    fn asked() -> Aggregate {
        Aggregate {
            table: "t".to_owned(),
            group_by: vec![GroupKey::new("a".to_owned(), None, None)],
            measures: vec![Measure::new(MeasureFunction::Sum, Some("b".to_owned()), None)],
            ..Aggregate::default()
        }
    }

    #[test]
    fn a_question_is_all_but_the_size_of_the_page() {
        let own = question("t", &asked()).unwrap();
        let page = Aggregate { limit: Some(5), cursor: Some("c".to_owned()), ..asked() };
        assert_eq!(question("t", &page).unwrap(), own);
        let key = OrderKey { column: "a".to_owned(), descending: false, nulls_first: false };
        let condition = || Some(Filter::Text("a > 1".to_owned()));
        let others = [
            Aggregate { group_by: vec![GroupKey::new("c".to_owned(), None, None)], ..asked() },
            Aggregate { group_by: Vec::new(), ..asked() },
            Aggregate {
                measures: vec![Measure::new(MeasureFunction::Max, Some("b".to_owned()), None)],
                ..asked()
            },
            Aggregate { filter: condition(), ..asked() },
            Aggregate { having: condition(), ..asked() },
            Aggregate { order: vec![key], ..asked() },
        ];
        let mut all: Vec<Digest> = others.iter().map(|other| question("t", other).unwrap()).collect();
        all.extend([question("u", &asked()).unwrap(), own]);
        for (at, digest) in all.iter().enumerate() {
            assert!(!all[..at].contains(digest), "two questions are one: {at}");
        }
    }
}
