//! What the newest commits of a table added: owns their retention, bounded by commits and by files, and the places at
//! which followers of the table stand between them. Reads no log, and waits for nothing.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::data_file::DataFile;
use crate::snapshot::Snapshot;

/// What one commit, or several of which no more is known than where they end, added to a table.
#[derive(Debug, Clone)]
pub struct CommitDelta {
    /// The version that it led to, with no other files than those that it added.
    pub added: Arc<Snapshot>,
    /// The rows of these files are the rows that it added. Otherwise it can't be told which those are, and there are
    /// no files: it wrote files anew, brought rows back, changed more than files, or is forgotten.
    pub exact: bool,
}

/// Where a follower of a table stands: after a commit that it knows. The default is a place in no log.
#[derive(Debug, Clone, Default)]
pub struct FollowPlace {
    line: Arc<Line>,
    version: u64,
}

/// Commits that follow one another from one load of the table on. A place of another line says nothing of this one,
/// whatever its version.
#[derive(Debug, Default)]
struct Line;

/// Retained changes of one table.
#[derive(Debug)]
pub(crate) struct RetainedChanges {
    line: Arc<Line>,
    /// The newest version, without its files.
    newest: Option<Arc<Snapshot>>,
    /// Up to the newest version, without a gap.
    deltas: VecDeque<CommitDelta>,
    files: usize,
    commits_max: usize,
    files_max: usize,
}

impl CommitDelta {
    /// Of the commit that made `version`, which added these files, where that can be told.
    pub(crate) fn new(version: &Snapshot, added: Option<Arc<[Arc<DataFile>]>>) -> Self {
        let exact = added.is_some();
        Self { added: Arc::new(version.with_files(added.unwrap_or_default())), exact }
    }
}

impl RetainedChanges {
    pub(crate) fn new(commits_max: usize, files_max: usize) -> Self {
        Self { line: Arc::default(), newest: None, deltas: VecDeque::new(), files: 0, commits_max, files_max }
    }

    /// The table was loaded at this version: what led there is not known.
    pub(crate) fn begin(&mut self, newest: &Snapshot) {
        self.line = Arc::default();
        self.newest = Some(Arc::new(newest.with_files(Arc::default())));
        self.deltas.clear();
        self.files = 0;
    }

    /// The log was followed by these commits. Over the bounds the oldest go; the newest one's files are those of the
    /// newest version, so that it takes no room of its own.
    pub(crate) fn go_on(&mut self, deltas: Vec<CommitDelta>) {
        for delta in deltas {
            self.newest = Some(Arc::new(delta.added.with_files(Arc::default())));
            self.files += delta.added.files().len();
            self.deltas.push_back(delta);
        }
        while self.deltas.len() > self.commits_max || (self.files > self.files_max && self.deltas.len() > 1) {
            let Some(oldest) = self.deltas.pop_front() else { break };
            self.files -= oldest.added.files().len();
        }
    }

    /// The change that comes next after `place`, and the place after that; `None` when there is none.
    pub(crate) fn after(&self, place: &FollowPlace) -> Option<(FollowPlace, CommitDelta)> {
        let newest = self.newest.as_ref()?;
        let is_here = Arc::ptr_eq(&place.line, &self.line);
        if is_here && place.version >= newest.version() {
            return None;
        }
        let comes_next = |delta: &&CommitDelta| is_here && delta.added.version() == place.version + 1;
        let delta = match self.deltas.iter().find(comes_next) {
            Some(delta) => delta.clone(),
            None => CommitDelta { added: Arc::clone(newest), exact: false },
        };
        Some((FollowPlace { line: Arc::clone(&self.line), version: delta.added.version() }, delta))
    }
}
