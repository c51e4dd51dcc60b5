//! Tables that nobody declared: owns the search for Delta tables below a prefix, and what it says of
//! places that it could not search. Opens no table and registers none.

mod local;

use std::path::Path as FilePath;
use std::time::Duration;

use object_store::path::Path;
use tokio::time::Instant;

use crate::definition::{DiscoverDefinition, TableDefinition};
use crate::error::CatalogError;
use crate::name;
use crate::store::{Location, Stores};

/// Directory that makes its parent a Delta table.
const LOG_DIRECTORY: &str = "_delta_log";

/// A place below a prefix that the last search could not search or register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoveryTrouble {
    /// The prefix as declared.
    pub prefix: String,
    /// What is wrong with it, without credentials: the rest of a sentence that the prefix begins.
    pub reason: String,
}

/// What a search found, as far as it got.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) tables: Vec<TableDefinition>,
    /// Reasons of [`DiscoveryTrouble`].
    pub(crate) troubles: Vec<String>,
    /// Locations below which there may be tables that were not found; empty for the whole prefix.
    unsearched: Vec<String>,
}

impl Found {
    /// Nothing, because of this.
    pub(crate) fn failed(error: &CatalogError) -> Self {
        let trouble = format!("cannot be searched: {}", error.reason());
        Self { troubles: vec![trouble], unsearched: vec![String::new()], ..Self::default() }
    }

    /// Whether a table of this prefix may still be there though it was not found.
    pub(crate) fn may_have_missed(&self, table: &TableDefinition) -> bool {
        let within = |directory: &String| {
            let below = table.location.strip_prefix(directory.trim_end_matches('/'));
            below.is_some_and(|rest| rest.is_empty() || directory.is_empty() || rest.starts_with('/'))
        };
        self.unsearched.iter().any(within)
    }
}

/// One directory's subdirectories.
#[derive(Debug, Default)]
struct Listed {
    is_table: bool,
    /// There is nothing in it, not even a file.
    is_empty: bool,
    children: Vec<Path>,
    /// Those that cannot be entered.
    odd: Vec<Odd>,
}

/// A subdirectory, or something that may be one.
#[derive(Debug)]
struct Odd {
    name: String,
    /// Where it is, if tables could ever have been found there.
    path: Option<Path>,
    reason: String,
}

/// Finds the tables below a prefix, in path order, at most `tables_max`, and no longer than `limit`.
/// Directories whose name starts with `_` or `.` are not entered, nor are tables. A directory that cannot
/// be listed, and a table whose path makes no valid name, are left out.
pub(crate) async fn discover(
    entry: &DiscoverDefinition,
    base_dir: &FilePath,
    stores: &Stores,
    tables_max: usize,
    limit: Duration,
) -> Found {
    match stores.resolve(&entry.prefix, base_dir) {
        Ok(location) => Search { entry, location, found: Found::default() }.run(tables_max, limit).await,
        Err(error) => Found::failed(&error),
    }
}

struct Search<'a> {
    entry: &'a DiscoverDefinition,
    location: Location,
    found: Found,
}

impl Search<'_> {
    async fn run(mut self, tables_max: usize, limit: Duration) -> Found {
        let deadline = Instant::now() + limit;
        let mut open = vec![(self.location.prefix.clone(), 0_usize)];
        while let Some((directory, depth)) = open.pop() {
            let Ok(listed) = tokio::time::timeout_at(deadline, self.list(&directory, depth)).await else {
                open.push((directory, depth));
                self.give_up(&open, limit);
                break;
            };
            let Some(mut listed) = listed else { continue };
            if listed.is_table {
                if self.found.tables.len() == tables_max {
                    self.found.troubles.push(TOO_MANY.to_owned());
                    break;
                }
                self.define(&directory);
            } else if depth < self.entry.depth_max {
                self.leave_out(&directory, listed.odd);
                listed.children.sort_unstable();
                open.extend(listed.children.into_iter().rev().map(|child| (child, depth + 1)));
            }
        }
        self.found
    }

    /// What was found stays; what is still open may hold more.
    fn give_up(&mut self, open: &[(Path, usize)], limit: Duration) {
        let trouble = format!("was not searched whole within {} ms", limit.as_millis());
        self.found.troubles.push(trouble);
        for (directory, depth) in open {
            let whole = *depth == 0;
            let place = if whole { String::new() } else { self.location.declare(directory) };
            self.found.unsearched.push(place);
        }
    }

    /// `None` when it cannot be listed, or is gone by now.
    async fn list(&mut self, directory: &Path, depth: usize) -> Option<Listed> {
        let is_prefix = depth == 0;
        let listed = match self.location.root.scheme() {
            "file" => local::list(directory.clone()).await,
            _ => self.list_remote(directory).await,
        };
        match listed {
            Ok(Some(listed)) => {
                if is_prefix && listed.is_empty && self.location.root.scheme() != "file" {
                    // In a bucket, a directory is what lies in it.
                    self.found.troubles.push("holds nothing".to_owned());
                }
                return Some(listed);
            }
            Ok(None) if is_prefix => {
                self.found.troubles.push("does not exist".to_owned());
                self.found.unsearched.push(String::new());
            }
            Ok(None) => {}
            Err(error) if is_prefix => self.found = Found::failed(&error),
            Err(error) => {
                let name = self.below(directory).to_owned();
                self.found.troubles.push(unsearched(&name, &error.reason()));
                self.found.unsearched.push(self.location.declare(directory));
            }
        }
        None
    }

    async fn list_remote(&self, directory: &Path) -> Result<Option<Listed>, CatalogError> {
        let listed = self.location.store.list_with_delimiter(Some(directory)).await?;
        let is_empty = listed.common_prefixes.is_empty() && listed.objects.is_empty();
        let mut children = listed.common_prefixes;
        let is_table = children.iter().any(|child| child.filename() == Some(LOG_DIRECTORY));
        children.retain(|child| child.filename().is_some_and(is_entered));
        Ok(Some(Listed { is_table, is_empty, children, odd: Vec::new() }))
    }

    fn leave_out(&mut self, directory: &Path, mut odd: Vec<Odd>) {
        odd.sort_unstable_by(|left, right| left.name.cmp(&right.name));
        for Odd { name, path, reason } in odd {
            let parent = self.below(directory);
            let name = if parent.is_empty() { name } else { format!("{parent}/{name}") };
            self.found.troubles.push(unsearched(&name, &reason));
            self.found.unsearched.extend(path.map(|path| self.location.declare(&path)));
        }
    }

    fn define(&mut self, directory: &Path) {
        let below = self.below(directory);
        // A prefix that is itself a table goes by the directory's own name.
        let path = if below.is_empty() { directory.filename().unwrap_or_default() } else { below };
        match name::from_path(&self.entry.name_prefix, path) {
            Ok(name) => {
                let location = self.location.declare(directory);
                self.found.tables.push(TableDefinition::bare(name, location));
            }
            Err(error) => {
                let trouble = format!("has a table at {path:?} that is left out: {error}");
                self.found.troubles.push(trouble);
            }
        }
    }

    /// The path below the prefix.
    fn below<'p>(&self, directory: &'p Path) -> &'p str {
        let below = directory.as_ref().strip_prefix(self.location.prefix.as_ref()).unwrap_or_default();
        below.trim_start_matches('/')
    }
}

/// The reason of a trouble when more tables are found than may be registered.
pub(crate) const TOO_MANY: &str = "has more tables than \"discovered_tables_max\" leaves room for";

fn unsearched(directory: &str, reason: &str) -> String {
    format!("has directory {directory:?} that cannot be searched: {reason}")
}

fn is_entered(name: &str) -> bool {
    !name.starts_with(['_', '.'])
}
