//! What files a Delta log has: owns listing the log directory from a version on, and the names in
//! it. Reads no file.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};
use serde::Deserialize;

use crate::error::CatalogError;
use crate::store::Location;

/// The log's own hint at its newest checkpoint.
const LAST_CHECKPOINT: &str = "_last_checkpoint";

/// A hint may repeat the checkpoint's schema; a larger one is not looked into.
const HINT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Commits and checkpoints by version.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listing {
    pub(crate) commits: BTreeMap<u64, ObjectMeta>,
    pub(crate) checkpoints: BTreeMap<u64, ObjectMeta>,
}

/// A file of the log, as its name tells.
#[derive(Debug, PartialEq, Eq)]
enum LogFile {
    Commit(u64),
    Checkpoint(u64),
}

/// Lists the log from version `from` on, with one request sequence that starts there.
pub(crate) async fn list(location: &Location, from: u64) -> Result<Listing, CatalogError> {
    let directory = log_directory(location);
    // Every name of version `from` extends this one, and so sorts after it.
    let offset = directory.clone().join(format!("{from:020}"));
    let ordered = location.root.scheme() != "file";
    let mut entries = location.store.list_with_offset(Some(&directory), &offset);
    let mut listing = Listing::default();
    while let Some(meta) = entries.try_next().await? {
        let Some(name) = child_name(&directory, &meta.location) else {
            continue;
        };
        match parse(name) {
            Some(LogFile::Commit(version)) => {
                listing.commits.insert(version, meta);
            }
            Some(LogFile::Checkpoint(version)) => {
                listing.checkpoints.insert(version, meta);
            }
            // Versions are digits: in an ordered listing none follows a later first character.
            None if ordered && name.starts_with(|c: char| c > '9') => break,
            None => {}
        }
    }
    Ok(listing)
}

/// Lists the log as far back as its newest version needs: from the checkpoint that the log itself
/// hints at, if it is there and nothing is missing after it, else from the start. A log may be long:
/// with a commit each second and thirty days of them, millions of files.
pub(crate) async fn list_newest(location: &Location) -> Result<Listing, CatalogError> {
    if let Some(checkpoint) = hinted_checkpoint(location).await? {
        let listing = list(location, checkpoint).await?;
        let is_whole = listing.last_version().is_some_and(|last| listing.has_version(last));
        if is_whole && listing.checkpoints.contains_key(&checkpoint) {
            return Ok(listing);
        }
    }
    list(location, 0).await
}

/// The version that `_last_checkpoint` names. It is a hint: one that makes no sense is none.
async fn hinted_checkpoint(location: &Location) -> Result<Option<u64>, CatalogError> {
    #[derive(Deserialize)]
    struct Hint {
        version: u64,
    }
    let hint = location.store.get(&log_directory(location).join(LAST_CHECKPOINT)).await;
    let content = match hint {
        Ok(found) if found.meta.size > HINT_BYTES_MAX => return Ok(None),
        Ok(found) => found.bytes().await?,
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Ok(serde_json::from_slice::<Hint>(&content).ok().map(|hint| hint.version))
}

/// The path of a commit.
pub(crate) fn commit_path(location: &Location, version: u64) -> Path {
    log_directory(location).join(format!("{version:020}.json"))
}

fn log_directory(location: &Location) -> Path {
    location.prefix.clone().join("_delta_log")
}

fn child_name<'a>(directory: &Path, path: &'a Path) -> Option<&'a str> {
    let below = path.as_ref().strip_prefix(directory.as_ref())?.strip_prefix('/')?;
    // Directories of an unordered listing (sidecars, staged commits) hold nothing of interest;
    // in an ordered one their names end the listing.
    if below.contains('/') && below.starts_with(|c: char| c.is_ascii_digit()) { None } else { Some(below) }
}

fn parse(name: &str) -> Option<LogFile> {
    let (version, kind) = name.split_once('.')?;
    if version.len() != 20 || !version.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let version = version.parse().ok()?;
    if kind == "json" {
        return Some(LogFile::Commit(version));
    }
    let checkpoint = kind.strip_prefix("checkpoint.")?;
    let complete = checkpoint.ends_with("parquet") || checkpoint.ends_with("json");
    complete.then_some(LogFile::Checkpoint(version))
}

impl Listing {
    pub(crate) fn last_version(&self) -> Option<u64> {
        self.commits.keys().last().copied().max(self.checkpoints.keys().last().copied())
    }

    /// Whether the version can be rebuilt: there is a checkpoint of it, or commits up to it without
    /// a gap from a checkpoint or from the start.
    pub(crate) fn has_version(&self, version: u64) -> bool {
        let mut at = version;
        loop {
            if self.checkpoints.contains_key(&at) {
                return true;
            }
            if !self.commits.contains_key(&at) {
                return false;
            }
            match at.checked_sub(1) {
                Some(before) => at = before,
                None => return true,
            }
        }
    }

    /// When each listed commit was made, by file times made strictly increasing: clocks of
    /// writers differ, versions don't go back.
    pub(crate) fn commit_times(&self) -> Vec<(u64, DateTime<Utc>)> {
        let mut times: Vec<(u64, DateTime<Utc>)> = Vec::with_capacity(self.commits.len());
        for (version, meta) in &self.commits {
            let time = following_time(times.last().map(|(_, time)| *time), meta.last_modified);
            times.push((*version, time));
        }
        times
    }
}

/// `modified` to the millisecond, but later than `previous`.
pub(crate) fn following_time(previous: Option<DateTime<Utc>>, modified: DateTime<Utc>) -> DateTime<Utc> {
    let modified = DateTime::from_timestamp_millis(modified.timestamp_millis()).unwrap_or(modified);
    match previous {
        Some(previous) if modified <= previous => previous + TimeDelta::milliseconds(1),
        Some(_) | None => modified,
    }
}

#[cfg(test)]
mod tests {
    use super::{LogFile, parse};

    #[test]
    fn only_commits_and_checkpoints_count() {
        let v = "00000000000000000007";
        assert_eq!(parse(&format!("{v}.json")), Some(LogFile::Commit(7)));
        for kind in [
            "checkpoint.parquet",
            "checkpoint.0000000001.0000000003.parquet",
            "checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json",
        ] {
            assert_eq!(parse(&format!("{v}.{kind}")), Some(LogFile::Checkpoint(7)), "{kind}");
        }
        for name in [
            "_last_checkpoint",
            "7.json",
            "00000000000000000007.crc",
            "x.json",
            ".json",
            "00000000000000000007.00000000000000000009.compacted.json",
            "00000000000000000007.json.tmp",
            "0000000000000000000a.json",
        ] {
            assert_eq!(parse(name), None, "{name}");
        }
    }
}
