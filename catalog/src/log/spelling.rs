//! Removals under another spelling of a file's path: owns their discovery. The protocol matches
//! files by the text of their paths, writers that spell one path in two ways do not mean it; what
//! such a log says is unknown.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use object_store::path::Path;

use super::LogSource;
use super::actions;
use super::follow::read_commit;
use super::listing;
use crate::data_file::DataFile;
use crate::error::CatalogError;
use crate::store::{Location, data_path};

/// Checks the removals of one commit against the files before it.
pub(super) fn check_commit(
    location: &Location,
    base: &[Arc<DataFile>],
    removed: &[(String, Option<String>)],
) -> Result<(), CatalogError> {
    let unknown = |path: &str| base.binary_search_by(|file| file.key.as_str().cmp(path)).is_err();
    let named: HashSet<Path> = removed
        .iter()
        .filter(|(path, _)| unknown(path))
        .filter_map(|(path, _)| data_path::resolve(location, path).ok())
        .collect();
    let twice = |file: &&Arc<DataFile>| !named.is_empty() && named.contains(&file.path);
    match base.iter().find(twice) {
        Some(file) => Err(CatalogError::TwoSpellings { path: file.key.clone() }),
        None => Ok(()),
    }
}

/// Checks the removals that the log still has against the live files of a version that was loaded
/// whole. Only absolute paths are known to occur in several spellings: where there are none, no
/// commit is read.
pub(super) async fn check_log(
    source: &LogSource,
    version: u64,
    files: &[Arc<DataFile>],
) -> Result<(), CatalogError> {
    let absolute: HashMap<&Path, &str> = files
        .iter()
        .filter(|file| data_path::is_absolute(&file.key))
        .map(|file| (&file.path, file.key.as_str()))
        .collect();
    if absolute.is_empty() {
        return Ok(());
    }
    let listing = listing::list(&source.location, 0).await?;
    for (version, meta) in listing.commits.range(..=version) {
        let content = read_commit(source, *version, meta).await?;
        for remove in actions::parse(*version, &content)?.removes {
            let path = data_path::resolve(&source.location, &remove.path);
            if path.is_ok_and(|path| absolute.get(&path).is_some_and(|key| *key != remove.path)) {
                return Err(CatalogError::TwoSpellings { path: remove.path });
            }
        }
    }
    Ok(())
}
