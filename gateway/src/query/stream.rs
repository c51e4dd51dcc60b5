//! An answer that is given while it is computed: owns the steps from a request to its rows, and what is held for
//! it meanwhile. Runs on the engine's threads. Does not encode.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::AbortOnDropHandle;

use super::admission::{Held, QueryClass};
use super::error::{ErrorCode, QueryError};
use super::request::Request;
use super::response::TableMeta;
use super::run::meta;
use super::{QueryService, Shared};
use crate::engine::abandoned::until;
use crate::engine::authorized::{Authority, AuthorizedQuery, Pin};
use crate::engine::page::{self, PageQuery};
use crate::engine::planner;
use crate::engine::sink::{PIECE_BYTES_MAX, Pieces, Sink, sink};
use crate::engine::statement::{Select, Statement};

/// Pieces of a stream that are in memory at once: those that wait, the one in the making, and the one that is
/// encoded with what is made of it.
const PIECES_AT_ONCE: usize = 8;

/// Rows on their way to their caller. Dropping it ends the query.
#[derive(Debug)]
pub struct RowStream {
    /// Columns as the caller sees them, in the order asked for.
    pub schema: SchemaRef,
    /// Every table that is read, in name order, with the version that the rows are true at.
    pub tables: Vec<TableMeta>,
    pieces: mpsc::Receiver<RecordBatch>,
    task: AbortOnDropHandle<Result<(), QueryError>>,
    held: Held,
    _ends_planning: DropGuard,
}

impl RowStream {
    /// Further rows; `None` when all have come.
    ///
    /// # Errors
    /// Whatever ended the query before its last row.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>, QueryError> {
        if let Some(piece) = self.pieces.recv().await {
            let bytes = piece.get_array_memory_size().max(PIECE_BYTES_MAX);
            self.held.resize(bytes.saturating_mul(PIECES_AT_ONCE))?;
            return Ok(Some(piece));
        }
        match (&mut self.task).await {
            Ok(ended) => ended.map(|()| None),
            Err(panicked) => Err(QueryError::internal(panicked)),
        }
    }
}

impl QueryService {
    /// Answers a request row by row, in the order in which its pages come, without their limits. The schema is
    /// known at the return, the rows are not.
    ///
    /// # Errors
    /// As documented for each [`ErrorCode`]; what fails later comes from [`RowStream::next`].
    pub async fn stream(&self, request: Request) -> Result<RowStream, QueryError> {
        let admission = &self.shared.admission;
        let place = admission.stream_place(&request.caller)?;
        let mut held = admission.hold(&request.caller);
        held.resize(PIECE_BYTES_MAX * PIECES_AT_ONCE)?;
        let permit = admission.admit(QueryClass::Stream, request.deadline).await?;
        let permit = permit.until_expiry(request.caller.expires_at);
        let deadline = permit.deadline();
        let limits = &self.shared.limits;
        let planned_by = deadline.within(Duration::from_millis(limits.query_time_ms_max));
        let (sink, Pieces { head, pieces }) = sink(Duration::from_millis(limits.stream_stall_ms_max));
        let (tables, known_tables) = oneshot::channel();
        let abandoned = CancellationToken::new();
        let ends_planning = abandoned.clone().drop_guard();
        let shared = Arc::clone(&self.shared);
        let work = self.shared.engine.heavy_threads().spawn(until(abandoned, async move {
            let ended = tokio::time::timeout_at(deadline.at(), run(&shared, request, tables, sink)).await;
            drop((permit, place));
            ended.unwrap_or_else(|_| Err(deadline.exceeded()))
        }));
        let mut task = AbortOnDropHandle::new(work);
        match tokio::time::timeout_at(planned_by.at(), async { (known_tables.await, head.await) }).await {
            Ok((Ok(tables), Ok(schema))) => {
                Ok(RowStream { schema, tables, pieces, task, held, _ends_planning: ends_planning })
            }
            Err(_) => Err(planned_by.exceeded()),
            // The task has ended, or is about to.
            Ok(_) => match (&mut task).await {
                Ok(Ok(())) => Err(QueryError::internal("a stream without a head")),
                Ok(Err(error)) => Err(error),
                Err(panicked) => Err(QueryError::internal(panicked)),
            },
        }
    }
}

async fn run(
    shared: &Shared,
    request: Request,
    tables: oneshot::Sender<Vec<TableMeta>>,
    sink: Sink,
) -> Result<(), QueryError> {
    let policies = Arc::clone(&shared.policies.borrow());
    let authority = Authority {
        engine: &shared.engine,
        catalog: &shared.catalog,
        policies: &policies,
        principal: &request.caller,
    };
    let query = AuthorizedQuery::authorize(authority, request.statement, Pin::Asked(request.version)).await?;
    // Whoever is gone has aborted this.
    let _gone = tables.send(query.tables().values().map(|table| meta(table)).collect());
    match query.statement() {
        Statement::Select(
            select @ Select {
                cursor: None,
                side: None,
                count_exact: false,
                row_cursors: false,
                per_key: None,
                ..
            },
        ) => rows(shared, &query, select, sink).await,
        Statement::Sql(sql) => {
            let parsed = query.parsed().cloned().ok_or_else(|| QueryError::internal("SQL unparsed"))?;
            planner::sql::stream(&shared.engine, parsed, query.tables(), &sql.params, sink)
                .await
                .map_err(QueryError::from)
        }
        Statement::Select(_) | Statement::Lookup(_) | Statement::Aggregate(_) => {
            Err(QueryError::new(ErrorCode::InvalidRequest, "only whole tables and SQL are streamed"))
        }
    }
}

async fn rows(
    shared: &Shared,
    query: &AuthorizedQuery,
    select: &Select,
    sink: Sink,
) -> Result<(), QueryError> {
    let table = query.table()?;
    let filter = select.filter.as_ref().map(|filter| page::filter(&shared.engine, table, filter));
    let tie_key = shared.sealer.tie_key(shared.sealer.current_key(), table.snapshot().table_id());
    let rows_max = match select.limit {
        Some(0) => return Err(QueryError::new(ErrorCode::InvalidRequest, "\"limit\" must be at least 1")),
        limit => limit.unwrap_or(usize::MAX),
    };
    let page_query = PageQuery {
        columns: select.columns.as_deref(),
        filter: filter.transpose()?,
        order: &select.order,
        rows_max,
        bytes_max: usize::MAX,
        from: None,
        backward: false,
        tie_key: tie_key.ok_or_else(|| QueryError::internal("no key for ties"))?,
    };
    page::walk(&shared.engine, table, &page_query, sink).await.map_err(QueryError::from)
}
