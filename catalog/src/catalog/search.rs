//! Taking over what discovery finds: owns which tables come and go with a search of the prefixes,
//! and what is said of its troubles. Lists nothing itself.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::Catalog;
use crate::definition::{DiscoverDefinition, TableDefinition};
use crate::discovery::{DiscoveryTrouble, TOO_MANY, discover};
use crate::error::redact;
use crate::table::Table;

/// Troubles that are remembered of one search.
pub(super) const TROUBLES_MAX: usize = 100;

/// By name, which prefix each discovered table was found below.
pub(super) type Origins = HashMap<String, usize>;

/// What there is to say before the first search has ended.
pub(super) fn not_yet_searched(prefixes: &[DiscoverDefinition]) -> Vec<DiscoveryTrouble> {
    let reason = "has not been searched yet";
    prefixes.iter().map(|entry| trouble(entry, reason.to_owned())).take(TROUBLES_MAX).collect()
}

fn trouble(entry: &DiscoverDefinition, reason: String) -> DiscoveryTrouble {
    DiscoveryTrouble { prefix: redact(&entry.prefix), reason }
}

impl Catalog {
    /// Registers tables that appeared below the discovery prefixes and drops those that are gone.
    /// What was found before in a place that can't be searched stays.
    pub(super) async fn discover(&self) {
        if self.config.discover.is_empty() {
            return;
        }
        let mut origins = self.origins.lock().await;
        let before = self.tables.load_full();
        let mut taken = Taken::new(&self.declared, self.config.discovered_tables_max);
        let mut troubles = Vec::new();
        for (index, entry) in self.config.discover.iter().enumerate() {
            let (room, limit) = (taken.room(), self.config.load_timeout());
            let found = discover(entry, &self.base_dir, &self.context.stores, room, limit).await;
            let missed = before.iter().filter(|(name, table)| {
                origins.get(*name) == Some(&index) && found.may_have_missed(table.definition())
            });
            let mut all_taken = true;
            for (_, table) in missed {
                all_taken &= taken.take(index, Arc::clone(table));
            }
            for definition in found.tables {
                if !taken.tables.contains_key(&definition.name) {
                    all_taken &= taken.take(index, self.found_table(&before, definition));
                }
            }
            let too_many = (!all_taken && !found.troubles.iter().any(|reason| reason == TOO_MANY))
                .then(|| TOO_MANY.to_owned());
            troubles.extend(found.troubles.into_iter().chain(too_many).map(|reason| trouble(entry, reason)));
        }
        troubles.truncate(TROUBLES_MAX);
        *origins = taken.origins;
        self.replace(&before, taken.tables, troubles);
    }

    /// The table as it was known before, if it is the same.
    fn found_table(&self, before: &BTreeMap<String, Arc<Table>>, definition: TableDefinition) -> Arc<Table> {
        match before.get(&definition.name) {
            Some(known) if *known.definition() == definition => Arc::clone(known),
            _ => Arc::new(Table::new(definition, &self.base_dir, self.context.clone())),
        }
    }

    fn replace(
        &self,
        before: &BTreeMap<String, Arc<Table>>,
        tables: BTreeMap<String, Arc<Table>>,
        troubles: Vec<DiscoveryTrouble>,
    ) {
        let known = self.troubles.load_full();
        let same_tables = tables.len() == before.len()
            && tables.iter().all(|(name, table)| before.get(name).is_some_and(|old| Arc::ptr_eq(old, table)));
        if same_tables && *known == troubles {
            return;
        }
        for DiscoveryTrouble { prefix, reason } in troubles.iter().filter(|new| !known.contains(new)) {
            tracing::warn!(%prefix, %reason, "a discovery prefix is not searched whole");
        }
        self.tables.store(Arc::new(tables));
        self.troubles.store(Arc::new(troubles));
        self.context.changes.send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// The tables that there are after a search.
struct Taken {
    tables: BTreeMap<String, Arc<Table>>,
    origins: Origins,
    roots: HashSet<String>,
    discovered_max: usize,
}

impl Taken {
    fn new(declared: &BTreeMap<String, Arc<Table>>, discovered_max: usize) -> Self {
        let roots = declared.values().filter_map(|table| table.root().map(|root| root.to_string())).collect();
        Self { tables: declared.clone(), origins: Origins::new(), roots, discovered_max }
    }

    fn room(&self) -> usize {
        self.discovered_max.saturating_sub(self.origins.len())
    }

    /// False when there is no room for it. Of tables of one name or one place the first counts.
    fn take(&mut self, origin: usize, table: Arc<Table>) -> bool {
        let name = table.name();
        let Some(root) = table.root().map(|root| root.to_string()) else { return true };
        if self.tables.contains_key(name) || self.roots.contains(&root) {
            return true;
        }
        if self.room() == 0 {
            return false;
        }
        self.roots.insert(root);
        self.origins.insert(name.to_owned(), origin);
        self.tables.insert(name.to_owned(), table);
        true
    }
}
