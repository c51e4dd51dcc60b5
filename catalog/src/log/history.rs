//! Which version was current at a time: owns the search over commit times, by the commits' own
//! timestamps where the table has them. Loads no version.

use chrono::{DateTime, Utc};
use object_store::ObjectStoreExt;

use super::LogSource;
use super::follow::in_commit_time;
use super::{actions, listing};
use crate::error::CatalogError;

/// The newest version up to `last` that was committed at or before `time`. `own_times_from` is
/// the first version whose commits carry their own time, where they do.
pub(crate) async fn version_as_of(
    source: &LogSource,
    last: u64,
    own_times_from: Option<u64>,
    time: DateTime<Utc>,
) -> Result<u64, CatalogError> {
    let listing = listing::list(&source.location, 0).await?;
    let times: Vec<(u64, DateTime<Utc>)> =
        listing.commit_times().into_iter().filter(|(version, _)| *version <= last).collect();
    let own_from = own_times_from.unwrap_or(u64::MAX);
    let split = times.partition_point(|(version, _)| *version < own_from);
    let (by_file, by_commit) = times.split_at(split);
    // Times that commits carry increase, and start after those of the files before them.
    let (mut low, mut high) = (0, by_commit.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let Some((version, _)) = by_commit.get(middle) else { break };
        if own_time(source, *version).await? <= time { low = middle + 1 } else { high = middle }
    }
    let own = low.checked_sub(1).and_then(|at| by_commit.get(at));
    let found = own.or_else(|| by_file.iter().rev().find(|(_, made)| *made <= time));
    found.map(|(version, _)| *version).ok_or(CatalogError::NoVersionAsOf { time })
}

async fn own_time(source: &LogSource, version: u64) -> Result<DateTime<Utc>, CatalogError> {
    let path = listing::commit_path(&source.location, version);
    let content = source.location.store.get(&path).await?.bytes().await?;
    in_commit_time(version, actions::parse(version, &content)?.in_commit_timestamp)
}
