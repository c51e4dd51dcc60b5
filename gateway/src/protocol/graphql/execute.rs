//! Running a plan: owns the statements of one operation, how many of them run at once, the one deadline that all of them
//! have and the versions that they read. One statement finds the rows of a level, whatever the number of rows above. A
//! root field fails or succeeds as a whole, and none fails for another's sake. Does not write answers.

mod change;
mod relation;

use std::time::Duration;

use futures::{StreamExt, stream};
use tokio::time::Instant;

use super::GraphqlDoor;
use super::errors::DoorError;
use super::found::{Account, Found, FoundRows, Level, Output};
use super::plan::{BelowPlan, Plan, RootPlan};
use crate::engine::statement::Statement;
use crate::protocol::request_context::RequestContext;
use crate::query::caller::Caller;
use crate::query::error::{ErrorCode, QueryError};
use crate::query::lifecycle::{Door, QueryLife};
use crate::query::request::{Pins, Request, VersionSelector};
use crate::query::response::{Delivery, Response};

pub(super) use self::change::change;

/// A root field that was run: its key, and what there is for it.
#[derive(Debug)]
pub(super) struct Ran {
    /// Key in the answer.
    pub key: String,
    /// What there is, or why it is null.
    pub outcome: Result<Found, DoorError>,
}

/// One operation while it runs.
struct Running<'a> {
    door: &'a GraphqlDoor,
    caller: &'a Caller,
    context: &'a RequestContext,
    deadline: Instant,
    pins: Pins,
}

/// Runs every root field, in the order of the answer. Dropping the future cancels what runs.
pub(super) async fn run(
    door: &GraphqlDoor,
    caller: &Caller,
    context: &RequestContext,
    plan: Plan,
) -> Vec<Ran> {
    let running = &Running::new(door, caller, context, &plan.tables());
    let runs = plan.roots.into_iter().map(|(key, root)| async move {
        let outcome = running.root(root).await.map_err(|failed| failed.of(&key));
        Ran { key, outcome }
    });
    stream::iter(runs).buffered(door.config.statements_concurrent_max).collect().await
}

/// Why a root field is null, and below which of its fields that comes from.
struct Failed {
    error: QueryError,
    path: Option<String>,
}

impl From<QueryError> for Failed {
    fn from(error: QueryError) -> Self {
        Self { error, path: None }
    }
}

impl Failed {
    fn of(self, key: &str) -> DoorError {
        DoorError::from(self.error).of_field(key, self.path)
    }
}

impl<'a> Running<'a> {
    /// From now on, over the newest versions of these tables.
    fn new(door: &'a GraphqlDoor, caller: &'a Caller, context: &'a RequestContext, tables: &[&str]) -> Self {
        let deadline = Instant::now() + Duration::from_millis(door.limits.query_time_ms_max);
        Self { door, caller, context, deadline, pins: door.service.pins(caller, tables) }
    }

    async fn root(&self, root: RootPlan) -> Result<Found, Failed> {
        let (statement, version, output, below) = match root {
            RootPlan::Written(json) => return Ok(Found::Written(json)),
            RootPlan::Rows(rows) => {
                let output = Output::Connection(rows.output);
                (Statement::Select(rows.statement), rows.version, output, rows.below)
            }
            RootPlan::Groups(groups) => {
                let output = Output::Connection(groups.output);
                (Statement::Aggregate(groups.statement), groups.version, output, Vec::new())
            }
            RootPlan::Row(row) => {
                (Statement::Lookup(row.statement), row.version, Output::Row(row.output), row.below)
            }
        };
        let mut account = Account::default();
        let response = self.ask(statement, version, &mut account).await?;
        // What belongs to a row of a version by number is as it is now: numbers of other tables say nothing of it.
        let version = match version {
            VersionSelector::AsOf(_) => version,
            VersionSelector::Latest | VersionSelector::Version(_) => VersionSelector::Latest,
        };
        match self.level(response, below, version, &mut account).await {
            Ok(level) => Ok(Found::Rows(Box::new(FoundRows { level, output, account }))),
            Err(failed) => {
                account.lives.into_iter().for_each(|life| life.failed(&failed.error));
                Err(failed)
            }
        }
    }

    /// The rows of an answer, and all that is asked of other tables for them.
    async fn level(
        &self,
        response: Response,
        plans: Vec<BelowPlan>,
        version: VersionSelector,
        account: &mut Account,
    ) -> Result<Level, Failed> {
        let mut level = Level::new(response, Vec::new())?;
        let batch = &level.batch;
        let runs = plans.into_iter().map(|plan| self.below(plan, batch, version));
        let mut runs = stream::iter(runs).buffered(self.door.config.statements_concurrent_max);
        let mut found = Vec::new();
        let mut failure: Option<Failed> = None;
        while let Some((below, spent)) = runs.next().await {
            account.add(spent);
            match below {
                Ok(below) => found.push(below),
                Err(failed) => {
                    failure = Some(failed);
                    break;
                }
            }
        }
        drop(runs);
        match failure {
            Some(failed) => Err(failed),
            None => {
                level.below = found;
                Ok(level)
            }
        }
    }

    async fn ask(
        &self,
        statement: Statement,
        version: VersionSelector,
        account: &mut Account,
    ) -> Result<Response, QueryError> {
        let Self { door, caller, context, .. } = self;
        let request = Request {
            caller: (*caller).clone(),
            statement,
            version,
            pins: Some(self.pins.clone()),
            request_id: context.request_id.clone(),
            deadline: Some(self.deadline),
        };
        let life = QueryLife::begin(&door.metrics, Door::Graphql, &request, context.trace_id.as_deref());
        match door.service.execute(request).await {
            Ok(Delivery { mut response, held }) => {
                account.lives.push(life.answered(&response));
                account.helds.push(held);
                account.tables.append(&mut response.tables);
                Ok(response)
            }
            Err(error) => {
                let error = self.in_our_words(error);
                life.failed(&error);
                Err(error)
            }
        }
    }

    /// The deadline of an operation is the configured limit, which the pipeline takes for the caller's.
    fn in_our_words(&self, error: QueryError) -> QueryError {
        if error.code != ErrorCode::DeadlineExceeded || Instant::now() < self.deadline {
            return error;
        }
        let message = format!("the query ran longer than {} ms", self.door.limits.query_time_ms_max);
        QueryError { message, ..error }
    }
}
