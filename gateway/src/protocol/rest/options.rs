//! What several calls have in common among their parameters: owns the texts of `side` and `count`, and whole numbers.
//! Does not know what they are applied to.

use crate::engine::statement::Side;
use crate::query::error::{ErrorCode, QueryError};

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
