//! How many logs are read at once: owns the slots of each store, so that one that does not answer
//! holds up its own tables only. Reads nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::table::Table;

/// Slots for each bucket, and for the file system.
#[derive(Debug)]
pub(super) struct LoadSlots {
    each: usize,
    stores: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl LoadSlots {
    pub(super) fn new(each: usize) -> Self {
        Self { each, stores: Mutex::default() }
    }

    /// Waits for a slot of the store that the table lies in.
    pub(super) async fn acquire(&self, table: &Table) -> Option<OwnedSemaphorePermit> {
        let store = table.root().map_or_else(String::new, |mut root| {
            root.set_path("/");
            root.to_string()
        });
        let slots = {
            let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(stores.entry(store).or_insert_with(|| Arc::new(Semaphore::new(self.each))))
        };
        // Never closed.
        slots.acquire_owned().await.ok()
    }
}
