//! Directories of this machine: owns listing them entry by entry, so that an odd one hides no
//! other, as it does in the listing of an object store. Enters none.

use std::fs::{self, DirEntry};
use std::io::{self, ErrorKind};
use std::path::{Path as FilePath, PathBuf};

use object_store::path::Path;

use super::{LOG_DIRECTORY, Listed, Odd, is_entered};
use crate::error::CatalogError;

/// The subdirectories of a directory, links to directories among them; `None` when it is not there.
pub(super) async fn list(directory: Path) -> Result<Option<Listed>, CatalogError> {
    let listing = tokio::task::spawn_blocking(move || list_now(&directory));
    let listed = listing.await.map_err(|error| CatalogError::Task { reason: error.to_string() })?;
    match listed {
        Ok(listed) => Ok(Some(listed)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CatalogError::Listing(error)),
    }
}

fn list_now(directory: &Path) -> io::Result<Listed> {
    let place = FilePath::new("/").join(directory.as_ref());
    let mut listed = Listed { is_empty: true, ..Listed::default() };
    for entry in fs::read_dir(&place)? {
        let entry = entry?;
        listed.is_empty = false;
        let file_name = entry.file_name();
        let name = file_name.to_string_lossy();
        let is_log = name == LOG_DIRECTORY;
        if !is_log && !is_entered(&name) {
            continue;
        }
        let path = file_name.to_str().and_then(|name| Path::parse(format!("{directory}/{name}")).ok());
        match (is_directory(&entry, &place), path) {
            (Ok(false), _) => {}
            (Ok(true), _) if is_log => listed.is_table = true,
            (Ok(true), Some(path)) => listed.children.push(path),
            (Ok(true), None) => {
                let reason = "its name is not UTF-8 or holds control characters".to_owned();
                listed.odd.push(Odd { name: name.into_owned(), path: None, reason });
            }
            // Whether it is a table is not known.
            (Err(error), _) if is_log => return Err(error),
            (Err(error), path) => {
                listed.odd.push(Odd { name: name.into_owned(), path, reason: error.to_string() });
            }
        }
    }
    Ok(listed)
}

fn is_directory(entry: &DirEntry, parent: &FilePath) -> io::Result<bool> {
    let kind = match entry.file_type() {
        Ok(kind) => kind,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if !kind.is_symlink() {
        return Ok(kind.is_dir());
    }
    let target = target_of(entry)?;
    let is_directory = fs::metadata(&target)?.is_dir();
    if is_directory && parent.canonicalize()?.starts_with(&target) {
        return Err(io::Error::other("it leads back to a directory that it lies in"));
    }
    Ok(is_directory)
}

/// A link that leads nowhere is not one that is gone.
fn target_of(link: &DirEntry) -> io::Result<PathBuf> {
    link.path().canonicalize().map_err(|error| match error.kind() {
        ErrorKind::NotFound => io::Error::other("it is a link to something that does not exist"),
        _ => error,
    })
}
