//! Versions that several questions are answered at: owns the snapshots of tables at one moment. Does not decide who
//! may read them; that is asked anew for each question.

use std::collections::BTreeMap;
use std::sync::Arc;

use sluice_catalog::snapshot::Snapshot;
use sluice_catalog::table::Table;

use super::Authority;

/// Tables as they were at one moment, and still are for as long as this is held.
#[derive(Debug, Clone, Default)]
pub struct Pins(BTreeMap<String, Arc<Snapshot>>);

impl Authority<'_> {
    /// The newest versions of those of the tables that the caller may read. Never waits.
    pub fn pins(&self, tables: &[&str]) -> Pins {
        let pinned = tables.iter().filter_map(|name| {
            let table = self.visible_table(name)?;
            Some((table.name().to_owned(), table.current()?))
        });
        Pins(pinned.collect())
    }
}

impl Pins {
    /// The pinned version of a table; `None` where there is none, or one of a table that was here before.
    pub(super) fn of(&self, table: &Table, current: &Snapshot) -> Option<Arc<Snapshot>> {
        self.0.get(table.name()).filter(|pinned| pinned.table_id() == current.table_id()).cloned()
    }
}
