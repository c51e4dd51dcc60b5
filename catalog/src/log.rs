//! One table's Delta log: owns listing it, loading a version from it and following its commits.
//! Does not decide when; tables do.

use std::sync::Arc;

use delta_kernel::Engine;
use tokio::sync::Semaphore;
use url::Url;

use crate::deletion_vector::DeletionVectors;
use crate::store::Location;

pub(crate) mod actions;
pub(crate) mod assemble;
mod delta;
pub(crate) mod engine;
pub(crate) mod follow;
pub(crate) mod history;
pub(crate) mod json;
pub(crate) mod listing;
pub(crate) mod load;
mod scan_rows;
mod spelling;

use engine::{LogExecutor, TableEngine};

/// Deletion vectors of one table that are read at one time.
const VECTOR_READS_MAX: usize = 8;

/// What is needed to read one table's log.
pub(crate) struct LogSource {
    pub(crate) location: Location,
    /// The same directory as the Delta kernel is told of it.
    pub(crate) kernel_root: Url,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) vectors: Arc<DeletionVectors>,
    /// One load at a time: the permit goes with the blocking work, so that a load that outlives
    /// its deadline is not joined by another.
    pub(crate) gate: Arc<Semaphore>,
    /// Deletion vectors read at one time: a read outlives the query that wanted it.
    pub(crate) vector_gate: Arc<Semaphore>,
}

impl LogSource {
    pub(crate) fn new(location: Location, executor: &LogExecutor, vectors: Arc<DeletionVectors>) -> Self {
        let kernel_location = engine::kernel_location(&location);
        let kernel_root = kernel_location.root.clone();
        let engine = Arc::new(TableEngine::new(kernel_location, executor));
        Self {
            location,
            kernel_root,
            engine,
            vectors,
            gate: Arc::new(Semaphore::new(1)),
            vector_gate: Arc::new(Semaphore::new(VECTOR_READS_MAX)),
        }
    }
}

impl std::fmt::Debug for LogSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogSource").field("location", &self.location).finish_non_exhaustive()
    }
}
