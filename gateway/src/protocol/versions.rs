//! Which version of a table is asked for: owns the texts of `version` and `as_of`. Does not know which
//! versions there are.

use chrono::{DateTime, Utc};

use crate::query::error::{ErrorCode, QueryError};
use crate::query::request::VersionSelector;

/// One of `version` and `as_of`, or neither. `as_of_name` is what the door calls the latter.
///
/// # Errors
/// `invalid_request`: both, or what is not a time.
pub fn version_selector(
    version: Option<u64>,
    as_of: Option<&str>,
    as_of_name: &str,
) -> Result<VersionSelector, QueryError> {
    let invalid = |message: String| Err(QueryError::new(ErrorCode::InvalidRequest, message));
    match (version, as_of) {
        (None, None) => Ok(VersionSelector::Latest),
        (Some(version), None) => Ok(VersionSelector::Version(version)),
        (None, Some(text)) => match DateTime::parse_from_rfc3339(text) {
            Ok(time) => Ok(VersionSelector::AsOf(time.with_timezone(&Utc))),
            Err(_) => invalid(format!("\"{as_of_name}\" is not a time such as \"2026-01-31T05:00:00Z\"")),
        },
        (Some(_), Some(_)) => invalid(format!("\"version\" and \"{as_of_name}\" exclude each other")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn version_and_time_exclude_each_other() {
        let of = |version, as_of| version_selector(version, as_of, "as_of");
        assert_eq!(of(Some(3), None).unwrap(), VersionSelector::Version(3));
        assert!(matches!(of(None, Some("2026-01-31T05:00:00+02:00")), Ok(VersionSelector::AsOf(_))));
        assert!(of(Some(3), Some("2026-01-31T05:00:00Z")).is_err());
        assert!(of(None, Some("yesterday")).is_err());
    }
}
