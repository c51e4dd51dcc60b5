//! The path of a request: owns its segments, as they stand and decoded. Does not know what any of them means.

use axum::http::Uri;

use crate::protocol::http::target::decode;
use crate::query::error::QueryError;

/// The raw path segment at an index, counted from 0 after the leading slash.
pub(super) fn raw_segment(uri: &Uri, index: usize) -> &str {
    uri.path().split('/').skip(1).nth(index).unwrap_or_default()
}

/// The decoded path segment at an index.
pub(super) fn segment(uri: &Uri, index: usize) -> Result<String, QueryError> {
    decode(raw_segment(uri, index), "the path")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn segments_are_split_before_they_are_decoded() {
        let uri: Uri = "/v1/tables/a%2Fb/rows/x%2Cy,z".parse().unwrap();
        assert_eq!(segment(&uri, 2).unwrap(), "a/b");
        assert_eq!(raw_segment(&uri, 4), "x%2Cy,z");
    }
}
