//! The catalog's settings: owns their serde type, defaults and checks. Does not read files.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::definition::relation::{self, RelationDefinition};
use crate::definition::{DiscoverDefinition, TableDefinition};
use crate::error::CatalogError;
use crate::name;
use crate::store::settings::StoreDefinition;

/// Settings of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CatalogConfig {
    /// Declared tables.
    pub tables: Vec<TableDefinition>,
    /// Prefixes under which every Delta table is registered.
    pub discover: Vec<DiscoverDefinition>,
    /// How tables belong together.
    pub relations: Vec<RelationDefinition>,
    /// How the object stores of clouds are reached, by URL prefix.
    pub stores: Vec<StoreDefinition>,
    /// Time between two looks at a table's log, in milliseconds.
    pub poll_interval_ms: u64,
    /// Time between two searches of the discovery prefixes, in milliseconds.
    pub discover_interval_ms: u64,
    /// Tables that discovery may register in all.
    pub discovered_tables_max: usize,
    /// Logs looked at and loaded at the same time, of each bucket and of the file system.
    pub concurrent_loads_max: usize,
    /// Longest time that reading one table's log, or searching one prefix, may take, in milliseconds.
    pub load_timeout_ms: u64,
    /// Commits that are followed one by one; further behind, the table is loaded afresh.
    pub followed_commits_max: u64,
    /// Largest single commit that is followed, in bytes; larger ones are read by a fresh load.
    pub followed_commit_bytes_max: u64,
    /// Superseded versions kept in memory for each table.
    pub retained_versions_max: usize,
    /// How long a superseded version is kept after its last use, in milliseconds.
    pub retained_ms: u64,
    /// Newest commits of each table of which it is remembered what they added, for its followers.
    pub retained_changes_max: usize,
    /// Files that these commits added, all together of each table; the newest commit is remembered whatever it added.
    pub retained_change_files_max: usize,
    /// Memory for deletion vectors of all tables, in bytes.
    pub deletion_vectors_bytes_max: u64,
}

impl Default for CatalogConfig {
    fn default() -> Self {
        Self {
            tables: Vec::new(),
            discover: Vec::new(),
            relations: Vec::new(),
            stores: Vec::new(),
            poll_interval_ms: 1_000,
            discover_interval_ms: 60_000,
            discovered_tables_max: 1_000,
            concurrent_loads_max: 8,
            load_timeout_ms: 120_000,
            followed_commits_max: 256,
            followed_commit_bytes_max: 256 * 1024 * 1024,
            retained_versions_max: 32,
            retained_ms: 3_600_000,
            retained_changes_max: 64,
            retained_change_files_max: 100_000,
            deletion_vectors_bytes_max: 64 * 1024 * 1024,
        }
    }
}

impl CatalogConfig {
    /// Every fault that can be found without opening a table.
    pub fn faults(&self) -> Vec<CatalogError> {
        let mut faults = Vec::new();
        for (setting, value) in [
            ("poll_interval_ms", self.poll_interval_ms),
            ("discover_interval_ms", self.discover_interval_ms),
            ("load_timeout_ms", self.load_timeout_ms),
            ("concurrent_loads_max", self.concurrent_loads_max as u64),
        ] {
            if value == 0 {
                faults.push(invalid(setting, "must be at least 1".to_owned()));
            }
        }
        for (setting, value, ceiling) in self.ceilings() {
            if value > ceiling {
                faults.push(invalid(setting, format!("must be at most {ceiling}")));
            }
        }
        for (at, table) in self.tables.iter().enumerate() {
            if let Err(fault) = table.validate() {
                faults.push(fault);
            }
            if self.tables.iter().take(at).any(|earlier| earlier.name == table.name) {
                faults.push(CatalogError::DuplicateTable { name: table.name.clone() });
            }
        }
        for entry in &self.discover {
            if entry.prefix.trim().is_empty() {
                faults.push(invalid("discover", "names an empty prefix".to_owned()));
            }
            // What follows the prefix can only make a name worse.
            if let Err(fault) = name::validate(&format!("{}x", entry.name_prefix)) {
                let reason = format!("has a \"name_prefix\" with which no name is valid: {fault}");
                faults.push(invalid("discover", reason));
            }
        }
        faults.extend(relation::faults(&self.relations));
        faults
    }

    const fn ceilings(&self) -> [(&'static str, u64, u64); 12] {
        [
            ("poll_interval_ms", self.poll_interval_ms, TIME_MS_CEILING),
            ("discover_interval_ms", self.discover_interval_ms, TIME_MS_CEILING),
            ("discovered_tables_max", self.discovered_tables_max as u64, COUNT_CEILING),
            ("concurrent_loads_max", self.concurrent_loads_max as u64, COUNT_CEILING),
            ("load_timeout_ms", self.load_timeout_ms, TIME_MS_CEILING),
            ("followed_commits_max", self.followed_commits_max, COUNT_CEILING),
            ("followed_commit_bytes_max", self.followed_commit_bytes_max, BYTES_CEILING),
            ("retained_versions_max", self.retained_versions_max as u64, COUNT_CEILING),
            ("retained_ms", self.retained_ms, TIME_MS_CEILING),
            ("retained_changes_max", self.retained_changes_max as u64, COUNT_CEILING),
            ("retained_change_files_max", self.retained_change_files_max as u64, COUNT_CEILING),
            ("deletion_vectors_bytes_max", self.deletion_vectors_bytes_max, BYTES_CEILING),
        ]
    }

    pub(crate) const fn load_timeout(&self) -> Duration {
        Duration::from_millis(self.load_timeout_ms)
    }
}

const fn invalid(setting: &'static str, reason: String) -> CatalogError {
    CatalogError::InvalidSetting { setting, reason }
}

/// A year: the end of a wait must be a point in time that exists.
const TIME_MS_CEILING: u64 = 365 * 24 * 60 * 60 * 1_000;
/// Fewer than a semaphore can have.
const COUNT_CEILING: u64 = 1_000_000;
/// A PiB: sums of sizes do not overflow.
const BYTES_CEILING: u64 = 1 << 50;

#[cfg(test)]
mod tests {
    use super::CatalogConfig;
    use crate::definition::{DiscoverDefinition, TableDefinition};
    use crate::error::CatalogError;
    use crate::name::NAME_CHARS_MAX;

    #[test]
    fn as_many_loads_as_the_ceiling_are_taken_and_one_more_is_not() {
        let with = |concurrent_loads_max| {
            CatalogConfig { concurrent_loads_max, ..CatalogConfig::default() }.faults()
        };
        assert!(with(1_000_000).is_empty());
        let faults = with(1_000_001);
        assert_eq!(faults[0].setting(), Some(("concurrent_loads_max", "must be at most 1000000")));
    }

    #[test]
    fn every_fault_is_reported_at_once() {
        let config = CatalogConfig {
            poll_interval_ms: 0,
            tables: vec![
                TableDefinition::bare("t", "a"),
                TableDefinition::bare("t", "b"),
                TableDefinition::bare("1", "c"),
            ],
            ..CatalogConfig::default()
        };
        assert_eq!(config.faults().len(), 3);
    }

    #[test]
    fn a_name_prefix_must_leave_room_for_a_valid_name() {
        let faults = |name_prefix: String| {
            let entry = DiscoverDefinition { prefix: "lake".to_owned(), name_prefix, depth_max: 4 };
            CatalogConfig { discover: vec![entry], ..CatalogConfig::default() }.faults()
        };
        for bad in ["1", "a b", "-", "ä", &"n".repeat(NAME_CHARS_MAX)] {
            let faults = faults(bad.to_owned());
            let reason = faults.first().and_then(CatalogError::setting).map(|(_, reason)| reason.to_owned());
            assert!(reason.is_some_and(|reason| reason.contains("name_prefix")), "{bad}");
        }
        for good in ["", "a.", "_", &"n".repeat(NAME_CHARS_MAX - 1)] {
            assert!(faults(good.to_owned()).is_empty(), "{good}");
        }
    }
}
