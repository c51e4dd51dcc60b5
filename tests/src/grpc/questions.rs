//! Questions of gRPC from the bodies that the REST door takes: owns the conversion, so that one statement is asked
//! through both doors. Bodies are right ones; what is wrong with one has its own message in either door.

use std::sync::LazyLock;

use prost_types::Timestamp;
use regex::{Captures, Regex};
use serde_json::{Value, json};
use sluice_proto::v1::{
    AggregateRequest, Comparison, ComparisonOperator, Condition, DateUnit, Filter, FilterList,
    GetTableRequest, GroupKey, Literal, LookupRequest, Measure, MeasureFunction, Order, OrderKey,
    RowsRequest, Side, SqlRequest, StreamRowsRequest, StreamSqlRequest, VersionSelector, condition, filter,
    literal, version_selector,
};

/// A text with its escapes, so that no digit in it counts; or a number.
static TOKENS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#""(?:[^"\\]|\\.)*"|-?[0-9][-+.0-9eE]*"#).expect("an expression"));

/// JSON of which no digit is lost: a number that would be written otherwise once it is read is `{"decimal": digits}`,
/// which [`value`] knows.
///
/// # Errors
///
/// When it is no JSON.
pub fn exact(text: &str) -> serde_json::Result<Value> {
    let kept = TOKENS.replace_all(text, |found: &Captures<'_>| {
        let token = &found[0];
        if token.starts_with('"') || keeps_its_digits(token) {
            return token.to_owned();
        }
        // What is no number in JSON stays none.
        match serde_json::from_str::<Box<serde_json::value::RawValue>>(token) {
            Ok(_) => json!({ "decimal": token }).to_string(),
            Err(_) => token.to_owned(),
        }
    });
    serde_json::from_str(&kept)
}

fn keeps_its_digits(number: &str) -> bool {
    number.parse::<i64>().is_ok_and(|read| read.to_string() == number)
        || number.parse::<u64>().is_ok_and(|read| read.to_string() == number)
        || number.parse::<f64>().is_ok_and(|read| read.to_string() == number)
}

/// `POST /v1/tables/{table}/query`.
pub fn rows(table: &str, body: &Value) -> RowsRequest {
    RowsRequest {
        table: table.to_owned(),
        select: items(&body["select"]).iter().map(text).collect(),
        r#where: body.get("filter").map(condition),
        order: body.get("order").map(order),
        limit: body["limit"].as_u64(),
        cursor: text(&body["cursor"]),
        version: version(body),
        count_exact: body["count"] == "exact",
        format: 0,
        side: match body["side"].as_str() {
            None => Side::Unspecified,
            Some(side) => Side::from_str_name(&format!("SIDE_{}", side.to_uppercase())).expect("a side"),
        }
        .into(),
    }
}

/// The same as a stream of all rows.
pub fn stream_rows(table: &str, body: &Value) -> StreamRowsRequest {
    let RowsRequest { table, select, r#where, order, limit, version, format, .. } = rows(table, body);
    StreamRowsRequest { table, select, r#where, order, limit, version, format }
}

/// `POST /v1/tables/{table}/aggregate`.
pub fn aggregate(table: &str, body: &Value) -> AggregateRequest {
    AggregateRequest {
        table: table.to_owned(),
        group_by: items(&body["group_by"]).iter().map(group_key).collect(),
        measures: items(&body["measures"]).iter().map(measure).collect(),
        r#where: body.get("filter").map(condition),
        having: body.get("having").map(condition),
        order: body.get("order").map(order),
        limit: body["limit"].as_u64(),
        version: version(body),
        format: 0,
        cursor: text(&body["cursor"]),
    }
}

/// `POST /v1/sql`.
pub fn sql(body: &Value) -> SqlRequest {
    SqlRequest {
        sql: text(&body["sql"]),
        params: items(&body["params"]).iter().map(value).collect(),
        version: version(body),
        format: 0,
    }
}

/// The same as a stream of its rows.
pub fn stream_sql(body: &Value) -> StreamSqlRequest {
    let SqlRequest { sql: text, params, version, format } = sql(body);
    StreamSqlRequest { sql: text, params, version, format }
}

/// `GET /v1/tables/{table}/rows/{key}`, with parts of the key as they are and the parameters as members.
pub fn lookup(table: &str, key: &[Value], options: &Value) -> LookupRequest {
    LookupRequest {
        table: table.to_owned(),
        key: key.iter().map(value).collect(),
        select: items(&options["select"]).iter().map(text).collect(),
        version: version(options),
    }
}

/// `GET /v1/tables/{table}`, with the parameters as members.
pub fn describe(table: &str, options: &Value) -> GetTableRequest {
    GetTableRequest { table: table.to_owned(), version: version(options) }
}

/// A condition as text or as a tree.
pub fn condition(body: &Value) -> Condition {
    let form = match body {
        Value::String(text) => condition::Form::Text(text.clone()),
        tree => condition::Form::Filter(node(tree)),
    };
    Condition { form: Some(form) }
}

fn node(tree: &Value) -> Filter {
    let list = |parts: &Value| FilterList { filters: items(parts).iter().map(node).collect() };
    let kind = if let Some(parts) = tree.get("and") {
        filter::Kind::All(list(parts))
    } else if let Some(parts) = tree.get("or") {
        filter::Kind::Any(list(parts))
    } else if let Some(part) = tree.get("not") {
        filter::Kind::Not(Box::new(node(part)))
    } else {
        let values = match tree.get("value") {
            None => Vec::new(),
            Some(Value::Array(values)) => values.iter().map(value).collect(),
            Some(one) => vec![value(one)],
        };
        let name = format!("COMPARISON_OPERATOR_{}", text(&tree["op"]).to_uppercase());
        let operator = ComparisonOperator::from_str_name(&name).expect("an operator").into();
        filter::Kind::Comparison(Comparison { column: text(&tree["column"]), operator, values })
    };
    Filter { kind: Some(kind) }
}

/// A plain value, or a number as [`exact`] keeps it.
///
/// # Panics
///
/// For a list or another object.
pub fn value(body: &Value) -> Literal {
    let kind = match body {
        Value::Null => literal::Kind::NullValue(0),
        Value::Bool(value) => literal::Kind::BoolValue(*value),
        Value::String(text) => literal::Kind::StringValue(text.clone()),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => literal::Kind::Int64Value(whole),
            (None, Some(large)) => literal::Kind::Uint64Value(large),
            (None, None) => literal::Kind::DoubleValue(number.as_f64().expect("a number")),
        },
        Value::Object(_) if body["decimal"].is_string() => {
            literal::Kind::DecimalValue(text(&body["decimal"]))
        }
        other => panic!("no plain value: {other}"),
    };
    Literal { kind: Some(kind) }
}

fn order(body: &Value) -> Order {
    let key = |key: &Value| OrderKey {
        column: text(&key["column"]),
        descending: key["descending"] == true,
        nulls_first: key["nulls_first"] == true,
    };
    let keys = items(body);
    if !keys.is_empty() && keys.iter().all(Value::is_string) {
        let texts: Vec<String> = keys.iter().map(text).collect();
        return Order { keys: Vec::new(), text: texts.join(",") };
    }
    Order { keys: keys.iter().map(key).collect(), text: text(body) }
}

fn group_key(body: &Value) -> GroupKey {
    if body.is_string() {
        return GroupKey { column: text(body), ..GroupKey::default() };
    }
    let unit = match body.get("date_trunc") {
        None => DateUnit::Unspecified,
        Some(unit) => {
            let name = format!("DATE_UNIT_{}", text(unit).to_uppercase());
            DateUnit::from_str_name(&name).expect("a unit")
        }
    };
    GroupKey { column: text(&body["column"]), truncate_to: unit.into(), alias: text(&body["as"]) }
}

fn measure(body: &Value) -> Measure {
    let name = format!("MEASURE_FUNCTION_{}", text(&body["fn"]).to_uppercase());
    Measure {
        function: MeasureFunction::from_str_name(&name).expect("a function").into(),
        column: text(&body["column"]),
        alias: text(&body["as"]),
    }
}

fn version(body: &Value) -> Option<VersionSelector> {
    let selector = match (body["version"].as_u64(), body["as_of"].as_str()) {
        (Some(version), _) => version_selector::Selector::Version(version),
        (None, Some(time)) => {
            let time = chrono::DateTime::parse_from_rfc3339(time).expect("a time");
            let nanos = i32::try_from(time.timestamp_subsec_nanos()).expect("a part of a second");
            version_selector::Selector::AsOf(Timestamp { seconds: time.timestamp(), nanos })
        }
        (None, None) => return None,
    };
    Some(VersionSelector { selector: Some(selector) })
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

/// Empty where there is none.
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
