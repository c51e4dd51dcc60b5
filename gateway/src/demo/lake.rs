//! The lake's directory: owns when it is made, reused or made again, and that it appears whole or
//! not at all. Does not know what is in the tables.

use std::fs;
use std::path::Path;

use super::progress::Progress;
use super::{DemoError, flights, tpch};

/// Changes whenever the tables would come out differently; an older lake is then made again.
const LAKE_VERSION: &str = "1\n";
const MARKER: &str = "DEMO_LAKE_VERSION";

/// Makes `data_dir/lake` unless a finished one of this version is there.
pub(super) async fn ensure(data_dir: &Path) -> Result<(), DemoError> {
    let lake = data_dir.join("lake");
    if is_finished(&lake)? {
        return Ok(());
    }
    let partial = data_dir.join("lake.partial");
    remove(&partial)?;
    fs::create_dir_all(&partial).map_err(DemoError::io(&partial))?;
    let progress = Progress::start(flights::STEPS + tpch::STEPS);
    flights::write(&partial, &progress).await?;
    tpch::write(&partial, &progress).await?;
    let marker = partial.join(MARKER);
    fs::write(&marker, LAKE_VERSION).map_err(DemoError::io(&marker))?;
    remove(&lake)?;
    fs::rename(&partial, &lake).map_err(DemoError::io(&lake))?;
    progress.finish(&format!("demo lake is ready in {}", lake.display()));
    Ok(())
}

/// A directory without a marker is somebody's own and is never touched: the marker is written
/// before the lake gets its name.
fn is_finished(lake: &Path) -> Result<bool, DemoError> {
    match fs::metadata(lake) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(DemoError::io(lake)(error)),
        Ok(_) => {}
    }
    match fs::read_to_string(lake.join(MARKER)) {
        Ok(version) => Ok(version == LAKE_VERSION),
        Err(_) => Err(DemoError::Foreign { path: lake.to_path_buf() }),
    }
}

fn remove(directory: &Path) -> Result<(), DemoError> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(DemoError::io(directory)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn a_directory_that_the_demo_did_not_make_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let lake = dir.path().join("lake");
        fs::create_dir(&lake).unwrap();
        assert!(matches!(is_finished(&lake), Err(DemoError::Foreign { .. })));
    }

    #[test]
    fn a_lake_of_another_version_is_made_again_and_a_missing_one_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let lake = dir.path().join("lake");
        assert!(!is_finished(&lake).unwrap());
        fs::create_dir(&lake).unwrap();
        fs::write(lake.join(MARKER), "0\n").unwrap();
        assert!(!is_finished(&lake).unwrap());
        fs::write(lake.join(MARKER), LAKE_VERSION).unwrap();
        assert!(is_finished(&lake).unwrap());
    }
}
