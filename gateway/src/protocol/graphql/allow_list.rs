//! Documents that an operator allows: owns the list of them, and which of them a request names. A list holds texts, not
//! rights: each is validated for whoever asks for it. Does not read the file's form.

mod manifest;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use sluice_policies::diagnostic::Diagnostic;

use super::request::Asked;
use crate::config::graphql::GraphqlConfig;

/// Listed documents, by every name that a request may give them.
#[derive(Debug, Default)]
pub struct AllowList {
    /// By the ids of the list, and by the hashes of [`hash_name`].
    by_name: HashMap<String, Arc<str>>,
}

impl AllowList {
    /// Reads a list. Takes processor time, and hangs where the file does: call it on a thread that may block.
    ///
    /// # Errors
    /// Every fault of the file, with its line.
    pub fn load(file: &Path, config: &GraphqlConfig) -> Result<Self, Vec<Diagnostic>> {
        let bytes_max = config.allow_list_bytes_max;
        match beginning(file, bytes_max) {
            Err(error) => Err(vec![Diagnostic::file(file, format!("cannot be read: {error}"))]),
            Ok(text) if text.len() > bytes_max => {
                Err(vec![Diagnostic::file(file, format!("is longer than {bytes_max} bytes"))])
            }
            Ok(text) => manifest::read(file, &text, config),
        }
    }

    /// The document that a request names by its id, its hash or its text; where it gives several of them, all must name
    /// the same one.
    pub(super) fn named(&self, asked: &Asked) -> Option<&Arc<str>> {
        let by_text = |text: &str| self.by_name.get(&hash_name(text)).filter(|listed| &***listed == text);
        let by_hash =
            |hash: &str| self.by_name.get(hash).or_else(|| self.by_name.get(&format!("{SHA256}{hash}")));
        let named = [
            asked.document_id.as_deref().map(|id| self.by_name.get(id)),
            asked.hash.as_deref().map(by_hash),
            asked.query.as_deref().map(by_text),
        ];
        let mut named = named.into_iter().flatten();
        let first = named.next()??;
        named.all(|other| other == Some(first)).then_some(first)
    }
}

/// What stands before a hash in the name of a document.
const SHA256: &str = "sha256:";

/// The name that every document has by its text.
fn hash_name(text: &str) -> String {
    format!("{SHA256}{:x}", Sha256::digest(text))
}

/// A file up to one byte more than `bytes_max`.
fn beginning(file: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let _ = File::open(file)?.take(bytes_max as u64 + 1).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests;
