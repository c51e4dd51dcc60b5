//! All tables: owns their set, discovery and following. Does not know what a snapshot holds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::CatalogConfig;
use crate::discovery::DiscoveryTrouble;
use crate::error::CatalogError;
use crate::store::Stores;
use crate::table::{Table, TableContext};

mod follower;
mod load_slots;
mod search;

use load_slots::LoadSlots;
use search::Origins;

/// The tables that are declared or were discovered, each at its last good version.
#[derive(Debug)]
pub struct Catalog {
    config: CatalogConfig,
    base_dir: PathBuf,
    context: TableContext,
    declared: BTreeMap<String, Arc<Table>>,
    tables: ArcSwap<BTreeMap<String, Arc<Table>>>,
    slots: LoadSlots,
    troubles: ArcSwap<Vec<DiscoveryTrouble>>,
    /// Held while the prefixes are searched: searches follow one another.
    origins: tokio::sync::Mutex<Origins>,
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
            troubles: ArcSwap::from_pointee(search::not_yet_searched(&config.discover)),
            origins: tokio::sync::Mutex::default(),
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

    /// What went wrong in the last search of the discovery prefixes, in their order: at most
    /// [`search::TROUBLES_MAX`].
    pub fn discovery_troubles(&self) -> Arc<Vec<DiscoveryTrouble>> {
        self.troubles.load_full()
    }

    /// A count that changes whenever the version, schema or availability of a table does, a table
    /// comes or goes, or a search meets other troubles than the last.
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
}
