//! Settings of cursors: owns their life and size. Does not make cursors.

use serde::{Deserialize, Serialize};

use super::ceilings::{self, exceeded};

/// How long a cursor lives and how large it may be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct CursorConfig {
    /// Life of a cursor from the page that it came with, in milliseconds.
    pub ttl_ms: u64,
    /// Longest cursor that is made or looked at, in bytes.
    pub cursor_bytes_max: usize,
}

impl Default for CursorConfig {
    fn default() -> Self {
        Self { ttl_ms: 3_600_000, cursor_bytes_max: 8_192 }
    }
}

impl CursorConfig {
    /// Every relation that does not hold, as the field to blame and the reason.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut found: Vec<(&'static str, String)> = exceeded([
            ("ttl_ms", self.ttl_ms, ceilings::TIME_MS),
            ("cursor_bytes_max", self.cursor_bytes_max as u64, ceilings::BYTES),
        ]);
        if self.ttl_ms == 0 {
            found.push(("ttl_ms", "must be at least 1".to_owned()));
        }
        if self.cursor_bytes_max < CURSOR_BYTES_FLOOR {
            found.push(("cursor_bytes_max", format!("must be at least {CURSOR_BYTES_FLOOR}")));
        }
        found
    }
}

/// Below this the cursor of a table with a long name would not fit.
pub(crate) const CURSOR_BYTES_FLOOR: usize = 1_024;
