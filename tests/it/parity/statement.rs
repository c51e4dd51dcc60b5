//! Statements as lines of text: owns their form, which `demo.txt` explains, and saying what is wrong with a line.
//! Does not ask them.

use std::collections::BTreeSet;

use serde_json::value::RawValue;
use serde_json::{Deserializer, Value, json};
use sluice_tests::grpc::questions;

const PAGE: [&str; 9] = ["select", "filter", "order", "limit", "cursor", "side", "count", "version", "as_of"];
const AGGREGATE: [&str; 9] =
    ["group_by", "measures", "filter", "having", "order", "limit", "cursor", "version", "as_of"];
const LOOKUP: [&str; 3] = ["select", "version", "as_of"];
const SQL: [&str; 4] = ["sql", "params", "version", "as_of"];
const DESCRIBE: [&str; 2] = ["version", "as_of"];

/// A line of a file.
#[derive(Debug)]
pub(super) struct Statement {
    /// File, number and text of the line.
    pub(super) place: String,
    /// What admin gets: `answered`, or the code of a refusal.
    pub(super) expected: String,
    pub(super) question: Question,
}

/// What a door is asked.
#[derive(Debug)]
pub(crate) enum Question {
    Page { table: String, body: Body, walk: Walk },
    Aggregate { table: String, body: Body, walk: Walk },
    Lookup { table: String, key: Vec<Value>, options: Value },
    Sql { body: Body },
    Describe { table: String, options: Value },
    Tables,
}

/// How many of the pages are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Walk {
    None,
    ToTheEnd,
    AndBack,
}

/// A body of the REST door.
#[derive(Debug)]
pub(crate) struct Body {
    /// As it stands in the line: a JSON library would round the numbers in it.
    text: String,
    /// The same for other doors, with every digit.
    pub(super) exact: Value,
}

impl Body {
    /// The text, continuing at a cursor.
    pub(super) fn at(&self, cursor: Option<&str>) -> String {
        let Some(cursor) = cursor else { return self.text.clone() };
        let members = self.text.strip_suffix('}').expect("an object");
        let comma = if self.exact == json!({}) { "" } else { "," };
        format!("{members}{comma}\"cursor\":{}}}", json!(cursor))
    }
}

impl Question {
    pub(super) fn walk(&self) -> Walk {
        match self {
            Self::Page { walk, .. } | Self::Aggregate { walk, .. } => *walk,
            _ => Walk::None,
        }
    }
}

/// Every statement of a file, or all that is wrong with its lines.
pub(super) fn read(file: &str, text: &str) -> Result<Vec<Statement>, Vec<String>> {
    let mut statements: Vec<Statement> = Vec::new();
    let mut faults: Vec<String> = Vec::new();
    let mut expected: Option<&str> = None;
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for (number, line) in (1..).zip(text.lines()) {
        let place = format!("{file}:{number}: {line}");
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(heading) = line.strip_prefix('[') {
            expected = heading.strip_suffix(']').filter(|code| is_code(code));
            if expected.is_none() {
                faults.push(format!("{place}\n  a heading is a code in brackets"));
            }
            continue;
        }
        match (expected, question(line)) {
            _ if !seen.insert(line) => faults.push(format!("{place}\n  stands there twice")),
            (_, Err(fault)) => faults.push(format!("{place}\n  {fault}")),
            (None, _) => faults.push(format!("{place}\n  no heading says what admin gets")),
            (Some(expected), Ok(question)) => {
                statements.push(Statement { place, expected: expected.to_owned(), question });
            }
        }
    }
    if faults.is_empty() { Ok(statements) } else { Err(faults) }
}

fn is_code(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// The question of a line.
pub(crate) fn question(line: &str) -> Result<Question, String> {
    let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
    if kind == "tables" {
        return if rest.is_empty() {
            Ok(Question::Tables)
        } else {
            Err("\"tables\" stands alone".to_owned())
        };
    }
    if kind == "sql" {
        return Ok(Question::Sql { body: body(rest, &SQL)? });
    }
    let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    if name.is_empty() || name.starts_with(['{', '[']) {
        return Err("no table stands after the kind".to_owned());
    }
    let table = name.to_owned();
    let page = |walk: Walk| -> Result<Question, String> {
        Ok(Question::Page { table: table.clone(), body: body(rest, &PAGE)?, walk })
    };
    let aggregate = |walk: Walk| -> Result<Question, String> {
        Ok(Question::Aggregate { table: table.clone(), body: body(rest, &AGGREGATE)?, walk })
    };
    match kind {
        "rows" => page(Walk::None),
        "walk" => page(Walk::ToTheEnd),
        "return" => page(Walk::AndBack),
        "aggregate" => aggregate(Walk::None),
        "groups" => aggregate(Walk::ToTheEnd),
        "lookup" => lookup(table, rest),
        "describe" if rest.is_empty() => Ok(Question::Describe { table, options: json!({}) }),
        "describe" => Ok(Question::Describe { table, options: body(rest, &DESCRIBE)?.exact }),
        other => Err(format!("there is no kind \"{other}\"")),
    }
}

fn body(text: &str, known: &[&str]) -> Result<Body, String> {
    let exact = questions::exact(text).map_err(|error| format!("no JSON: {error}"))?;
    let Value::Object(members) = &exact else { return Err("the body is no object".to_owned()) };
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        Some(unknown) => Err(format!("the body has no member \"{unknown}\"")),
        None if text.ends_with('}') => Ok(Body { text: text.to_owned(), exact }),
        None => Err("blanks stand after the body".to_owned()),
    }
}

fn lookup(table: String, rest: &str) -> Result<Question, String> {
    let values = Deserializer::from_str(rest).into_iter::<Box<RawValue>>();
    let values: Vec<Box<RawValue>> =
        values.collect::<Result<_, _>>().map_err(|error| format!("no JSON: {error}"))?;
    let (key, options) = match values.as_slice() {
        [key] => (key, json!({})),
        [key, options] => (key, body(options.get(), &LOOKUP)?.exact),
        _ => return Err("a key stands after the table, and at most options after that".to_owned()),
    };
    match questions::exact(key.get()) {
        Ok(Value::Array(key)) if !key.is_empty() && key.iter().all(is_plain) => {
            Ok(Question::Lookup { table, key, options })
        }
        _ => Err("a key is an array of plain values".to_owned()),
    }
}

fn is_plain(value: &Value) -> bool {
    !value.is_array() && (!value.is_object() || value["decimal"].is_string())
}

#[test]
fn lines_are_read_with_every_digit() {
    let text = "# why\n\n[answered]\nrows t {\"limit\":1,\"filter\":{\"column\":\"a\",\"op\":\"eq\",\"value\":1.50}}\n\
                walk t {}\nlookup t [1,\"x\"] {\"version\":2}\n[not_found]\ndescribe t\ntables\n";
    let read = read("f", text).unwrap();
    let expected: Vec<&str> = read.iter().map(|statement| statement.expected.as_str()).collect();
    assert_eq!(expected, ["answered", "answered", "answered", "not_found", "not_found"]);
    assert_eq!(read[1].place, "f:5: walk t {}");
    let Question::Page { body, .. } = &read[0].question else { panic!("{:?}", read[0]) };
    assert_eq!(body.exact["filter"]["value"], json!({ "decimal": "1.50" }));
    assert!(body.at(Some("c")).ends_with("\"value\":1.50},\"cursor\":\"c\"}"), "{}", body.at(Some("c")));
    let Question::Page { body, walk: Walk::ToTheEnd, .. } = &read[1].question else {
        panic!("{:?}", read[1])
    };
    assert_eq!(body.at(Some("c")), "{\"cursor\":\"c\"}");
    let Question::Lookup { key, options, .. } = &read[2].question else { panic!("{:?}", read[2]) };
    assert_eq!((key.as_slice(), options), (&[json!(1), json!("x")][..], &json!({ "version": 2 })));
}

#[test]
fn malformed_lines_are_refused_all_together() {
    let lines = [
        "row t {}",
        "rows",
        "rows {}",
        "rows t",
        "rows t []",
        "rows t {} {}",
        "rows t {\"limit\":01}",
        "rows t {\"limits\":1}",
        "rows t {} ",
        " rows t {}",
        "aggregate t {\"select\":[]}",
        "groups t {\"side\":\"before\"}",
        "lookup t",
        "lookup t 1",
        "lookup t []",
        "lookup t [[1]]",
        "lookup t [1] {\"limit\":1}",
        "lookup t [1] {} {}",
        "sql select 1",
        "describe",
        "describe t {\"select\":[\"a\"]}",
        "tables {}",
        "[Answered]",
        "[answered",
    ];
    let text = lines.map(|line| format!("[answered]\n{line}\n")).concat();
    let faults = read("f", &text).unwrap_err();
    assert_eq!(faults.len(), lines.len(), "{faults:#?}");
    assert!(read("f", "rows t {}\n").unwrap_err()[0].contains("no heading"));
    assert!(read("f", "[answered]\ntables\ntables\n").unwrap_err()[0].contains("twice"));
}
