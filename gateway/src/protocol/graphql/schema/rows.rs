//! The types of one table's rows as text: owns its root fields, its row type with relations and structs, its pages,
//! its conditions and its orders. Does not resolve names.

use super::scalars::{IS_NULL, Kind, StructField, StructType};
use super::sdl::{PAGE, Sdl, TRAVEL, member};
use super::tables::{DoorColumn, DoorTable};

/// The root fields that lead to rows.
pub(super) fn root_fields(table: &DoorTable) -> Vec<String> {
    let (field, of) = (&table.field, &table.type_name);
    let rows = format!("{field}(where: {of}Where, orderBy: [{of}Order!], {PAGE}, {TRAVEL}): {of}Connection");
    let mut lines = vec![member(table.description.as_deref(), &rows)];
    if !table.key.is_empty() {
        let argument =
            |(argument, column): (&str, &DoorColumn)| format!("{argument}: {}!", column.kind.output());
        let key = table.key.iter().map(|part| (part.argument.as_str(), &table.columns[part.column]));
        let key: Vec<String> = key.map(argument).collect();
        lines.push(member(None, &format!("{field}ByPk({}, {TRAVEL}): {of}", key.join(", "))));
    }
    lines
}

/// Every type of the table's rows.
pub(super) fn write(sdl: &mut Sdl, table: &DoorTable, tables: &[DoorTable]) {
    let of = &table.type_name;
    let columns = table.columns.iter().map(|column| {
        member(column.description.as_deref(), &format!("{}: {}", column.field, column.kind.output()))
    });
    let relations = table.relations.iter().map(|relation| {
        let (field, to) = (&relation.field, &tables[relation.target].type_name);
        let text = match relation.many {
            true => format!("{field}(where: {to}Where, orderBy: [{to}Order!], {PAGE}): {to}Connection!"),
            false => format!("{field}: {to}"),
        };
        member(None, &text)
    });
    sdl.block("type", of, table.description.as_deref(), columns.chain(relations));
    let pages = [
        format!("edges: [{of}Edge!]!"),
        format!("nodes: [{of}!]!"),
        "pageInfo: PageInfo!".to_owned(),
        "totalCount: Int64!".to_owned(),
    ];
    sdl.block("type", &format!("{of}Connection"), None, pages.map(|line| member(None, &line)));
    let edge = ["cursor: String!".to_owned(), format!("node: {of}!")];
    sdl.block("type", &format!("{of}Edge"), None, edge.map(|line| member(None, &line)));
    let joined = [format!("and: [{of}Where!]"), format!("or: [{of}Where!]"), format!("not: {of}Where")];
    let joined = joined.into_iter().map(|line| member(None, &line));
    let compared = table
        .columns
        .iter()
        .map(|column| member(None, &format!("{}: {}", column.field, column.kind.filter())));
    sdl.block("input", &format!("{of}Where"), None, joined.chain(compared));
    let names = table.columns.iter().map(|column| member(None, &column.field));
    sdl.block("enum", &format!("{of}Column"), None, names);
    let order = [
        format!("column: {of}Column!"),
        "descending: Boolean! = false".to_owned(),
        "nullsFirst: Boolean! = false".to_owned(),
    ];
    sdl.block("input", &format!("{of}Order"), None, order.map(|line| member(None, &line)));
    table.structs().into_iter().for_each(|of| struct_type(sdl, of));
    table.columns.iter().for_each(|column| struct_where(sdl, &column.kind));
}

fn struct_type(sdl: &mut Sdl, of: &StructType) {
    let lines = of.fields.iter().map(|field| {
        member(field.description.as_deref(), &format!("{}: {}", field.field, field.kind.output()))
    });
    sdl.block("type", &of.name, None, lines);
}

/// The condition on a struct, and those on structs inside it.
fn struct_where(sdl: &mut Sdl, kind: &Kind) {
    let Kind::Struct(of) = kind else { return };
    let reachable: Vec<&StructField> = of.reachable().collect();
    let mut lines: Vec<String> = reachable
        .iter()
        .map(|field| member(None, &format!("{}: {}", field.field, field.kind.filter())))
        .collect();
    if of.asks_is_null() {
        lines.push(member(None, &format!("{IS_NULL}: Boolean")));
    }
    sdl.block("input", &format!("{}Where", of.name), None, lines);
    reachable.into_iter().for_each(|field| struct_where(sdl, &field.kind));
}
