//! `POST /v1/tables/{table}/aggregate`: all groups, or a page of them. Owns the body's fields.

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
use super::query::order_keys;
use crate::engine::statement::{Aggregate, GroupKey, Measure, MeasureFunction, Statement};
use crate::protocol::http::json_body::Object;
use crate::protocol::http::problem::Problem;
use crate::protocol::row_limit::row_limit;
use crate::protocol::versions::version_selector;
use crate::query::error::{ErrorCode, QueryError};

/// Answers the groups.
pub(super) async fn groups(State(door): State<Arc<RestDoor>>, request: Request) -> Result<Response, Problem> {
    let (call, body) = Call::open(&door, request)?;
    let bytes = call.read(&door, body).await?;
    let asked: AggregateBody<'_> = parse(&bytes)?;
    let version =
        version_selector(asked.version.map(|Whole(version)| version), asked.as_of.as_deref(), "as_of")?;
    let condition = |raw: &RawValue| parse_filter(raw, &bytes, &door.limits);
    let aggregate = Aggregate {
        table: call.table()?,
        group_by: asked.group_by.iter().map(group_key).collect::<Result<Vec<GroupKey>, _>>()?,
        measures: asked.measures.into_iter().map(|Object(body)| measure(body)).collect(),
        filter: asked.filter.map(condition).transpose()?,
        having: asked.having.map(condition).transpose()?,
        order: order_keys(asked.order.as_ref())?,
        limit: row_limit(asked.limit.map(|Whole(limit)| limit))?,
        cursor: asked.cursor,
    };
    drop(bytes);
    answer(&door, call, Statement::Aggregate(aggregate), version, Form::Rows).await
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, expecting = "an object")]
struct AggregateBody<'a> {
    group_by: Vec<Value>,
    measures: Vec<Object<MeasureBody>>,
    #[serde(borrow)]
    filter: Option<&'a RawValue>,
    #[serde(borrow)]
    having: Option<&'a RawValue>,
    order: Option<Value>,
    limit: Option<Whole>,
    cursor: Option<String>,
    version: Option<Whole>,
    as_of: Option<String>,
}

impl<'a> Body<'a> for AggregateBody<'a> {
    const FIELDS: &'static [&'static str] =
        &["group_by", "measures", "filter", "having", "order", "limit", "cursor", "version", "as_of"];
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a measure such as {\"fn\":\"sum\",\"column\":\"a\",\"as\":\"s\"}")]
struct MeasureBody {
    r#fn: FunctionBody,
    #[serde(default)]
    column: Option<String>,
    #[serde(default)]
    r#as: Option<String>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum FunctionBody {
    Count,
    CountDistinct,
    Sum,
    Min,
    Max,
    Avg,
}

impl From<FunctionBody> for MeasureFunction {
    fn from(function: FunctionBody) -> Self {
        match function {
            FunctionBody::Count => Self::Count,
            FunctionBody::CountDistinct => Self::CountDistinct,
            FunctionBody::Sum => Self::Sum,
            FunctionBody::Min => Self::Min,
            FunctionBody::Max => Self::Max,
            FunctionBody::Avg => Self::Avg,
        }
    }
}

fn measure(body: MeasureBody) -> Measure {
    Measure::new(body.r#fn.into(), body.column, body.r#as)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a group key")]
struct GroupKeyBody {
    column: String,
    #[serde(default)]
    date_trunc: Option<String>,
    #[serde(default)]
    r#as: Option<String>,
}

fn group_key(item: &Value) -> Result<GroupKey, QueryError> {
    if let Value::String(column) = item {
        return Ok(GroupKey::Column { column: column.clone(), alias: None });
    }
    let Object(body): Object<GroupKeyBody> = Object::deserialize(item).map_err(|error| {
        let message = format!("\"group_by\": {error}").replace('`', "\"");
        QueryError::new(ErrorCode::InvalidRequest, message)
            .with_hint("a group key is a column name, or {\"date_trunc\":\"day\",\"column\":...,\"as\":...}")
    })?;
    Ok(GroupKey::new(body.column, body.date_trunc, body.r#as))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use serde_json::json;

    use super::*;

    #[test]
    fn group_keys_are_names_or_truncated_columns() {
        assert!(matches!(group_key(&json!("a")).unwrap(), GroupKey::Column { alias: None, .. }));
        let day = group_key(&json!({"date_trunc": "day", "column": "t"})).unwrap();
        assert!(matches!(day, GroupKey::DateTrunc { alias, .. } if alias == "t_day"));
        for odd in
            [json!(1), json!({"date_trunc": "day"}), json!({"column": "a", "unit": "day"}), json!(["a"])]
        {
            assert_eq!(group_key(&odd).unwrap_err().code, ErrorCode::InvalidRequest, "{odd}");
        }
    }

    #[test]
    fn measures_have_names_of_their_own() {
        let text = br#"{"measures":[{"fn":"count"},{"fn":"count_distinct","column":"a"},{"fn":"sum","column":"a","as":"s"}]}"#;
        let body: AggregateBody<'_> = parse(text).unwrap();
        let names: Vec<String> = body.measures.into_iter().map(|Object(body)| measure(body).alias).collect();
        assert_eq!(names, vec!["count", "count_distinct_a", "s"]);
    }

    #[test]
    fn unknown_functions_are_refused_by_name() {
        let text = br#"{"measures":[{"fn":"median","column":"a"}]}"#;
        let refused = parse::<AggregateBody<'_>>(text);
        let message = refused.err().unwrap().message;
        assert!(message.starts_with("unknown variant \"median\", expected one of \"count\""), "{message}");
    }
}
