//! Following a table: owns where a follower stands, the wait for commits, and reading what each of them added, a part
//! at a time. Every part is authorized afresh and read like a page; between two parts a follower keeps a position and
//! no rows. Sends nothing.
//!
//! A change goes on from the one before it, or it has no rows and begins anew at the newest version: what was added
//! until then can't be told, and whoever holds rows of before reads them again. The first change is of that kind.
//! See decision 0012.

mod part;

use std::future::Future;
use std::sync::Arc;

use sluice_catalog::changes::{CommitDelta, FollowPlace};
use sluice_policies::fingerprint::Fingerprint;
use sluice_policies::table_policy::PolicySet;
use tokio::sync::watch;

use super::QueryService;
use super::admission::{Deadline, QueryClass};
use super::caller::Caller;
use super::describe::authority;
use super::error::{ErrorCode, QueryError};
use super::response::{Delivery, TableMeta};
use crate::engine::error::EngineError;
use crate::engine::page::Position;
use crate::engine::statement::Select;

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
            per_key: None,
            table: _,
            columns: _,
            filter: _,
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
    /// As for [`Self::due`], and as for a page of rows: `unknown_column` where a policy took a column,
    /// `evaluation_failed` on a row that was added. Those that say when to try again pass with time; any other comes
    /// again whenever it is asked for, and so ends the following.
    pub async fn next(&mut self) -> Result<Change, QueryError> {
        loop {
            let reading = self.reading().await?;
            let shared = Arc::clone(&self.service.shared);
            let end = Deadline::of_token(self.caller.expires_at);
            let turn = before(end, shared.admission.change_turn()).await?;
            let (caller, select) = (self.caller.clone(), self.select.clone());
            let (of, under) = (reading.clone(), self.policy);
            let work = async move {
                let part = part::read(&shared, &caller, select, &of, under).await;
                drop(turn);
                part
            };
            let admitted = self.service.admitted(QueryClass::Light, None, work);
            let Some(part) = before(end, admitted).await?? else {
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

/// Work that is given up once a token has expired.
async fn before<T>(end: Option<Deadline>, work: impl Future<Output = T>) -> Result<T, QueryError> {
    match end {
        Some(end) => tokio::time::timeout_at(end.at(), work).await.map_err(|_| end.exceeded()),
        None => Ok(work.await),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::future::{pending, ready};
    use std::time::{Duration, SystemTime};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nothing_is_read_once_the_token_has_expired() {
        let end = Deadline::of_token(Some(SystemTime::now() + Duration::from_secs(5)));
        assert!(before(end, ready(())).await.is_ok());
        let late = before(end, pending::<()>()).await.unwrap_err();
        assert_eq!(late.code, ErrorCode::Unauthenticated);
        assert!(before(None, ready(())).await.is_ok());
    }
}
