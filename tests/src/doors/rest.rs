//! The REST door: owns asking it and bringing its answers to the common words.

use std::collections::BTreeMap;

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use reqwest::Method;
use serde_json::value::RawValue;
use serde_json::{Deserializer, Value, json};

use super::outcome::{Cursor, Door, Outcome, Paging, Refusal};
use super::question::{Body, Question};
use crate::client::{Answer, Caller};

/// This door speaks of the members of a body where others speak of their fields. The faults are the same, and are
/// called here by gRPC's words.
const FAULTS_OF_BODIES: [(&str, &str); 5] = [
    ("\"between\" takes an array of two plain values", "BETWEEN takes two values"),
    ("\"like\" takes a pattern as text", "LIKE takes a pattern as text"),
    ("\"is_null\" and \"is_not_null\" take no \"value\"", "IS_NULL and IS_NOT_NULL take no value"),
    ("a comparison takes one plain \"value\"", "a comparison takes one value"),
    ("a number is out of range", "a number is out of range"),
];
/// Before the fault of a parameter stands which one it is: gRPC names the field beside its message.
const PARAMETER: &str = " is not a plain value: ";

/// A caller of the door.
#[derive(Debug)]
pub(super) struct Rest(Caller);

impl Rest {
    /// Its answers lose no digit, and tell NaN from null.
    pub(super) fn new(caller: Caller) -> Self {
        Self(caller.header("Sluice-Json", "safe, nan=string"))
    }

    async fn outcome(&self, question: &Question, cursor: Option<&str>) -> Outcome {
        let path = |table: &str| format!("/v1/tables/{}", encoded(table));
        match question {
            Question::Page { table, body, .. } => {
                rows(&self.post(&format!("{}/query", path(table)), body, cursor).await)
            }
            Question::Aggregate { table, body, .. } => {
                rows(&self.post(&format!("{}/aggregate", path(table)), body, cursor).await)
            }
            Question::Sql { body } => rows(&self.post("/v1/sql", body, None).await),
            Question::Lookup { table, key, options } => {
                let parts: Vec<String> = key.iter().map(|part| encoded(&plain(part))).collect();
                rows(&self.get(&format!("{}/rows/{}", path(table), parts.join(",")), options).await)
            }
            Question::Describe { table, options } => {
                described(&self.get(&path(table), options).await, |answer| table_of(&answer["data"]))
            }
            Question::Tables => described(&self.get("/v1/tables", &json!({})).await, |answer| {
                answer["data"].as_array().expect("tables").iter().map(summary).collect()
            }),
        }
    }

    async fn post(&self, path: &str, body: &Body, cursor: Option<&str>) -> Answer {
        self.0.send(Method::POST, path, Some(("application/json", body.at(cursor).into_bytes()))).await
    }

    async fn get(&self, path: &str, options: &Value) -> Answer {
        let mut parameters: Vec<(&str, String)> = Vec::new();
        for (name, value) in options.as_object().expect("an object") {
            parameters.push((name.as_str(), plain(value)));
        }
        let parameters: Vec<(&str, &str)> =
            parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.0.ask(path, &parameters).await
    }
}

impl Door for Rest {
    fn name(&self) -> &'static str {
        "REST"
    }

    fn ask<'a>(
        &'a self,
        question: &'a Question,
        cursor: Option<Cursor<'a>>,
    ) -> LocalBoxFuture<'a, Option<Outcome>> {
        self.outcome(question, cursor.map(|cursor| cursor.text)).map(Some).boxed_local()
    }
}

/// A value as a path and a query string write it; columns are a list of names.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(names) => {
            let quoted = |name: &Value| format!("\"{}\"", plain(name).replace('"', "\"\""));
            names.iter().map(quoted).collect::<Vec<String>>().join(",")
        }
        Value::Object(kept) => plain(&kept["decimal"]),
        other => other.to_string(),
    }
}

fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn rows(answer: &Answer) -> Outcome {
    let body = answer.json();
    if answer.status != 200 {
        return Outcome::refused(refusal(&body)).with_raw(raw(answer));
    }
    let meta = &body["meta"];
    let tables = meta["tables"]
        .as_array()
        .map_or_else(|| vec![version(meta)], |all| all.iter().map(version).collect());
    let page = &body["page"];
    let cursor = |name: &str| page[name].as_str().map(str::to_owned);
    let paging = Paging {
        has_more: page["has_more"] == true,
        has_previous: page["has_previous"] == true,
        next: cursor("next_cursor"),
        prev: cursor("prev_cursor"),
        total_rows: page["total_rows"].as_u64(),
    };
    // The row of a lookup stands alone.
    let rows = match &body["data"] {
        Value::Array(rows) => rows.clone(),
        row => vec![row.clone()],
    };
    Outcome {
        columns: column_names(&answer.body),
        ..Outcome::rows(rows, tables, paging).with_raw(raw(answer))
    }
}

/// Head and body.
pub(super) fn raw(answer: &Answer) -> Vec<u8> {
    let mut raw = format!("{} {:?}\n", answer.status, answer.headers).into_bytes();
    raw.extend(&answer.body);
    raw
}

fn refusal(problem: &Value) -> Refusal {
    let text = |member: &Value| member.as_str().map(str::to_owned);
    let message = problem["detail"].as_str().expect("a message");
    let mut refusal = Refusal {
        code: text(&problem["code"]).expect("a code"),
        message: message.to_owned(),
        hint: text(&problem["hint"]),
        line: problem["position"]["line"].as_u64(),
        column: problem["position"]["column"].as_u64(),
    };
    if let Some((_, fault)) = FAULTS_OF_BODIES.iter().find(|(ours, _)| *ours == message) {
        // The place is one in the body, and not in a text of the caller's.
        refusal = Refusal { message: (*fault).to_owned(), line: None, column: None, ..refusal };
    } else if let Some((_, fault)) = message.split_once(PARAMETER) {
        refusal.message = fault.to_owned();
    }
    refusal
}

pub(super) fn version(meta: &Value) -> Value {
    json!([meta["table"], meta["version"], meta["as_of"], meta["stale"] == true])
}

fn described(answer: &Answer, description: impl Fn(&Value) -> Value) -> Outcome {
    let body = answer.json();
    if answer.status != 200 {
        return Outcome::refused(refusal(&body)).with_raw(raw(answer));
    }
    Outcome::described(description(&body)).with_raw(raw(answer))
}

/// What is not told is null, but for texts, which are empty.
fn summary(table: &Value) -> Value {
    json!({
        "name": table["name"], "description": table["description"].as_str().unwrap_or_default(),
        "version": table["version"], "as_of": table["as_of"], "stale": table["stale"] == true,
        "rows": table["rows"], "bytes": table["bytes"], "unavailable": table["unavailable"],
    })
}

fn table_of(table: &Value) -> Value {
    let column = |column: &Value| {
        let none = Vec::new();
        let fields = column["fields"].as_array().unwrap_or(&none).iter();
        let field = |field: &Value| {
            let description = field["description"].as_str().unwrap_or_default();
            json!({ "path": field["path"], "description": description, "tags": field["tags"] })
        };
        json!({
            "name": column["name"], "type": column["type"], "nullable": column["nullable"],
            "description": column["description"].as_str().unwrap_or_default(), "tags": column["tags"],
            "masked": column["masked"], "partition": column["partition"],
            "fields": fields.map(field).collect::<Value>(),
        })
    };
    json!({
        "table": summary(table), "primary_key": table["primary_key"], "key_lookup": table["key_lookup"],
        "page_rows_max": table["page_rows_max"],
        "columns": table["columns"].as_array().expect("columns").iter().map(column).collect::<Value>(),
    })
}

/// As the first row has them: objects forget the order of their members once they are read.
fn column_names(body: &[u8]) -> Option<Vec<String>> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_slice(body).expect("an object");
    let data = members["data"].get();
    if data.starts_with('{') {
        return Some(member_names(data));
    }
    let rows: Vec<&RawValue> = serde_json::from_str(data).expect("rows");
    rows.first().map(|row| member_names(row.get()))
}

fn member_names(object: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut rest = object.strip_prefix('{').expect("an object").trim_start();
    while !rest.starts_with('}') {
        let mut texts = Deserializer::from_str(rest).into_iter::<String>();
        names.push(texts.next().expect("a name").expect("a name"));
        rest = rest[texts.byte_offset()..].trim_start().strip_prefix(':').expect("a value");
        let mut values = Deserializer::from_str(rest).into_iter::<Box<RawValue>>();
        let _ = values.next().expect("a value").expect("a value");
        rest = rest[values.byte_offset()..].trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
    names
}

#[test]
fn names_keep_their_order() {
    let body = br#"{"data":[{"b":1,"a":[{"x":"}"}],"c":null,"a\"":-1.5e3}],"meta":{}}"#;
    assert_eq!(column_names(body).unwrap(), ["b", "a", "c", "a\""]);
    assert_eq!(column_names(br#"{"data":[]}"#), None);
    assert_eq!(column_names(br#"{"data":{"z":true,"y":{}}}"#).unwrap(), ["z", "y"]);
}
