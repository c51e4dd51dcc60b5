//! Version and freshness of a table in JSON: owns their form and that of times of commits. Does not know which
//! tables were read.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::protocol::answer::millis;
use crate::query::response::TableMeta;

/// What an answer says of a table that it read.
#[derive(Debug, Serialize)]
pub struct TableVersion<'a> {
    /// Name.
    pub table: &'a str,
    /// The version that was read.
    pub version: u64,
    /// When it was committed.
    pub as_of: String,
    /// How long ago that was.
    pub age_ms: u64,
    /// Only written when true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale: Option<bool>,
}

impl<'a> TableVersion<'a> {
    /// From what the pipeline says.
    pub fn of(meta: &'a TableMeta) -> Self {
        Self {
            table: &meta.table,
            version: meta.version,
            as_of: timestamp(meta.committed_at),
            age_ms: millis(meta.age),
            stale: meta.stale.then_some(true),
        }
    }
}

/// RFC 3339 in UTC, to the millisecond that commits are known to.
pub fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}
