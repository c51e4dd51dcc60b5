//! Memory of answers that their callers have not taken, and of requests that are being read: owns its count, in
//! all and by subject, and the refusal of more. Does not know where the bytes are.
//!
//! A query leaves its slot once its answer is computed; how long the answer then stays in memory
//! is up to its caller.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sluice_policies::principal::Principal;

use super::{SubjectKey, overloaded, subject_key};
use crate::config::limits::LimitsConfig;
use crate::query::error::QueryError;

const HINT: &str = "read the answers that are under way to their end, or close their connections";

#[derive(Debug, Clone)]
pub(super) struct Undelivered(Arc<Ledger>);

#[derive(Debug)]
struct Ledger {
    bytes_max: usize,
    subject_bytes_max: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    bytes: usize,
    /// Only subjects that hold something.
    by_subject: HashMap<SubjectKey, usize>,
}

/// The memory of one answer, from its computation until its caller has taken it. Dropping it
/// frees the bytes.
#[derive(Debug)]
pub struct Held {
    ledger: Arc<Ledger>,
    subject: SubjectKey,
    bytes: usize,
}

impl Undelivered {
    pub(super) fn new(limits: &LimitsConfig) -> Self {
        Self(Arc::new(Ledger {
            bytes_max: limits.undelivered_bytes_max,
            subject_bytes_max: limits.subject_undelivered_bytes_max,
            counts: Mutex::default(),
        }))
    }

    /// An answer of no bytes yet.
    pub(super) fn none(&self, principal: &Principal) -> Held {
        Held { ledger: Arc::clone(&self.0), subject: subject_key(principal), bytes: 0 }
    }
}

impl Held {
    /// Bytes that the answer takes at present.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Says how many bytes the answer takes now. Fewer than before are always taken, and so is
    /// any number while the subject holds no other answer: it is never shut out by others.
    ///
    /// # Errors
    /// `overloaded` when the subject, or all callers together, would hold more than allowed. The
    /// answer then counts as before.
    pub fn resize(&mut self, bytes: usize) -> Result<(), QueryError> {
        let mut counts = self.ledger.counts();
        let by_subject = counts.by_subject.get(&self.subject).copied().unwrap_or(0);
        let others_of_subject = by_subject.saturating_sub(self.bytes);
        let others = counts.bytes.saturating_sub(self.bytes);
        if bytes > self.bytes && others_of_subject > 0 {
            if others_of_subject.saturating_add(bytes) > self.ledger.subject_bytes_max {
                let message = "requests and unread answers of this subject take too much memory";
                return Err(overloaded(message).with_hint(HINT));
            }
            if others.saturating_add(bytes) > self.ledger.bytes_max {
                return Err(overloaded("requests and unread answers take too much memory").with_hint(HINT));
            }
        }
        counts.bytes = others.saturating_add(bytes);
        match others_of_subject.saturating_add(bytes) {
            0 => drop(counts.by_subject.remove(&self.subject)),
            all => drop(counts.by_subject.insert(self.subject.clone(), all)),
        }
        drop(counts);
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Never refused: nothing is fewer than before.
        let _freed = self.resize(0);
    }
}

impl Ledger {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Whoever panicked did so before or after the counts were changed, not between.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::collections::BTreeMap;

    use super::*;
    use crate::query::error::ErrorCode;

    fn ledger(bytes_max: usize, subject_bytes_max: usize) -> Undelivered {
        Undelivered::new(&LimitsConfig {
            undelivered_bytes_max: bytes_max,
            subject_undelivered_bytes_max: subject_bytes_max,
            ..LimitsConfig::default()
        })
    }

    fn of(undelivered: &Undelivered, subject: &str, bytes: usize) -> Result<Held, QueryError> {
        let principal =
            Principal { subject: subject.to_owned(), ..Principal::local("analyst", BTreeMap::new()) };
        let mut held = undelivered.none(&principal);
        held.resize(bytes).map(|()| held)
    }

    fn refusal(undelivered: &Undelivered, subject: &str, bytes: usize) -> String {
        let refused = of(undelivered, subject, bytes).unwrap_err();
        assert_eq!(refused.code, ErrorCode::Overloaded);
        assert!(refused.retry_after.is_some());
        refused.message
    }

    #[test]
    fn a_subject_holds_as_many_bytes_as_the_limit_and_not_one_more() {
        let undelivered = ledger(1_000, 100);
        let first = of(&undelivered, "a", 60).unwrap();
        assert!(refusal(&undelivered, "a", 41).contains("this subject"));
        let second = of(&undelivered, "a", 40).unwrap();
        let other = of(&undelivered, "b", 100).unwrap();
        drop(first);
        assert!(refusal(&undelivered, "a", 61).contains("this subject"));
        let third = of(&undelivered, "a", 60).unwrap();
        drop((second, third, other));
        let counts = undelivered.0.counts();
        assert_eq!((counts.bytes, counts.by_subject.len()), (0, 0));
    }

    #[test]
    fn all_together_hold_as_many_bytes_as_the_limit_and_not_one_more() {
        let undelivered = ledger(100, 1_000);
        let _a = of(&undelivered, "a", 50).unwrap();
        let _b = of(&undelivered, "b", 30).unwrap();
        assert!(!refusal(&undelivered, "b", 21).contains("subject"));
        let _also_b = of(&undelivered, "b", 20).unwrap();
    }

    #[test]
    fn an_answer_that_is_its_subjects_only_one_is_never_refused() {
        let undelivered = ledger(100, 100);
        let mut large = of(&undelivered, "a", 101).unwrap();
        large.resize(5_000).unwrap();
        assert!(refusal(&undelivered, "a", 1).contains("this subject"));
        let _of_another = of(&undelivered, "b", 101).unwrap();
        assert_eq!(undelivered.0.counts().bytes, 5_101);
    }

    #[test]
    fn what_is_refused_counts_as_before_and_what_shrinks_is_free() {
        let undelivered = ledger(1_000, 100);
        let mut first = of(&undelivered, "a", 90).unwrap();
        let mut second = of(&undelivered, "a", 10).unwrap();
        second.resize(11).unwrap_err();
        assert_eq!(second.bytes(), 10);
        first.resize(89).unwrap();
        second.resize(11).unwrap();
        assert_eq!(undelivered.0.counts().bytes, 100);
    }

    #[test]
    fn issuers_may_know_different_people_by_one_name() {
        let undelivered = ledger(1_000, 100);
        let _held = of(&undelivered, "a", 100).unwrap();
        let elsewhere = Principal {
            issuer: "elsewhere".to_owned(),
            subject: "a".to_owned(),
            ..Principal::local("analyst", BTreeMap::new())
        };
        let mut first = undelivered.none(&elsewhere);
        first.resize(60).unwrap();
        let mut second = undelivered.none(&elsewhere);
        second.resize(40).unwrap();
    }
}
