//! The hash mask: owns how a value of each type is written for hashing, and the key that it is
//! hashed under. Equal values of one kind hash equal under one key name, whatever the width of
//! their type or the table that they stand in.

use std::fmt;

use arrow_schema::DataType;
use hmac::digest::InvalidLength;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::fingerprint::hex;
use crate::keys::Key;

/// 128 bits: what a digest shows of a value cannot be searched or made to collide.
const SHOWN_BYTES: usize = 16;
const PURPOSE: &[u8] = b"sluice column mask v1\0";

/// A keyed digest under one key name.
#[derive(Clone)]
pub struct HashMask {
    key_id: String,
    tag: String,
    keyed: Hmac<Sha256>,
}

impl HashMask {
    /// A mask under the name `tag`, with a key of its own derived from `key`.
    pub fn new(key: &Key, tag: &str) -> Result<Self, InvalidLength> {
        let mut derive = Hmac::<Sha256>::new_from_slice(key.secret())?;
        derive.update(PURPOSE);
        derive.update(tag.as_bytes());
        let keyed = Hmac::<Sha256>::new_from_slice(&derive.finalize().into_bytes())?;
        Ok(Self { key_id: key.id().to_string(), tag: tag.to_string(), keyed })
    }

    /// Id of the ring's key.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The name under which values are joinable.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The digest of a value that was written canonically: 32 hex digits.
    pub(super) fn digest(&self, kind: u8, bytes: &[u8]) -> String {
        let mut mac = self.keyed.clone();
        mac.update(&[kind]);
        mac.update(bytes);
        hex(&mac.finalize().into_bytes()[..SHOWN_BYTES])
    }
}

impl fmt::Debug for HashMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashMask").field("key_id", &self.key_id).field("tag", &self.tag).finish()
    }
}

pub(super) fn takes(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Boolean
            | DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Float32
            | DataType::Float64
            | DataType::Decimal128(..)
            | DataType::Date32
            | DataType::Timestamp(..)
            | DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
    )
}

pub(super) const KIND_BOOLEAN: u8 = b'o';
pub(super) const KIND_INTEGER: u8 = b'i';
pub(super) const KIND_FLOAT: u8 = b'f';
pub(super) const KIND_DECIMAL: u8 = b'n';
pub(super) const KIND_DATE: u8 = b'd';
pub(super) const KIND_TIMESTAMP: u8 = b't';
pub(super) const KIND_TIMESTAMP_UTC: u8 = b'z';
pub(super) const KIND_STRING: u8 = b's';
pub(super) const KIND_BINARY: u8 = b'b';

/// One form for each float: `-0` is `0`, and every NaN is the same.
pub(super) fn float_bytes(value: f64) -> [u8; 8] {
    let canonical = if value.is_nan() {
        f64::NAN
    } else if value == 0.0 {
        0.0
    } else {
        value
    };
    canonical.to_bits().to_le_bytes()
}

/// One form for each decimal: no trailing zeros, so that scales don't matter.
pub(super) fn decimal_bytes(mut unscaled: i128, scale: i8) -> [u8; 18] {
    let mut scale = i16::from(scale);
    if unscaled == 0 {
        scale = 0;
    }
    while unscaled != 0 && unscaled % 10 == 0 {
        unscaled /= 10;
        scale -= 1;
    }
    let mut bytes = [0; 18];
    bytes[..16].copy_from_slice(&unscaled.to_le_bytes());
    bytes[16..].copy_from_slice(&scale.to_le_bytes());
    bytes
}
