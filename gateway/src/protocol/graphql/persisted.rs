//! Documents that are known by their hash: owns keeping those that callers sent, within a bound of memory. The store
//! holds texts, not rights: each is validated anew for whoever asks for it. Does not read requests.

use moka::sync::Cache;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

use crate::config::graphql::GraphqlConfig;
use crate::query::error::{ErrorCode, QueryError};

/// SHA-256 of a text.
pub(super) type Hash = [u8; 32];

/// Bytes that a text takes besides its own.
const ENTRY_BYTES: usize = 128;

/// The documents of all callers.
#[derive(Debug)]
pub struct Persisted {
    /// Absent where documents are always sent whole.
    kept: Option<Cache<Hash, Arc<str>>>,
}

impl Persisted {
    /// None yet.
    pub fn new(config: &GraphqlConfig) -> Self {
        let weigher = |_: &Hash, text: &Arc<str>| u32::try_from(text.len() + ENTRY_BYTES).unwrap_or(u32::MAX);
        let cache = || Cache::builder().max_capacity(config.persisted_bytes_max).weigher(weigher).build();
        Self { kept: config.persisted_queries.then(cache) }
    }

    /// The text of a document, given as it is, by its hash, or both.
    ///
    /// # Errors
    /// `persisted_query_not_found`: a hash alone of which no text is kept; `invalid_request`: a text of another hash,
    /// or neither.
    pub(super) fn text(&self, text: Option<&str>, hash: Option<&Hash>) -> Result<Arc<str>, QueryError> {
        match (text, hash) {
            (Some(text), None) => Ok(text.into()),
            (Some(text), Some(hash)) if sha256(text) == *hash => Ok(text.into()),
            (Some(_), Some(_)) => Err(invalid("\"sha256Hash\" is not that of \"query\"")),
            (None, Some(hash)) => {
                let kept = self.kept.as_ref().and_then(|kept| kept.get(hash));
                kept.ok_or_else(|| {
                    // The words that clients look for.
                    QueryError::new(ErrorCode::PersistedQueryNotFound, "PersistedQueryNotFound")
                        .with_hint("send the document along with its hash")
                })
            }
            (None, None) => Err(invalid("\"query\" is missing: it is the document")),
        }
    }

    /// Keeps a text that was valid for somebody.
    pub(super) fn keep(&self, hash: Hash, text: Arc<str>) {
        if let Some(kept) = &self.kept {
            kept.insert(hash, text);
        }
    }
}

fn invalid(message: &str) -> QueryError {
    QueryError::new(ErrorCode::InvalidRequest, message)
}

fn sha256(text: &str) -> Hash {
    Sha256::digest(text).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn a_text_is_found_by_its_hash_once_it_is_kept() {
        let persisted = Persisted::new(&GraphqlConfig::default());
        let (text, hash) = ("{ __typename }", sha256("{ __typename }"));
        let missing = persisted.text(None, Some(&hash)).unwrap_err();
        assert_eq!(
            (missing.code, missing.message.as_str()),
            (ErrorCode::PersistedQueryNotFound, "PersistedQueryNotFound")
        );
        persisted.keep(hash, persisted.text(Some(text), Some(&hash)).unwrap());
        assert_eq!(&*persisted.text(None, Some(&hash)).unwrap(), text);
    }

    #[test]
    fn a_hash_of_another_text_is_refused() {
        let persisted = Persisted::new(&GraphqlConfig::default());
        let refused = persisted.text(Some("{ b }"), Some(&sha256("{ a }"))).unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidRequest);
        assert_eq!(persisted.text(None, None).unwrap_err().code, ErrorCode::InvalidRequest);
    }

    #[test]
    fn nothing_is_kept_where_that_is_turned_off_or_there_is_no_room() {
        let off = GraphqlConfig { persisted_queries: false, ..Default::default() };
        let full = GraphqlConfig { persisted_bytes_max: 1, ..Default::default() };
        for config in [off, full] {
            let persisted = Persisted::new(&config);
            persisted.keep(sha256("{ a }"), "{ a }".into());
            if let Some(kept) = &persisted.kept {
                kept.run_pending_tasks();
            }
            assert!(persisted.text(None, Some(&sha256("{ a }"))).is_err());
        }
    }
}
