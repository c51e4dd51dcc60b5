//! One table's Delta log: owns listing it, loading a version from it and following its commits.
//! Does not decide when; tables do.

use std::sync::Arc;

use delta_kernel::Engine;
use tokio::sync::Semaphore;

use crate::deletion_vector::DeletionVectors;
use crate::store::Location;

pub(crate) mod actions;
pub(crate) mod assemble;
pub(crate) mod engine;
pub(crate) mod follow;
pub(crate) mod history;
pub(crate) mod json;
pub(crate) mod listing;
pub(crate) mod load;
mod scan_rows;
mod spelling;

use engine::{LogExecutor, TableEngine};

/// What is needed to read one table's log.
pub(crate) struct LogSource {
    pub(crate) location: Location,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) vectors: Arc<DeletionVectors>,
    /// One load at a time: the permit goes with the blocking work, so that a load that outlives
    /// its deadline is not joined by another.
    pub(crate) gate: Arc<Semaphore>,
}

impl LogSource {
    pub(crate) fn new(location: Location, executor: &LogExecutor, vectors: Arc<DeletionVectors>) -> Self {
        let engine = Arc::new(TableEngine::new(&location, executor));
        Self { location, engine, vectors, gate: Arc::new(Semaphore::new(1)) }
    }
}

impl std::fmt::Debug for LogSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogSource").field("location", &self.location).finish_non_exhaustive()
    }
}
