//! One table of the catalog: owns its last good snapshot, its state of health, its older
//! versions and what its newest commits added. Does not decide when to look at the log.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::{ArcSwap, ArcSwapOption};
use chrono::{DateTime, Utc};
use tokio::sync::watch;
use url::Url;

use crate::changes::{CommitDelta, FollowPlace, RetainedChanges};
use crate::config::CatalogConfig;
use crate::definition::TableDefinition;
use crate::deletion_vector::DeletionVectors;
use crate::error::CatalogError;
use crate::log::engine::LogExecutor;
use crate::log::follow::{Advanced, FollowLimits, Followed, LogPosition, follow};
use crate::log::load::load;
use crate::log::{LogSource, history};
use crate::snapshot::Snapshot;
use crate::store::{Location, Stores};
use crate::versions::RetainedVersions;

/// Whether a table can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableStatus {
    /// It is served.
    Serving {
        /// Why the newest version is not, while the log can't be read.
        stale: Option<StaleReason>,
    },
    /// It never could be read since start.
    Unavailable {
        /// Why, without credentials; names the feature that is not supported, if that is why.
        reason: String,
    },
}

/// Why a table is served from its last good version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleReason {
    /// Since when.
    pub since: SystemTime,
    /// Why, without credentials.
    pub reason: String,
}

/// What tables share.
#[derive(Debug, Clone)]
pub(crate) struct TableContext {
    pub(crate) stores: Stores,
    pub(crate) executor: LogExecutor,
    pub(crate) vectors: Arc<DeletionVectors>,
    pub(crate) changes: watch::Sender<u64>,
    pub(crate) limits: FollowLimits,
    pub(crate) load_timeout: Duration,
    pub(crate) retained_versions_max: usize,
    pub(crate) retained_idle_max: Duration,
    pub(crate) retained_changes_max: usize,
    pub(crate) retained_change_files_max: usize,
}

impl TableContext {
    pub(crate) fn new(config: &CatalogConfig, stores: Stores) -> Self {
        Self {
            stores,
            executor: LogExecutor::new(),
            vectors: Arc::new(DeletionVectors::new(config.deletion_vectors_bytes_max)),
            changes: watch::Sender::new(0),
            limits: FollowLimits {
                commits_max: config.followed_commits_max,
                commit_bytes_max: config.followed_commit_bytes_max,
            },
            load_timeout: config.load_timeout(),
            retained_versions_max: config.retained_versions_max,
            retained_idle_max: Duration::from_millis(config.retained_ms),
            retained_changes_max: config.retained_changes_max,
            retained_change_files_max: config.retained_change_files_max,
        }
    }
}

/// What readers see, swapped as a whole.
#[derive(Debug, Clone, Default)]
struct State {
    snapshot: Option<Arc<Snapshot>>,
    problem: Option<StaleReason>,
    verified: Option<(SystemTime, Instant)>,
}

/// What one look at the log found.
enum Look {
    Unchanged,
    Found(Found),
}

/// A newer version, or one of a table made anew.
struct Found {
    snapshot: Arc<Snapshot>,
    position: LogPosition,
    /// What led there from the version before; `None` when it was loaded afresh.
    deltas: Option<Vec<CommitDelta>>,
    /// The log was seen to end there.
    complete: bool,
}

/// A table that is declared or was discovered.
#[derive(Debug)]
pub struct Table {
    definition: TableDefinition,
    context: TableContext,
    base_dir: PathBuf,
    source: ArcSwapOption<LogSource>,
    state: ArcSwap<State>,
    retained: Mutex<RetainedVersions>,
    changes: Mutex<RetainedChanges>,
    /// Held while the log is looked at: looks follow one another.
    position: tokio::sync::Mutex<Option<LogPosition>>,
}

impl Table {
    /// A table that has not been looked at yet.
    pub(crate) fn new(definition: TableDefinition, base_dir: &Path, context: TableContext) -> Self {
        let resolved = context.stores.resolve(&definition.location, base_dir);
        let (source, reason) = match resolved {
            Ok(location) => {
                let source = LogSource::new(location, &context.executor, Arc::clone(&context.vectors));
                (Some(Arc::new(source)), "it has not been read yet".to_owned())
            }
            Err(error) => (None, error.reason()),
        };
        let problem = Some(StaleReason { since: SystemTime::now(), reason });
        let state = State { problem, ..State::default() };
        let retained = RetainedVersions::new(context.retained_versions_max, context.retained_idle_max);
        let changes = RetainedChanges::new(context.retained_changes_max, context.retained_change_files_max);
        Self {
            definition,
            context,
            base_dir: base_dir.to_owned(),
            source: ArcSwapOption::new(source),
            state: ArcSwap::from_pointee(state),
            retained: Mutex::new(retained),
            changes: Mutex::new(changes),
            position: tokio::sync::Mutex::new(None),
        }
    }

    /// What is declared of the table.
    pub const fn definition(&self) -> &TableDefinition {
        &self.definition
    }

    /// Unique name.
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// Whether the table can be read.
    pub fn status(&self) -> TableStatus {
        let state = self.state.load();
        match (&state.snapshot, &state.problem) {
            (Some(_), problem) => TableStatus::Serving { stale: problem.clone() },
            (None, problem) => TableStatus::Unavailable {
                reason: problem.as_ref().map_or_else(String::new, |problem| problem.reason.clone()),
            },
        }
    }

    /// The last good version. Never waits.
    pub fn current(&self) -> Option<Arc<Snapshot>> {
        self.state.load().snapshot.clone()
    }

    /// When the log was last seen to end at [`Self::current`].
    pub fn verified_at(&self) -> Option<SystemTime> {
        self.state.load().verified.map(|(time, _)| time)
    }

    /// Time since the log was last seen to end at this version, where that is known.
    pub fn age(&self, version: u64) -> Option<Duration> {
        let state = self.state.load();
        let is_current = state.snapshot.as_ref().is_some_and(|current| current.version() == version);
        let seen_last = match is_current {
            true => state.verified.map(|(_, instant)| instant),
            false => self.retained().superseded_at(version),
        };
        seen_last.map(|instant| instant.elapsed())
    }

    /// The table's directory, when its location could be resolved.
    pub fn root(&self) -> Option<Url> {
        self.source.load().as_ref().map(|source| source.location.root.clone())
    }

    /// A version by number: the current one, a retained one, or else read from the log and then
    /// retained. Versions after the current one are not found.
    pub async fn at_version(&self, version: u64) -> Result<Arc<Snapshot>, CatalogError> {
        let (source, current) = self.readable()?;
        if version == current.version() {
            return Ok(current);
        }
        if version > current.version() {
            return Err(CatalogError::VersionNotFound { version });
        }
        let kept = self.retained().get(version, Instant::now());
        // A load that began before the table was made anew may have kept the old one's version.
        if let Some(kept) = kept.filter(|kept| kept.table_id() == current.table_id()) {
            return Ok(kept);
        }
        let loading = self.in_time(load(&source, Some(version))).await?;
        let snapshot = loading.snapshot;
        if snapshot.table_id() != current.table_id() {
            // Of the table that was here before, or of one that has not been noticed yet.
            return Err(CatalogError::VersionNotFound { version });
        }
        self.retained().keep(Arc::clone(&snapshot), Instant::now());
        Ok(snapshot)
    }

    /// The newest version, up to the current one, that was committed at or before `time`.
    pub async fn as_of(&self, time: DateTime<Utc>) -> Result<Arc<Snapshot>, CatalogError> {
        let (source, current) = self.readable()?;
        if time >= current.committed_at() {
            return Ok(current);
        }
        let own_times_from = current.metadata().in_commit_timestamps_from;
        let search = history::version_as_of(&source, current.version(), own_times_from, time);
        let version = self.in_time(search).await?;
        self.at_version(version).await
    }

    /// The change that comes next after `place`, and the place after that; `None` while there is none. From a place
    /// that is too long ago, or of a table that was here before, it leads to the newest version and is not exact.
    pub fn change_after(&self, place: &FollowPlace) -> Option<(FollowPlace, CommitDelta)> {
        self.changes().after(place)
    }

    /// Looks at the log once, and says whether anything that readers see has changed. On failure
    /// the last good version stays, marked stale.
    pub async fn refresh(&self) -> Result<bool, CatalogError> {
        let mut position = self.position.lock().await;
        match self.in_time(self.moved()).await {
            Ok(Some(location)) => {
                let source =
                    LogSource::new(location, &self.context.executor, Arc::clone(&self.context.vectors));
                self.source.store(Some(Arc::new(source)));
                *position = None;
            }
            Ok(None) => {}
            Err(error) => {
                self.fail(&error, SystemTime::now());
                return Err(error);
            }
        }
        let Some(source) = self.source.load_full() else {
            return Err(self.unavailable());
        };
        self.retained().expire(Instant::now());
        let mut changed = false;
        loop {
            let started = (SystemTime::now(), Instant::now());
            match self.in_time(self.look(&source, position.as_ref())).await {
                Ok(Look::Unchanged) => return Ok(self.settle(None, started) || changed),
                Ok(Look::Found(Found { snapshot, position: reached, deltas, complete })) => {
                    changed |= self.settle(Some((snapshot, deltas)), started);
                    *position = Some(reached);
                    if complete {
                        return Ok(changed);
                    }
                }
                Err(error) => {
                    self.fail(&error, started.0);
                    return Err(error);
                }
            }
        }
    }

    /// Where the location leads now, if that is elsewhere: a link in a path may be set anew, and then
    /// leads to another table.
    async fn moved(&self) -> Result<Option<Location>, CatalogError> {
        let Some(known) = self.root().filter(|root| root.scheme() == "file") else { return Ok(None) };
        let (stores, base_dir) = (self.context.stores.clone(), self.base_dir.clone());
        let location = self.definition.location.clone();
        let resolved = tokio::task::spawn_blocking(move || stores.resolve(&location, &base_dir))
            .await
            .map_err(|error| CatalogError::Task { reason: error.to_string() })??;
        Ok((resolved.root != known).then_some(resolved))
    }

    async fn look(
        &self,
        source: &Arc<LogSource>,
        position: Option<&LogPosition>,
    ) -> Result<Look, CatalogError> {
        if let (Some(current), Some(position)) = (self.current(), position) {
            match follow(source, &current, position, self.context.limits).await? {
                Followed::Unchanged => return Ok(Look::Unchanged),
                Followed::Advanced(Advanced { snapshot, position, deltas, complete }) => {
                    return Ok(Look::Found(Found { snapshot, position, deltas: Some(deltas), complete }));
                }
                Followed::Reload => {}
            }
        }
        let loaded = load(source, None).await?;
        let (snapshot, position) = (loaded.snapshot, loaded.position);
        Ok(Look::Found(Found { snapshot, position, deltas: None, complete: true }))
    }

    /// Takes a good look's outcome over: a version and what led there; `None` is the version that was there before.
    fn settle(
        &self,
        found: Option<(Arc<Snapshot>, Option<Vec<CommitDelta>>)>,
        started: (SystemTime, Instant),
    ) -> bool {
        let before = self.state.load_full();
        let mut changed = before.problem.is_some();
        if let (Some((new, _)), Some(old)) = (&found, &before.snapshot) {
            let mut retained = self.retained();
            if new.table_id() == old.table_id() && new.version() > old.version() {
                retained.keep_superseded(Arc::clone(old), started.1);
            } else {
                retained.clear();
            }
        }
        changed |= found.is_some();
        let snapshot = found.as_ref().map(|(new, _)| Arc::clone(new)).or_else(|| before.snapshot.clone());
        self.state.store(Arc::new(State { snapshot, problem: None, verified: Some(started) }));
        match found {
            Some((_, Some(deltas))) => self.changes().go_on(deltas),
            Some((loaded, None)) => self.changes().begin(&loaded),
            None => {}
        }
        if changed {
            self.announce();
        }
        changed
    }

    fn fail(&self, error: &CatalogError, now: SystemTime) {
        let before = self.state.load_full();
        let reason = error.reason();
        let since = match (&before.problem, &before.snapshot) {
            (Some(problem), Some(_)) => problem.since,
            _ => now,
        };
        let known = before.problem.as_ref().is_some_and(|problem| problem.reason == reason);
        let problem = Some(StaleReason { since, reason: reason.clone() });
        self.state.store(Arc::new(State { problem, ..before.as_ref().clone() }));
        if !known {
            tracing::warn!(table = self.name(), %reason, "table cannot be read");
            self.announce();
        }
    }

    fn announce(&self) {
        self.context.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn readable(&self) -> Result<(Arc<LogSource>, Arc<Snapshot>), CatalogError> {
        match (self.source.load_full(), self.current()) {
            (Some(source), Some(current)) => Ok((source, current)),
            _ => Err(self.unavailable()),
        }
    }

    fn unavailable(&self) -> CatalogError {
        let state = self.state.load();
        let reason = state.problem.as_ref().map_or_else(String::new, |problem| problem.reason.clone());
        CatalogError::Unavailable { table: self.name().to_owned(), reason }
    }

    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, CatalogError>>,
    ) -> Result<T, CatalogError> {
        let limit = self.context.load_timeout;
        tokio::time::timeout(limit, work).await.unwrap_or(Err(CatalogError::Timeout { limit }))
    }

    fn changes(&self) -> std::sync::MutexGuard<'_, RetainedChanges> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn retained(&self) -> std::sync::MutexGuard<'_, RetainedVersions> {
        self.retained.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
