//! One part of a change: owns reading it as a page of what a commit added, authorized at that moment. Does not wait.

use std::sync::Arc;
use std::time::Instant;

use sluice_policies::fingerprint::Fingerprint;

use super::{Change, Part, Reading};
use crate::engine::authorized::{AuthorizedQuery, Pin};
use crate::engine::error::EngineError;
use crate::engine::page::{self, Page, PageQuery, Position};
use crate::engine::secured::SecuredTable;
use crate::engine::statement::{Select, Statement};
use crate::query::Shared;
use crate::query::caller::Caller;
use crate::query::describe::authority;
use crate::query::error::QueryError;
use crate::query::response::{Delivery, Response, TableMeta};
use crate::query::run::meta;

impl Reading {
    /// Whether what was to be read is gone: its files or its table, or the policy under which the follower has come
    /// this far, without which its rows fit no others. The newest version may be the caller's still.
    fn is_gone(&self, error: &EngineError) -> bool {
        match error {
            EngineError::Expired => true,
            EngineError::UnknownTable(_) => self.delta.exact,
            other => other.is_missing_file(),
        }
    }
}

/// Reads a part; `None` where it is gone. Without rows to tell, all else is checked as if there were some.
pub(super) async fn read(
    shared: &Arc<Shared>,
    caller: &Caller,
    select: Select,
    reading: &Reading,
    under: Option<Fingerprint>,
) -> Result<Option<Part>, QueryError> {
    let began = Instant::now();
    let (table, policy, page) = match page_of(shared, caller, select, reading, under).await {
        Ok(read) => read,
        Err(error) if reading.is_gone(&error) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let rest = page.after.filter(|_| page.more_after).map(|last| match last.key {
        Some(key) => Position::Key(key),
        None => Position::Row(last.place),
    });
    let rows = match reading.delta.exact {
        true => {
            let response = Response {
                schema: page.rows.schema(),
                batches: vec![page.rows],
                page: None,
                total_rows: None,
                groups: None,
                tables: vec![table.clone()],
                elapsed: began.elapsed(),
            };
            Some(Delivery::of(response, shared.admission.hold(caller))?)
        }
        false => None,
    };
    Ok(Some(Part { change: Change { table, rows, more: rest.is_some() }, policy, rest }))
}

async fn page_of(
    shared: &Arc<Shared>,
    caller: &Caller,
    select: Select,
    reading: &Reading,
    under: Option<Fingerprint>,
) -> Result<(TableMeta, Fingerprint, Page), EngineError> {
    let policies = Arc::clone(&shared.policies.borrow());
    let authority = authority(shared, &policies, caller);
    let pin = Pin::Added(&reading.delta.added);
    let (columns, filter) = (select.columns.clone(), select.filter.clone());
    let query = AuthorizedQuery::authorize(authority, Statement::Select(select), pin).await?;
    let table = query.table()?;
    let policy = *table.fingerprint();
    if reading.delta.exact && under != Some(policy) {
        return Err(EngineError::Expired);
    }
    let page_query = PageQuery {
        columns: columns.as_deref(),
        filter: filter.map(|filter| page::filter(&shared.engine, table, &filter)).transpose()?,
        order: &[],
        rows_max: rows_max(shared, table),
        bytes_max: shared.limits.page_bytes_max,
        from: reading.from.clone(),
        backward: false,
        tie_key: tie_key(shared, table)?,
    };
    let page = page::read(&shared.engine, table, &page_query).await?;
    Ok((meta(table), policy, page))
}

fn rows_max(shared: &Shared, table: &SecuredTable) -> usize {
    let of_table = table.table().definition().page_rows_max.unwrap_or(usize::MAX);
    shared.limits.change_rows_max.min(of_table)
}

fn tie_key(shared: &Shared, table: &SecuredTable) -> Result<[u8; 16], EngineError> {
    let snapshot = table.snapshot();
    let key = shared.sealer.change_tie_key(snapshot.table_id(), snapshot.version());
    key.ok_or_else(|| EngineError::Internal("no key for ties".into()))
}
