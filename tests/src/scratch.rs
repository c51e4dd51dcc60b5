//! Where tests put files: owns directories under the build's own. Does not choose what is kept.

use std::path::PathBuf;

use tempfile::TempDir;

/// A directory for files that later runs may use again.
///
/// # Panics
///
/// When it cannot be made.
pub fn kept(name: &str) -> PathBuf {
    let directory = root().join(name);
    std::fs::create_dir_all(&directory).expect("make a scratch directory");
    directory
}

/// A new directory that goes away with the value.
///
/// # Panics
///
/// When it cannot be made.
pub fn fresh(name: &str) -> TempDir {
    tempfile::Builder::new().prefix(&format!("{name}-")).tempdir_in(root()).expect("make a scratch directory")
}

/// The test binary is `<target>/<profile>/deps/it-<hash>`; its files go to `<target>/tmp`.
fn root() -> PathBuf {
    let binary = std::env::current_exe().expect("path of the test binary");
    let target = binary.ancestors().nth(3).expect("a target directory around the test binary");
    let root = target.join("tmp");
    std::fs::create_dir_all(&root).expect("make the scratch root");
    root
}
