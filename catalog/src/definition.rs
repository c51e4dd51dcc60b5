//! What an operator declares about tables: owns the serde types of one table and one discovery
//! entry and their checks. Does not open anything.

pub mod relation;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::CatalogError;
use crate::name;

/// One declared table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableDefinition {
    /// Unique name, as callers write it; see [`crate::name::validate`].
    pub name: String,
    /// Path or URL of the table's directory; relative paths count from the configuration's.
    pub location: String,
    /// Columns whose values together identify a row, most significant first. Trusted, not checked.
    #[serde(default)]
    pub primary_key: Vec<String>,
    /// Columns that the data files are laid out by, most significant first.
    #[serde(default)]
    pub clustered_by: Vec<String>,
    /// What the table holds.
    #[serde(default)]
    pub description: Option<String>,
    /// What is declared of columns, by name or dotted path into structs.
    #[serde(default)]
    pub columns: BTreeMap<String, ColumnDefinition>,
    /// Largest page, in rows; absent is the server's default.
    #[serde(default)]
    pub page_rows_max: Option<usize>,
    /// Name in GraphQL, where that of the table is none or is taken; see [`crate::name::is_graphql`].
    #[serde(default)]
    pub graphql_name: Option<String>,
}

/// What is declared of one column.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ColumnDefinition {
    /// What the column holds; wins over the comment in the table's own schema.
    pub description: Option<String>,
    /// Labels that policies select columns by, such as `pii.email`.
    pub tags: Vec<String>,
    /// Name in GraphQL, where that of the column or field is none or is taken.
    pub graphql_name: Option<String>,
}

/// Registers every Delta table below a prefix. The name of each is its path below the prefix
/// with `/` written as `.`, after `name_prefix`. Declared tables win over discovered ones, by
/// name and by location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiscoverDefinition {
    /// Path or URL of the directory to search; relative paths count from the configuration's.
    pub prefix: String,
    /// Put before every name, as it stands.
    #[serde(default)]
    pub name_prefix: String,
    /// How many directories deep tables are looked for.
    #[serde(default = "default_depth_max")]
    pub depth_max: usize,
}

const fn default_depth_max() -> usize {
    4
}

impl TableDefinition {
    /// A definition that declares nothing but where the table is.
    pub fn bare(name: impl Into<String>, location: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            location: location.into(),
            primary_key: Vec::new(),
            clustered_by: Vec::new(),
            description: None,
            columns: BTreeMap::new(),
            page_rows_max: None,
            graphql_name: None,
        }
    }

    /// Checks what can be checked without the table.
    pub fn validate(&self) -> Result<(), CatalogError> {
        name::validate(&self.name)?;
        let refuse =
            |reason: String| Err(CatalogError::InvalidDefinition { table: self.name.clone(), reason });
        if self.location.trim().is_empty() {
            return refuse("\"location\" is empty".to_owned());
        }
        for (field, columns) in [("primary_key", &self.primary_key), ("clustered_by", &self.clustered_by)] {
            for (at, column) in columns.iter().enumerate() {
                if column.is_empty() {
                    return refuse(format!("\"{field}\" holds an empty column name"));
                }
                if columns.iter().take(at).any(|earlier| earlier == column) {
                    return refuse(format!("\"{field}\" names column \"{column}\" twice"));
                }
            }
        }
        if self.page_rows_max == Some(0) {
            return refuse("\"page_rows_max\" is 0".to_owned());
        }
        let of_columns = self.columns.values().filter_map(|column| column.graphql_name.as_ref());
        let mut names = self.graphql_name.iter().chain(of_columns);
        if let Some(name) = names.find(|name| !name::is_graphql(name)) {
            return refuse(format!("\"graphql_name\" \"{name}\" is no name in GraphQL"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::TableDefinition;

    #[test]
    fn contradictions_are_refused() {
        let good = TableDefinition::bare("t", "/data/t");
        assert!(good.validate().is_ok());
        let mut twice = good.clone();
        twice.primary_key = vec!["a".into(), "b".into(), "a".into()];
        assert!(twice.validate().is_err());
        let mut nowhere = good.clone();
        nowhere.location = " ".into();
        assert!(nowhere.validate().is_err());
        let mut no_rows = good;
        no_rows.page_rows_max = Some(0);
        assert!(no_rows.validate().is_err());
    }

    #[test]
    fn names_for_graphql_are_checked_on_the_table_and_on_its_columns() {
        let mut named = TableDefinition::bare("a-b", "/data/t");
        named.graphql_name = Some("a_b".to_owned());
        named.columns.entry("c".to_owned()).or_default().graphql_name = Some("d".to_owned());
        assert!(named.validate().is_ok());
        let mut of_column = named.clone();
        of_column.columns.entry("c".to_owned()).or_default().graphql_name = Some("d e".to_owned());
        assert!(of_column.validate().is_err());
        named.graphql_name = Some("a-b".to_owned());
        assert!(named.validate().is_err());
    }

    #[test]
    fn unknown_fields_are_refused() {
        let text = r#"{"name": "t", "location": "/t", "primary_keys": ["a"]}"#;
        assert!(serde_json::from_str::<TableDefinition>(text).is_err());
    }
}
