//! The GraphQL door: owns asking it and bringing its answers to the common words. What a document cannot say is not
//! asked here: conditions and SQL as text, values of another type than their column's, names in another case,
//! descriptions.

mod document;
mod groups;
mod names;

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;

use self::document::{Document, Refusal as NotSaid};
use self::names::Names;
use super::outcome::{Cursor, Door, Outcome, Paging, Refusal};
use super::question::Question;
use crate::client::Caller;

/// What this door calls otherwise: a page has a first or a last row, where others have a limit.
const WORDS: [(&str, &str); 3] = [
    ("\"first\"", "\"limit\""),
    ("\"last\"", "\"limit\""),
    ("\"between\" takes a list of two values", "BETWEEN takes two values"),
];

/// A caller of the door.
#[derive(Debug)]
pub(super) struct Graphql {
    caller: Caller,
    /// Or the error that the caller gets instead of a schema.
    names: OnceCell<Result<Names, Value>>,
}

impl Graphql {
    pub(super) fn new(caller: Caller) -> Self {
        let caller = caller.header("Accept", "application/graphql-response+json");
        Self { caller, names: OnceCell::new() }
    }

    async fn outcome(&self, question: &Question, cursor: Option<Cursor<'_>>) -> Option<Outcome> {
        if matches!(question, Question::Sql { .. } | Question::Describe { .. } | Question::Tables) {
            return None;
        }
        let names = match self.names.get_or_init(|| Names::read(&self.caller)).await {
            Ok(names) => names,
            Err(error) => return Some(refused(error)),
        };
        let document = match Document::of(question, cursor, names) {
            Ok(document) => document,
            Err(NotSaid) => return None,
        };
        let came = self.caller.post("/graphql", &json!({ "query": document.text })).await;
        let (answer, raw) = (came.json(), super::rest::raw(&came));
        if let Some(error) = answer["errors"].get(0) {
            return Some(refused(error).with_raw(raw));
        }
        let told = &answer["data"]["t"];
        let tables = answer["extensions"]["sluice"]["fields"]["t"]["tables"].as_array().unwrap();
        let tables = tables.iter().map(super::rest::version).collect();
        let outcome = match question {
            Question::Lookup { .. } if told.is_null() => Outcome::refused(Refusal {
                code: "not_found".to_owned(),
                message: "no row has this key".to_owned(),
                ..Refusal::default()
            }),
            Question::Lookup { .. } => Outcome::rows(vec![document.renamed(told)], tables, Paging::default()),
            _ => {
                let rows = told["nodes"].as_array().unwrap().iter().map(|row| document.renamed(row));
                let outcome = Outcome::rows(rows.collect(), tables, paging(told));
                Outcome { next: outcome.next.clone().filter(|_| document.continues()), ..outcome }
            }
        };
        Some(outcome.with_raw(raw))
    }
}

impl Door for Graphql {
    fn name(&self) -> &'static str {
        "GraphQL"
    }

    fn ask<'a>(
        &'a self,
        question: &'a Question,
        cursor: Option<Cursor<'a>>,
    ) -> LocalBoxFuture<'a, Option<Outcome>> {
        self.outcome(question, cursor).boxed_local()
    }

    /// It has no word for what is no number, and no places in texts of conditions.
    fn tells(&self, said: &Map<String, Value>) -> Map<String, Value> {
        let told = said.iter().filter(|(name, _)| !matches!(name.as_str(), "line" | "column"));
        told.map(|(name, value)| (name.clone(), without_nan(value))).collect()
    }
}

fn without_nan(value: &Value) -> Value {
    match value {
        Value::String(text) if matches!(text.as_str(), "NaN" | "Infinity" | "-Infinity") => Value::Null,
        Value::Array(items) => items.iter().map(without_nan).collect(),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (name.clone(), without_nan(value))).collect())
        }
        other => other.clone(),
    }
}

fn paging(page: &Value) -> Paging {
    let info = &page["pageInfo"];
    let (has_more, has_previous) = (info["hasNextPage"] == true, info["hasPreviousPage"] == true);
    let cursor = |name: &str| info[name].as_str().map(str::to_owned);
    Paging {
        has_more,
        has_previous,
        next: cursor("endCursor").filter(|_| has_more),
        prev: cursor("startCursor").filter(|_| has_previous),
        total_rows: page["totalCount"].as_str().map(|rows| rows.parse().unwrap()),
    }
}

fn refused(error: &Value) -> Outcome {
    let mut message = error["message"].as_str().unwrap().to_owned();
    for (own, common) in WORDS {
        message = message.replace(own, common);
    }
    Outcome::refused(Refusal {
        code: error["extensions"]["code"].as_str().unwrap().to_owned(),
        message,
        hint: error["extensions"]["hint"].as_str().map(str::to_owned),
        ..Refusal::default()
    })
}
