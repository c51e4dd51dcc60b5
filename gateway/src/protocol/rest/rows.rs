//! `GET /v1/tables/{table}/rows?select=&filter=&order=&limit=&cursor=&side=&version=&as_of=&count=`: a page
//! of rows. Owns the parameters' names. Does not read their values.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use super::RestDoor;
use super::answer::{Form, answer};
use super::call::Call;
use super::options::{count_exact, side, whole};
use crate::engine::statement::{Filter, Select, Statement};
use crate::protocol::http::problem::Problem;
use crate::protocol::names::{parse_order, parse_select};
use crate::protocol::row_limit::row_limit;
use crate::protocol::versions::version_selector;

const PARAMS: [&str; 9] =
    ["select", "filter", "order", "limit", "cursor", "side", "version", "as_of", "count"];

/// Answers a page.
pub(super) async fn page(State(door): State<Arc<RestDoor>>, request: Request) -> Result<Response, Problem> {
    let (call, _) = Call::open(&door, request)?;
    let params = call.params(&PARAMS)?;
    let version = version_selector(whole("version", params.get("version"))?, params.get("as_of"), "as_of")?;
    let select = Select {
        table: call.table()?,
        columns: params.get("select").map(parse_select).transpose()?,
        filter: params.get("filter").map(|text| Filter::Text(text.to_owned())),
        order: params.get("order").map(parse_order).transpose()?.unwrap_or_default(),
        limit: row_limit(whole("limit", params.get("limit"))?)?,
        cursor: params.get("cursor").map(str::to_owned),
        side: side(params.get("side"))?,
        count_exact: count_exact(params.get("count"))?,
        row_cursors: false,
        per_key: None,
    };
    answer(&door, call, Statement::Select(select), version, Form::Rows).await
}
