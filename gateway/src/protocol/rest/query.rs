//! `POST /v1/tables/{table}/query`: a page of rows, asked for by a JSON body. Owns the body's fields: those
//! of the query string of `/rows`, with `select` as an array, `order` as text or an array, and `filter` as
//! text or a tree. Does not read conditions.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::RestDoor;
use super::answer::{Form, answer};
use super::body::{Body, Whole, parse};
use super::call::Call;
use super::filter::parse_filter;
use super::options::{count_exact, side};
use crate::engine::statement::{OrderKey, Select, Statement};
use crate::protocol::http::json_body::Object;
use crate::protocol::http::problem::Problem;
use crate::protocol::names::{parse_order, parse_order_key};
use crate::protocol::row_limit::row_limit;
use crate::protocol::versions::version_selector;
use crate::query::error::{ErrorCode, QueryError};

/// Answers a page.
pub(super) async fn page(State(door): State<Arc<RestDoor>>, request: Request) -> Result<Response, Problem> {
    let (call, body) = Call::open(&door, request)?;
    let bytes = call.read(&door, body).await?;
    let asked: QueryBody<'_> = parse(&bytes)?;
    let version =
        version_selector(asked.version.map(|Whole(version)| version), asked.as_of.as_deref(), "as_of")?;
    let select = Select {
        table: call.table()?,
        columns: asked.select,
        filter: asked.filter.map(|raw| parse_filter(raw, &bytes, &door.limits)).transpose()?,
        order: order_keys(asked.order.as_ref())?,
        limit: row_limit(asked.limit.map(|Whole(limit)| limit))?,
        cursor: asked.cursor,
        side: side(asked.side.as_deref())?,
        count_exact: count_exact(asked.count.as_deref())?,
        row_cursors: false,
        per_key: None,
    };
    drop(bytes);
    answer(&door, call, Statement::Select(select), version, Form::Rows).await
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, expecting = "an object")]
struct QueryBody<'a> {
    select: Option<Vec<String>>,
    #[serde(borrow)]
    filter: Option<&'a RawValue>,
    order: Option<Value>,
    limit: Option<Whole>,
    cursor: Option<String>,
    side: Option<String>,
    version: Option<Whole>,
    as_of: Option<String>,
    count: Option<String>,
}

impl<'a> Body<'a> for QueryBody<'a> {
    const FIELDS: &'static [&'static str] =
        &["select", "filter", "order", "limit", "cursor", "side", "version", "as_of", "count"];
}

/// Sort keys: text as in the query string, or an array of keys, each as text or as
/// `{"column":...,"descending":...,"nulls_first":...}`.
pub(super) fn order_keys(order: Option<&Value>) -> Result<Vec<OrderKey>, QueryError> {
    match order {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => parse_order(text),
        Some(Value::Array(items)) => items.iter().map(order_key).collect(),
        Some(_) => Err(invalid_order("\"order\" is text or an array of sort keys")),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a sort key")]
struct OrderKeyBody {
    column: String,
    #[serde(default)]
    descending: bool,
    #[serde(default)]
    nulls_first: bool,
}

fn order_key(item: &Value) -> Result<OrderKey, QueryError> {
    match item {
        Value::String(text) => parse_order_key(text),
        object => {
            let Object(key): Object<OrderKeyBody> = Object::deserialize(object)
                .map_err(|error| invalid_order(&format!("\"order\": {error}").replace('`', "\"")))?;
            Ok(OrderKey { column: key.column, descending: key.descending, nulls_first: key.nulls_first })
        }
    }
}

fn invalid_order(message: &str) -> QueryError {
    QueryError::new(ErrorCode::InvalidRequest, message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use serde_json::json;

    use super::*;

    #[test]
    fn order_is_text_or_an_array_of_keys() {
        let as_text = order_keys(Some(&json!("-a:nulls_first,b"))).unwrap();
        let as_array =
            order_keys(Some(&json!([{"column": "a", "descending": true, "nulls_first": true}, "b"])))
                .unwrap();
        assert_eq!(as_text, as_array);
        for odd in
            [json!(1), json!([1]), json!([{"column": "a", "desc": true}]), json!(["a,b\""]), json!([["a"]])]
        {
            assert!(order_keys(Some(&odd)).is_err(), "{odd}");
        }
    }

    #[test]
    fn null_members_count_as_absent() {
        let body: QueryBody<'_> = parse(b"{\"filter\":null,\"limit\":null}").unwrap();
        assert!(body.filter.is_none() && body.limit.is_none());
    }
}
