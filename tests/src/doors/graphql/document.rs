//! Questions as documents: owns the way there from the bodies that the REST door takes. Values stand in the document
//! itself, so that no digit is lost.

use serde_json::{Map, Value, json};
use sluice_gateway::protocol::names::parse_order;

use super::super::outcome::Cursor;
use super::super::question::{Body, Question};
use super::groups::Groups;
use super::names::{Field, Names, own, spelled, type_name};

/// A document that asks a question under the key `t`.
pub(super) struct Document {
    pub(super) text: String,
    groups: Option<Groups>,
}

/// No document asks this.
#[derive(Debug)]
pub(super) struct Refusal;

pub(super) type Said<T> = Result<T, Refusal>;

impl Document {
    pub(super) fn of(question: &Question, cursor: Option<Cursor<'_>>, names: &Names) -> Said<Self> {
        let (Question::Page { table, .. }
        | Question::Lookup { table, .. }
        | Question::Aggregate { table, .. }) = question
        else {
            return Err(Refusal);
        };
        if names.table(table).is_none() {
            return Ok(Self { text: format!("{{ t: {table} {{ totalCount }} }}"), groups: None });
        }
        let text = match question {
            Question::Page { body, .. } => page(table, body, cursor, names)?,
            Question::Lookup { key, options, .. } => lookup(table, key, options, names)?,
            Question::Aggregate { body, .. } => {
                let groups = Groups::of(table, body, question.walk(), cursor, names)?;
                return Ok(Self { text: groups.text.clone(), groups: Some(groups) });
            }
            Question::Sql { .. } | Question::Describe { .. } | Question::Tables => return Err(Refusal),
        };
        Ok(Self { text, groups: None })
    }

    /// It is the very question: cursors of its answer continue it at any door.
    pub(super) fn continues(&self) -> bool {
        self.groups.as_ref().is_none_or(|groups| groups.continues)
    }

    /// A row under the names that its columns have elsewhere.
    pub(super) fn renamed(&self, row: &Value) -> Value {
        if let Some(groups) = &self.groups {
            return groups.flat(row);
        }
        let members = row.as_object().expect("a row").iter();
        Value::Object(members.map(|(name, value)| (own(name).to_owned(), value.clone())).collect())
    }
}

fn page(table: &str, body: &Body, cursor: Option<Cursor<'_>>, names: &Names) -> Said<String> {
    let body = body.exact.as_object().expect("an object");
    let mut arguments: Vec<String> = Vec::new();
    if let Some(filter) = body.get("filter") {
        arguments.push(format!("where: {}", condition(table, filter, names)?));
    }
    if let Some(order) = body.get("order") {
        arguments.push(format!("orderBy: {}", order_by(table, order, names)?));
    }
    let backward = match body.get("side") {
        Some(side) => side == "before",
        None => cursor.is_some_and(|cursor| cursor.backward),
    };
    let (rows, place) = if backward { ("last", "before") } else { ("first", "after") };
    if let Some(limit) = body.get("limit") {
        // What is no number has no place in a document.
        arguments.push(format!(
            "{rows}: {}",
            limit.as_i64().filter(|rows| i32::try_from(*rows).is_ok()).ok_or(Refusal)?
        ));
    }
    let own = body.get("cursor").and_then(Value::as_str);
    if let Some(cursor) = cursor.map(|cursor| cursor.text).or(own) {
        arguments.push(format!("{place}: {}", json!(cursor)));
    } else if backward && !body.contains_key("limit") {
        return Err(Refusal);
    }
    travel(body, &mut arguments)?;
    let count = if body.get("count").is_some_and(|count| count == "exact") { "totalCount" } else { "" };
    let columns = columns(table, body.get("select"), names)?;
    Ok(format!(
        "{{ t: {table}{} {{ nodes {{ {columns} }} {count} \
         pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}",
        in_parentheses(&arguments)
    ))
}

fn lookup(table: &str, key: &[Value], options: &Value, names: &Names) -> Said<String> {
    let options = options.as_object().expect("an object");
    // A key that is masked has no field.
    let field = names.table(&format!("{table}ByPk")).ok_or(Refusal)?;
    let parts: Vec<&(String, String)> =
        field.arguments.iter().filter(|(name, _)| name != "version" && name != "asOf").collect();
    if parts.len() != key.len() {
        return Err(Refusal);
    }
    let mut arguments: Vec<String> = Vec::new();
    for ((name, of), value) in parts.into_iter().zip(key) {
        arguments.push(format!("{name}: {}", literal(of, value)?));
    }
    travel(options, &mut arguments)?;
    let columns = columns(table, options.get("select"), names)?;
    Ok(format!("{{ t: {}{} {{ {columns} }} }}", field.name, in_parentheses(&arguments)))
}

pub(super) fn in_parentheses(arguments: &[String]) -> String {
    if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) }
}

pub(super) fn travel(body: &Map<String, Value>, arguments: &mut Vec<String>) -> Said<()> {
    for (member, argument) in [("version", "version"), ("as_of", "asOf")] {
        match body.get(member) {
            None => {}
            Some(Value::Number(number)) if member == "version" => {
                arguments.push(format!("{argument}: {number}"))
            }
            Some(Value::String(text)) if member == "as_of" => {
                arguments.push(format!("{argument}: {}", json!(text)))
            }
            Some(_) => return Err(Refusal),
        }
    }
    Ok(())
}

/// Every column, or those that are named.
fn columns(table: &str, select: Option<&Value>, names: &Names) -> Said<String> {
    let Some(select) = select else {
        let all: Vec<String> = names.columns(table).into_iter().map(|field| names.whole(field)).collect();
        return Ok(all.join(" "));
    };
    let mut selected: Vec<String> = Vec::new();
    for name in select.as_array().ok_or(Refusal)? {
        let name = name.as_str().ok_or(Refusal)?;
        let written = match column(table, spelled(name), names) {
            Some(field) => names.whole(field),
            None => unknown(table, name, names)?.to_owned(),
        };
        if selected.contains(&written) {
            return Err(Refusal);
        }
        selected.push(written);
    }
    if selected.is_empty() { Err(Refusal) } else { Ok(selected.join(" ")) }
}

fn column<'n>(table: &str, name: &str, names: &'n Names) -> Option<&'n Field> {
    names.columns(table).into_iter().find(|field| field.name == name)
}

/// A name that no column has, in no case of its letters.
pub(super) fn unknown<'a>(table: &str, name: &'a str, names: &Names) -> Said<&'a str> {
    let is_cased = names.columns(table).iter().any(|field| field.name.eq_ignore_ascii_case(name));
    if is_name(name) && !is_cased { Ok(name) } else { Err(Refusal) }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn order_by(table: &str, order: &Value, names: &Names) -> Said<String> {
    let key = |name: &str, descending: bool, nulls_first: bool| {
        let column = match column(table, spelled(name), names) {
            Some(field) => &field.name,
            None => unknown(table, name, names)?,
        };
        Ok(format!("{{column: {column}, descending: {descending}, nullsFirst: {nulls_first}}}"))
    };
    let keys: Vec<String> = match order {
        Value::String(text) => {
            let keys = parse_order(text).map_err(|_| Refusal)?;
            keys.iter().map(|one| key(&one.column, one.descending, one.nulls_first)).collect::<Said<_>>()?
        }
        Value::Array(items) => {
            let flag = |item: &Value, name: &str| item[name].as_bool().unwrap_or_default();
            let one = |item: &Value| {
                key(
                    item["column"].as_str().ok_or(Refusal)?,
                    flag(item, "descending"),
                    flag(item, "nulls_first"),
                )
            };
            items.iter().map(one).collect::<Said<_>>()?
        }
        _ => return Err(Refusal),
    };
    Ok(format!("[{}]", keys.join(", ")))
}

/// A condition made of others, each of which `part` writes; `None` where it is a comparison.
pub(super) fn joined(node: &Value, part: &dyn Fn(&Value) -> Said<String>) -> Said<Option<String>> {
    let node = node.as_object().ok_or(Refusal)?;
    for name in ["and", "or"] {
        if let Some(items) = node.get(name) {
            let items = items.as_array().ok_or(Refusal)?;
            let items: Vec<String> = items.iter().map(part).collect::<Said<_>>()?;
            return Ok(Some(format!("{{{name}: [{}]}}", items.join(", "))));
        }
    }
    node.get("not").map(|inner| Ok(format!("{{not: {}}}", part(inner)?))).transpose()
}

pub(super) fn condition(table: &str, node: &Value, names: &Names) -> Said<String> {
    if let Some(joined) = joined(node, &|part| condition(table, part, names))? {
        return Ok(joined);
    }
    let name = node.get("column").and_then(Value::as_str).ok_or(Refusal)?;
    let op = node.get("op").and_then(Value::as_str).ok_or(Refusal)?;
    if column(table, spelled(name), names).is_none() && !name.contains('.') {
        // Of a column that is not there any operator is as good.
        return Ok(format!("{{{}: {{isNull: true}}}}", unknown(table, name, names)?));
    }
    compared(&type_name(table), name, op, node.get("value"), names)
}

/// A comparison with a column, or with a field of a struct by its path.
fn compared(of: &str, name: &str, op: &str, value: Option<&Value>, names: &Names) -> Said<String> {
    let whole = spelled(name);
    match (names.field(of, whole), name.split_once('.')) {
        (Some(field), _) => Ok(format!("{{{whole}: {{{}}}}}", operator(&field.of, op, value)?)),
        (None, Some((outer, rest))) => {
            let outer = names.field(of, outer).filter(|field| field.kind == "OBJECT").ok_or(Refusal)?;
            Ok(format!("{{{}: {}}}", outer.name, compared(&outer.of, rest, op, value, names)?))
        }
        // What a struct does not have is called by another name here.
        (None, None) => Err(Refusal),
    }
}

pub(super) fn operator(of: &str, op: &str, value: Option<&Value>) -> Said<String> {
    let name = match op {
        "is_null" | "is_not_null" if value.is_none() => return Ok(format!("isNull: {}", op == "is_null")),
        "not_in" => "notIn",
        "eq" | "ne" | "lt" | "le" | "gt" | "ge" | "in" | "between" | "like" => op,
        _ => return Err(Refusal),
    };
    let value = value.ok_or(Refusal)?;
    match (name, value) {
        ("in" | "notIn" | "between", Value::Array(items)) => {
            let items: Vec<String> = items.iter().map(|item| literal(of, item)).collect::<Said<_>>()?;
            Ok(format!("{name}: [{}]", items.join(", ")))
        }
        ("in" | "notIn" | "between", _) => Err(Refusal),
        ("like", _) if of != "String" => Err(Refusal),
        _ => Ok(format!("{name}: {}", literal(of, value)?)),
    }
}

/// A value of a scalar, where it is one.
fn literal(of: &str, value: &Value) -> Said<String> {
    let digits = match value {
        Value::Number(number) => Some(number.to_string()),
        Value::Object(kept) => Some(kept["decimal"].as_str().expect("digits").to_owned()),
        _ => None,
    };
    let is_whole = |digits: &str| digits.parse::<i64>().is_ok() || digits.parse::<u64>().is_ok();
    match (of, value, digits) {
        ("Boolean", Value::Bool(value), _) => Ok(value.to_string()),
        ("Int", _, Some(digits)) if digits.parse::<i32>().is_ok() => Ok(digits),
        ("Int64", _, Some(digits)) if is_whole(&digits) => Ok(digits),
        ("Float" | "Decimal", _, Some(digits)) => Ok(digits),
        ("Decimal", Value::String(text), _) if text.parse::<f64>().is_ok() => Ok(json!(text).to_string()),
        ("String" | "Date" | "Timestamp" | "LocalTimestamp", Value::String(text), _) => {
            Ok(json!(text).to_string())
        }
        _ => Err(Refusal),
    }
}
