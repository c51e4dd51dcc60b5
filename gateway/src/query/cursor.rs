//! Cursors: owns what they say and their sealing. A cursor names a pinned version, an order and
//! a position; it is encrypted, authenticated and padded, because positions hold values that
//! its bearer may not see. Any replica with the keys opens it. Does not read rows.

pub(super) mod position;
pub(super) mod question;
pub(super) mod walk;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use sluice_policies::keys::{Key, KeyRing};

use self::position::SealedPosition;
use self::walk::Walk;
use super::error::{ErrorCode, QueryError};
use crate::config::cursors::CursorConfig;
use crate::engine::page::Position;

/// First byte of every cursor. Another layout, or another byte order of keys, takes another one.
const FORMAT: u8 = 5;

/// Bytes of the nonce of AES-256-GCM-SIV (RFC 8452).
const NONCE_BYTES: usize = 12;

/// Plain texts are padded to a multiple of this, so that lengths tell little of values.
const PAD_BYTES: usize = 128;

/// A continuation of one question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// What it continues.
    pub(super) walk: Walk,
    /// Where to continue.
    pub(super) position: SealedPosition,
    /// It goes on to the rows before the position, unless a side is asked for.
    pub(super) backward: bool,
    /// When it ends, in milliseconds since 1970.
    pub(super) expires_ms: u64,
}

impl Cursor {
    /// Where to go on to that side; `None` if that is no position.
    pub(super) fn position(&self, backward: bool) -> Option<Position> {
        self.position.open(backward == self.backward)
    }
}

/// The first 128 bits of a digest, in base64: enough to tell apart, short enough for a URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Digest(String);

impl Digest {
    /// Cuts and writes down a digest of 256 bits.
    pub(super) fn of(bytes: &[u8; 32]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(&bytes[..16]))
    }
}

/// Seals and opens cursors. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct CursorSealer {
    keys: Arc<KeyRing>,
    life: Duration,
    bytes_max: usize,
}

impl CursorSealer {
    pub(super) fn new(keys: Arc<KeyRing>, config: &CursorConfig) -> Self {
        Self { keys, life: Duration::from_millis(config.ttl_ms), bytes_max: config.cursor_bytes_max }
    }

    /// The id of the key that new walks are sealed under.
    pub(super) fn current_key(&self) -> &str {
        self.keys.current().id()
    }

    /// When a cursor made at this moment ends.
    pub(super) fn expiry(&self) -> u64 {
        millis(SystemTime::now() + self.life)
    }

    /// Key of the tie-break that stands in for a secret physical order. It depends on the key
    /// that the walk is sealed under, so that a walk outlives a rotation.
    pub(super) fn tie_key(&self, key_id: &str, table_id: &str) -> Option<[u8; 16]> {
        let derived = derive(self.keys.by_id(key_id)?, &["sluice tie", table_id])?;
        derived[..16].try_into().ok()
    }

    /// The same of what one commit added. Files count from 0 in each of these, so that who knows the order of one
    /// must not find it in the next.
    pub(super) fn change_tie_key(&self, table_id: &str, version: u64) -> Option<[u8; 16]> {
        let derived = derive(self.keys.current(), &["sluice change tie", table_id, &version.to_string()])?;
        derived[..16].try_into().ok()
    }

    /// Key of the order in which the groups of a walk are added up, as [`order_key`] is of what has no cursor.
    pub(super) fn order_key(&self, key_id: &str) -> Option<[u8; 16]> {
        order_key(self.keys.by_id(key_id)?)
    }

    /// Seals `cursor` under the key `key_id`; `None` if it is longer than cursors may be.
    pub(super) fn seal(&self, key_id: &str, cursor: &Cursor) -> Result<Option<String>, QueryError> {
        let key = self.keys.by_id(key_id).ok_or_else(|| QueryError::internal("a cursor key is gone"))?;
        let mut plain = serde_json::to_vec(cursor).map_err(QueryError::internal)?;
        if plain.len() > self.bytes_max {
            return Ok(None);
        }
        // JSON ends by itself, so that spaces after it are padding.
        plain.resize(plain.len().next_multiple_of(PAD_BYTES), b' ');
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let header = header(key_id)?;
        let sealed = cipher(key)
            .and_then(|c| c.encrypt(Nonce::from_slice(&nonce), Payload { msg: &plain, aad: &header }).ok())
            .ok_or_else(|| QueryError::internal("a cursor could not be sealed"))?;
        let mut bytes = header;
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&sealed);
        let text = URL_SAFE_NO_PAD.encode(bytes);
        Ok((text.len() <= self.bytes_max).then_some(text))
    }

    /// Opens a cursor; also returns the id of the key that it was sealed under.
    ///
    /// # Errors
    /// `cursor_invalid` for anything that this ring did not seal, `cursor_expired` past its end.
    pub(super) fn open(&self, text: &str) -> Result<(Cursor, String), QueryError> {
        let (cursor, key_id) = self.unseal(text).ok_or_else(|| {
            QueryError::new(ErrorCode::CursorInvalid, "the cursor is not valid")
                .with_hint("pass a cursor exactly as it was returned, or start again without one")
        })?;
        if cursor.expires_ms < millis(SystemTime::now()) {
            return Err(QueryError::new(ErrorCode::CursorExpired, "the cursor has expired")
                .with_hint("start again without a cursor"));
        }
        Ok((cursor, key_id))
    }

    fn unseal(&self, text: &str) -> Option<(Cursor, String)> {
        if text.len() > self.bytes_max {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (&[format, id_length], rest) = bytes.split_first_chunk::<2>()?;
        if format != FORMAT {
            return None;
        }
        let (id, rest) = rest.split_at_checked(id_length.into())?;
        let id = std::str::from_utf8(id).ok()?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_BYTES)?;
        let key = self.keys.by_id(id)?;
        let header = header(id).ok()?;
        let plain =
            cipher(key)?.decrypt(Nonce::from_slice(nonce), Payload { msg: sealed, aad: &header }).ok()?;
        Some((serde_json::from_slice(&plain).ok()?, id.to_owned()))
    }
}

/// Key of the order in which rows come out of tables whose physical order is secret, where no
/// cursor tells it. The same on every replica with the keys.
pub(crate) fn order_key(key: &Key) -> Option<[u8; 16]> {
    derive(key, &["sluice order"])?[..16].try_into().ok()
}

fn header(key_id: &str) -> Result<Vec<u8>, QueryError> {
    let length = u8::try_from(key_id.len()).map_err(QueryError::internal)?;
    let mut header = vec![FORMAT, length];
    header.extend_from_slice(key_id.as_bytes());
    Ok(header)
}

fn cipher(key: &Key) -> Option<Aes256GcmSiv> {
    Aes256GcmSiv::new_from_slice(&derive(key, &["sluice cursor"])?).ok()
}

/// A key of its own for each purpose.
fn derive(key: &Key, purpose: &[&str]) -> Option<[u8; 32]> {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key.secret()).ok()?;
    for part in purpose {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    Some(mac.finalize().into_bytes().into())
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
