//! Changes of a table that is followed: owns finding what belongs to their rows in other tables. Does not follow.

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::Schema;

use super::{Failed, Ran, Running};
use crate::protocol::graphql::found::{Account, ChangeFacts, Found, FoundRows, Level, Output};
use crate::protocol::graphql::operation::Asking;
use crate::protocol::graphql::plan::ChangesPlan;
use crate::query::follow::Change;
use crate::query::lifecycle::{Asked, QueryLife, TableRead};
use crate::query::request::VersionSelector;
use crate::query::response::{Delivery, Response};

/// Everything that is asked of a change, whose life as a query ends with its answer.
pub(in crate::protocol::graphql) async fn change(
    asking: &Asking,
    plan: &ChangesPlan,
    change: Change,
    life: QueryLife<Asked>,
) -> Ran {
    let Change { table, rows, more } = change;
    let (version, committed_at) = (table.version, table.committed_at);
    let facts = ChangeFacts { version, committed_at, more, has_rows: rows.is_some() };
    let (response, held) = match rows {
        Some(Delivery { response, held }) => (response, held),
        None => (nothing(), asking.door.service.hold(&asking.caller)),
    };
    let count: usize = response.batches.iter().map(|batch| batch.num_rows()).sum();
    let life = life.answered_other(vec![TableRead::of(&table)], count as u64);
    let outcome = match found(asking, plan, response, facts.has_rows).await {
        Ok((level, spent)) => {
            let mut account = Account { helds: vec![held], lives: vec![life], tables: vec![table] };
            account.add(spent);
            let output = Output::Change(plan.output.clone(), facts);
            Ok(Found::Rows(Box::new(FoundRows { level, output, account })))
        }
        Err(failed) => {
            life.failed(&failed.error);
            Err(failed.of(&plan.key))
        }
    };
    Ran { key: plan.key.clone(), outcome }
}

async fn found(
    asking: &Asking,
    plan: &ChangesPlan,
    response: Response,
    has_rows: bool,
) -> Result<(Level, Account), Failed> {
    let running = Running::new(&asking.door, &asking.caller, &asking.context, &plan.tables_below());
    let mut account = Account::default();
    let below = if has_rows { plan.below.clone() } else { Vec::new() };
    match running.level(response, below, VersionSelector::Latest, &mut account).await {
        Ok(level) => Ok((level, account)),
        Err(failed) => {
            account.lives.into_iter().for_each(|life| life.failed(&failed.error));
            Err(failed)
        }
    }
}

/// No rows, of no columns.
fn nothing() -> Response {
    Response {
        schema: Arc::new(Schema::empty()),
        batches: Vec::new(),
        page: None,
        total_rows: None,
        groups: None,
        tables: Vec::new(),
        elapsed: Duration::ZERO,
    }
}
