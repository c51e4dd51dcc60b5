//! The types of groups of one table's rows as text: owns their root field, their keys and results, their pages, the
//! conditions on them and their orders. What would be empty is not there. Does not decide what can be grouped.

use super::groups::{FUNCTIONS, Function, NUMBER_FILTER, Takes};
use super::sdl::{Sdl, TRAVEL, member};
use super::tables::{DoorColumn, DoorTable};

/// The root field that leads to groups.
pub(super) fn root_field(table: &DoorTable) -> String {
    let (field, of) = (&table.field, &table.type_name);
    let keys = if table.group_keys.is_empty() { String::new() } else { format!("groupBy: [{of}GroupBy!], ") };
    let arguments = format!(
        "{keys}where: {of}Where, having: {of}Having, orderBy: [{of}AggregateOrder!], first: Int, after: String, {TRAVEL}"
    );
    member(None, &format!("{field}Aggregate({arguments}): {of}AggregateConnection"))
}

/// Every type of the table's groups.
pub(super) fn write(sdl: &mut Sdl, table: &DoorTable) {
    let of = &table.type_name;
    keys(sdl, table);
    group(sdl, table);
    results(sdl, table);
    let pages =
        [member(None, &format!("nodes: [{of}Aggregate!]!")), member(Some(PAGES), "pageInfo: PageInfo!")];
    sdl.block("type", &format!("{of}AggregateConnection"), None, pages);
    having(sdl, table);
    order(sdl, table);
}

const PAGES: &str =
    "Groups are read forward: startCursor is null, and endCursor is null after the last group.";

fn keys(sdl: &mut Sdl, table: &DoorTable) {
    let (of, keys) = (&table.type_name, &table.group_keys);
    if keys.is_empty() {
        return;
    }
    let names = keys.iter().map(|key| member(None, &key.field));
    sdl.block("enum", &format!("{of}GroupBy"), None, names);
    let values = keys.iter().map(|key| member(None, &format!("{}: {}", key.field, key.kind.output())));
    sdl.block("type", &format!("{of}Key"), None, values);
}

/// Some column of the table is one that the function takes.
fn is_there(table: &DoorTable, takes: Takes) -> bool {
    table.columns.iter().any(|column| takes.has(&column.kind))
}

fn functions(table: &DoorTable) -> impl Iterator<Item = &'static Function> {
    FUNCTIONS.iter().filter(|function| is_there(table, function.takes))
}

fn taken(table: &DoorTable, takes: Takes) -> impl Iterator<Item = &DoorColumn> {
    table.columns.iter().filter(move |column| takes.has(&column.kind))
}

fn group(sdl: &mut Sdl, table: &DoorTable) {
    let of = &table.type_name;
    let key = (!table.group_keys.is_empty()).then(|| format!("key: {of}Key!"));
    let count = ["count: Int64!".to_owned()];
    let measures = functions(table).map(|function| format!("{}: {of}{}!", function.field, function.results));
    let lines = key.into_iter().chain(count).chain(measures).map(|line| member(None, &line));
    sdl.block("type", &format!("{of}Aggregate"), None, lines);
}

/// Functions that share a type of results have the same ones.
fn results(sdl: &mut Sdl, table: &DoorTable) {
    for (at, function) in FUNCTIONS.iter().enumerate() {
        let is_known = FUNCTIONS[..at].iter().any(|earlier| earlier.results == function.results);
        if is_known || !is_there(table, function.takes) {
            continue;
        }
        let lines = taken(table, function.takes)
            .map(|column| member(None, &format!("{}: {}", column.field, function.result(&column.kind))));
        sdl.block("type", &format!("{}{}", table.type_name, function.results), None, lines);
    }
}

/// The first function of each kind of columns: what is compared and ordered by is the same for all of them.
fn kinds(table: &DoorTable) -> impl Iterator<Item = &'static Function> {
    let is_first = |at: usize| FUNCTIONS[..at].iter().all(|earlier| earlier.takes != FUNCTIONS[at].takes);
    let first =
        FUNCTIONS.iter().enumerate().filter(move |(at, _)| is_first(*at)).map(|(_, function)| function);
    first.filter(|function| is_there(table, function.takes))
}

fn having(sdl: &mut Sdl, table: &DoorTable) {
    let of = &table.type_name;
    let joined = [format!("and: [{of}Having!]"), format!("or: [{of}Having!]"), format!("not: {of}Having")];
    let count = [format!("count: {NUMBER_FILTER}")];
    let measures =
        functions(table).map(|function| format!("{}: {of}{}", function.field, function.takes.having()));
    let lines = joined.into_iter().chain(count).chain(measures).map(|line| member(None, &line));
    sdl.block("input", &format!("{of}Having"), None, lines);
    for function in kinds(table) {
        let lines = taken(table, function.takes)
            .map(|column| member(None, &format!("{}: {}", column.field, function.filter(&column.kind))));
        sdl.block("input", &format!("{of}{}", function.takes.having()), None, lines);
    }
}

fn order(sdl: &mut Sdl, table: &DoorTable) {
    let of = &table.type_name;
    // The enum of all columns is that of the orders of rows.
    for function in kinds(table).filter(|function| function.takes != Takes::Any) {
        let names = taken(table, function.takes).map(|column| member(None, &column.field));
        sdl.block("enum", &format!("{of}{}", function.takes.columns()), None, names);
    }
    let key = (!table.group_keys.is_empty()).then(|| format!("key: {of}GroupBy"));
    let count = ["count: Boolean".to_owned()];
    let measures =
        functions(table).map(|function| format!("{}: {of}{}", function.field, function.takes.columns()));
    let direction = ["descending: Boolean! = false".to_owned(), "nullsFirst: Boolean! = false".to_owned()];
    let lines = key.into_iter().chain(count).chain(measures).chain(direction);
    let lines = lines.map(|line| member(None, &line));
    sdl.block("input", &format!("{of}AggregateOrder"), Some(ORDER), lines);
}

const ORDER: &str = "Exactly one of the members before \"descending\" says what it goes by.";
