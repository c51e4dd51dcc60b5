//! The watch on resident memory: owns the reading and the thresholds. The engine's own pool does
//! not see everything that a query allocates, so the process's real size has a say.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::QueryClass;

/// Reading costs a system call; within this time the last reading is good enough.
const READING_AGE_MAX: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(super) struct ResidentMemory {
    bytes_max: u64,
    last: Mutex<Option<(Instant, u64)>>,
}

impl ResidentMemory {
    /// 0 turns the watch off.
    pub(super) const fn new(bytes_max: u64) -> Self {
        Self { bytes_max, last: Mutex::new(None) }
    }

    /// Heavy queries are refused at the limit; light ones, which add little, a quarter above it,
    /// so that heavy ones filling the memory do not shut them out.
    pub(super) fn refuses(&self, class: QueryClass) -> bool {
        if self.bytes_max == 0 {
            return false;
        }
        let threshold = match class {
            QueryClass::Heavy | QueryClass::Stream => self.bytes_max,
            QueryClass::Light => self.bytes_max.saturating_add(self.bytes_max / 4),
        };
        self.resident_bytes().is_some_and(|resident| resident > threshold)
    }

    /// `None` on a platform that does not tell.
    fn resident_bytes(&self) -> Option<u64> {
        let mut last = self.last.lock().ok()?;
        if let Some((read_at, bytes)) = *last
            && read_at.elapsed() < READING_AGE_MAX
        {
            return Some(bytes);
        }
        let bytes = memory_stats::memory_stats()?.physical_mem as u64;
        *last = Some((Instant::now(), bytes));
        Some(bytes)
    }
}
