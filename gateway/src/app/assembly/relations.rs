//! Declared relations beside the tables that they name: owns the checks that need tables to be open. Tables that
//! cannot be read at present, and those that may yet be discovered, are not judged.

use arrow::datatypes::SchemaRef;
use sluice_catalog::catalog::Catalog;
use sluice_catalog::definition::relation::RelationDefinition;
use sluice_policies::diagnostic::Diagnostic;

use crate::config::Config;
use crate::query::shape::comparable;

/// What is known of a table.
enum Side {
    /// No such table.
    Missing,
    /// Nothing.
    Unknown,
    /// Its columns and its primary key.
    Open(SchemaRef, Vec<String>),
}

/// Every relation that does not fit its tables.
pub(super) fn problems(config: &Config, catalog: &Catalog) -> Vec<Diagnostic> {
    let side = |name: &str| match catalog.table(name) {
        None if config.catalog.discover.is_empty() => Side::Missing,
        None => Side::Unknown,
        Some(table) => match table.current() {
            Some(snapshot) => Side::Open(snapshot.schema().clone(), table.definition().primary_key.clone()),
            None => Side::Unknown,
        },
    };
    let relations = config.catalog.relations.iter().enumerate();
    let judged = relations.filter_map(|(index, relation)| {
        let fault = fault(relation, &side(&relation.table), &side(&relation.references.table))?;
        Some(config.relation_problem(index, &format!("relation \"{}\" {fault}", relation.name)))
    });
    judged.collect()
}

fn fault(relation: &RelationDefinition, from: &Side, to: &Side) -> Option<String> {
    let target = &relation.references;
    for (table, columns, side, field) in [
        (&relation.table, &relation.columns, from, Some(&relation.name)),
        (&target.table, &target.columns, to, relation.back.as_ref()),
    ] {
        match side {
            Side::Missing => return Some(format!("names table \"{table}\", which does not exist")),
            Side::Unknown => {}
            Side::Open(schema, _) => {
                let has = |column: &String| schema.field_with_name(column).is_ok();
                if let Some(column) = columns.iter().find(|column| !has(column)) {
                    return Some(format!("names column \"{column}\", which table \"{table}\" does not have"));
                }
                if let Some(field) = field.filter(|field| has(field)) {
                    return Some(format!("has the name of column \"{field}\" of table \"{table}\""));
                }
            }
        }
    }
    let Side::Open(to, key) = to else { return None };
    let (mut key, mut named) = (key.clone(), target.columns.clone());
    key.sort();
    named.sort();
    if key != named {
        return Some(format!("does not lead to the primary key of table \"{}\"", target.table));
    }
    let Side::Open(from, _) = from else { return None };
    let unfit = relation.columns.iter().zip(&target.columns).find(|(a, b)| {
        let types = (from.field_with_name(a), to.field_with_name(b));
        !matches!(types, (Ok(a), Ok(b)) if comparable(a.data_type(), b.data_type()))
    });
    unfit.map(|(a, b)| format!("compares columns \"{a}\" and \"{b}\", whose types do not name each other"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::sync::Arc;

    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    fn open(columns: &[(&str, DataType)], key: &str) -> Side {
        let fields: Vec<Field> =
            columns.iter().map(|(name, data_type)| Field::new(*name, data_type.clone(), true)).collect();
        Side::Open(Arc::new(Schema::new(fields)), vec![key.to_owned()])
    }

    fn airline() -> RelationDefinition {
        serde_json::from_str(
            r#"{"name": "airline", "table": "flights", "columns": ["code"],
                "references": {"table": "airlines", "columns": ["carrier"]}, "back": "flights"}"#,
        )
        .unwrap()
    }

    fn said(from: &Side, to: &Side) -> String {
        fault(&airline(), from, to).unwrap_or_default()
    }

    #[test]
    fn a_relation_fits_the_tables_that_it_names() {
        let flights = open(&[("code", DataType::Utf8)], "id");
        let airlines = open(&[("carrier", DataType::Utf8)], "carrier");
        assert_eq!(said(&flights, &airlines), "");
        assert_eq!(said(&Side::Unknown, &airlines), "");
        assert_eq!(said(&flights, &Side::Unknown), "");
        assert!(said(&Side::Missing, &airlines).contains("\"flights\", which does not exist"));
        assert!(said(&open(&[], "id"), &airlines).contains("\"code\", which table \"flights\""));
        let named = open(&[("code", DataType::Utf8), ("airline", DataType::Utf8)], "id");
        assert!(said(&named, &airlines).contains("has the name of column \"airline\""));
        let other_key = open(&[("carrier", DataType::Utf8)], "name");
        assert!(said(&flights, &other_key).contains("primary key of table \"airlines\""));
        let numbers = open(&[("carrier", DataType::Int32)], "carrier");
        assert!(said(&flights, &numbers).contains("do not name each other"));
    }
}
