//! From a statement to the bytes of its answer: owns the form of answers and their headers, and
//! the query's life from question to encoding. Does not choose what is asked.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response as HttpResponse;
use serde::Serialize;

use super::RestDoor;
use super::call::Call;
use super::json::append_rows;
use crate::engine::statement::Statement;
use crate::protocol::answer::{check_length, held_until_written, millis};
use crate::protocol::http::problem::Problem;
use crate::protocol::http::table_version::TableVersion;
use crate::query::admission::Held;
use crate::query::error::QueryError;
use crate::query::lifecycle::{Door, QueryLife};
use crate::query::request::{Request, VersionSelector};
use crate::query::response::{Delivery, PageInfo, Response};

const SLUICE_CACHE: HeaderName = HeaderName::from_static("sluice-cache");

/// How the rows stand in the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `"data"` is an array; pages carry `"page"`.
    Rows,
    /// As `Rows`, and `"meta"` always lists the tables.
    RowsOfTables,
    /// `"data"` is the one row, without which there is no answer.
    Row,
}

/// Asks and encodes. Dropping the future cancels the query and is recorded as that.
pub(super) async fn answer(
    door: &RestDoor,
    call: Call,
    statement: Statement,
    version: VersionSelector,
    form: Form,
) -> Result<HttpResponse, Problem> {
    let request = Request {
        caller: call.caller.clone(),
        statement,
        version,
        pins: None,
        request_id: call.context.request_id.clone(),
        deadline: None,
    };
    let life = QueryLife::begin(&door.metrics, Door::Rest, &request, call.context.trace_id.as_deref());
    let Delivery { response, mut held } = match door.service.execute(request).await {
        Ok(delivery) => delivery,
        Err(error) => {
            life.failed(&error);
            return Err(error.into());
        }
    };
    let life = life.answered(&response);
    let bytes_max = door.limits.answer_bytes_max;
    match encode(response, &call, form, bytes_max, &mut held).await {
        Ok(bytes) => {
            life.done();
            Ok(json_response(held_until_written(bytes.into(), Arc::new(held))))
        }
        Err(error) => {
            life.failed(&error);
            Err(error.into())
        }
    }
}

/// A JSON answer computed by the engine.
pub(super) fn json_response(body: impl Into<Body>) -> HttpResponse {
    let mut response = HttpResponse::new(body.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(SLUICE_CACHE, HeaderValue::from_static("engine"));
    response
}

/// Keeps `held` at what there is in memory: the rows and what is encoded of them, then that alone.
async fn encode(
    response: Response,
    call: &Call,
    form: Form,
    bytes_max: usize,
    held: &mut Held,
) -> Result<Vec<u8>, QueryError> {
    let (open, close) = match form {
        Form::Rows | Form::RowsOfTables => ("{\"data\":[", "]"),
        Form::Row => {
            response.require_row()?;
            ("{\"data\":", "")
        }
    };
    let rows_bytes = held.bytes();
    let mut out = open.as_bytes().to_vec();
    for batch in response.batches.iter().filter(|batch| batch.num_rows() > 0) {
        if out.len() > open.len() {
            out.push(b',');
        }
        let grown = |bytes: usize| {
            check_length(bytes, bytes_max)?;
            held.resize(rows_bytes.saturating_add(bytes))
        };
        out = append_rows(out, std::slice::from_ref(batch), call.json, grown).await?;
    }
    out.extend_from_slice(close.as_bytes());
    if let Some(page) = &response.page {
        append_member(&mut out, "page", &PageBody::of(page, response.total_rows))?;
    }
    append_member(&mut out, "meta", &MetaBody::of(&response, form))?;
    out.push(b'}');
    check_length(out.len(), bytes_max)?;
    drop(response);
    held.resize(out.len())?;
    Ok(out)
}

fn append_member(out: &mut Vec<u8>, name: &str, value: &impl Serialize) -> Result<(), QueryError> {
    out.extend_from_slice(format!(",\"{name}\":").as_bytes());
    serde_json::to_writer(out, value).map_err(QueryError::internal)
}

#[derive(Serialize)]
struct PageBody<'a> {
    next_cursor: Option<&'a str>,
    prev_cursor: Option<&'a str>,
    has_more: bool,
    has_previous: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_rows: Option<u64>,
}

impl<'a> PageBody<'a> {
    fn of(page: &'a PageInfo, total_rows: Option<u64>) -> Self {
        Self {
            next_cursor: page.next_cursor.as_deref(),
            prev_cursor: page.prev_cursor.as_deref(),
            has_more: page.has_more,
            has_previous: page.has_previous,
            total_rows,
        }
    }
}

/// One table's figures stand in `meta` itself; those of several in its list.
#[derive(Serialize)]
struct MetaBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    age_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stale: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tables: Option<Vec<TableVersion<'a>>>,
    elapsed_ms: u64,
}

impl<'a> MetaBody<'a> {
    fn of(response: &'a Response, form: Form) -> Self {
        let only = match response.tables.as_slice() {
            [only] => Some(TableVersion::of(only)),
            _ => None,
        };
        let listed = only.is_none() || form == Form::RowsOfTables;
        let tables = listed.then(|| response.tables.iter().map(TableVersion::of).collect());
        Self {
            table: only.as_ref().map(|table| table.table),
            version: only.as_ref().map(|table| table.version),
            age_ms: only.as_ref().map(|table| table.age_ms),
            stale: only.as_ref().and_then(|table| table.stale),
            as_of: only.map(|table| table.as_of),
            tables,
            elapsed_ms: millis(response.elapsed),
        }
    }
}

#[cfg(test)]
mod tests;
