//! `GET /v1/tables`: the caller's tables. Owns the form of a table in listings. Does not choose which are
//! there.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;

use super::RestDoor;
use super::answer::json_response;
use super::call::Call;
use crate::protocol::answer::millis;
use crate::protocol::http::problem::Problem;
use crate::protocol::http::table_version::timestamp;
use crate::query::error::QueryError;
use crate::query::lifecycle::{Door, QueryKind, QueryLife};
use crate::query::response::TableSummary;

/// Lists every table that the caller's role is granted, in name order.
pub(super) async fn list(State(door): State<Arc<RestDoor>>, request: Request) -> Result<Response, Problem> {
    let began = Instant::now();
    let (call, _) = Call::open(&door, request)?;
    call.params(&[])?;
    let context = &call.context;
    let life = QueryLife::begin_other(
        &door.metrics,
        Door::Rest,
        QueryKind::ListTables,
        &call.caller,
        &context.request_id,
        None,
        context.trace_id.as_deref(),
    );
    let tables = match door.service.list_tables(&call.caller, None).await {
        Ok(tables) => tables,
        Err(error) => {
            life.failed(&error);
            return Err(error.into());
        }
    };
    let life = life.answered_other(Vec::new(), tables.len() as u64);
    let data = tables.iter().map(SummaryBody::of).collect();
    let body = ListBody { data, meta: ListMeta { elapsed_ms: millis(began.elapsed()) } };
    let bytes = serde_json::to_vec(&body).map_err(QueryError::internal)?;
    life.done();
    Ok(json_response(bytes))
}

#[derive(Serialize)]
struct ListBody<'a> {
    data: Vec<SummaryBody<'a>>,
    meta: ListMeta,
}

#[derive(Serialize)]
struct ListMeta {
    elapsed_ms: u64,
}

/// A table in a listing or description. What is not known or not shown is left out.
#[derive(Serialize)]
pub(super) struct SummaryBody<'a> {
    name: &'a str,
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    age_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stale: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unavailable: Option<&'a str>,
}

impl<'a> SummaryBody<'a> {
    pub(super) fn of(table: &'a TableSummary) -> Self {
        let meta = table.meta.as_ref();
        Self {
            name: &table.name,
            description: table.description.as_deref(),
            version: meta.map(|meta| meta.version),
            as_of: meta.map(|meta| timestamp(meta.committed_at)),
            age_ms: meta.map(|meta| millis(meta.age)),
            stale: meta.map(|meta| meta.stale),
            rows: table.rows,
            bytes: table.bytes,
            unavailable: table.unavailable.as_deref(),
        }
    }
}
