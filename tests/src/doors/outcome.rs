//! What doors say, in words that all of them have in common: owns the seam between the doors and the suites,
//! and holding two outcomes against each other. Does not know any door's protocol.

use std::fmt::Debug;

use futures::future::LocalBoxFuture;
use serde_json::{Map, Value, json};

use super::question::Question;

/// Longest part of an answer that a report shows, in characters.
const SHOWN_CHARS_MAX: usize = 400;

/// One way to ask, for one caller. What it says otherwise than the others, on purpose, it brings to the common words
/// itself.
pub trait Door: Debug + Send + Sync {
    /// Its name in reports.
    fn name(&self) -> &'static str;

    /// Asks, continuing at a cursor where there is one; `None` where the door has no way to ask this.
    fn ask<'a>(
        &'a self,
        question: &'a Question,
        cursor: Option<Cursor<'a>>,
    ) -> LocalBoxFuture<'a, Option<Outcome>>;

    /// What the door can tell of what another said.
    fn tells(&self, said: &Map<String, Value>) -> Map<String, Value> {
        said.clone()
    }
}

/// Where a page goes on.
#[derive(Debug, Clone, Copy)]
pub struct Cursor<'a> {
    /// The cursor.
    pub text: &'a str,
    /// The one that leads back. A cursor knows; a door may want to be told.
    pub backward: bool,
}

impl<'a> Cursor<'a> {
    /// The cursor that leads on.
    pub fn forward(text: &'a str) -> Self {
        Self { text, backward: false }
    }
}

/// What a door said.
#[derive(Debug)]
pub struct Outcome {
    /// What every door tells, by name.
    pub said: Map<String, Value>,
    /// Names of the columns in their order, from a door that tells them.
    pub columns: Option<Vec<String>>,
    /// Their types, from a door that tells them.
    pub types: Option<Vec<String>>,
    /// Where the next page begins.
    pub next: Option<String>,
    /// Where the page before begins.
    pub prev: Option<String>,
    /// All that came, as it came: head, body and what stands behind it.
    pub raw: Vec<u8>,
}

/// What a refusal says.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    pub(super) line: Option<u64>,
    pub(super) column: Option<u64>,
}

/// Where a page stands.
#[derive(Debug, Default)]
pub(super) struct Paging {
    pub(super) has_more: bool,
    pub(super) has_previous: bool,
    pub(super) next: Option<String>,
    pub(super) prev: Option<String>,
    pub(super) total_rows: Option<u64>,
}

impl Outcome {
    /// Rows, whatever they answer; each of `tables` is its name, version, time and staleness.
    pub(super) fn rows(rows: Vec<Value>, tables: Vec<Value>, paging: Paging) -> Self {
        let Paging { has_more, has_previous, next, prev, total_rows } = paging;
        let told = json!({
            "rows": rows, "tables": tables, "has_more": has_more, "has_previous": has_previous,
            "next": next.is_some(), "prev": prev.is_some(), "total_rows": total_rows,
        });
        Self { next, prev, ..Self::told(told) }
    }

    /// A description of a table, or of all.
    pub(super) fn described(description: Value) -> Self {
        Self::told(json!({ "description": description }))
    }

    pub(super) fn refused(refusal: Refusal) -> Self {
        let Refusal { code, message, hint, line, column } = refusal;
        Self::told(json!({ "code": code, "message": message, "hint": hint, "line": line, "column": column }))
    }

    /// The same with all that came.
    pub(super) fn with_raw(self, raw: Vec<u8>) -> Self {
        Self { raw, ..self }
    }

    fn told(told: Value) -> Self {
        let Value::Object(said) = told else { panic!("no object: {told}") };
        Self { said, columns: None, types: None, next: None, prev: None, raw: Vec::new() }
    }

    /// `answered`, or the code of the refusal.
    pub fn code(&self) -> &str {
        self.said.get("code").and_then(Value::as_str).unwrap_or("answered")
    }

    /// What two doors say differently, a line each; `other` is from `door`. What one of them does not tell is not held
    /// against it.
    pub fn differences(&self, other: &Self, door: &dyn Door) -> Vec<String> {
        let (own, others) = (door.tells(&self.said), door.tells(&other.said));
        let names: Vec<&String> = own.keys().chain(others.keys()).collect();
        let mut lines: Vec<String> = Vec::new();
        for (at, name) in names.iter().enumerate() {
            let (ours, theirs) = (own.get(*name), others.get(*name));
            if ours != theirs && !names[..at].contains(name) {
                lines.push(format!("{name}: {}\n    but: {}", shown(&json!(ours)), shown(&json!(theirs))));
            }
        }
        for (name, ours, theirs) in
            [("columns", &self.columns, &other.columns), ("types", &self.types, &other.types)]
        {
            if ours.is_some() && theirs.is_some() && ours != theirs {
                lines.push(format!("{name}: {}\n    but: {}", shown(&json!(ours)), shown(&json!(theirs))));
            }
        }
        lines
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        None => text,
        Some((end, _)) => format!("{}\u{2026}", &text[..end]),
    }
}

/// A door that tells everything.
#[cfg(test)]
#[derive(Debug)]
struct Telling;

#[cfg(test)]
impl Door for Telling {
    fn name(&self) -> &'static str {
        "telling"
    }

    fn ask<'a>(&'a self, _: &'a Question, _: Option<Cursor<'a>>) -> LocalBoxFuture<'a, Option<Outcome>> {
        Box::pin(std::future::ready(None))
    }
}

#[test]
fn outcomes_differ_where_both_tell() {
    let rows = |count: u64| {
        Outcome::rows(vec![json!({ "a": count })], vec![], Paging { has_more: true, ..Paging::default() })
    };
    let named = |name: &str| Outcome { columns: Some(vec![name.to_owned()]), ..rows(1) };
    let door = Telling;
    assert!(rows(1).differences(&named("a"), &door).is_empty());
    assert_eq!(named("b").differences(&named("a"), &door).len(), 1);
    assert_eq!(rows(1).differences(&rows(2), &door).len(), 1);
    let refused = Outcome::refused(Refusal { code: "not_found".to_owned(), ..Refusal::default() });
    assert_eq!((rows(1).code(), refused.code()), ("answered", "not_found"));
    assert!(rows(1).differences(&refused, &door).len() > 3);
}
