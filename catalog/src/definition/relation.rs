//! What an operator declares of how tables belong together: owns the serde type of one relation and the checks
//! of relations among each other. Does not open tables.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::error::CatalogError;
use crate::name;

/// Most columns that a relation goes by.
const COLUMNS_MAX: usize = 8;

/// Each row of a table belongs to at most one row of another, whose primary key it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelationDefinition {
    /// Name of the field that leads from a row to the one that it belongs to.
    pub name: String,
    /// Table of the rows that belong to others.
    pub table: String,
    /// Its columns that name the other row, in the order of [`RelationTarget::columns`].
    pub columns: Vec<String>,
    /// What they name.
    pub references: RelationTarget,
    /// Name of the field that leads back to all rows that belong to one; there is none without.
    #[serde(default)]
    pub back: Option<String>,
}

/// The other side of a relation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelationTarget {
    /// Table of the rows that others belong to.
    pub table: String,
    /// Its primary key.
    pub columns: Vec<String>,
}

impl RelationDefinition {
    /// Both ends: the table and the field that leads away from it.
    fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let there = (self.table.as_str(), self.name.as_str());
        let back = self.back.as_deref().map(|back| (self.references.table.as_str(), back));
        std::iter::once(there).chain(back)
    }

    /// What can be checked of it alone.
    fn fault(&self) -> Option<String> {
        let names = std::iter::once(&self.name).chain(&self.back);
        if let Some(name) = names.into_iter().find(|name| !name::is_graphql(name)) {
            return Some(format!("\"{name}\" is no name in GraphQL"));
        }
        for (field, columns) in [("columns", &self.columns), ("references", &self.references.columns)] {
            if !(1..=COLUMNS_MAX).contains(&columns.len()) {
                return Some(format!("\"{field}\" must name 1 to {COLUMNS_MAX} columns"));
            }
            if columns.iter().any(String::is_empty) {
                return Some(format!("\"{field}\" holds an empty column name"));
            }
            let distinct: BTreeSet<&String> = columns.iter().collect();
            if distinct.len() < columns.len() {
                return Some(format!("\"{field}\" names a column twice"));
            }
        }
        if self.columns.len() != self.references.columns.len() {
            return Some("\"columns\" and \"references\" must name as many columns".to_owned());
        }
        None
    }
}

/// Every fault of `relations` that can be found without opening a table.
pub(crate) fn faults(relations: &[RelationDefinition]) -> Vec<CatalogError> {
    let mut taken: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut found: Vec<CatalogError> = Vec::new();
    for (index, relation) in relations.iter().enumerate() {
        let mut twice: Option<String> = None;
        for (table, field) in relation.fields() {
            if !taken.insert((table, field)) {
                twice = Some(format!("table \"{table}\" has a relation \"{field}\" already"));
            }
        }
        if let Some(reason) = relation.fault().or(twice) {
            found.push(CatalogError::InvalidRelation { index, name: relation.name.clone(), reason });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn relation(text: &str) -> RelationDefinition {
        serde_json::from_str(text).unwrap()
    }

    fn airline() -> RelationDefinition {
        relation(
            r#"{"name": "airline", "table": "flights", "columns": ["carrier"],
                "references": {"table": "airlines", "columns": ["carrier"]}, "back": "flights"}"#,
        )
    }

    fn fault_of(change: impl FnOnce(&mut RelationDefinition)) -> Option<String> {
        let mut changed = airline();
        change(&mut changed);
        changed.fault()
    }

    #[test]
    fn a_sound_relation_has_no_fault() {
        assert_eq!(airline().fault(), None);
        assert_eq!(fault_of(|relation| relation.back = None), None);
    }

    #[test]
    fn contradictions_are_faults() {
        let many: Vec<String> = (0..=COLUMNS_MAX).map(|n| format!("c{n}")).collect();
        let most = many[..COLUMNS_MAX].to_vec();
        assert_eq!(
            fault_of(|r| (r.columns, r.references.columns) = (most.clone(), most.clone())),
            None,
            "as many columns as are allowed"
        );
        assert!(fault_of(|r| (r.columns, r.references.columns) = (many.clone(), many)).is_some());
        assert!(fault_of(|r| r.columns.clear()).is_some());
        assert!(fault_of(|r| r.columns = vec!["a".into(), "a".into()]).is_some());
        assert!(fault_of(|r| r.columns = vec!["a".into(), "b".into()]).is_some());
        assert!(fault_of(|r| r.columns = vec![String::new()]).is_some());
        assert!(fault_of(|r| r.name = "a-b".into()).is_some());
        assert!(fault_of(|r| r.back = Some("__x".into())).is_some());
    }

    #[test]
    fn two_relations_do_not_share_a_field_in_either_direction() {
        let mut plane = airline();
        plane.name = "plane".to_owned();
        plane.references.table = "planes".to_owned();
        assert_eq!(faults(&[airline(), plane.clone()]).len(), 0);
        plane.references.table = "airlines".to_owned();
        let clash = faults(&[airline(), plane]);
        assert!(matches!(&clash[..], [CatalogError::InvalidRelation { index: 1, .. }]), "{clash:?}");
        let mut manager = airline();
        manager.references.table = "flights".to_owned();
        manager.back = Some("airline".to_owned());
        assert_eq!(faults(&[manager]).len(), 1);
    }

    #[test]
    fn unknown_fields_are_refused() {
        let text = r#"{"name": "a", "table": "t", "columns": ["a"], "reference": {}}"#;
        assert!(serde_json::from_str::<RelationDefinition>(text).is_err());
    }
}
