//! Superseded versions that readers may still ask for: owns their retention, bounded by count and
//! by time since last use. Loads nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::snapshot::Snapshot;

/// Retained versions of one table.
#[derive(Debug)]
pub(crate) struct RetainedVersions {
    versions: BTreeMap<u64, Retained>,
    versions_max: usize,
    idle_max: Duration,
}

#[derive(Debug)]
struct Retained {
    snapshot: Arc<Snapshot>,
    used_at: Instant,
    /// When a look at the log first saw a newer version; unknown of one that was loaded since.
    superseded_at: Option<Instant>,
}

impl RetainedVersions {
    pub(crate) const fn new(versions_max: usize, idle_max: Duration) -> Self {
        Self { versions: BTreeMap::new(), versions_max, idle_max }
    }

    /// Keeps a version that was loaded; over the bound, the one that was not used for longest goes.
    pub(crate) fn keep(&mut self, snapshot: Arc<Snapshot>, now: Instant) {
        self.insert(Retained { snapshot, used_at: now, superseded_at: None }, now);
    }

    /// Keeps the version that was the newest until now.
    pub(crate) fn keep_superseded(&mut self, snapshot: Arc<Snapshot>, now: Instant) {
        self.insert(Retained { snapshot, used_at: now, superseded_at: Some(now) }, now);
    }

    /// When the version was superseded, where that was seen.
    pub(crate) fn superseded_at(&self, version: u64) -> Option<Instant> {
        self.versions.get(&version)?.superseded_at
    }

    fn insert(&mut self, retained: Retained, now: Instant) {
        self.versions.insert(retained.snapshot.version(), retained);
        self.expire(now);
        while self.versions.len() > self.versions_max {
            let oldest =
                self.versions.iter().min_by_key(|(_, kept)| kept.used_at).map(|(version, _)| *version);
            let Some(version) = oldest else { break };
            self.versions.remove(&version);
        }
    }

    /// A kept version, which counts as used.
    pub(crate) fn get(&mut self, version: u64, now: Instant) -> Option<Arc<Snapshot>> {
        let kept = self.versions.get_mut(&version)?;
        kept.used_at = now;
        Some(Arc::clone(&kept.snapshot))
    }

    /// Drops versions that nobody used for long.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.versions.retain(|_, kept| now.saturating_duration_since(kept.used_at) < self.idle_max);
    }

    /// Drops every version: they belong to a table that is gone.
    pub(crate) fn clear(&mut self) {
        self.versions.clear();
    }
}
