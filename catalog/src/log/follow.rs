//! Following a log from a known version: owns the one list request of a poll, telling that the
//! table was made anew, and applying commits by their own files. Leaves what it can't apply to a
//! fresh load, and telling what a commit added to [`super::delta`].

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use object_store::{ObjectMeta, ObjectStoreExt};

use super::LogSource;
use super::actions::{self, CommitActions};
use super::assemble::{FileBuilder, merge};
use super::delta::{self, Addition};
use super::listing;
use super::spelling;
use crate::changes::CommitDelta;
use crate::data_file::DataFile;
use crate::error::CatalogError;
use crate::snapshot::Snapshot;

/// Files in canonical order.
type Files = Arc<[Arc<DataFile>]>;

/// The commit that the newest loaded version stands at, and what its file looked like then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogPosition {
    version: u64,
    /// `None` when only a checkpoint of the version was left.
    commit: Option<CommitMark>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct CommitMark {
    size: u64,
    last_modified: DateTime<Utc>,
    e_tag: Option<String>,
}

/// What a look at the log found.
#[derive(Debug)]
pub(crate) enum Followed {
    /// The log still ends at the known version.
    Unchanged,
    /// The log goes on.
    Advanced(Advanced),
    /// The log can't be followed from here: the table was made anew, the log was cleaned up past
    /// the known version, or a commit changes more than files.
    Reload,
}

/// How far a log could be followed.
#[derive(Debug)]
pub(crate) struct Advanced {
    /// The newest version that could be followed to.
    pub(crate) snapshot: Arc<Snapshot>,
    /// Where it stands.
    pub(crate) position: LogPosition,
    /// What each commit up to there added, from the first one after the known version on.
    pub(crate) deltas: Vec<CommitDelta>,
    /// The log was seen to end there; otherwise another look is due.
    pub(crate) complete: bool,
}

/// How much is followed before a fresh load is the better way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FollowLimits {
    pub(crate) commits_max: u64,
    pub(crate) commit_bytes_max: u64,
}

impl LogPosition {
    pub(crate) fn new(version: u64, commit: Option<&ObjectMeta>) -> Self {
        Self { version, commit: commit.map(CommitMark::new) }
    }
}

impl CommitMark {
    fn new(meta: &ObjectMeta) -> Self {
        Self { size: meta.size, last_modified: meta.last_modified, e_tag: meta.e_tag.clone() }
    }
}

/// Looks at the log after `current`.
pub(crate) async fn follow(
    source: &Arc<LogSource>,
    current: &Snapshot,
    position: &LogPosition,
    limits: FollowLimits,
) -> Result<Followed, CatalogError> {
    let known = position.version;
    let listing = listing::list(&source.location, known).await?;
    let same = match listing.commits.get(&known) {
        Some(meta) => position.commit.as_ref() == Some(&CommitMark::new(meta)),
        None => position.commit.is_none() && listing.checkpoints.contains_key(&known),
    };
    if !same {
        return Ok(Followed::Reload);
    }
    let last = listing.last_version().unwrap_or(known);
    if last == known {
        return Ok(Followed::Unchanged);
    }
    let new: Vec<&ObjectMeta> =
        (known + 1..=last).map_while(|version| listing.commits.get(&version)).collect();
    let followable = new.len() as u64 == last - known
        && new.len() as u64 <= limits.commits_max
        && new.iter().all(|meta| meta.size <= limits.commit_bytes_max);
    if !followable {
        return Ok(Followed::Reload);
    }
    let mut reached: Option<Advanced> = None;
    let mut state = FileState::of(current);
    for (version, meta) in (known + 1..).zip(&new) {
        let step = advance(source, current, &state, version, meta).await;
        let mut deltas;
        (state, deltas) = match (step, reached) {
            (Ok(Some(state)), reached) => (state, reached.map(|reached| reached.deltas).unwrap_or_default()),
            (Ok(None), _) => return Ok(Followed::Reload),
            // What was good is taken over first; the next look meets the failure again.
            (Err(_), Some(reached)) => return Ok(Followed::Advanced(reached)),
            (Err(error), None) => return Err(error),
        };
        let snapshot = state.snapshot(source, current, version);
        deltas.push(CommitDelta::new(&snapshot, state.added.clone()));
        let position = LogPosition::new(version, Some(meta));
        reached = Some(Advanced { snapshot, position, deltas, complete: version == last });
    }
    Ok(reached.map_or(Followed::Unchanged, Followed::Advanced))
}

/// What commits change while they are followed.
struct FileState {
    files: Files,
    /// Those that the last commit added, where that can be told.
    added: Option<Files>,
    committed_at: DateTime<Utc>,
}

impl FileState {
    fn of(current: &Snapshot) -> Self {
        Self { files: Arc::clone(current.files()), added: None, committed_at: current.committed_at() }
    }

    fn snapshot(&self, source: &Arc<LogSource>, current: &Snapshot, version: u64) -> Arc<Snapshot> {
        let metadata = Arc::clone(current.metadata());
        let files = Arc::clone(&self.files);
        Arc::new(Snapshot::new(Arc::clone(source), metadata, version, self.committed_at, files))
    }
}

/// The state after one more commit; `None` when the commit can't be followed.
async fn advance(
    source: &LogSource,
    current: &Snapshot,
    state: &FileState,
    version: u64,
    meta: &ObjectMeta,
) -> Result<Option<FileState>, CatalogError> {
    let content = read_commit(source, version, meta).await?;
    let actions = actions::parse(version, &content)?;
    if actions.needs_reload || contradicts_itself(&actions) {
        return Ok(None);
    }
    let committed_at = match (current.metadata().in_commit_timestamps_from, actions.in_commit_timestamp) {
        (None, _) => listing::following_time(Some(state.committed_at), meta.last_modified),
        (Some(_), stated) => in_commit_time(version, stated)?,
    };
    let (files, added) = apply(source, current, &state.files, actions)?;
    Ok(Some(FileState { files, added, committed_at }))
}

/// The content of a commit, as it was listed.
pub(super) async fn read_commit(
    source: &LogSource,
    version: u64,
    meta: &ObjectMeta,
) -> Result<Bytes, CatalogError> {
    debug_assert_eq!(meta.location, listing::commit_path(&source.location, version));
    let content = source.location.store.get(&meta.location).await?.bytes().await?;
    if content.len() as u64 != meta.size {
        // Read while it was being written or replaced; what was listed is not what was read.
        return Err(CatalogError::MalformedCommit {
            version,
            reason: "it changed while it was read".to_owned(),
        });
    }
    Ok(content)
}

pub(crate) fn in_commit_time(version: u64, stated: Option<i64>) -> Result<DateTime<Utc>, CatalogError> {
    stated.and_then(DateTime::from_timestamp_millis).ok_or_else(|| CatalogError::MalformedCommit {
        version,
        reason: "it has no valid in-commit timestamp".to_owned(),
    })
}

/// Whether the outcome hangs on the order of actions, which the protocol leaves open.
fn contradicts_itself(actions: &CommitActions) -> bool {
    let vector_id =
        |fields: &Option<actions::VectorFields>| fields.as_ref().map(actions::VectorFields::unique_id);
    let mut added = HashSet::with_capacity(actions.adds.len());
    let mut files = HashSet::with_capacity(actions.adds.len());
    let repeats = actions.adds.iter().any(|add| {
        files.insert((add.path.as_str(), vector_id(&add.deletion_vector)));
        !added.insert(add.path.as_str())
    });
    repeats
        || actions
            .removes
            .iter()
            .any(|remove| files.contains(&(remove.path.as_str(), vector_id(&remove.deletion_vector))))
}

/// The files after a commit, and those that it added.
fn apply(
    source: &LogSource,
    current: &Snapshot,
    base: &[Arc<DataFile>],
    actions: CommitActions,
) -> Result<(Files, Option<Files>), CatalogError> {
    let mut builder = FileBuilder::new(&source.location, &current.metadata().columns);
    let mut additions = Vec::with_capacity(actions.adds.len());
    for add in actions.adds {
        let data_change = add.data_change;
        additions.push(Addition { file: Arc::new(builder.build(add)?), data_change });
    }
    let removed: Vec<(String, Option<String>)> = actions
        .removes
        .into_iter()
        .map(|remove| (remove.path, remove.deletion_vector.map(|fields| fields.unique_id())))
        .collect();
    spelling::check_commit(&source.location, base, &removed)?;
    let added = if actions.restores { None } else { delta::added(base, &additions, &removed) };
    let files = merge(base, &removed, additions.into_iter().map(|addition| addition.file).collect())?;
    Ok((files, added))
}
