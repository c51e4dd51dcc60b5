//! Tables that nobody declared: owns the search for Delta tables below a prefix. Opens none.

use std::path::Path as FilePath;

use object_store::path::Path;

use crate::definition::{DiscoverDefinition, TableDefinition};
use crate::error::CatalogError;
use crate::name;
use crate::store::{Location, Stores};

/// Directory that makes its parent a Delta table.
const LOG_DIRECTORY: &str = "_delta_log";

/// Finds the tables below a prefix, in path order, at most `tables_max`. Directories whose name
/// starts with `_` or `.` are not entered, nor are tables. A table whose path makes no valid name
/// is left out with a warning.
pub async fn discover(
    entry: &DiscoverDefinition,
    base_dir: &FilePath,
    stores: &Stores,
    tables_max: usize,
) -> Result<Vec<TableDefinition>, CatalogError> {
    let location = stores.resolve(&entry.prefix, base_dir)?;
    let mut found = Vec::new();
    let mut open = vec![(location.prefix.clone(), 0_usize)];
    while let Some((directory, depth)) = open.pop() {
        let listed = location.store.list_with_delimiter(Some(&directory)).await?;
        let is_table = listed.common_prefixes.iter().any(|child| child.filename() == Some(LOG_DIRECTORY));
        if is_table {
            if found.len() == tables_max {
                tracing::warn!(prefix = %location.root, tables_max, "more tables than discovery may register");
                break;
            }
            found.extend(define(entry, &location, &directory));
            continue;
        }
        if depth < entry.depth_max {
            let mut children: Vec<Path> = listed.common_prefixes;
            children.retain(|child| child.filename().is_some_and(|name| !name.starts_with(['_', '.'])));
            children.sort_unstable();
            open.extend(children.into_iter().rev().map(|child| (child, depth + 1)));
        }
    }
    Ok(found)
}

fn define(entry: &DiscoverDefinition, location: &Location, directory: &Path) -> Option<TableDefinition> {
    let prefix = location.prefix.as_ref();
    let below = directory.as_ref().strip_prefix(prefix).unwrap_or_default().trim_start_matches('/');
    // A prefix that is itself a table goes by the directory's own name.
    let path = if below.is_empty() { directory.filename().unwrap_or_default() } else { below };
    match name::from_path(&entry.name_prefix, path) {
        Ok(name) => Some(TableDefinition::bare(name, location.declare(directory))),
        Err(error) => {
            tracing::warn!(%error, "discovered table is left out");
            None
        }
    }
}
