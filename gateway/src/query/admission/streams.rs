//! The streams that one subject has at once: owns their count and its limit. A slot of a stream is held for as
//! long as its reader takes, so that few subjects could hold them all. Does not know slots.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sluice_policies::principal::Principal;

use super::{SubjectKey, overloaded, subject_key};
use crate::query::error::QueryError;

/// Places for the streams of every subject.
#[derive(Debug)]
pub struct StreamPlaces {
    subject_max: usize,
    taken: Arc<Taken>,
}

/// Only subjects that have any.
#[derive(Debug, Default)]
struct Taken(Mutex<HashMap<SubjectKey, usize>>);

/// One stream of a subject, from its admission to its end; given up on drop.
#[derive(Debug)]
pub struct StreamPlace {
    taken: Arc<Taken>,
    subject: SubjectKey,
}

impl StreamPlaces {
    /// So many for each subject.
    pub fn new(subject_max: usize) -> Self {
        Self { subject_max, taken: Arc::default() }
    }

    /// One of those of a subject.
    ///
    /// # Errors
    /// `overloaded` when it has as many as it may.
    pub fn take(&self, principal: &Principal) -> Result<StreamPlace, QueryError> {
        let subject = subject_key(principal);
        let mut counts = self.taken.counts();
        let count = counts.entry(subject.clone()).or_insert(0);
        if *count >= self.subject_max {
            let message = format!("this subject has {} streams open, as many as it may", self.subject_max);
            return Err(overloaded(&message).with_hint("read a stream to its end, or cancel one"));
        }
        *count += 1;
        drop(counts);
        Ok(StreamPlace { taken: Arc::clone(&self.taken), subject })
    }
}

impl Taken {
    fn counts(&self) -> MutexGuard<'_, HashMap<SubjectKey, usize>> {
        // A panic could only come before or after a count was changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        let mut counts = self.taken.counts();
        if let Some(count) = counts.get_mut(&self.subject) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.subject);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::collections::BTreeMap;

    use super::*;
    use crate::query::error::ErrorCode;

    fn subject(name: &str) -> Principal {
        Principal { subject: name.to_owned(), ..Principal::local("analyst", BTreeMap::new()) }
    }

    #[test]
    fn a_subject_has_as_many_streams_as_the_limit_and_not_one_more() {
        let places = StreamPlaces::new(2);
        let first = places.take(&subject("a")).unwrap();
        let _second = places.take(&subject("a")).unwrap();
        let refused = places.take(&subject("a")).unwrap_err();
        assert_eq!(refused.code, ErrorCode::Overloaded);
        let other = places.take(&subject("b")).unwrap();
        drop(first);
        let third = places.take(&subject("a")).unwrap();
        drop((_second, third, other));
        assert!(places.taken.counts().is_empty());
    }
}
