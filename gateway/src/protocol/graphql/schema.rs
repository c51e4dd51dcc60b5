//! The schema of one role: owns the way from what the role sees to a checked schema and the tables behind its names.
//! Does not keep schemas, and does not run anything.

mod aggregates;
mod changes;
pub mod groups;
mod naming;
mod registry;
mod rows;
pub mod scalars;
mod sdl;
mod structs;
pub mod tables;

use std::collections::{HashMap, HashSet};

use apollo_compiler::Schema;
use apollo_compiler::validation::Valid;

use self::tables::{DoorTable, LeftOut};
use crate::config::graphql::GraphqlConfig;
use crate::query::error::{ErrorCode, QueryError};
use crate::query::shape::VisibleShape;

pub use self::sdl::NOTHING;

/// A schema, and what stands behind its names.
#[derive(Debug)]
pub struct DoorSchema {
    schema: Valid<Schema>,
    tables: Vec<DoorTable>,
    left_out: Vec<LeftOut>,
    roots: HashMap<String, Root>,
    of_columns: HashSet<String>,
    /// By the name of the type, the place of the table.
    of_some_columns: HashMap<String, usize>,
    text_bytes: usize,
}

/// What a root field leads to. Tables are named by their place among [`DoorSchema::tables`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// Pages of rows.
    Rows(usize),
    /// One row by its key.
    ByPk(usize),
    /// Groups of rows.
    Groups(usize),
    /// Rows that commits add: a field of subscriptions.
    Changes(usize),
    /// Null: the role sees no table.
    Nothing,
}

impl DoorSchema {
    /// The schema of what a role sees. Takes time in proportion to it: call it on a thread that may block.
    ///
    /// # Errors
    /// `result_too_large`: the schema would be larger than the configured limit.
    pub fn build(shape: &VisibleShape, config: &GraphqlConfig) -> Result<Self, QueryError> {
        let (tables, left_out) = tables::resolve(shape);
        let text = sdl::text(&tables, config.subscriptions, config.schema_bytes_max);
        let text = text.ok_or_else(|| too_large(config))?;
        let text_bytes = text.len();
        let schema = Schema::parse_and_validate(text, "schema.graphql")
            .map_err(|found| QueryError::internal(format!("a schema is not valid: {}", found.errors)))?;
        let mut roots: HashMap<String, Root> = HashMap::new();
        let mut of_columns: HashSet<String> = HashSet::new();
        let mut of_some_columns: HashMap<String, usize> = HashMap::new();
        for (place, table) in tables.iter().enumerate() {
            roots.insert(table.field.clone(), Root::Rows(place));
            if !table.key.is_empty() {
                roots.insert(format!("{}ByPk", table.field), Root::ByPk(place));
            }
            roots.insert(format!("{}Aggregate", table.field), Root::Groups(place));
            roots.insert(format!("{}Changed", table.field), Root::Changes(place));
            let structs = table.structs().into_iter().map(|of| &of.name);
            for of in structs.chain([&table.type_name]) {
                of_columns.extend([of.clone(), format!("{of}Where")]);
            }
            let named = |suffix: &str| format!("{}{suffix}", table.type_name);
            of_columns.extend(OF_COLUMNS.map(named));
            of_some_columns.extend(OF_SOME_COLUMNS.map(|suffix| (named(suffix), place)));
        }
        if tables.is_empty() {
            roots.insert(NOTHING.to_owned(), Root::Nothing);
        }
        Ok(Self { schema, tables, left_out, roots, of_columns, of_some_columns, text_bytes })
    }

    /// The types.
    pub const fn schema(&self) -> &Valid<Schema> {
        &self.schema
    }

    /// The tables.
    pub fn tables(&self) -> &[DoorTable] {
        &self.tables
    }

    /// What has no place because another has its name.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// What the root field of that name leads to.
    pub fn root(&self, field: &str) -> Option<Root> {
        self.roots.get(field).copied()
    }

    /// Whether a name that the type does not have among its members is that of a column that does not exist, or of a
    /// field inside one. Where a type has some columns only, others do exist.
    pub fn lacks_column(&self, type_name: &str, name: &str) -> bool {
        let of_some = self.of_some_columns.get(type_name);
        self.of_columns.contains(type_name)
            || of_some.is_some_and(|table| self.tables[*table].column_place(name).is_none())
    }

    /// Length of the schema as text.
    pub const fn text_bytes(&self) -> usize {
        self.text_bytes
    }
}

/// What the names of types end in whose members are the columns of a table.
const OF_COLUMNS: [&str; 3] = ["Column", "Counts", "CountsHaving"];
/// The same of some of its columns.
const OF_SOME_COLUMNS: [&str; 9] = [
    "GroupBy",
    "Key",
    "Sums",
    "Means",
    "Values",
    "NumbersHaving",
    "ValuesHaving",
    "NumberColumn",
    "ValueColumn",
];

/// What of a shape has no place in a schema.
pub fn left_out(shape: &VisibleShape) -> Vec<LeftOut> {
    tables::resolve(shape).1
}

fn too_large(config: &GraphqlConfig) -> QueryError {
    let message = format!("the schema of this role is larger than {} bytes", config.schema_bytes_max);
    QueryError::new(ErrorCode::ResultTooLarge, message)
        .with_hint("act under a role that sees less, or ask over another door")
}

#[cfg(test)]
mod tests;
