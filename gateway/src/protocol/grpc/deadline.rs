//! When a caller gives up: owns reading `grpc-timeout`. Does not enforce it.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName};
use tokio::time::Instant;

use crate::query::error::{ErrorCode, QueryError};

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const DIGITS_MAX: usize = 8;

/// The deadline that the caller sent with a call that arrived just now.
///
/// # Errors
/// `invalid_request`: something else than up to eight digits and a unit, or more than one.
pub(super) fn of(headers: &HeaderMap) -> Result<Option<Instant>, QueryError> {
    let mut values = headers.get_all(GRPC_TIMEOUT).iter();
    let timeout = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(only), None) => only.to_str().ok().and_then(parse),
        (Some(_), Some(_)) => None,
    };
    match timeout {
        // One that no clock reaches is none.
        Some(timeout) => Ok(Instant::now().checked_add(timeout)),
        None => {
            let message = "\"grpc-timeout\" is not up to eight digits and one of \"H\", \"M\", \"S\", \"m\", \
                           \"u\", \"n\"";
            Err(QueryError::new(ErrorCode::InvalidRequest, message))
        }
    }
}

fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let sound = (1..=DIGITS_MAX).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let amount: u64 = if sound { digits.parse().ok()? } else { return None };
    match unit {
        "H" => Some(Duration::from_secs(amount * 3_600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_up_to_eight_digits_and_a_unit() {
        assert_eq!(parse("2H"), Some(Duration::from_secs(7_200)));
        assert_eq!(parse("99999999m"), Some(Duration::from_millis(99_999_999)));
        assert_eq!(parse("0n"), Some(Duration::ZERO));
        for odd in ["", "S", "1", "100000000m", "-1S", "+1S", "1.5S", "1s", "1\u{e9}", "1 S"] {
            assert_eq!(parse(odd), None, "{odd}");
        }
    }
}
