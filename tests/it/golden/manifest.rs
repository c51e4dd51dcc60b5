//! What is known of the golden tables: owns the reading of their manifest and of the lists that
//! are kept here. Asks nothing of a gateway.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// One line of the manifest.
#[derive(Debug)]
pub(super) struct Golden {
    /// Path below the golden directory.
    pub(super) path: String,
    /// Name in the catalog.
    pub(super) name: String,
    /// Rows that another reader counted; none where it failed.
    pub(super) rows: Option<u64>,
}

/// Every table of the directory.
pub(super) fn manifest(root: &Path) -> Vec<Golden> {
    let text = fs::read_to_string(root.join("manifest.tsv")).expect("manifest.tsv in the golden directory");
    let lines = text.lines().skip(1).enumerate();
    let table = |(number, line): (usize, &str)| {
        let fields: Vec<&str> = line.split('\t').collect();
        // Right counts come last; before them stands what another reader made of the table.
        let rows = [fields.get(5), fields.get(4)].into_iter().flatten().find_map(|field| field.parse().ok());
        Golden { path: fields[0].to_owned(), name: format!("golden_{number}"), rows }
    };
    lines.map(table).collect()
}

/// Tables that are to be refused, and words of the refusal.
pub(super) fn refusals() -> BTreeMap<String, String> {
    entries(include_str!("../../golden/refused.tsv"))
        .map(|[table, words, _why]| (table.to_owned(), words.to_owned()))
        .collect()
}

/// Columns whose expected values are known not to be comparable.
pub(super) fn incomparable(table: &str) -> Vec<&'static str> {
    entries(include_str!("../../golden/differs.tsv"))
        .filter(|[of, ..]| *of == table)
        .map(|[_, column, _why]| column)
        .collect()
}

fn entries(text: &'static str) -> impl Iterator<Item = [&'static str; 3]> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| {
        let fields: Vec<&str> = line.split('\t').collect();
        fields.try_into().unwrap_or_else(|_| panic!("three fields in: {line}"))
    })
}
