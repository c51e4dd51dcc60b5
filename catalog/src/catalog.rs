//! All tables: owns their set, discovery and following. Does not know what a snapshot holds.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::CatalogConfig;
use crate::discovery::discover;
use crate::error::CatalogError;
use crate::store::Stores;
use crate::table::{Table, TableContext};

mod follower;
mod load_slots;

use load_slots::LoadSlots;

/// The tables that are declared or were discovered, each at its last good version.
#[derive(Debug)]
pub struct Catalog {
    config: CatalogConfig,
    base_dir: PathBuf,
    context: TableContext,
    declared: BTreeMap<String, Arc<Table>>,
    tables: ArcSwap<BTreeMap<String, Arc<Table>>>,
    slots: LoadSlots,
    /// Searches follow one another.
    discovering: tokio::sync::Mutex<()>,
}

impl Catalog {
    /// Opens every table once, as far as that takes no longer than one log may. Faults of the
    /// configuration are reported all together; a table that can't be read, or was not in that time,
    /// is no such fault: it is unavailable until it can be.
    pub async fn open(
        config: CatalogConfig,
        base_dir: &Path,
        stores: Stores,
    ) -> Result<Arc<Self>, Vec<CatalogError>> {
        let mut faults = config.faults();
        let stores = match stores.with_settings(&config.stores, base_dir) {
            Ok(stores) => stores,
            Err(settings) => {
                faults.extend(settings);
                return Err(faults);
            }
        };
        for entry in &config.discover {
            faults.extend(stores.resolve(&entry.prefix, base_dir).err());
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let context = TableContext::new(&config, stores);
        let declared: BTreeMap<String, Arc<Table>> = config
            .tables
            .iter()
            .map(|definition| {
                let table = Table::new(definition.clone(), base_dir, context.clone());
                (definition.name.clone(), Arc::new(table))
            })
            .collect();
        let catalog = Arc::new(Self {
            base_dir: base_dir.to_owned(),
            context,
            tables: ArcSwap::from_pointee(declared.clone()),
            declared,
            slots: LoadSlots::new(config.concurrent_loads_max),
            discovering: tokio::sync::Mutex::new(()),
            config,
        });
        let _ = tokio::time::timeout(catalog.config.load_timeout(), catalog.refresh()).await;
        Ok(catalog)
    }

    /// Every table in name order.
    pub fn tables(&self) -> Vec<Arc<Table>> {
        self.tables.load().values().cloned().collect()
    }

    /// A table by its exact name.
    pub fn table(&self, name: &str) -> Option<Arc<Table>> {
        self.tables.load().get(name).cloned()
    }

    /// The settings that the catalog was opened with.
    pub const fn config(&self) -> &CatalogConfig {
        &self.config
    }

    /// Follows every log and searches the discovery prefixes until `cancel` is cancelled.
    pub fn spawn_follower(self: &Arc<Self>, cancel: CancellationToken) -> JoinHandle<()> {
        tokio::spawn(follower::run(Arc::clone(self), cancel))
    }

    /// Searches the discovery prefixes and looks at every log once. Failures show in each table's
    /// status.
    pub async fn refresh(&self) {
        let declared: Vec<Arc<Table>> = self.declared.values().cloned().collect();
        let found = async {
            self.discover().await;
            let known = |table: &Arc<Table>| self.declared.contains_key(table.name());
            self.look_at(self.tables().into_iter().filter(|table| !known(table)).collect()).await;
        };
        tokio::join!(self.look_at(declared), found);
    }

    /// A count that changes whenever the version, schema or availability of a table does, or a
    /// table comes or goes.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.context.changes.subscribe()
    }

    async fn look_at(&self, tables: Vec<Arc<Table>>) {
        let mut looks: FuturesUnordered<_> = tables.iter().map(|table| self.refresh_table(table)).collect();
        while looks.next().await.is_some() {}
    }

    async fn refresh_table(&self, table: &Table) {
        let _slot = self.slots.acquire(table).await;
        // A failed look shows in the table's status.
        let _ = table.refresh().await;
    }

    /// Registers tables that appeared below the discovery prefixes and drops those that are gone.
    /// While a prefix can't be searched, nothing found below any is dropped.
    async fn discover(&self) {
        if self.config.discover.is_empty() {
            return;
        }
        let _turn = self.discovering.lock().await;
        let before = self.tables.load_full();
        let mut tables = self.declared.clone();
        let mut roots: HashSet<String> =
            tables.values().filter_map(|table| table.root().map(ToString::to_string)).collect();
        let mut complete = true;
        for entry in &self.config.discover {
            let room = self.config.discovered_tables_max.saturating_sub(tables.len() - self.declared.len());
            let search = discover(entry, &self.base_dir, &self.context.stores, room);
            let limit = self.config.load_timeout();
            let searched = tokio::time::timeout(limit, search).await;
            let found = match searched.unwrap_or(Err(CatalogError::Timeout { limit })) {
                Ok(found) => found,
                Err(error) => {
                    tracing::warn!(reason = error.reason(), "discovery failed");
                    complete = false;
                    continue;
                }
            };
            for definition in found {
                if tables.contains_key(&definition.name) {
                    continue;
                }
                let table = match before.get(&definition.name) {
                    Some(known) if *known.definition() == definition => Arc::clone(known),
                    _ => Arc::new(Table::new(definition, &self.base_dir, self.context.clone())),
                };
                if table.root().is_some_and(|root| roots.insert(root.to_string())) {
                    tables.insert(table.name().to_owned(), table);
                }
            }
        }
        if !complete {
            for (name, table) in before.iter() {
                tables.entry(name.clone()).or_insert_with(|| Arc::clone(table));
            }
        }
        if !tables.keys().eq(before.keys()) {
            self.tables.store(Arc::new(tables));
            self.context.changes.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}
