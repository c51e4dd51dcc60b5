//! Bodies of requests: owns reading them within their limits, counted among what their callers hold, and refusing
//! those that are nested too deep for parsers, which recurse. Does not parse any.

use std::ops::Deref;
use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use bytes::Bytes;

use crate::config::limits::LimitsConfig;
use crate::protocol::limits::read_body;
use crate::query::QueryService;
use crate::query::admission::Held;
use crate::query::caller::Caller;
use crate::query::error::{ErrorCode, QueryError};

/// A body that was read, and is nested no deeper than the limit. It counts among what its caller holds until it is
/// dropped, which is to be before the answer is: a subject's only answer is always let through.
#[derive(Debug)]
pub struct ReadBody {
    bytes: Bytes,
    _held: Held,
}

impl ReadBody {
    /// Reads the body of a caller's request, which may take as long as `wait_max`.
    ///
    /// # Errors
    /// Those of [`read_body`]; `invalid_request`: nested too deep; `overloaded`: what its caller holds already.
    pub async fn read(
        service: &QueryService,
        caller: &Caller,
        headers: &HeaderMap,
        body: Body,
        limits: &LimitsConfig,
        wait_max: Duration,
    ) -> Result<Self, QueryError> {
        let mut held = service.hold(caller);
        let bytes = read_body(headers, body, limits, wait_max, |bytes| held.resize(bytes)).await?;
        check_nesting(&bytes, limits)?;
        Ok(Self { bytes, _held: held })
    }
}

impl Deref for ReadBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Refuses what is nested deeper than the limit: parsers recurse.
///
/// # Errors
/// `invalid_request`.
pub fn check_nesting(bytes: &[u8], limits: &LimitsConfig) -> Result<(), QueryError> {
    if nesting(bytes) <= limits.json_depth_max {
        return Ok(());
    }
    let message = format!("the request body is nested deeper than {} levels", limits.json_depth_max);
    Err(QueryError::new(ErrorCode::InvalidRequest, message))
}

/// Deepest nesting of brackets outside strings.
fn nesting(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let (mut in_string, mut escaped) = (false, false);
    for byte in bytes {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn nesting_is_refused_one_level_over_the_limit() {
        let check = |text: &str| {
            check_nesting(text.as_bytes(), &LimitsConfig { json_depth_max: 3, ..LimitsConfig::default() })
        };
        for shallow in
            ["{\"a\":[[1]]}", "{\"limit\":7,\"count\":\"[[[[[[\"}", "{\"a\":\"\\\"[[[[\"}", "[[]],[[[]]]"]
        {
            assert!(check(shallow).is_ok(), "{shallow}");
        }
        for deep in ["{\"a\":[[[1]]]}", &"[".repeat(1_000_000)] {
            assert!(check(deep).unwrap_err().message.contains("nested deeper than 3"));
        }
    }
}
