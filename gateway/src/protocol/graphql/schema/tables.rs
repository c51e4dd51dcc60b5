//! What stands behind the names of a schema: owns the tables, columns and relations that a role sees in GraphQL,
//! and who is left out because a name is taken. Plans look names up here. Does not write types down.

use std::fmt;

use super::groups::{DoorGroupKey, group_keys};
use super::naming::{Spelled, distinct, precedence, type_name};
use super::registry::Registry;
use super::scalars::{Kind, StructType};
use super::structs::Structs;
use crate::query::shape::{ShapeRelation, ShapeTable, VisibleShape};

/// One table.
#[derive(Debug)]
pub struct DoorTable {
    /// Name that statements have.
    pub name: String,
    /// Name of its root field, and what those of its other root fields start with.
    pub field: String,
    /// Name of the type of its rows, and what those of its other types start with.
    pub type_name: String,
    /// What it holds.
    pub description: Option<String>,
    /// Its columns, in table order.
    pub columns: Vec<DoorColumn>,
    /// Its relations.
    pub relations: Vec<DoorRelation>,
    /// Parts of the key that a row can be looked up by, in the order of the key; empty when there is none.
    pub key: Vec<KeyPart>,
    /// What its rows can be grouped by.
    pub group_keys: Vec<DoorGroupKey>,
}

/// One column.
#[derive(Debug)]
pub struct DoorColumn {
    /// Name in GraphQL.
    pub field: String,
    /// Name that statements have.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// What it holds.
    pub description: Option<String>,
}

/// A field that leads to rows of another table.
#[derive(Debug)]
pub struct DoorRelation {
    /// Name in GraphQL.
    pub field: String,
    /// Columns of this table, as statements name them.
    pub columns: Vec<String>,
    /// The other table, by its place among the tables.
    pub target: usize,
    /// Columns of the other table, in the order of `columns`.
    pub target_columns: Vec<String>,
    /// Any number of rows belong to one; else at most one does.
    pub many: bool,
}

/// One part of a key.
#[derive(Debug)]
pub struct KeyPart {
    /// Name of its argument.
    pub argument: String,
    /// The column, by its place among the columns.
    pub column: usize,
}

/// What a field of a row leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowField {
    /// A column, by its place among the columns.
    Column(usize),
    /// Rows of another table, by the place of the relation.
    Relation(usize),
}

/// What has no place in GraphQL, and the name that it would have had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The table.
    pub table: String,
    /// What of it.
    pub part: Part,
    /// The name that another has.
    pub taken: String,
}

/// What of a table is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Table,
    /// A column.
    Column(String),
    /// A column cut to a unit of time.
    Unit(String, &'static str),
    /// A relation.
    Relation(String),
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, part, taken } = self;
        let remedy = match part {
            Part::Table | Part::Column(_) => "give it another \"graphql_name\"",
            Part::Unit(..) => "give the column another \"graphql_name\"",
            Part::Relation(_) => "give it another name",
        };
        match part {
            Part::Table => write!(f, "table \"{table}\"")?,
            Part::Column(column) => write!(f, "column \"{column}\" of table \"{table}\"")?,
            Part::Unit(column, unit) => write!(f, "the {unit} of column \"{column}\" of table \"{table}\"")?,
            Part::Relation(relation) => write!(f, "relation \"{relation}\" of table \"{table}\"")?,
        }
        write!(f, " has no place in GraphQL: \"{taken}\" is taken; {remedy}")
    }
}

impl DoorTable {
    /// The column of that name in GraphQL.
    pub fn column(&self, field: &str) -> Option<&DoorColumn> {
        self.columns.iter().find(|column| column.field == field)
    }

    /// The place of the column of that name in GraphQL.
    pub fn column_place(&self, field: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.field == field)
    }

    /// The place of the group key of that name in GraphQL.
    pub fn group_key_place(&self, field: &str) -> Option<usize> {
        self.group_keys.iter().position(|key| key.field == field)
    }

    /// What the field of that name leads to.
    pub fn row_field(&self, field: &str) -> Option<RowField> {
        let column = self.column_place(field);
        let relation = || self.relations.iter().position(|relation| relation.field == field);
        column.map(RowField::Column).or_else(|| relation().map(RowField::Relation))
    }

    /// Every struct type of its columns.
    pub fn structs(&self) -> Vec<&StructType> {
        let mut found: Vec<&StructType> = Vec::new();
        for column in &self.columns {
            column.kind.walk(&mut |kind| {
                if let Kind::Struct(of) = kind {
                    found.push(of);
                }
            });
        }
        found
    }
}

/// The tables of a shape, and who is left out.
pub(super) fn resolve(shape: &VisibleShape) -> (Vec<DoorTable>, Vec<LeftOut>) {
    let mut left_out: Vec<LeftOut> = Vec::new();
    let spelled: Vec<Spelled> =
        shape.tables.iter().map(|table| Spelled::of(&table.name, table.graphql_name.as_deref())).collect();
    let mut registry = Registry::new();
    let mut resolved: Vec<Option<DoorTable>> = shape.tables.iter().map(|_| None).collect();
    for index in precedence(&spelled) {
        let (table, field) = (&shape.tables[index], &spelled[index].name);
        let mut lost: Vec<LeftOut> = Vec::new();
        let (made, structs) = door_table(table, field, &mut lost);
        match registry.claim(field, &structs) {
            Ok(()) if !made.columns.is_empty() => {
                left_out.append(&mut lost);
                resolved[index] = Some(made);
            }
            Ok(()) => {}
            Err(taken) => left_out.push(LeftOut { table: table.name.clone(), part: Part::Table, taken }),
        }
    }
    let mut tables: Vec<DoorTable> = resolved.into_iter().flatten().collect();
    relate(&mut tables, &shape.relations, &mut left_out);
    (tables, left_out)
}

fn door_table(table: &ShapeTable, field: &str, left_out: &mut Vec<LeftOut>) -> (DoorTable, Vec<String>) {
    let type_name = type_name(field);
    let mut structs = Structs::new(table, &type_name);
    let spelled: Vec<Spelled> =
        table.columns.iter().map(|c| Spelled::of(&c.name, c.graphql_name.as_deref())).collect();
    let wanted: Vec<String> = spelled.iter().map(|one| one.name.clone()).collect();
    let mut columns: Vec<DoorColumn> = Vec::new();
    for ((column, wanted), given) in table.columns.iter().zip(wanted).zip(distinct(spelled)) {
        let Some(field) = given else {
            let part = Part::Column(column.name.clone());
            left_out.push(LeftOut { table: table.name.clone(), part, taken: wanted });
            continue;
        };
        columns.push(DoorColumn {
            kind: structs.column(column, &field),
            name: column.name.clone(),
            description: column.description.clone(),
            field,
        });
    }
    let key = key(&table.lookup_key, &columns);
    let group_keys = group_keys(&table.name, &columns, left_out);
    let names = structs.names();
    let made = DoorTable {
        name: table.name.clone(),
        field: field.to_owned(),
        type_name,
        description: table.description.clone(),
        columns,
        relations: Vec::new(),
        key,
        group_keys,
    };
    (made, names)
}

/// The parts of the key; none where one of them has no name or is nothing that can be written as an argument.
fn key(lookup_key: &[String], columns: &[DoorColumn]) -> Vec<KeyPart> {
    let mut parts: Vec<KeyPart> = Vec::new();
    for name in lookup_key {
        let found = columns.iter().position(|column| column.name == *name && column.kind.is_key());
        let Some(column) = found else { return Vec::new() };
        let mut argument = columns[column].field.clone();
        let is_taken = |argument: &str, parts: &[KeyPart]| {
            matches!(argument, "version" | "asOf") || parts.iter().any(|part| part.argument == argument)
        };
        while is_taken(&argument, &parts) {
            argument.push('_');
        }
        parts.push(KeyPart { argument, column });
    }
    parts
}

/// Gives tables their relations, in both directions. Columns keep their names.
fn relate(tables: &mut [DoorTable], relations: &[ShapeRelation], left_out: &mut Vec<LeftOut>) {
    let place = |tables: &[DoorTable], name: &str| tables.iter().position(|table| table.name == name);
    for relation in relations {
        let (Some(from), Some(to)) = (place(tables, &relation.table), place(tables, &relation.target)) else {
            continue;
        };
        // A column without a place takes its relations along.
        let has = |table: usize, columns: &[String]| {
            columns.iter().all(|name| tables[table].columns.iter().any(|column| column.name == *name))
        };
        if !has(from, &relation.columns) || !has(to, &relation.target_columns) {
            continue;
        }
        let there = DoorRelation {
            field: relation.name.clone(),
            columns: relation.columns.clone(),
            target: to,
            target_columns: relation.target_columns.clone(),
            many: false,
        };
        let back = relation.back.as_ref().map(|back| DoorRelation {
            field: back.clone(),
            columns: relation.target_columns.clone(),
            target: from,
            target_columns: relation.columns.clone(),
            many: true,
        });
        for (owner, made) in [(from, Some(there)), (to, back)] {
            let Some(made) = made else { continue };
            let table = &mut tables[owner];
            if table.row_field(&made.field).is_some() {
                let (part, taken) = (Part::Relation(made.field.clone()), made.field);
                left_out.push(LeftOut { table: table.name.clone(), part, taken });
            } else {
                table.relations.push(made);
            }
        }
    }
}

#[cfg(test)]
mod tests;
