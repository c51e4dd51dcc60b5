//! The catalog's settings: owns their serde type, defaults and checks. Does not read files.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::definition::{DiscoverDefinition, TableDefinition};
use crate::error::CatalogError;
use crate::store::settings::StoreDefinition;

/// Settings of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CatalogConfig {
    /// Declared tables.
    pub tables: Vec<TableDefinition>,
    /// Prefixes under which every Delta table is registered.
    pub discover: Vec<DiscoverDefinition>,
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
    /// Memory for deletion vectors of all tables, in bytes.
    pub deletion_vectors_bytes_max: u64,
}

impl Default for CatalogConfig {
    fn default() -> Self {
        Self {
            tables: Vec::new(),
            discover: Vec::new(),
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
                faults.push(CatalogError::InvalidSetting { setting, reason: "it is 0".to_owned() });
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
                let reason = "a prefix is empty".to_owned();
                faults.push(CatalogError::InvalidSetting { setting: "discover", reason });
            }
        }
        faults
    }

    pub(crate) const fn load_timeout(&self) -> Duration {
        Duration::from_millis(self.load_timeout_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::CatalogConfig;
    use crate::definition::TableDefinition;

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
}
