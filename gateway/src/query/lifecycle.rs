//! The life of a query, from the moment its question is known to the last byte of its answer: owns
//! the one place where its outcome is counted, logged and audited. Does not run it.
//!
//! ```text
//! begin --> Asked --answered----> Answered --done---> recorded as done
//!             | +---streaming---> Streaming --done--> recorded as done
//!             |                    |
//!             +------failed--------+----------------> recorded as failed, with its code
//!             +------dropped-------+----------------> recorded as cancelled
//! ```
//!
//! An answer that is given whole has disclosed its rows once it is done; a stream has disclosed every row that was
//! sent, whatever becomes of it.
//!
//! A door begins a life for every question and ends it after encoding, so that a caller who goes
//! away while the answer is encoded counts as cancelled too.

use std::time::Instant;

use sluice_policies::audit::AuditEvent;
use sluice_policies::fingerprint::Fingerprint;
use sluice_policies::principal::Principal;
use tracing::{error, info, warn};

use super::error::{ErrorCode, QueryError};
use super::request::Request;
use super::response::{Response, TableMeta};
use crate::engine::statement::Statement;
use crate::telemetry::{Metrics, QueryEnded};

/// Where a question came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// HTTP with JSON.
    Rest,
    /// gRPC.
    Grpc,
    /// GraphQL over HTTP.
    Graphql,
}

impl Door {
    /// The door as metrics and logs name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Grpc => "grpc",
            Self::Graphql => "graphql",
        }
    }
}

/// What was asked, as metrics and logs name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryKind {
    /// A page of rows.
    Select,
    /// A grouped result.
    Aggregate,
    /// One row by key.
    Lookup,
    /// SQL text.
    Sql,
    /// The caller's tables.
    ListTables,
    /// One table's columns.
    DescribeTable,
    /// All rows of a table, streamed.
    StreamRows,
    /// The rows of SQL text, streamed.
    StreamSql,
    /// What there is for the caller's role, as a schema.
    Introspect,
    /// What a commit added to a table that is followed: one part of it.
    Changes,
}

impl QueryKind {
    /// The kind of a statement.
    pub const fn of(statement: &Statement) -> Self {
        match statement {
            Statement::Select(_) => Self::Select,
            Statement::Aggregate(_) => Self::Aggregate,
            Statement::Lookup(_) => Self::Lookup,
            Statement::Sql(_) => Self::Sql,
        }
    }

    /// The kind as metrics and logs name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Select => "select",
            Self::Aggregate => "aggregate",
            Self::Lookup => "lookup",
            Self::Sql => "sql",
            Self::ListTables => "list_tables",
            Self::DescribeTable => "describe_table",
            Self::StreamRows => "stream_rows",
            Self::StreamSql => "stream_sql",
            Self::Introspect => "introspect",
            Self::Changes => "changes",
        }
    }
}

/// State: the question is known, the answer is not.
#[derive(Debug)]
pub struct Asked(());

/// State: the answer is complete and being encoded.
#[derive(Debug)]
pub struct Answered {
    rows: u64,
}

/// State: rows are sent as they are found.
#[derive(Debug)]
pub struct Streaming(());

/// One query in one of its states.
#[derive(Debug)]
#[must_use = "dropping a life records the query as cancelled"]
pub struct QueryLife<State> {
    record: Option<Record>,
    state: State,
}

/// A table of a question: how it was read, once it was.
#[derive(Debug, Clone)]
pub struct TableRead {
    /// Declared name, or the name that was asked for while nothing was read.
    pub table: String,
    /// Version and policy.
    pub under: Option<(u64, Fingerprint)>,
}

impl TableRead {
    /// A table that an answer was read from.
    pub fn of(meta: &TableMeta) -> Self {
        Self { table: meta.table.clone(), under: Some((meta.version, meta.policy)) }
    }

    /// A table that was named and not read.
    pub fn unread(table: &str) -> Self {
        Self { table: table.to_owned(), under: None }
    }
}

/// What is known of a query so far; dropped while still held, it was cancelled.
#[derive(Debug)]
struct Record {
    metrics: Metrics,
    door: Door,
    kind: QueryKind,
    request_id: String,
    trace_id: Option<String>,
    principal: Principal,
    /// The table that was asked for, then the ones that were read.
    tables: Vec<TableRead>,
    tier: &'static str,
    /// Disclosed so far.
    rows: u64,
    began: Instant,
}

impl QueryLife<Asked> {
    /// A statement arrived by a door. `trace_id` is the caller's, when it sent one.
    pub fn begin(metrics: &Metrics, door: Door, request: &Request, trace_id: Option<&str>) -> Self {
        Self::begin_as(QueryKind::of(&request.statement), metrics, door, request, trace_id)
    }

    /// A statement arrived whose rows are to be streamed.
    pub fn begin_stream(metrics: &Metrics, door: Door, request: &Request, trace_id: Option<&str>) -> Self {
        let kind = match &request.statement {
            Statement::Sql(_) => QueryKind::StreamSql,
            Statement::Select(_) | Statement::Aggregate(_) | Statement::Lookup(_) => QueryKind::StreamRows,
        };
        Self::begin_as(kind, metrics, door, request, trace_id)
    }

    fn begin_as(
        kind: QueryKind,
        metrics: &Metrics,
        door: Door,
        request: &Request,
        trace_id: Option<&str>,
    ) -> Self {
        let table = match &request.statement {
            Statement::Select(select) => Some(select.table.as_str()),
            Statement::Aggregate(aggregate) => Some(aggregate.table.as_str()),
            Statement::Lookup(lookup) => Some(lookup.table.as_str()),
            Statement::Sql(_) => None,
        };
        Self::begin_other(metrics, door, kind, &request.caller, &request.request_id, table, trace_id)
    }

    /// A question that is not a statement arrived: a listing or a description.
    pub fn begin_other(
        metrics: &Metrics,
        door: Door,
        kind: QueryKind,
        principal: &Principal,
        request_id: &str,
        table: Option<&str>,
        trace_id: Option<&str>,
    ) -> Self {
        let record = Record {
            metrics: metrics.clone(),
            door,
            kind,
            request_id: request_id.to_owned(),
            trace_id: trace_id.map(str::to_owned),
            principal: principal.clone(),
            tables: table.map(TableRead::unread).into_iter().collect(),
            tier: "none",
            rows: 0,
            began: Instant::now(),
        };
        Self { record: Some(record), state: Asked(()) }
    }

    /// The answer is complete.
    pub fn answered(self, response: &Response) -> QueryLife<Answered> {
        let tables = response.tables.iter().map(TableRead::of).collect();
        let rows = response.batches.iter().map(|batch| batch.num_rows() as u64).sum();
        self.answered_other(tables, rows)
    }

    /// The answer to a question that is not a statement is complete.
    pub fn answered_other(mut self, tables: Vec<TableRead>, rows: u64) -> QueryLife<Answered> {
        let record = self.record.take().map(|record| record.reading(tables));
        QueryLife { record, state: Answered { rows } }
    }

    /// The rows are about to be sent, out of these tables.
    pub fn streaming(mut self, tables: &[TableMeta]) -> QueryLife<Streaming> {
        let tables = tables.iter().map(TableRead::of).collect();
        let record = self.record.take().map(|record| record.reading(tables));
        QueryLife { record, state: Streaming(()) }
    }
}

impl QueryLife<Answered> {
    /// The answer is encoded and handed to the connection.
    pub fn done(mut self) {
        let rows = self.state.rows;
        if let Some(record) = self.record.take() {
            Record { rows, ..record }.end(&Outcome::Done);
        }
    }
}

impl QueryLife<Streaming> {
    /// Further rows are encoded and handed to the connection.
    pub fn sent(&mut self, rows: usize) {
        if let Some(record) = &mut self.record {
            record.rows += rows as u64;
        }
    }

    /// All rows are.
    pub fn done(mut self) {
        if let Some(record) = self.record.take() {
            record.end(&Outcome::Done);
        }
    }
}

impl<State> QueryLife<State> {
    /// The question was refused or failed. The cause is logged here and nowhere else.
    pub fn failed(mut self, error: &QueryError) {
        if let Some(record) = self.record.take() {
            record.end(&Outcome::Failed(error));
        }
    }
}

impl<State> Drop for QueryLife<State> {
    fn drop(&mut self) {
        if let Some(record) = self.record.take() {
            record.end(&Outcome::Cancelled);
        }
    }
}

enum Outcome<'a> {
    Done,
    Failed(&'a QueryError),
    Cancelled,
}

impl Outcome<'_> {
    const fn names(&self) -> (&'static str, &'static str) {
        match self {
            Self::Done => ("done", "ok"),
            Self::Failed(error) => ("failed", error.code.as_str()),
            Self::Cancelled => ("cancelled", "cancelled"),
        }
    }
}

impl Record {
    fn reading(self, tables: Vec<TableRead>) -> Self {
        Self { tables, tier: "engine", ..self }
    }

    /// Statement texts and values of rows or filters stay out: they may hold what others may not
    /// read, and a log has readers of its own.
    fn end(self, outcome: &Outcome<'_>) {
        let (name, code) = outcome.names();
        let rows = self.rows;
        let elapsed = self.began.elapsed();
        self.metrics.query_ended(&QueryEnded {
            door: self.door.as_str(),
            kind: self.kind.as_str(),
            outcome: name,
            code,
            tier: self.tier,
            rows,
            elapsed,
        });
        let tables: Vec<&str> = self.tables.iter().map(|read| read.table.as_str()).collect();
        info!(
            request_id = self.request_id,
            trace_id = self.trace_id,
            subject = self.principal.subject,
            role = self.principal.role,
            door = self.door.as_str(),
            kind = self.kind.as_str(),
            tables = tables.join(","),
            outcome = name,
            code,
            rows,
            elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            "query ended"
        );
        if let Outcome::Failed(failure) = outcome {
            self.log_cause(failure);
        }
        self.audit(name, code, rows);
    }

    fn log_cause(&self, failure: &QueryError) {
        let Some(cause) = &failure.source else { return };
        let causes = chain(cause.as_ref());
        if failure.code == ErrorCode::Internal {
            error!(
                request_id = self.request_id,
                code = failure.code.as_str(),
                cause = causes,
                "query failed"
            );
        } else {
            warn!(request_id = self.request_id, code = failure.code.as_str(), cause = causes, "query failed");
        }
    }

    fn audit(&self, outcome: &str, code: &str, rows: u64) {
        let outcome = if outcome == "failed" { code } else { outcome };
        let event = || AuditEvent::new(&self.request_id, &self.principal).ended(outcome, rows);
        let of_table = |TableRead { table, under }: &TableRead| {
            let event = event().on(table);
            match under {
                Some((version, policy)) => event.under(*version, policy),
                None => event,
            }
        };
        let mut events: Vec<AuditEvent> = self.tables.iter().map(of_table).collect();
        if events.is_empty() {
            events.push(event());
        }
        for event in &events {
            match serde_json::to_string(event) {
                Ok(text) => info!(target: "sluice::audit", event = text, "audit"),
                Err(fault) => error!(request_id = self.request_id, %fault, "audit event lost"),
            }
        }
    }
}

fn chain(cause: &(dyn std::error::Error + 'static)) -> String {
    let mut text = cause.to_string();
    let mut at = cause.source();
    while let Some(inner) = at {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        at = inner.source();
    }
    text
}

#[cfg(test)]
mod tests;
