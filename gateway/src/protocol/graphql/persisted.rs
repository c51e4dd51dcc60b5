//! Where the text of a document comes from: owns keeping those that callers sent, within a bound of memory, and that
//! nothing but listed ones runs where there is a list. What is kept is texts, not rights: each is validated anew for
//! whoever asks for it, and known only to those who see what its sender saw, since that it was valid for somebody tells
//! of every name in it. Does not read requests.

use std::sync::Arc;

use moka::sync::Cache;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use super::allow_list::AllowList;
use super::errors::DoorError;
use super::prepare::Refused;
use super::request::Asked;
use crate::config::graphql::GraphqlConfig;
use crate::query::error::{ErrorCode, QueryError};

/// SHA-256 of a text.
type Hash = [u8; 32];
/// Digest of what a role sees.
type Shape = [u8; 32];

/// Bytes that a text takes besides its own.
const ENTRY_BYTES: usize = 160;

/// The documents of all callers.
#[derive(Debug)]
pub struct Persisted(Source);

#[derive(Debug)]
enum Source {
    /// Documents are always sent whole.
    Sent,
    /// They are sent, and known by their hash from then on.
    Kept(Cache<(Shape, Hash), Arc<str>>),
    /// They are those of a list.
    Listed(watch::Receiver<Arc<AllowList>>),
}

impl Persisted {
    /// No document yet, or those of a list where there is one.
    pub fn new(config: &GraphqlConfig, list: Option<watch::Receiver<Arc<AllowList>>>) -> Self {
        let weigher =
            |_: &(Shape, Hash), text: &Arc<str>| u32::try_from(text.len() + ENTRY_BYTES).unwrap_or(u32::MAX);
        let cache = || Cache::builder().max_capacity(config.persisted_bytes_max).weigher(weigher).build();
        Self(match list {
            Some(list) => Source::Listed(list),
            None if config.persisted_queries => Source::Kept(cache()),
            None => Source::Sent,
        })
    }

    /// The text of the document that whoever sees a shape asks for: all that may ever run of a request.
    ///
    /// # Errors
    /// `document_not_allowed`: one that is not on the list, where there is one. `persisted_query_not_found`: a hash
    /// alone of which no text is kept. `invalid_request`: a text of another hash, or no document.
    pub(super) fn text(&self, asked: &Asked, shape: &Shape) -> Result<Arc<str>, QueryError> {
        if let Source::Listed(list) = &self.0 {
            return listed(&list.borrow(), asked);
        }
        let hash = asked.hash.as_deref().map(decoded).transpose()?;
        match (asked.query.as_deref(), hash) {
            (Some(text), None) => Ok(text.into()),
            (Some(text), Some(hash)) if sha256(text) == hash => Ok(text.into()),
            (Some(_), Some(_)) => Err(invalid("\"sha256Hash\" is not that of \"query\"")),
            (None, Some(hash)) => self.kept().and_then(|kept| kept.get(&(*shape, hash))).ok_or_else(|| {
                // The words that clients look for.
                QueryError::new(ErrorCode::PersistedQueryNotFound, "PersistedQueryNotFound")
                    .with_hint("send the document along with its hash")
            }),
            (None, None) if asked.document_id.is_some() => {
                Err(invalid("\"documentId\" names no document: there is no list of them here")
                    .with_hint("send the document in \"query\""))
            }
            (None, None) => Err(nothing()),
        }
    }

    /// Whether nothing runs but what is on a list.
    pub(super) const fn is_list(&self) -> bool {
        matches!(self.0, Source::Listed(_))
    }

    /// The refusal of a document that is not valid for its caller. Where there is a list, one that is on it and asks for
    /// what the role does not see is as one that is not: that it is there tells that its names mean something.
    pub(super) fn invalid(&self, faults: Vec<DoorError>) -> Refused {
        match &self.0 {
            Source::Listed(_) => not_allowed().into(),
            Source::Sent | Source::Kept(_) => Refused::Document(faults),
        }
    }

    /// Keeps a text that was valid for somebody who sees that shape.
    pub(super) fn keep(&self, shape: Shape, text: Arc<str>) {
        if let Some(kept) = self.kept() {
            kept.insert((shape, sha256(&text)), text);
        }
    }

    const fn kept(&self) -> Option<&Cache<(Shape, Hash), Arc<str>>> {
        match &self.0 {
            Source::Kept(kept) => Some(kept),
            Source::Sent | Source::Listed(_) => None,
        }
    }
}

fn listed(list: &AllowList, asked: &Asked) -> Result<Arc<str>, QueryError> {
    if asked.query.is_none() && asked.hash.is_none() && asked.document_id.is_none() {
        return Err(nothing());
    }
    list.named(asked).cloned().ok_or_else(not_allowed)
}

fn not_allowed() -> QueryError {
    let message = "the document is not one of those that are allowed here";
    QueryError::new(ErrorCode::DocumentNotAllowed, message)
        .with_hint("name a listed document by its id in \"documentId\", or send its very text")
}

fn nothing() -> QueryError {
    invalid("\"query\" is missing: it is the document")
}

fn invalid(message: &str) -> QueryError {
    QueryError::new(ErrorCode::InvalidRequest, message)
}

fn sha256(text: &str) -> Hash {
    Sha256::digest(text).into()
}

/// A hash as clients write it.
fn decoded(text: &str) -> Result<Hash, QueryError> {
    let bytes = (0..64).step_by(2).map(|at| {
        let digits = text.get(at..at + 2).filter(|two| two.bytes().all(|one| one.is_ascii_hexdigit()))?;
        u8::from_str_radix(digits, 16).ok()
    });
    let bytes: Option<Vec<u8>> = if text.len() == 64 { bytes.collect() } else { None };
    let hash = bytes.and_then(|bytes| Hash::try_from(bytes).ok());
    hash.ok_or_else(|| invalid("\"sha256Hash\" is not 64 hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    const SHAPE: Shape = [7; 32];

    fn asked(text: Option<&str>, hash: Option<&str>) -> Asked {
        Asked {
            query: text.map(str::to_owned),
            document_id: None,
            hash: hash.map(str::to_owned),
            operation_name: None,
            variables: Default::default(),
            variables_bytes: 0,
        }
    }

    fn hex(text: &str) -> String {
        format!("{:x}", Sha256::digest(text))
    }

    fn persisted(config: &GraphqlConfig) -> Persisted {
        Persisted::new(config, None)
    }

    fn code(refused: Result<Arc<str>, QueryError>) -> ErrorCode {
        refused.unwrap_err().code
    }

    #[test]
    fn a_text_is_found_by_its_hash_once_it_is_kept() {
        let persisted = persisted(&GraphqlConfig::default());
        let (text, hash) = ("{ __typename }", hex("{ __typename }"));
        let missing = persisted.text(&asked(None, Some(&hash)), &SHAPE).unwrap_err();
        assert_eq!(
            (missing.code, missing.message.as_str()),
            (ErrorCode::PersistedQueryNotFound, "PersistedQueryNotFound")
        );
        persisted.keep(SHAPE, persisted.text(&asked(Some(text), Some(&hash)), &SHAPE).unwrap());
        // Who sees something else is not told that anybody sent it.
        let other = persisted.text(&asked(None, Some(&hash)), &[8; 32]).unwrap_err();
        assert_eq!((other.code, other.message), (missing.code, missing.message));
        for hash in [hash.to_uppercase(), hash] {
            assert_eq!(&*persisted.text(&asked(None, Some(&hash)), &SHAPE).unwrap(), text);
        }
    }

    #[test]
    fn a_hash_of_another_text_is_refused() {
        let persisted = persisted(&GraphqlConfig::default());
        assert_eq!(
            code(persisted.text(&asked(Some("{ b }"), Some(&hex("{ a }"))), &SHAPE)),
            ErrorCode::InvalidRequest
        );
        assert_eq!(code(persisted.text(&asked(None, None), &SHAPE)), ErrorCode::InvalidRequest);
    }

    #[test]
    fn hashes_are_hexadecimal() {
        let persisted = persisted(&GraphqlConfig::default());
        for hash in ["0a".to_owned(), "+1".repeat(32), "\u{e9}".repeat(32), hex("{ a }") + "0"] {
            assert_eq!(
                code(persisted.text(&asked(None, Some(&hash)), &SHAPE)),
                ErrorCode::InvalidRequest,
                "{hash}"
            );
        }
    }

    #[test]
    fn an_id_names_nothing_without_a_list() {
        let persisted = persisted(&GraphqlConfig::default());
        let by_id = |query| Asked { document_id: Some("a".to_owned()), ..asked(query, None) };
        assert!(persisted.text(&by_id(None), &SHAPE).unwrap_err().message.contains("documentId"));
        assert_eq!(&*persisted.text(&by_id(Some("{ a }")), &SHAPE).unwrap(), "{ a }");
    }

    #[test]
    fn nothing_is_kept_where_that_is_turned_off_or_there_is_no_room() {
        let off = GraphqlConfig { persisted_queries: false, ..Default::default() };
        let full = GraphqlConfig { persisted_bytes_max: 1, ..Default::default() };
        for config in [off, full] {
            let persisted = persisted(&config);
            persisted.keep(SHAPE, "{ a }".into());
            if let Some(kept) = persisted.kept() {
                kept.run_pending_tasks();
            }
            assert!(persisted.text(&asked(None, Some(&hex("{ a }"))), &SHAPE).is_err());
        }
    }

    #[test]
    fn nothing_runs_beside_a_list() {
        let (_changes, list) = watch::channel(Arc::new(AllowList::default()));
        let persisted = Persisted::new(&GraphqlConfig::default(), Some(list));
        let text = "{ __typename }";
        persisted.keep(SHAPE, text.into());
        for asked in
            [asked(Some(text), None), asked(None, Some(&hex(text))), asked(Some(text), Some(&hex(text)))]
        {
            assert_eq!(code(persisted.text(&asked, &SHAPE)), ErrorCode::DocumentNotAllowed, "{asked:?}");
        }
        assert_eq!(code(persisted.text(&asked(None, None), &SHAPE)), ErrorCode::InvalidRequest);
    }
}
