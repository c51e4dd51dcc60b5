//! The identity of an effective policy: owns how rules and claim values become one digest that
//! is equal for equal rights and collides for nothing else. Does not decide what goes in.

use std::fmt;

use sha2::{Digest, Sha256};

/// SHA-256 over everything that decides what a caller sees of one table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of this digest: the way back from [`Fingerprint::as_bytes`].
    pub const fn from_bytes(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The digest.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first eight bytes in hex, for logs. Never a cache key.
    pub fn short(&self) -> String {
        hex(&self.0[..8])
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({})", self.short())
    }
}

/// Collects labelled parts. Each part is length-prefixed, so that no two lists of parts read
/// the same.
#[derive(Debug)]
pub(crate) struct FingerprintWriter(Sha256);

impl FingerprintWriter {
    pub(crate) fn new() -> Self {
        let mut writer = Self(Sha256::new());
        writer.part("domain", b"sluice effective policy v1");
        writer
    }

    pub(crate) fn part(&mut self, label: &str, bytes: &[u8]) {
        for piece in [label.as_bytes(), bytes] {
            self.0.update((piece.len() as u64).to_le_bytes());
            self.0.update(piece);
        }
    }

    pub(crate) fn finish(self) -> Fingerprint {
        Fingerprint(self.0.finalize().into())
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(parts: &[(&str, &str)]) -> Fingerprint {
        let mut writer = FingerprintWriter::new();
        for (label, value) in parts {
            writer.part(label, value.as_bytes());
        }
        writer.finish()
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(of(&[("a", "b"), ("c", "d")]), of(&[("a", "bc"), ("", "d")]));
        assert_ne!(of(&[("a|b", "c")]), of(&[("a", "b|c")]));
        assert_ne!(of(&[("a", "")]), of(&[("", "a")]));
    }

    #[test]
    fn equal_parts_are_equal() {
        assert_eq!(of(&[("a", "b")]), of(&[("a", "b")]));
        assert_eq!(of(&[("a", "b")]).to_string().len(), 64);
    }
}
