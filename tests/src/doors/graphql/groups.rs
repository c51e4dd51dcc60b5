//! Questions about groups as documents: owns the way there from the bodies that the REST door takes, whose names of
//! keys and results have no place in a document, and the way back from nested answers to flat rows.

use serde_json::{Map, Value, json};
use sluice_gateway::protocol::names::parse_order;

use super::super::outcome::Cursor;
use super::super::question::{Body, Walk};
use super::document::{Refusal, Said, condition, in_parentheses, joined, operator, travel, unknown};
use super::names::{Names, spelled, type_name};

/// What functions are called here, in the order of the schema.
const FUNCTIONS: [(&str, &str); 6] = [
    ("count", "countOf"),
    ("count_distinct", "countDistinct"),
    ("sum", "sum"),
    ("avg", "avg"),
    ("min", "min"),
    ("max", "max"),
];

/// A document about groups, and where what it asks for stands in each of them.
#[derive(Debug)]
pub(super) struct Groups {
    pub(super) text: String,
    /// It is the question of the body, names of its answer included: cursors of one continue the other.
    pub(super) continues: bool,
    outputs: Vec<Output>,
}

#[derive(Debug)]
struct Output {
    /// Name in the answers of other doors.
    name: String,
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Key(String),
    Count,
    /// A function by its place, the place of the column in the table, and its field.
    Measure(usize, usize, String),
}

impl Groups {
    pub(super) fn of(
        table: &str,
        body: &Body,
        walk: Walk,
        cursor: Option<Cursor<'_>>,
        names: &Names,
    ) -> Said<Self> {
        let body = body.exact.as_object().expect("an object");
        let keys = outputs(body.get("group_by"), |item| key(table, item, names))?;
        let measures = outputs(body.get("measures"), |item| measure(table, item, names))?;
        let in_order = measures.is_sorted_by(|(one, _), (other, _)| one.place < other.place);
        let continues = in_order && keys.iter().chain(&measures).all(|(_, is_own)| *is_own);
        let outputs: Vec<Output> = keys.into_iter().chain(measures).map(|(output, _)| output).collect();
        let is_twice = |at: usize| {
            outputs[..at].iter().any(|one| one.name == outputs[at].name || one.place == outputs[at].place)
        };
        if outputs.is_empty() || (0..outputs.len()).any(is_twice) {
            return Err(Refusal);
        }
        let cursor = cursor.map(|cursor| cursor.text).or_else(|| body.get("cursor").and_then(Value::as_str));
        let has_limit = body.contains_key("limit");
        if (cursor.is_some() && !has_limit) || (!continues && (cursor.is_some() || walk != Walk::None)) {
            return Err(Refusal);
        }
        let mut groups = Self { text: String::new(), continues, outputs };
        let arguments = groups.arguments(table, body, cursor, names)?;
        groups.text = format!(
            "{{ t: {table}Aggregate{} {{ nodes {{ {} }} \
             pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}",
            in_parentheses(&arguments),
            groups.selection()
        );
        Ok(groups)
    }

    fn arguments(
        &self,
        table: &str,
        body: &Map<String, Value>,
        cursor: Option<&str>,
        names: &Names,
    ) -> Said<Vec<String>> {
        let mut arguments: Vec<String> = Vec::new();
        if let Some(filter) = body.get("filter") {
            arguments.push(format!("where: {}", condition(table, filter, names)?));
        }
        let keys: Vec<&str> = self.keys().collect();
        if !keys.is_empty() {
            arguments.push(format!("groupBy: [{}]", keys.join(", ")));
        }
        if let Some(having) = body.get("having") {
            arguments.push(format!("having: {}", self.having(table, having, names)?));
        }
        if let Some(order) = body.get("order") {
            arguments.push(format!("orderBy: {}", self.order_by(order)?));
        }
        // All groups are what other doors answer without a limit; here it is a page that holds them.
        let all = json!(i32::MAX);
        let limit = body.get("limit").unwrap_or(&all).as_i64();
        let limit = limit.filter(|rows| i32::try_from(*rows).is_ok()).ok_or(Refusal)?;
        arguments.push(format!("first: {limit}"));
        arguments.extend(cursor.map(|cursor| format!("after: {}", json!(cursor))));
        travel(body, &mut arguments)?;
        Ok(arguments)
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        self.outputs.iter().filter_map(|output| match &output.place {
            Place::Key(field) => Some(field.as_str()),
            Place::Count | Place::Measure(..) => None,
        })
    }

    fn selection(&self) -> String {
        let keys: Vec<&str> = self.keys().collect();
        let mut text = if keys.is_empty() { String::new() } else { format!("key {{ {} }} ", keys.join(" ")) };
        for output in &self.outputs {
            match &output.place {
                Place::Key(_) => {}
                Place::Count => text.push_str("count "),
                // Fields of one key are asked for together, whatever their number.
                Place::Measure(function, _, field) => {
                    text.push_str(&format!("{} {{ {field} }} ", FUNCTIONS[*function].1));
                }
            }
        }
        text
    }

    fn place(&self, name: &str) -> Said<&Place> {
        let found = self.outputs.iter().find(|output| output.name == name);
        found.map(|output| &output.place).ok_or(Refusal)
    }

    fn having(&self, table: &str, node: &Value, names: &Names) -> Said<String> {
        if let Some(joined) = joined(node, &|part| self.having(table, part, names))? {
            return Ok(joined);
        }
        let name = node.get("column").and_then(Value::as_str).ok_or(Refusal)?;
        let op = node.get("op").and_then(Value::as_str).ok_or(Refusal)?;
        let value = node.get("value");
        match self.place(name)? {
            Place::Key(_) => Err(Refusal),
            Place::Count => Ok(format!("{{count: {{{}}}}}", operator("Decimal", op, value)?)),
            Place::Measure(function, _, field) => {
                let function = FUNCTIONS[*function].1;
                let of = match function {
                    "min" | "max" => &names.field(&type_name(table), field).ok_or(Refusal)?.of,
                    _ => "Decimal",
                };
                Ok(format!("{{{function}: {{{field}: {{{}}}}}}}", operator(of, op, value)?))
            }
        }
    }

    fn order_by(&self, order: &Value) -> Said<String> {
        let key = |column: &str, descending: bool, nulls_first: bool| {
            let named = match self.place(column)? {
                Place::Key(field) => format!("key: {field}"),
                Place::Count => "count: true".to_owned(),
                Place::Measure(function, _, field) => format!("{}: {field}", FUNCTIONS[*function].1),
            };
            Ok(format!("{{{named}, descending: {descending}, nullsFirst: {nulls_first}}}"))
        };
        let keys: Vec<String> = match order {
            Value::String(text) => {
                let keys = parse_order(text).map_err(|_| Refusal)?;
                keys.iter()
                    .map(|one| key(&one.column, one.descending, one.nulls_first))
                    .collect::<Said<_>>()?
            }
            Value::Array(items) => {
                let flag = |item: &Value, name: &str| item[name].as_bool().unwrap_or_default();
                let one = |item: &Value| {
                    let column = item["column"].as_str().ok_or(Refusal)?;
                    key(column, flag(item, "descending"), flag(item, "nulls_first"))
                };
                items.iter().map(one).collect::<Said<_>>()?
            }
            _ => return Err(Refusal),
        };
        Ok(format!("[{}]", keys.join(", ")))
    }

    /// A group under the names that its keys and results have elsewhere.
    pub(super) fn flat(&self, group: &Value) -> Value {
        let value = |output: &Output| match &output.place {
            Place::Key(field) => &group["key"][field],
            Place::Count => &group["count"],
            Place::Measure(function, _, field) => &group[FUNCTIONS[*function].1][field],
        };
        self.outputs.iter().map(|output| (output.name.clone(), value(output).clone())).collect()
    }
}

/// Outputs of a list, and whether each has the name that every door gives it.
fn outputs(
    items: Option<&Value>,
    output: impl Fn(&Value) -> Said<(Output, bool)>,
) -> Said<Vec<(Output, bool)>> {
    let Some(items) = items else { return Ok(Vec::new()) };
    items.as_array().ok_or(Refusal)?.iter().map(output).collect()
}

fn named(item: &Value, own: String, place: Place) -> (Output, bool) {
    match item["as"].as_str() {
        Some(name) => (Output { name: name.to_owned(), place }, false),
        None => (Output { name: own, place }, true),
    }
}

fn key(table: &str, item: &Value, names: &Names) -> Said<(Output, bool)> {
    let column = item.as_str().or_else(|| item["column"].as_str()).ok_or(Refusal)?;
    let suffix = item["date_trunc"].as_str().map(|unit| format!("_{unit}")).unwrap_or_default();
    let field = format!("{}{suffix}", spelled(column));
    there(table, &format!("{}Key", type_name(table)), column, &field, names)?;
    Ok(named(item, format!("{column}{suffix}"), Place::Key(field)))
}

fn measure(table: &str, item: &Value, names: &Names) -> Said<(Output, bool)> {
    let own = item["fn"].as_str().ok_or(Refusal)?;
    let Some(column) = item["column"].as_str() else {
        return if own == "count" { Ok(named(item, own.to_owned(), Place::Count)) } else { Err(Refusal) };
    };
    let function = FUNCTIONS.iter().position(|(known, _)| *known == own).ok_or(Refusal)?;
    let results = names.field(&format!("{}Aggregate", type_name(table)), FUNCTIONS[function].1);
    let field = spelled(column).to_owned();
    there(table, &results.ok_or(Refusal)?.of, column, &field, names)?;
    let place = names.columns(table).iter().position(|known| known.name == field).unwrap_or_default();
    Ok(named(item, format!("{own}_{column}"), Place::Measure(function, place, field)))
}

/// A type lacks what there is no column for, and so the document is asked; not what others are for.
fn there(table: &str, of: &str, column: &str, field: &str, names: &Names) -> Said<()> {
    match names.field(of, field) {
        Some(_) => Ok(()),
        None if field == column => unknown(table, column, names).map(drop),
        None => Err(Refusal),
    }
}
