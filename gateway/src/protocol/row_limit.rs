//! Rows of a page or a result: owns what every door refuses of a `limit`. Does not know the most that there may
//! be.

use crate::query::error::{ErrorCode, QueryError};

/// Rows of a page or a result.
///
/// # Errors
/// `invalid_request`: none at all.
pub fn row_limit(limit: Option<u64>) -> Result<Option<usize>, QueryError> {
    match limit {
        Some(0) => Err(QueryError::new(ErrorCode::InvalidRequest, "\"limit\" must be at least 1")),
        // More than fits is more than any page holds; the pipeline refuses it by its own limit.
        Some(limit) => Ok(Some(usize::try_from(limit).unwrap_or(usize::MAX))),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn a_limit_is_at_least_one_row() {
        assert!(row_limit(Some(0)).is_err());
        assert_eq!(row_limit(Some(1)).unwrap(), Some(1));
        assert_eq!(row_limit(None).unwrap(), None);
    }
}
