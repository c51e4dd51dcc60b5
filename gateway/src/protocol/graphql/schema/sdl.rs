//! A schema as text: owns the document, its root types, and the types that all tables share. What belongs to one
//! table has files of its own. Does not decide what a role sees.

use std::collections::BTreeSet;

use super::groups::NUMBER_FILTER;
use super::scalars::{FILTERS, IS_NULL, Kind, OPERATORS, SCALARS, filter_values};
use super::tables::DoorTable;
use super::{aggregates, changes, rows};

/// Arguments of every field that pages.
pub(super) const PAGE: &str = "first: Int, after: String, last: Int, before: String";
/// Arguments of every root field.
pub(super) const TRAVEL: &str = "version: Int64, asOf: Timestamp";

/// A text that does not grow past a limit.
#[derive(Debug)]
pub(super) struct Sdl {
    text: String,
    bytes_max: usize,
}

impl Sdl {
    /// One definition; each line is one of its members.
    pub(super) fn block(
        &mut self,
        keyword: &str,
        name: &str,
        description: Option<&str>,
        lines: impl IntoIterator<Item = String>,
    ) {
        // What is over the limit is thrown away: it need not be whole.
        if self.is_full() {
            return;
        }
        self.text.push_str(&described("", description));
        self.text.push_str(&format!("{keyword} {name} {{\n"));
        for line in lines {
            self.text.push_str(&line);
            self.text.push('\n');
        }
        self.text.push_str("}\n\n");
    }

    fn is_full(&self) -> bool {
        self.text.len() > self.bytes_max
    }
}

/// A member of a definition.
pub(super) fn member(description: Option<&str>, text: &str) -> String {
    format!("{}  {text}", described("  ", description))
}

/// The escapes of JSON are those of GraphQL.
fn described(indent: &str, description: Option<&str>) -> String {
    let quoted = description.map(|text| serde_json::Value::from(text).to_string());
    quoted.map_or_else(String::new, |quoted| format!("{indent}{quoted}\n"))
}

/// The schema of these tables; `None` when it would be longer than `bytes_max`.
pub(super) fn text(tables: &[DoorTable], subscriptions: bool, bytes_max: usize) -> Option<String> {
    let mut sdl = Sdl { text: String::new(), bytes_max };
    query(&mut sdl, tables);
    if subscriptions && !tables.is_empty() {
        sdl.block("type", "Subscription", None, tables.iter().map(changes::root_field));
    }
    let mut used = Used::default();
    tables.iter().for_each(|table| used.table(table));
    for (name, description) in SCALARS {
        if used.scalars.contains(name) {
            sdl.text.push_str(&format!("{}scalar {name}\n\n", described("", Some(description))));
        }
    }
    if !tables.is_empty() {
        let lines = [
            "hasNextPage: Boolean!",
            "hasPreviousPage: Boolean!",
            "startCursor: String",
            "endCursor: String",
        ];
        sdl.block("type", "PageInfo", None, lines.map(|line| member(None, line)));
    }
    for filter in FILTERS {
        if used.filters.contains(filter) {
            sdl.block("input", filter, None, filter_members(filter));
        }
    }
    for table in tables {
        rows::write(&mut sdl, table, tables);
        aggregates::write(&mut sdl, table);
        if subscriptions {
            changes::write(&mut sdl, table);
        }
    }
    (!sdl.is_full()).then_some(sdl.text)
}

fn query(sdl: &mut Sdl, tables: &[DoorTable]) {
    let fields = |table| rows::root_fields(table).into_iter().chain([aggregates::root_field(table)]);
    let mut lines: Vec<String> = tables.iter().flat_map(fields).collect();
    if lines.is_empty() {
        // A type without a field is none in GraphQL.
        lines.push(member(Some("The role sees no table."), &format!("{NOTHING}: Boolean")));
    }
    sdl.block("type", "Query", None, lines);
}

/// The root field of a schema without tables; always null.
pub const NOTHING: &str = "_nothing";

/// Shared types that tables refer to.
#[derive(Debug)]
struct Used {
    scalars: BTreeSet<String>,
    filters: BTreeSet<String>,
}

impl Default for Used {
    /// Those of arguments.
    fn default() -> Self {
        let scalars = ["Int64", "Timestamp"].map(str::to_owned);
        Self { scalars: scalars.into(), filters: BTreeSet::new() }
    }
}

impl Used {
    fn table(&mut self, table: &DoorTable) {
        for column in &table.columns {
            self.scalars_in(&column.kind);
            self.filter(&column.kind);
        }
        table.group_keys.iter().for_each(|key| self.scalars_in(&key.kind));
        self.filters.insert(NUMBER_FILTER.to_owned());
        self.scalars.extend(filter_values(NUMBER_FILTER).0.map(str::to_owned));
    }

    fn scalars_in(&mut self, kind: &Kind) {
        kind.walk(&mut |inside| {
            self.scalars.extend(inside.scalar().map(str::to_owned));
        });
    }

    fn filter(&mut self, kind: &Kind) {
        match kind {
            Kind::Struct(of) => {
                of.reachable().for_each(|field| self.filter(&field.kind));
            }
            plain => {
                self.filters.insert(plain.filter());
            }
        }
    }
}

fn filter_members(filter: &str) -> Vec<String> {
    let (scalar, has_order, has_patterns) = filter_values(filter);
    let mut lines: Vec<String> = Vec::new();
    for (name, _) in OPERATORS {
        let Some(scalar) = scalar else { continue };
        match name {
            "eq" | "ne" => lines.push(member(None, &format!("{name}: {scalar}"))),
            "in" | "notIn" => lines.push(member(None, &format!("{name}: [{scalar}!]"))),
            "like" if has_patterns => {
                lines.push(member(Some("Pattern with % and _."), &format!("{name}: {scalar}")));
            }
            "between" if has_order => lines.push(member(None, &format!("{name}: [{scalar}!]"))),
            "lt" | "le" | "gt" | "ge" if has_order => lines.push(member(None, &format!("{name}: {scalar}"))),
            _ => {}
        }
    }
    lines.push(member(None, &format!("{IS_NULL}: Boolean")));
    lines
}
