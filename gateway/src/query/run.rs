//! One statement, from its caller to its rows: owns the order of steps for each kind. Runs on
//! the engine's threads.

mod aggregate;
mod each;
mod select;

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use sluice_catalog::table::TableStatus;

use super::Shared;
use super::cursor::Cursor;
use super::cursor::walk::other_version;
use super::error::QueryError;
use super::request::{Request, VersionSelector};
use super::response::{Response, TableMeta};
use crate::engine::authorized::{Authority, AuthorizedQuery, Pin};
use crate::engine::error::EngineError;
use crate::engine::page::{self, PageQuery};
use crate::engine::planner;
use crate::engine::secured::SecuredTable;
use crate::engine::statement::{Lookup, Select, Statement};

/// Runs a request to its complete answer.
pub(super) async fn run(shared: &Arc<Shared>, request: Request) -> Result<Response, QueryError> {
    let began = Instant::now();
    let opened = open_cursor(shared, &request)?;
    let Request { caller, statement, version, pins, .. } = request;
    let pin = match &opened {
        Some((cursor, _)) if continues(cursor, &statement) => match version {
            // The time that the first page was asked at leads to the cursor's version again.
            as_of @ VersionSelector::AsOf(_) => Pin::Asked(as_of),
            _ if cursor.walk.travels => Pin::TravellingCursor(cursor.walk.version),
            _ => Pin::Cursor(cursor.walk.version),
        },
        // A cursor of another table says nothing about this one's versions.
        Some(_) => Pin::Asked(VersionSelector::Latest),
        None => match (&pins, version) {
            (Some(pins), VersionSelector::Latest) => Pin::Together(pins),
            _ => Pin::Asked(version),
        },
    };
    let travels = match &opened {
        Some((cursor, _)) => cursor.walk.travels,
        None => version != VersionSelector::Latest,
    };
    let policies = Arc::clone(&shared.policies.borrow());
    let authority = Authority {
        engine: &shared.engine,
        catalog: &shared.catalog,
        policies: &policies,
        principal: &caller,
    };
    let query = AuthorizedQuery::authorize(authority, statement, pin).await?;
    let tables: Vec<TableMeta> = query.tables().values().map(|table| meta(table)).collect();
    let authorized = Instant::now();
    let mut answer = match query.statement() {
        Statement::Select(select @ Select { per_key: Some(per_key), .. }) => {
            each::each(shared, &query, select, per_key, travels).await?
        }
        Statement::Select(select) => select::select(shared, &query, select, opened, travels).await?,
        Statement::Lookup(lookup) => self::lookup(shared, &query, lookup).await?,
        Statement::Aggregate(aggregate) => {
            aggregate::aggregate(shared, &query, aggregate, opened, travels).await?
        }
        Statement::Sql(sql) => {
            let parsed = query.parsed().cloned().ok_or_else(|| QueryError::internal("SQL unparsed"))?;
            planner::sql::sql(&shared.engine, parsed, query.tables(), &sql.params).await?.into()
        }
    };
    answer.tables = tables;
    // A commit meanwhile takes nothing from what the versions were when the query began.
    answer.tables.iter_mut().for_each(|table| table.age += authorized.elapsed());
    answer.elapsed = began.elapsed();
    Ok(answer)
}

impl From<planner::Rows> for Response {
    fn from(rows: planner::Rows) -> Self {
        Self {
            schema: rows.schema,
            batches: rows.batches,
            page: None,
            total_rows: None,
            groups: None,
            tables: Vec::new(),
            elapsed: Duration::ZERO,
        }
    }
}

/// A cursor with the id of the key that it was sealed under.
type Opened = Option<(Cursor, String)>;

fn open_cursor(shared: &Shared, request: &Request) -> Result<Opened, QueryError> {
    let Some((_, text)) = continued(&request.statement) else { return Ok(None) };
    let (cursor, key_id) = shared.sealer.open(text)?;
    let same = match request.version {
        VersionSelector::Latest => true,
        VersionSelector::Version(version) => version == cursor.walk.version,
        // Known once the table is authorized.
        VersionSelector::AsOf(_) => true,
    };
    if same { Ok(Some((cursor, key_id))) } else { Err(other_version()) }
}

fn continues(cursor: &Cursor, statement: &Statement) -> bool {
    continued(statement).is_some_and(|(table, _)| table.eq_ignore_ascii_case(&cursor.walk.table))
}

/// The table and the cursor of a statement that has one.
fn continued(statement: &Statement) -> Option<(&str, &str)> {
    let (table, cursor) = match statement {
        Statement::Select(select) => (&select.table, &select.cursor),
        Statement::Aggregate(aggregate) => (&aggregate.table, &aggregate.cursor),
        Statement::Lookup(_) | Statement::Sql(_) => return None,
    };
    Some((table, cursor.as_deref()?))
}

/// What seals the cursors of an answer: the key of its own cursor, so that a walk outlives a rotation.
fn key_id<'a>(shared: &'a Shared, opened: &'a Opened) -> &'a str {
    opened.as_ref().map_or(shared.sealer.current_key(), |(_, id)| id)
}

/// Key of the order in which rows come where physical order is secret.
fn tie_key(shared: &Shared, table: &SecuredTable, key_id: &str) -> Result<[u8; 16], QueryError> {
    let key = shared.sealer.tie_key(key_id, table.snapshot().table_id());
    key.ok_or_else(|| QueryError::internal("no key for ties"))
}

/// Files that a cursor's version needs may have been vacuumed since.
fn expired_if_gone(error: EngineError, opened: &Opened) -> EngineError {
    if opened.is_some() && error.is_missing_file() { EngineError::Expired } else { error }
}

async fn lookup(shared: &Shared, query: &AuthorizedQuery, lookup: &Lookup) -> Result<Response, QueryError> {
    let table = query.table()?;
    let page_query = PageQuery {
        columns: lookup.columns.as_deref(),
        filter: Some(page::key(table, &lookup.key)?),
        order: &[],
        rows_max: 1,
        bytes_max: usize::MAX,
        from: None,
        backward: false,
        tie_key: [0; 16],
    };
    let page = page::read(&shared.engine, table, &page_query).await?;
    Ok(Response {
        schema: page.rows.schema(),
        batches: vec![page.rows],
        page: None,
        total_rows: None,
        groups: None,
        tables: Vec::new(),
        elapsed: Duration::ZERO,
    })
}

/// Which version of a table an answer is true at, and how old that is.
pub(super) fn meta(table: &SecuredTable) -> TableMeta {
    let snapshot = table.snapshot();
    let catalog = table.table();
    let since_committed = || (Utc::now() - snapshot.committed_at()).to_std().unwrap_or_default();
    let age = catalog.age(snapshot.version()).unwrap_or_else(since_committed);
    TableMeta {
        table: table.name().to_owned(),
        version: snapshot.version(),
        committed_at: snapshot.committed_at(),
        age,
        stale: matches!(catalog.status(), TableStatus::Serving { stale: Some(_) }),
        policy: *table.fingerprint(),
    }
}
