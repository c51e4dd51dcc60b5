//! Questions as lines of text, which `parity/demo.txt` explains: owns their form, and saying what is wrong with a line.
//! Does not ask them.

use serde_json::value::RawValue;
use serde_json::{Deserializer, Value, json};

use crate::grpc::questions;

const PAGE: [&str; 9] = ["select", "filter", "order", "limit", "cursor", "side", "count", "version", "as_of"];
const AGGREGATE: [&str; 9] =
    ["group_by", "measures", "filter", "having", "order", "limit", "cursor", "version", "as_of"];
const LOOKUP: [&str; 3] = ["select", "version", "as_of"];
const SQL: [&str; 4] = ["sql", "params", "version", "as_of"];
const DESCRIBE: [&str; 2] = ["version", "as_of"];

/// What a door is asked.
#[derive(Debug)]
pub enum Question {
    /// Some rows of a table.
    Page {
        /// Its name.
        table: String,
        /// What of it.
        body: Body,
        /// How far.
        walk: Walk,
    },
    /// Groups of rows.
    Aggregate {
        /// The name of their table.
        table: String,
        /// What of it.
        body: Body,
        /// How far.
        walk: Walk,
    },
    /// One row.
    Lookup {
        /// The name of its table.
        table: String,
        /// Parts of its key.
        key: Vec<Value>,
        /// Parameters, as members.
        options: Value,
    },
    /// A statement in SQL.
    Sql {
        /// The text and its parameters.
        body: Body,
    },
    /// What a table is.
    Describe {
        /// Its name.
        table: String,
        /// Parameters, as members.
        options: Value,
    },
    /// Which tables there are.
    Tables,
}

/// How many of the pages are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walk {
    /// The first.
    None,
    /// All.
    ToTheEnd,
    /// All, and from the last one to the first again.
    AndBack,
}

/// A body of the REST door.
#[derive(Debug)]
pub struct Body {
    /// As it stands in the line: a JSON library would round the numbers in it.
    text: String,
    /// The same for other doors, with every digit.
    pub exact: Value,
}

impl Body {
    /// The text, continuing at a cursor.
    ///
    /// # Panics
    ///
    /// When it is no object, which [`question`] refuses.
    pub fn at(&self, cursor: Option<&str>) -> String {
        let Some(cursor) = cursor else { return self.text.clone() };
        let members = self.text.strip_suffix('}').expect("an object");
        let comma = if self.exact == json!({}) { "" } else { "," };
        format!("{members}{comma}\"cursor\":{}}}", json!(cursor))
    }
}

impl Question {
    /// How many of its pages are asked for.
    pub fn walk(&self) -> Walk {
        match self {
            Self::Page { walk, .. } | Self::Aggregate { walk, .. } => *walk,
            _ => Walk::None,
        }
    }
}

/// The question of a line.
///
/// # Errors
///
/// What is wrong with the line.
pub fn question(line: &str) -> Result<Question, String> {
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
