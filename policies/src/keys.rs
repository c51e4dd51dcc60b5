//! Secret keys on disk: owns rings of keys with ids, one ring a purpose, for rotation. Does not
//! know what a ring is used for.

use std::fmt;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_saphyr::Spanned;
use zeroize::Zeroizing;

use crate::diagnostic::Diagnostic;

const SECRET_BYTES_MIN: usize = 32;
const ID_BYTES_MAX: usize = 64;
const FILE_BYTES_MAX: u64 = 1 << 20;

/// One secret with its id.
#[derive(Clone)]
pub struct Key {
    id: String,
    secret: Zeroizing<Vec<u8>>,
}

impl Key {
    /// The public name of the key: 1 to 64 bytes.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The secret: at least 32 bytes.
    pub fn secret(&self) -> &[u8] {
        &self.secret
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).field("secret", &"[redacted]").finish()
    }
}

/// Keys for one purpose. The first seals and signs; the others only open what they once sealed.
#[derive(Debug, Clone)]
pub struct KeyRing {
    current: Key,
    older: Vec<Key>,
}

/// A key ring could not be written.
#[derive(Debug, thiserror::Error)]
pub enum KeyRingError {
    /// The file system refused.
    #[error("cannot write key ring \"{}\"", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The ring could not be put into text.
    #[error("cannot encode key ring")]
    Encode(#[source] serde_json::Error),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RingFile {
    keys: Vec<Spanned<RingFileKey>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RingFileKey {
    id: String,
    secret: Zeroizing<String>,
}

#[derive(Serialize)]
struct WrittenRing<'a> {
    keys: Vec<WrittenKey<'a>>,
}

#[derive(Serialize)]
struct WrittenKey<'a> {
    id: &'a str,
    secret: &'a str,
}

impl KeyRing {
    /// A ring of one fresh random key.
    pub fn generate(id: &str) -> Self {
        let secret: [u8; SECRET_BYTES_MIN] = rand::random();
        let current = Key { id: id.to_string(), secret: Zeroizing::new(secret.to_vec()) };
        Self { current, older: Vec::new() }
    }

    /// Reads `keys: [{id: "2026-01", secret: <base64 of at least 32 bytes>}]` from YAML or JSON.
    /// No message repeats anything of a secret.
    pub fn load(path: &Path) -> Result<Self, Diagnostic> {
        let text = Zeroizing::new(read_limited(path)?);
        let file: RingFile = serde_saphyr::from_str(&text).map_err(|error| {
            Diagnostic::yaml_secret(path, &error, "malformed key ring")
                .with_hint("expected keys: [{id: \"...\", secret: <base64>}]")
        })?;
        let mut keys: Vec<Key> = Vec::with_capacity(file.keys.len());
        for entry in &file.keys {
            let place = &entry.referenced;
            let problem = |message: String| Diagnostic::at(path, place.line(), place.column(), message);
            let id = &entry.value.id;
            if id.is_empty() || id.len() > ID_BYTES_MAX {
                return Err(problem(format!("a key id has 1 to {ID_BYTES_MAX} bytes")));
            }
            if keys.iter().any(|key| key.id == *id) {
                return Err(problem(format!("key id \"{id}\" appears twice")));
            }
            let secret = STANDARD
                .decode(entry.value.secret.as_bytes())
                .map(Zeroizing::new)
                .map_err(|_| problem(format!("secret of key \"{id}\" is not base64")))?;
            if secret.len() < SECRET_BYTES_MIN {
                return Err(problem(format!(
                    "secret of key \"{id}\" is shorter than {SECRET_BYTES_MIN} bytes"
                )));
            }
            keys.push(Key { id: id.clone(), secret });
        }
        let mut keys = keys.into_iter();
        let current = keys.next().ok_or_else(|| Diagnostic::file(path, "key ring is empty"))?;
        Ok(Self { current, older: keys.collect() })
    }

    /// Writes the ring for [`KeyRing::load`], readable by the owner only, replacing the file
    /// whole or not at all.
    pub fn to_file(&self, path: &Path) -> Result<(), KeyRingError> {
        let secrets: Vec<Zeroizing<String>> =
            self.iter().map(|key| Zeroizing::new(STANDARD.encode(key.secret()))).collect();
        let keys = self
            .iter()
            .zip(&secrets)
            .map(|(key, secret)| WrittenKey { id: key.id(), secret: secret.as_str() })
            .collect();
        let text = serde_json::to_string_pretty(&WrittenRing { keys })
            .map(Zeroizing::new)
            .map_err(KeyRingError::Encode)?;
        write_private(path, text.as_bytes())
            .map_err(|source| KeyRingError::Write { path: path.to_path_buf(), source })
    }

    /// The key that seals and signs.
    pub fn current(&self) -> &Key {
        &self.current
    }

    /// The key of this id, to open what it sealed.
    pub fn by_id(&self, id: &str) -> Option<&Key> {
        self.iter().find(|key| key.id == id)
    }

    /// Every key, the current one first.
    pub fn iter(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.current).chain(&self.older)
    }
}

/// Reads a file that a person wrote, refusing what is too large to be one.
pub(crate) fn read_limited(path: &Path) -> Result<String, Diagnostic> {
    let unreadable = |error: std::io::Error| Diagnostic::file(path, format!("cannot be read: {error}"));
    let length = fs::metadata(path).map_err(unreadable)?.len();
    if length > FILE_BYTES_MAX {
        return Err(Diagnostic::file(path, format!("file is larger than {FILE_BYTES_MAX} bytes")));
    }
    fs::read_to_string(path).map_err(unreadable)
}

/// Writes a file that the owner alone can read, replacing the one that is there whole or not at all:
/// no reader and no later start finds half of it, even when the disk was full.
pub fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{:016x}.tmp", rand::random::<u64>()));
    let temporary = path.with_file_name(name);
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The first error is the one to report; a leftover holds no more than the file would have.
        let _ = fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn load_text(text: &str) -> Result<KeyRing, Diagnostic> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ring.yaml");
        fs::write(&path, text).unwrap();
        KeyRing::load(&path)
    }

    #[test]
    fn written_ring_is_private_and_loads_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ring.json");
        let ring = KeyRing::generate("2026-01");
        ring.to_file(&path).unwrap();
        ring.to_file(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let loaded = KeyRing::load(&path).unwrap();
        assert_eq!(loaded.current().id(), "2026-01");
        assert_eq!(loaded.current().secret(), ring.current().secret());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn first_key_is_current_and_others_open() {
        let (a, b) = (STANDARD.encode([1u8; 32]), STANDARD.encode([2u8; 40]));
        let ring = load_text(&format!("keys:\n- {{id: new, secret: {a}}}\n- {{id: old, secret: {b}}}\n"));
        let ring = ring.unwrap();
        assert_eq!(ring.current().id(), "new");
        assert_eq!(ring.by_id("old").unwrap().secret(), [2u8; 40]);
        assert!(ring.by_id("other").is_none());
    }

    #[test]
    fn broken_rings_are_refused_without_showing_secrets() {
        let short = STANDARD.encode([7u8; 31]);
        let good = STANDARD.encode([7u8; 32]);
        for text in [
            "keys: []".to_string(),
            format!("keys: [{{id: a, secret: {short}}}]"),
            format!("keys: [{{id: a, secret: {good}}}, {{id: a, secret: {good}}}]"),
            format!("keys: [{{id: '', secret: {good}}}]"),
            format!("keys: [{{id: a, secret: [{good}]}}]"),
            format!("keys: [{{id: a, secret: '{good}!'}}]"),
            format!("kees: [{{id: a, secret: {good}}}]"),
            format!("{good}: [\n"),
        ] {
            let problem = load_text(&text).unwrap_err().to_string();
            assert!(!problem.contains(&short[..8]), "{problem}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", KeyRing::generate("k"));
        assert!(shown.contains("[redacted]") && !shown.contains("secret: ["), "{shown}");
    }
}
