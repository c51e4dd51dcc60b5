//! What a role sees of all tables at once: owns the visible tables with their columns, keys and relations, and the
//! digest by which two of them are told apart. Claims play no part: they decide about rows, not about columns.
//! Knows no wire format.

mod digest;
mod memo;

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use sluice_catalog::catalog::Catalog;
use sluice_catalog::definition::relation::RelationDefinition;
use sluice_policies::principal::Principal;
use tokio::time::Instant;

use self::memo::Source;
use super::admission::QueryClass;
use super::caller::Caller;
use super::error::QueryError;
use super::request::VersionSelector;
use super::{QueryService, Shared, describe};
use crate::engine::authorized::{Authority, Pin};
use crate::engine::error::EngineError;
use crate::engine::secured::SecuredTable;

pub(super) use memo::ShapeMemo;

/// Everything that a role sees, without rows.
#[derive(Debug, Clone)]
pub struct VisibleShape {
    /// Tables in name order.
    pub tables: Vec<ShapeTable>,
    /// Relations in the order of the configuration.
    pub relations: Vec<ShapeRelation>,
    digest: [u8; 32],
}

/// One visible table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShapeTable {
    /// Declared name.
    pub name: String,
    /// What it holds.
    pub description: Option<String>,
    /// Declared name in GraphQL.
    pub graphql_name: Option<String>,
    /// Visible columns in table order.
    pub columns: Vec<ShapeColumn>,
    /// Columns that a row can be looked up by; empty when none can.
    pub lookup_key: Vec<String>,
}

/// One visible column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShapeColumn {
    /// Name.
    pub name: String,
    /// Type, after masks.
    pub data_type: DataType,
    /// What it holds.
    pub description: Option<String>,
    /// Declared name in GraphQL.
    pub graphql_name: Option<String>,
    /// Fields inside it that the catalog says something about.
    pub fields: Vec<ShapeField>,
}

/// What is declared of a field inside a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShapeField {
    /// Dotted path from the column on.
    pub path: String,
    /// What it holds.
    pub description: Option<String>,
    /// Declared name in GraphQL.
    pub graphql_name: Option<String>,
}

/// One relation of which both sides are visible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShapeRelation {
    /// Field that leads from a row to the one that it belongs to.
    pub name: String,
    /// Table of the rows that belong to others.
    pub table: String,
    /// Its columns that name the other row.
    pub columns: Vec<String>,
    /// The other table.
    pub target: String,
    /// Its primary key, in the order of `columns`.
    pub target_columns: Vec<String>,
    /// Field that leads back.
    pub back: Option<String>,
}

impl VisibleShape {
    /// The shape of these tables and relations.
    pub fn new(tables: Vec<ShapeTable>, relations: Vec<ShapeRelation>) -> Self {
        let digest = digest::of(&tables, &relations);
        Self { tables, relations, digest }
    }

    /// All there is, under no policy: what names must be told apart at most. For checks, never for a caller.
    pub fn unrestricted(catalog: &Catalog) -> Self {
        let readable = catalog.tables().into_iter().filter_map(|table| Some((table.current()?, table)));
        let tables: Vec<ShapeTable> = readable
            .map(|(snapshot, table)| {
                let definition = table.definition();
                let name =
                    |path: &str| definition.columns.get(path).and_then(|facts| facts.graphql_name.clone());
                let column = |field: &FieldRef| ShapeColumn {
                    name: field.name().clone(),
                    data_type: field.data_type().clone(),
                    description: None,
                    graphql_name: name(field.name()),
                    fields: Vec::new(),
                };
                ShapeTable {
                    name: table.name().to_owned(),
                    description: None,
                    graphql_name: definition.graphql_name.clone(),
                    columns: snapshot.schema().fields().iter().map(column).collect(),
                    lookup_key: definition.primary_key.clone(),
                }
            })
            .collect();
        let relations = relations(&catalog.config().relations, &tables, |table| primary_key(catalog, table));
        Self::new(tables, relations)
    }

    /// The same for two shapes if and only if everything in them is.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

impl QueryService {
    /// What the caller's role sees of the newest version of every table.
    ///
    /// # Errors
    /// As for any light query: no free slot, or past the deadline.
    pub async fn shape(
        &self,
        caller: &Caller,
        deadline: Option<Instant>,
    ) -> Result<Arc<VisibleShape>, QueryError> {
        if let Some(known) = known(&self.shared, caller) {
            return Ok(known);
        }
        let (shared, caller) = (Arc::clone(&self.shared), caller.clone());
        let work = async move { build(&shared, &caller).await };
        self.admitted(QueryClass::Light, deadline, work).await
    }
}

/// The shape that was built before, while nothing has changed that it was built from.
fn known(shared: &Shared, principal: &Principal) -> Option<Arc<VisibleShape>> {
    let policies = Arc::clone(&shared.policies.borrow());
    let authority =
        Authority { engine: &shared.engine, catalog: &shared.catalog, policies: &policies, principal };
    let sources = authority.visible_tables().into_iter().map(|table| Source::of(&table)).collect::<Vec<_>>();
    shared.shapes.get(&policies, &principal.role, &sources)
}

async fn build(shared: &Shared, principal: &Principal) -> Result<Arc<VisibleShape>, QueryError> {
    let policies = Arc::clone(&shared.policies.borrow());
    let authority =
        Authority { engine: &shared.engine, catalog: &shared.catalog, policies: &policies, principal };
    let mut tables: Vec<ShapeTable> = Vec::new();
    let mut sources: Vec<Source> = Vec::new();
    for table in authority.visible_tables() {
        let source = Source::of(&table);
        match authority.table(table.name(), Pin::Asked(VersionSelector::Latest)).await {
            Ok(secured) => {
                // A commit may have come in between: what was read is what counts.
                sources.push(Source::read(&table, secured.snapshot()));
                tables.push(shape_table(&secured));
            }
            Err(EngineError::TableUnavailable { .. } | EngineError::UnknownTable(_)) => sources.push(source),
            Err(error) => return Err(error.into()),
        }
        // Thousands of tables are no single stretch of work.
        tokio::task::yield_now().await;
    }
    let relations =
        relations(&shared.catalog.config().relations, &tables, |table| primary_key(&shared.catalog, table));
    let shape = Arc::new(VisibleShape::new(tables, relations));
    shared.shapes.keep(policies, &principal.role, sources, Arc::clone(&shape));
    Ok(shape)
}

fn primary_key(catalog: &Catalog, table: &str) -> Vec<String> {
    catalog.table(table).map(|table| table.definition().primary_key.clone()).unwrap_or_default()
}

fn shape_table(secured: &SecuredTable) -> ShapeTable {
    let definition = secured.table().definition();
    let graphql_name = |path: &str| definition.columns.get(path).and_then(|facts| facts.graphql_name.clone());
    let columns = describe::columns(secured).into_iter().map(|column| ShapeColumn {
        graphql_name: graphql_name(&column.name),
        fields: column
            .fields
            .into_iter()
            .map(|field| ShapeField {
                graphql_name: graphql_name(&field.path),
                path: field.path,
                description: field.description,
            })
            .collect(),
        name: column.name,
        data_type: column.arrow_type,
        description: column.description,
    });
    ShapeTable {
        name: secured.name().to_owned(),
        description: describe::summary(secured).description,
        graphql_name: definition.graphql_name.clone(),
        columns: columns.collect(),
        lookup_key: secured.lookup_key().unwrap_or_default().to_vec(),
    }
}

/// The relations of which everything is visible, and whose two sides can be compared as they show.
fn relations(
    declared: &[RelationDefinition],
    tables: &[ShapeTable],
    primary_key: impl Fn(&str) -> Vec<String>,
) -> Vec<ShapeRelation> {
    let types = |table: &str, columns: &[String]| -> Option<Vec<DataType>> {
        let table = tables.iter().find(|known| known.name == table)?;
        let data_type = |name: &String| {
            table.columns.iter().find(|column| column.name == *name).map(|column| column.data_type.clone())
        };
        columns.iter().map(data_type).collect()
    };
    let holds = |relation: &&RelationDefinition| {
        let target = &relation.references;
        let mut key = primary_key(&target.table);
        let mut named = target.columns.clone();
        key.sort();
        named.sort();
        let sides = types(&relation.table, &relation.columns).zip(types(&target.table, &target.columns));
        key == named && sides.is_some_and(|(from, to)| from.iter().zip(&to).all(|(a, b)| comparable(a, b)))
    };
    declared
        .iter()
        .filter(holds)
        .map(|relation| ShapeRelation {
            name: relation.name.clone(),
            table: relation.table.clone(),
            columns: relation.columns.clone(),
            target: relation.references.table.clone(),
            target_columns: relation.references.columns.clone(),
            back: relation.back.clone(),
        })
        .collect()
}

/// Whether values of these types can name each other: both integers, both strings, or the same type, of those
/// whose equal values look equal. Floats do not, and neither do nested values.
pub fn comparable(a: &DataType, b: &DataType) -> bool {
    let is_text = |t: &DataType| matches!(t, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let is_plain = |t: &DataType| {
        t.is_integer() || t.is_decimal() || t.is_temporal() || is_text(t) || *t == DataType::Boolean
    };
    let alike = a == b || a.is_integer() && b.is_integer() || is_text(a) && is_text(b);
    alike && is_plain(a)
}

#[cfg(test)]
mod tests;
