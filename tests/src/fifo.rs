//! Files whose reading hangs, as on a network file system that has gone: owns named pipes in the place
//! of files. Does not know who reads them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::waiting::until;

/// A pipe in the place of a file: whoever opens it to read waits.
#[derive(Debug)]
pub struct Fifo {
    path: PathBuf,
}

/// A reader that hangs. Dropping it shows the reader the end of an empty file.
#[derive(Debug)]
pub struct Hanging {
    _end: File,
}

impl Fifo {
    /// Puts a pipe where the file is.
    ///
    /// # Panics
    ///
    /// When the pipe cannot be made.
    pub fn in_place_of(path: &Path) -> Self {
        let unnamed = path.with_extension("fifo");
        let made = Command::new("mkfifo").arg(&unnamed).status().expect("run mkfifo");
        assert!(made.success(), "no pipe was made at {}", unnamed.display());
        fs::rename(&unnamed, path).expect("put the pipe in the file's place");
        Self { path: path.to_path_buf() }
    }

    /// Waits until somebody reads, and keeps that reader waiting.
    ///
    /// # Panics
    ///
    /// When nobody comes to read.
    pub async fn hangs(&self) -> Hanging {
        let path = self.path.clone();
        // Opening the writer's end waits for a reader.
        let opening = std::thread::spawn(move || File::options().write(true).open(path));
        until("somebody reads the pipe", || async { opening.is_finished().then_some(()) }).await;
        let end = opening.join().expect("the opening thread").expect("open the pipe");
        Hanging { _end: end }
    }
}
