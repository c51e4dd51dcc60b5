//! `GET /v1/tables/{table}?version=&as_of=`: one table as its caller sees it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;

use super::RestDoor;
use super::answer::json_response;
use super::call::Call;
use super::options::whole;
use super::tables::SummaryBody;
use crate::protocol::http::problem::Problem;
use crate::protocol::versions::version_selector;
use crate::query::error::QueryError;
use crate::query::lifecycle::{Door, QueryKind, QueryLife, TableRead};
use crate::query::response::{ColumnDescription, FieldDescription, TableDescription};

/// Describes a table.
pub(super) async fn describe(
    State(door): State<Arc<RestDoor>>,
    request: Request,
) -> Result<Response, Problem> {
    let (call, _) = Call::open(&door, request)?;
    let table = call.table()?;
    let params = call.params(&["version", "as_of"])?;
    let version = version_selector(whole("version", params.get("version"))?, params.get("as_of"), "as_of")?;
    let context = &call.context;
    let life = QueryLife::begin_other(
        &door.metrics,
        Door::Rest,
        QueryKind::DescribeTable,
        &call.caller,
        &context.request_id,
        Some(&table),
        context.trace_id.as_deref(),
    );
    let description = match door.service.describe_table(&call.caller, &table, version, None).await {
        Ok(description) => description,
        Err(error) => {
            life.failed(&error);
            return Err(error.into());
        }
    };
    let read = description.summary.meta.as_ref().map(TableRead::of);
    let read = read.unwrap_or_else(|| TableRead::unread(&description.summary.name));
    let life = life.answered_other(vec![read], 1);
    let bytes =
        serde_json::to_vec(&Described { data: TableBody::of(&description) }).map_err(QueryError::internal)?;
    life.done();
    Ok(json_response(bytes))
}

#[derive(Serialize)]
struct Described<'a> {
    data: TableBody<'a>,
}

#[derive(Serialize)]
struct TableBody<'a> {
    #[serde(flatten)]
    summary: SummaryBody<'a>,
    columns: Vec<ColumnBody<'a>>,
    primary_key: &'a [String],
    key_lookup: bool,
    page_rows_max: usize,
}

impl<'a> TableBody<'a> {
    fn of(table: &'a TableDescription) -> Self {
        Self {
            summary: SummaryBody::of(&table.summary),
            columns: table.columns.iter().map(ColumnBody::of).collect(),
            primary_key: &table.primary_key,
            key_lookup: table.key_lookup,
            page_rows_max: table.max_page_rows,
        }
    }
}

#[derive(Serialize)]
struct ColumnBody<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    data_type: &'a str,
    nullable: bool,
    description: Option<&'a str>,
    tags: &'a [String],
    masked: bool,
    partition: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<FieldBody<'a>>,
}

/// What is declared of a field inside a column.
#[derive(Serialize)]
struct FieldBody<'a> {
    path: &'a str,
    description: Option<&'a str>,
    tags: &'a [String],
}

impl<'a> ColumnBody<'a> {
    fn of(column: &'a ColumnDescription) -> Self {
        Self {
            name: &column.name,
            data_type: &column.data_type,
            nullable: column.nullable,
            description: column.description.as_deref(),
            tags: &column.tags,
            masked: column.masked,
            partition: column.partition,
            fields: column.fields.iter().map(FieldBody::of).collect(),
        }
    }
}

impl<'a> FieldBody<'a> {
    fn of(field: &'a FieldDescription) -> Self {
        Self { path: &field.path, description: field.description.as_deref(), tags: &field.tags }
    }
}
