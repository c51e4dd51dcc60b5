//! One statement, from its caller to its rows: owns the order of steps for each kind. Runs on
//! the engine's threads.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use sha2::{Digest as _, Sha256};
use sluice_catalog::table::TableStatus;

use super::Shared;
use super::cursor::{Cursor, Digest, SealedPosition};
use super::error::{ErrorCode, QueryError};
use super::request::{Request, VersionSelector};
use super::response::{PageInfo, Response, TableMeta};
use crate::engine::authorized::{Authority, AuthorizedQuery, Pin};
use crate::engine::error::EngineError;
use crate::engine::page::{self, Boundary, Page, PageQuery};
use crate::engine::planner;
use crate::engine::secured::SecuredTable;
use crate::engine::statement::{Aggregate, Filter, Lookup, OrderKey, Select, Statement};

/// Runs a request to its complete answer.
pub(super) async fn run(shared: &Arc<Shared>, request: Request) -> Result<Response, QueryError> {
    let began = Instant::now();
    let opened = open_cursor(shared, &request)?;
    let pin = match &opened {
        Some((cursor, _)) if continues(cursor, &request.statement) => match request.version {
            // The time that the first page was asked at leads to the cursor's version again.
            as_of @ VersionSelector::AsOf(_) => Pin::Asked(as_of),
            _ if cursor.travels => Pin::TravellingCursor(cursor.version),
            _ => Pin::Cursor(cursor.version),
        },
        // A cursor of another table says nothing about this one's versions.
        Some(_) => Pin::Asked(VersionSelector::Latest),
        None => Pin::Asked(request.version),
    };
    let travels = match &opened {
        Some((cursor, _)) => cursor.travels,
        None => request.version != VersionSelector::Latest,
    };
    let policies = Arc::clone(&shared.policies.borrow());
    let authority = Authority {
        engine: &shared.engine,
        catalog: &shared.catalog,
        policies: &policies,
        principal: &request.caller,
    };
    let query = AuthorizedQuery::authorize(authority, request.statement, pin).await?;
    let tables: Vec<TableMeta> = query.tables().values().map(|table| meta(table)).collect();
    let authorized = Instant::now();
    let mut answer = match query.statement() {
        Statement::Select(select) => self::select(shared, &query, select, opened, travels).await?,
        Statement::Lookup(lookup) => self::lookup(shared, &query, lookup).await?,
        Statement::Aggregate(aggregate) => self::aggregate(shared, &query, aggregate).await?,
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
            tables: Vec::new(),
            elapsed: Duration::ZERO,
        }
    }
}

/// A cursor with the id of the key that it was sealed under.
type Opened = Option<(Cursor, String)>;

fn open_cursor(shared: &Shared, request: &Request) -> Result<Opened, QueryError> {
    let Statement::Select(Select { cursor: Some(text), .. }) = &request.statement else {
        return Ok(None);
    };
    let (cursor, key_id) = shared.sealer.open(text)?;
    let same = match request.version {
        VersionSelector::Latest => true,
        VersionSelector::Version(version) => version == cursor.version,
        // Known once the table is authorized.
        VersionSelector::AsOf(_) => true,
    };
    if same { Ok(Some((cursor, key_id))) } else { Err(other_version()) }
}

fn other_version() -> QueryError {
    QueryError::new(ErrorCode::CursorMismatch, "the cursor belongs to another version")
        .with_hint("leave out \"version\" and \"as_of\" when continuing")
}

fn continues(cursor: &Cursor, statement: &Statement) -> bool {
    matches!(statement, Statement::Select(select) if select.table.eq_ignore_ascii_case(&cursor.table))
}

async fn select(
    shared: &Shared,
    query: &AuthorizedQuery,
    select: &Select,
    opened: Opened,
    travels: bool,
) -> Result<Response, QueryError> {
    let table = query.table()?;
    let question = question(table, select.filter.as_ref(), &select.order)?;
    if let Some((cursor, _)) = &opened {
        check_cursor(cursor, table, &question)?;
    }
    let key_id = opened.as_ref().map_or(shared.sealer.current_key(), |(_, id)| id).to_owned();
    let from = match &opened {
        Some((cursor, _)) => Some(
            cursor
                .position
                .position()
                .ok_or_else(|| QueryError::new(ErrorCode::CursorInvalid, "the cursor is not valid"))?,
        ),
        None => None,
    };
    let filter = match &select.filter {
        Some(filter) => Some(page::filter(&shared.engine, table, filter)?),
        None => None,
    };
    let tie_key = shared
        .sealer
        .tie_key(&key_id, table.snapshot().table_id())
        .ok_or_else(|| QueryError::internal("no key for ties"))?;
    let page_query = PageQuery {
        columns: select.columns.as_deref(),
        filter: filter.clone(),
        order: &select.order,
        rows_max: page_rows(shared, table, select.limit)?,
        bytes_max: shared.limits.page_bytes_max,
        backward: opened.as_ref().is_some_and(|(cursor, _)| cursor.backward),
        from,
        tie_key,
    };
    let read = page::read(&shared.engine, table, &page_query).await;
    let page = read.map_err(|error| if opened.is_some() { expired_if_gone(error) } else { error })?;
    let total_rows = match select.count_exact {
        true => Some(page::count(&shared.engine, table, filter).await?),
        false => None,
    };
    let walk = Walk { key_id: &key_id, question, travels };
    let info = page_info(shared, table, &walk, &page)?;
    Ok(Response {
        schema: page.rows.schema(),
        batches: vec![page.rows],
        page: Some(info),
        total_rows,
        tables: Vec::new(),
        elapsed: Duration::ZERO,
    })
}

/// Files that a pinned version needs may have been vacuumed since.
fn expired_if_gone(error: EngineError) -> EngineError {
    if error.is_missing_file() { EngineError::Expired } else { error }
}

fn check_cursor(cursor: &Cursor, table: &SecuredTable, question: &Digest) -> Result<(), QueryError> {
    let same_question =
        cursor.table == table.name() && cursor.table_id == table_id(table) && cursor.question == *question;
    let mismatch =
        |message: &str, hint: &str| Err(QueryError::new(ErrorCode::CursorMismatch, message).with_hint(hint));
    if !same_question {
        return mismatch(
            "the cursor belongs to another question",
            "repeat the table, filter and order that the cursor came with",
        );
    }
    if cursor.version != table.snapshot().version() {
        return Err(other_version());
    }
    if cursor.fingerprint != Digest::of(table.fingerprint().as_bytes()) {
        return mismatch("the cursor was made under another policy", "start again without a cursor");
    }
    Ok(())
}

fn table_id(table: &SecuredTable) -> Digest {
    Digest::of(&Sha256::digest(table.snapshot().table_id()).into())
}

/// Digest of what a cursor continues: everything that decides which rows come in which order.
fn question(table: &SecuredTable, filter: Option<&Filter>, order: &[OrderKey]) -> Result<Digest, QueryError> {
    let text = serde_json::to_vec(&(table.name(), filter, order)).map_err(QueryError::internal)?;
    let mut digest = Sha256::new();
    digest.update(b"sluice question");
    digest.update(text);
    Ok(Digest::of(&digest.finalize().into()))
}

fn page_rows(shared: &Shared, table: &SecuredTable, asked: Option<usize>) -> Result<usize, QueryError> {
    let most =
        shared.limits.page_rows_max.min(table.table().definition().page_rows_max.unwrap_or(usize::MAX));
    match asked {
        Some(0) => Err(QueryError::new(ErrorCode::InvalidRequest, "\"limit\" must be at least 1")),
        Some(rows) if rows > most => Err(QueryError::new(
            ErrorCode::InvalidRequest,
            format!("\"limit\" is over the most rows of a page, {most}"),
        )
        .with_hint("ask for less, and continue with the cursor")),
        Some(rows) => Ok(rows),
        None => Ok(shared.limits.page_rows_default.min(most)),
    }
}

/// What all pages of a walk have in common.
struct Walk<'a> {
    key_id: &'a str,
    question: Digest,
    travels: bool,
}

fn page_info(
    shared: &Shared,
    table: &SecuredTable,
    walk: &Walk<'_>,
    page: &Page,
) -> Result<PageInfo, QueryError> {
    let seal = |boundary: &Boundary, backward: bool| {
        for position in SealedPosition::beside(boundary) {
            let cursor = Cursor {
                table: table.name().to_owned(),
                version: table.snapshot().version(),
                table_id: table_id(table),
                position,
                travels: walk.travels,
                backward,
                question: walk.question.clone(),
                fingerprint: Digest::of(table.fingerprint().as_bytes()),
                expires_ms: shared.sealer.expiry(),
            };
            if let Some(text) = shared.sealer.seal(walk.key_id, &cursor)? {
                return Ok(text);
            }
        }
        Err(QueryError::internal("a place is too long for a cursor"))
    };
    let next = page.after.as_ref().filter(|_| page.more_after);
    let prev = page.before.as_ref().filter(|_| page.more_before);
    Ok(PageInfo {
        next_cursor: next.map(|boundary| seal(boundary, false)).transpose()?,
        prev_cursor: prev.map(|boundary| seal(boundary, true)).transpose()?,
        has_more: page.more_after,
    })
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
        tables: Vec::new(),
        elapsed: Duration::ZERO,
    })
}

async fn aggregate(
    shared: &Shared,
    query: &AuthorizedQuery,
    aggregate: &Aggregate,
) -> Result<Response, QueryError> {
    let table = Arc::clone(query.table()?);
    Ok(planner::aggregate(&shared.engine, table, aggregate).await?.into())
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
