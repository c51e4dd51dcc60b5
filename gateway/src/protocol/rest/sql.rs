//! `POST /v1/sql`: one read-only `SELECT` over the caller's tables. Owns the body's fields. Does not look
//! into the statement.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::RestDoor;
use super::answer::{Form, answer};
use super::body::{Body, Whole, parse};
use super::call::Call;
use crate::engine::statement::{Literal, Sql, Statement};
use crate::protocol::http::problem::Problem;
use crate::protocol::literal::literal;
use crate::protocol::versions::version_selector;
use crate::query::error::{ErrorCode, QueryError};

/// Answers a query.
pub(super) async fn select(State(door): State<Arc<RestDoor>>, request: Request) -> Result<Response, Problem> {
    let (call, body) = Call::open(&door, request)?;
    let bytes = call.read(&door, body).await?;
    let asked: SqlBody<'_> = parse(&bytes)?;
    let version =
        version_selector(asked.version.map(|Whole(version)| version), asked.as_of.as_deref(), "as_of")?;
    let sql = Sql { text: asked.sql, params: parameters(&asked.params)? };
    drop(bytes);
    answer(&door, call, Statement::Sql(sql), version, Form::RowsOfTables).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct SqlBody<'a> {
    sql: String,
    #[serde(default, borrow)]
    params: Vec<&'a RawValue>,
    #[serde(default)]
    version: Option<Whole>,
    #[serde(default)]
    as_of: Option<String>,
}

impl<'a> Body<'a> for SqlBody<'a> {
    const FIELDS: &'static [&'static str] = &["sql", "params", "version", "as_of"];
}

fn parameters(params: &[&RawValue]) -> Result<Vec<Literal>, QueryError> {
    let read = |(at, raw): (usize, &&RawValue)| {
        literal(raw).map_err(|fault| {
            let message = format!("parameter ${} is not a plain value: {fault}", at + 1);
            QueryError::new(ErrorCode::InvalidRequest, message)
        })
    };
    params.iter().enumerate().map(read).collect()
}
