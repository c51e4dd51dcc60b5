//! A connection as its listener and the doors both see it: owns whose requests are in flight on it, and when
//! one last was. Does not read it and does not close it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// What one connection is used for.
#[derive(Debug, Clone)]
pub struct Connection(Arc<Mutex<Uses>>);

#[derive(Debug)]
struct Uses {
    /// Requests in flight whose callers showed a token.
    in_flight: usize,
    /// There was one.
    trusted: bool,
    used_at: Instant,
}

/// How well a connection deserves its place; what deserves it least comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Merit {
    /// A caller with a token has used it.
    trusted: bool,
    used_at: Instant,
}

impl Connection {
    /// A connection that was just opened.
    pub fn opened() -> Self {
        Self(Arc::new(Mutex::new(Uses { in_flight: 0, trusted: false, used_at: Instant::now() })))
    }

    /// A request arrived, by nobody knows whom.
    pub fn request(&self) -> RequestInFlight {
        self.uses().used_at = Instant::now();
        RequestInFlight(Arc::new(Flight { connection: self.clone(), trusted: AtomicBool::new(false) }))
    }

    /// What it deserves; `None` while it serves a caller with a token.
    pub fn merit(&self) -> Option<Merit> {
        let uses = self.uses();
        (uses.in_flight == 0).then_some(Merit { trusted: uses.trusted, used_at: uses.used_at })
    }

    fn uses(&self) -> MutexGuard<'_, Uses> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request on a connection, in flight until the last clone is dropped.
#[derive(Debug, Clone)]
pub struct RequestInFlight(Arc<Flight>);

#[derive(Debug)]
struct Flight {
    connection: Connection,
    trusted: AtomicBool,
}

impl RequestInFlight {
    /// The caller showed a token.
    pub fn trust(&self) {
        if self.0.trusted.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut uses = self.0.connection.uses();
        uses.in_flight += 1;
        uses.trusted = true;
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut uses = self.connection.uses();
        uses.used_at = Instant::now();
        if *self.trusted.get_mut() {
            uses.in_flight -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn a_connection_is_held_while_it_serves_a_caller_with_a_token() {
        let connection = Connection::opened();
        let stranger = connection.request();
        assert!(connection.merit().is_some_and(|merit| !merit.trusted));
        let known = connection.request();
        known.trust();
        known.trust();
        let last_piece = known.clone();
        drop((stranger, known));
        assert_eq!(connection.merit(), None);
        drop(last_piece);
        assert!(connection.merit().is_some_and(|merit| merit.trusted));
    }

    #[test]
    fn trust_comes_before_use_and_later_use_before_earlier() {
        let (first, second) = (Connection::opened(), Connection::opened());
        assert!(first.merit() < second.merit());
        drop(first.request());
        assert!(first.merit() > second.merit());
        second.request().trust();
        drop(first.request());
        assert!(first.merit() < second.merit());
    }
}
