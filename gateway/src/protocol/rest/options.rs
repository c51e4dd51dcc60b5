//! What several calls have in common among their parameters: owns the texts of `version`,
//! `as_of`, `side` and `count`, and whole numbers. Does not know what they are applied to.

use chrono::{DateTime, Utc};

use crate::engine::statement::Side;
use crate::query::error::{ErrorCode, QueryError};
use crate::query::request::VersionSelector;

/// One of `version` and `as_of`, or neither.
pub(super) fn version_selector(
    version: Option<u64>,
    as_of: Option<&str>,
) -> Result<VersionSelector, QueryError> {
    match (version, as_of) {
        (None, None) => Ok(VersionSelector::Latest),
        (Some(version), None) => Ok(VersionSelector::Version(version)),
        (None, Some(text)) => match DateTime::parse_from_rfc3339(text) {
            Ok(time) => Ok(VersionSelector::AsOf(time.with_timezone(&Utc))),
            Err(_) => Err(invalid("\"as_of\" is not a time such as \"2026-01-31T05:00:00Z\"")),
        },
        (Some(_), Some(_)) => Err(invalid("\"version\" and \"as_of\" exclude each other")),
    }
}

/// A whole number in a query string.
pub(super) fn whole(name: &str, text: Option<&str>) -> Result<Option<u64>, QueryError> {
    let Some(text) = text else { return Ok(None) };
    // Stricter than the library, which takes a leading plus.
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<u64>() {
        Ok(number) if digits => Ok(Some(number)),
        _ => Err(invalid(&format!("\"{name}\" is not a whole number"))),
    }
}

/// The side of a cursor that is asked for.
pub(super) fn side(text: Option<&str>) -> Result<Option<Side>, QueryError> {
    match text {
        None => Ok(None),
        Some("after") => Ok(Some(Side::After)),
        Some("before") => Ok(Some(Side::Before)),
        Some(_) => Err(invalid("\"side\" takes \"after\" and \"before\"")),
    }
}

/// Whether an exact count is asked for.
pub(super) fn count_exact(count: Option<&str>) -> Result<bool, QueryError> {
    match count {
        None | Some("none") => Ok(false),
        Some("exact") => Ok(true),
        Some(_) => Err(invalid("\"count\" takes \"exact\" and \"none\"")),
    }
}

fn invalid(message: &str) -> QueryError {
    QueryError::new(ErrorCode::InvalidRequest, message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn version_and_time_exclude_each_other() {
        assert_eq!(version_selector(Some(3), None).unwrap(), VersionSelector::Version(3));
        assert!(matches!(
            version_selector(None, Some("2026-01-31T05:00:00+02:00")),
            Ok(VersionSelector::AsOf(_))
        ));
        assert!(version_selector(Some(3), Some("2026-01-31T05:00:00Z")).is_err());
        assert!(version_selector(None, Some("yesterday")).is_err());
    }

    #[test]
    fn sides_are_named() {
        assert_eq!(side(None).unwrap(), None);
        assert_eq!(side(Some("after")).unwrap(), Some(Side::After));
        assert_eq!(side(Some("before")).unwrap(), Some(Side::Before));
        for text in ["", "Before", "end"] {
            assert!(side(Some(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_digits_and_nothing_else() {
        assert_eq!(whole("limit", Some("18446744073709551615")).unwrap(), Some(u64::MAX));
        for text in ["", "+1", "-1", "1.0", "18446744073709551616", " 1", "0x1"] {
            assert!(whole("limit", Some(text)).is_err(), "{text}");
        }
    }
}
