//! Files that are taken anew while the gateway runs: owns telling that they have changed and are
//! written whole, with one read of them at a time: those of a file system that hangs do not pile up.
//! Does not know what they hold and does not say when to look.

use std::path::PathBuf;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;

/// Files that change again within this time are still being written: half a policy file may well be
/// valid and open what the whole one closes, and half a key ring lacks keys.
const SETTLING: Duration = Duration::from_millis(100);

/// Which files there are and what they hold.
type FilesDigest = [u8; 32];

/// Files that together are one thing, and how they were when they were last read.
#[derive(Debug)]
pub(super) struct WatchedFiles {
    files: Vec<PathBuf>,
    tried: Option<FilesDigest>,
    /// A read that has not come back, though whoever asked may have given up waiting.
    reading: Option<JoinHandle<FilesDigest>>,
}

impl WatchedFiles {
    /// Files that are about to be read for the first time: changes made meanwhile are seen as changes.
    pub(super) async fn as_they_are(files: Vec<PathBuf>) -> Self {
        let mut watched = Self { files, tried: None, reading: None };
        watched.tried = watched.digest().await;
        watched
    }

    /// The files.
    pub(super) fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Has the next look read them, changed or not.
    pub(super) const fn forget(&mut self) {
        self.tried = None;
    }

    /// What `read` finds in files that have changed since they were last read. `None` while they have
    /// not, and while they are still being written: the next look sees the whole.
    pub(super) async fn if_changed<T>(&mut self, read: impl Future<Output = T>) -> Option<T> {
        let found = self.digest().await?;
        if self.tried == Some(found) {
            return None;
        }
        tokio::time::sleep(SETTLING).await;
        if self.digest().await? != found {
            return None;
        }
        let read = read.await;
        if self.digest().await? != found {
            return None;
        }
        self.tried = Some(found);
        Some(read)
    }

    /// What the files hold. Waits for a read that hangs rather than start another beside it.
    async fn digest(&mut self) -> Option<FilesDigest> {
        let reading = self.reading.get_or_insert_with(|| {
            let files = self.files.clone();
            tokio::task::spawn_blocking(move || digest_of(&files))
        });
        let digest = reading.await;
        self.reading = None;
        digest.ok()
    }
}

fn digest_of(files: &[PathBuf]) -> FilesDigest {
    let mut digest = Sha256::new();
    for file in files {
        let content = std::fs::read(file);
        let (is_there, bytes) = match &content {
            Ok(bytes) => (1_u8, bytes.as_slice()),
            Err(_) => (0_u8, &[][..]),
        };
        digest.update([is_there]);
        digest.update((bytes.len() as u64).to_be_bytes());
        digest.update(bytes);
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use futures::FutureExt;

    use super::*;

    /// A look that gives the text, after having written `meanwhile` when there is something to write.
    async fn look(watched: &mut WatchedFiles, file: &Path, meanwhile: Option<&str>) -> Option<String> {
        let read = async {
            let text = fs::read_to_string(file).unwrap();
            meanwhile.into_iter().for_each(|written| fs::write(file, written).unwrap());
            text
        };
        watched.if_changed(read).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "one").unwrap();
        let mut watched = WatchedFiles::as_they_are(vec![file.clone()]).await;
        assert_eq!(look(&mut watched, &file, None).await, None);
        fs::write(&file, "two").unwrap();
        assert_eq!(look(&mut watched, &file, None).await.as_deref(), Some("two"));
        assert_eq!(look(&mut watched, &file, None).await, None);
        watched.forget();
        assert_eq!(look(&mut watched, &file, None).await.as_deref(), Some("two"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_half_written_is_left_for_the_next_look() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "one").unwrap();
        let mut watched = WatchedFiles::as_they_are(vec![file.clone()]).await;
        fs::write(&file, "ha").unwrap();
        let (seen, ()) = tokio::join!(look(&mut watched, &file, None), async {
            tokio::time::sleep(SETTLING / 2).await;
            fs::write(&file, "half").unwrap();
        });
        assert_eq!(seen, None);
        assert_eq!(look(&mut watched, &file, Some("whole")).await, None, "written while it was read");
        assert_eq!(look(&mut watched, &file, None).await.as_deref(), Some("whole"));
    }

    #[tokio::test]
    async fn one_read_hangs_however_often_it_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
        let mut watched = WatchedFiles { files: vec![file.clone()], tried: None, reading: None };
        assert_eq!(look(&mut watched, &file, None).now_or_never(), None);
        let first = watched.reading.as_ref().map(JoinHandle::id);
        assert!(first.is_some());
        assert_eq!(look(&mut watched, &file, None).now_or_never(), None);
        assert_eq!(watched.reading.as_ref().map(JoinHandle::id), first);
        fs::write(&file, "").unwrap();
        assert!(watched.digest().await.is_some());
        assert!(watched.reading.is_none());
    }
}
