//! What answers have in common, whatever the door: owns the limit on their length, how long their memory counts, and
//! spans of time as they tell them. Does not encode.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::query::admission::Held;
use crate::query::error::{ErrorCode, QueryError};

/// Refuses an answer over the limit. Nulls and names of columns take no memory in the engine, whose limits say
/// nothing of them.
///
/// # Errors
/// `result_too_large`.
pub fn check_length(bytes: usize, bytes_max: usize) -> Result<(), QueryError> {
    if bytes <= bytes_max {
        return Ok(());
    }
    let message = format!("the answer is longer than {bytes_max} bytes");
    Err(QueryError::new(ErrorCode::ResultTooLarge, message).with_hint("ask for fewer rows or columns"))
}

/// Bytes of an answer that count as `held` until the last of them is gone: the connection drops them once they are
/// written, or when it ends.
pub fn held_until_written(bytes: Bytes, held: Arc<Held>) -> Bytes {
    Bytes::from_owner(HeldBytes { bytes, _held: held })
}

struct HeldBytes {
    bytes: Bytes,
    _held: Arc<Held>,
}

impl AsRef<[u8]> for HeldBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Whole milliseconds.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
