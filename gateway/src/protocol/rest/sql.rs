//! `POST /v1/sql`: one read-only `SELECT` over the caller's tables. Owns the body's fields.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;

use super::RestDoor;
use super::answer::{Form, answer};
use super::body::{Body, Whole};
use super::call::{Call, typed};
use super::options::version_selector;
use super::problem::Problem;
use crate::engine::statement::{Sql, Statement};
use crate::query::error::{ErrorCode, QueryError};

/// Answers a query.
pub(super) async fn select(State(door): State<Arc<RestDoor>>, request: Request) -> Result<Response, Problem> {
    let (call, body) = Call::open(&door, request)?;
    let bytes = call.read(&door, body).await?;
    let asked: SqlBody = typed(&bytes, &door)?;
    let version = version_selector(asked.version.map(|Whole(version)| version), asked.as_of.as_deref())?;
    check_params(&asked.params)?;
    let sql = Sql { text: asked.sql, params: asked.params };
    answer(&door, call, Statement::Sql(sql), version, Form::RowsOfTables).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct SqlBody {
    sql: String,
    #[serde(default)]
    params: Vec<Value>,
    #[serde(default)]
    version: Option<Whole>,
    #[serde(default)]
    as_of: Option<String>,
}

impl Body<'_> for SqlBody {
    const FIELDS: &'static [&'static str] = &["sql", "params", "version", "as_of"];
}

fn check_params(params: &[Value]) -> Result<(), QueryError> {
    match params.iter().position(|value| value.is_array() || value.is_object()) {
        None => Ok(()),
        Some(at) => {
            let message = format!("parameter ${} is not a plain value", at + 1);
            Err(QueryError::new(ErrorCode::InvalidRequest, message))
        }
    }
}
