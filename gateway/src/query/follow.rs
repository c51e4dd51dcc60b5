//! Following a table: owns where a follower stands, the wait for commits, and reading what each of them added, a part
//! at a time. Every part is authorized afresh and read like a page; between two parts a follower keeps a position and
//! no rows. Sends nothing.
//!
//! A change goes on from the one before it, or it has no rows and begins anew at the newest version: what was added
//! until then can't be told, and whoever holds rows of before reads them again. The first change is of that kind.
//! See decision 0012.

use std::sync::Arc;
use std::time::Instant;

use sluice_catalog::changes::{CommitDelta, FollowPlace};
use sluice_policies::fingerprint::Fingerprint;
use sluice_policies::table_policy::PolicySet;
use tokio::sync::watch;

use super::admission::{Deadline, QueryClass};
use super::caller::Caller;
use super::describe::authority;
use super::error::{ErrorCode, QueryError};
use super::response::{Delivery, Response, TableMeta};
use super::run::meta;
use super::{QueryService, Shared};
use crate::engine::authorized::{AuthorizedQuery, Pin};
use crate::engine::error::EngineError;
use crate::engine::page::{self, Page, PageQuery, Position};
use crate::engine::secured::SecuredTable;
use crate::engine::statement::{Select, Statement};

/// A part of what one commit did to a table.
#[derive(Debug)]
pub struct Change {
    /// The table at the version that the commit made.
    pub table: TableMeta,
    /// Rows that it added, out of those that the caller sees and that match: none of them may be. `None` where it
    /// can't be told which rows were added.
    pub rows: Option<Delivery>,
    /// There are further such rows: the next change goes on with them.
    pub more: bool,
}

/// A caller that follows a table. Dropping it ends that.
#[derive(Debug)]
pub struct Follow {
    service: QueryService,
    caller: Caller,
    select: Select,
    commits: watch::Receiver<u64>,
    policies: watch::Receiver<Arc<PolicySet>>,
    place: FollowPlace,
    /// Of the last change.
    policy: Option<Fingerprint>,
    /// What is left of the commit that comes after `place`.
    rest: Option<Reading>,
}

/// A commit to read, or what is left of it.
#[derive(Debug, Clone)]
struct Reading {
    delta: CommitDelta,
    /// Where a follower stands once it has read all of it.
    place: FollowPlace,
    from: Option<Position>,
}

/// What was read.
struct Part {
    change: Change,
    policy: Fingerprint,
    rest: Option<Position>,
}

impl QueryService {
    /// Follows a table: the rows that commits add to it, as its caller sees them at that moment, in file order.
    ///
    /// # Errors
    /// `invalid_request`: more is asked for than columns and a filter. Anything else comes from [`Follow::next`].
    pub fn follow(&self, caller: Caller, select: Select) -> Result<Follow, QueryError> {
        let Select {
            order,
            limit: None,
            cursor: None,
            side: None,
            count_exact: false,
            row_cursors: false,
            ..
        } = &select
        else {
            return Err(only_columns_and_a_filter());
        };
        if !order.is_empty() {
            return Err(only_columns_and_a_filter());
        }
        Ok(Follow {
            commits: self.shared.catalog.subscribe(),
            policies: self.shared.policies.clone(),
            service: self.clone(),
            caller,
            select,
            place: FollowPlace::default(),
            policy: None,
            rest: None,
        })
    }
}

fn only_columns_and_a_filter() -> QueryError {
    let message = "a table is followed by columns and a filter alone, without order, limit or cursor";
    QueryError::new(ErrorCode::InvalidRequest, message)
}

impl Follow {
    /// Waits until there is something to read: [`Self::next`] then waits for its turn and its slot only. For doors,
    /// which begin the life of a query there ([`super::lifecycle::QueryKind::Changes`]).
    ///
    /// # Errors
    /// `not_found` once the table is not the caller's any more, `table_unavailable` while it can't be read,
    /// `unauthenticated` once the caller's token has expired.
    pub async fn due(&mut self) -> Result<(), QueryError> {
        self.reading().await.map(drop)
    }

    /// The next change, or part of one, once there is one. It is read and its memory counted when it is asked for: a
    /// slow reader falls behind, and once what it has missed is forgotten or gone, it gets one change without rows.
    ///
    /// Dropping the future loses nothing, and neither does an error: asked again, it goes on from where it stands.
    ///
    /// # Errors
    /// As for [`Self::due`], and as for a page of rows: `unknown_column` where a policy took a column, `overloaded`
    /// and others that pass with time.
    pub async fn next(&mut self) -> Result<Change, QueryError> {
        loop {
            let reading = self.reading().await?;
            let shared = Arc::clone(&self.service.shared);
            let turn = shared.admission.change_turn().await;
            let (caller, select) = (self.caller.clone(), self.select.clone());
            let (of, under) = (reading.clone(), self.policy);
            let work = async move {
                let part = read(&shared, &caller, select, &of, under).await;
                drop(turn);
                part
            };
            let Some(part) = self.service.admitted(QueryClass::Light, None, work).await? else {
                (self.place, self.rest) = (FollowPlace::default(), None);
                continue;
            };
            self.policy = Some(part.policy);
            match part.rest {
                Some(from) => self.rest = Some(Reading { from: Some(from), ..reading }),
                None => (self.place, self.rest) = (reading.place, None),
            }
            return Ok(part.change);
        }
    }

    /// Waits for what is to be read next.
    async fn reading(&mut self) -> Result<Reading, QueryError> {
        loop {
            self.commits.mark_unchanged();
            let policies = Arc::clone(&self.policies.borrow_and_update());
            let end = Deadline::of_token(self.caller.expires_at);
            if let Some(end) = end.filter(|end| end.at() <= tokio::time::Instant::now()) {
                return Err(end.exceeded());
            }
            if let Some(reading) = self.at_hand(&policies)? {
                return Ok(reading);
            }
            let expiry = async {
                match end {
                    Some(end) => tokio::time::sleep_until(end.at()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                moved = self.commits.changed() => moved.map_err(QueryError::internal)?,
                replaced = self.policies.changed() => replaced.map_err(QueryError::internal)?,
                () = expiry => {}
            }
        }
    }

    /// What is to be read now, of a table that is still the caller's.
    fn at_hand(&self, policies: &PolicySet) -> Result<Option<Reading>, QueryError> {
        let name = &self.select.table;
        let table = authority(&self.service.shared, policies, &self.caller)
            .visible_table(name)
            .ok_or_else(|| QueryError::table_not_found(name))?;
        if table.current().is_none() {
            return Err(EngineError::TableUnavailable { table: table.name().to_owned(), source: None }.into());
        }
        if let Some(rest) = &self.rest {
            return Ok(Some(rest.clone()));
        }
        let next = table.change_after(&self.place);
        Ok(next.map(|(place, delta)| Reading { delta, place, from: None }))
    }
}

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
async fn read(
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
