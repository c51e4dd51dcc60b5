//! A connection as its listener and the doors both see it: owns whose requests are in flight on it, when it
//! was last used, and whether it may be told to leave. Does not read it and does not close it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::task_tracker::TaskTrackerToken;

/// What one connection is used for.
#[derive(Debug, Clone)]
pub struct Connection(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    uses: Mutex<Uses>,
    leave: CancellationToken,
}

#[derive(Debug)]
struct Uses {
    /// When it was opened, or last had a request that was admitted or took a piece of its answer: what
    /// anybody may ask, a probe or a page that is not there, is no use.
    used_at: Instant,
    /// A request was admitted.
    admitted: bool,
    /// One of a caller with a token.
    by_token: bool,
    /// Requests in flight whose callers showed a token.
    in_flight: usize,
    /// The last of them has not been taken by the peer.
    unwritten: bool,
}

/// For how long a connection keeps its place without anything more.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a first request that is admitted.
    pub first_request: Duration,
    /// For a request of a caller with a token, from its start or from the last piece of its answer that
    /// was taken.
    pub request: Duration,
}

/// How well a connection deserves its place; what deserves it least comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Merit {
    /// It was used, or has not had the time for it.
    useful: bool,
    used_at: Instant,
}

impl Connection {
    /// A connection that was just opened.
    pub fn opened() -> Self {
        let uses = Uses {
            used_at: Instant::now(),
            admitted: false,
            by_token: false,
            in_flight: 0,
            unwritten: false,
        };
        Self(Arc::new(Shared { uses: Mutex::new(uses), leave: CancellationToken::new() }))
    }

    /// A request arrived, by nobody knows whom. `counted` is its share of what the drain waits for.
    pub fn request(&self, counted: TaskTrackerToken) -> RequestInFlight {
        RequestInFlight(Arc::new(Flight {
            connection: self.clone(),
            admitted: AtomicBool::new(false),
            by_token: AtomicBool::new(false),
            _counted: counted,
        }))
    }

    /// The peer does not take what there is to write, or has taken it.
    pub fn set_unwritten(&self, unwritten: bool) {
        self.uses().unwritten = unwritten;
    }

    /// What it deserves; `None` while it serves a caller with a token, or was told to leave.
    pub fn merit(&self, patience: Patience) -> Option<Merit> {
        if self.0.leave.is_cancelled() {
            return None;
        }
        self.uses().merit(patience)
    }

    /// Tells it to leave, unless it has come to serve a caller with a token; false then.
    pub fn leave(&self, patience: Patience) -> bool {
        let uses = self.uses();
        let leaves = uses.merit(patience).is_some();
        if leaves {
            self.0.leave.cancel();
        }
        leaves
    }

    /// Ready once it was told to leave.
    pub fn left(&self) -> WaitForCancellationFutureOwned {
        self.0.leave.clone().cancelled_owned()
    }

    fn uses(&self) -> MutexGuard<'_, Uses> {
        self.0.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Uses {
    fn merit(&self, patience: Patience) -> Option<Merit> {
        let age = self.used_at.elapsed();
        let serves = self.in_flight > 0 || (self.unwritten && self.by_token);
        // An answer that nobody reads is no reason to stay for ever.
        let kept = serves && age < patience.request;
        let useful = self.admitted || age < patience.first_request;
        (!kept).then_some(Merit { useful, used_at: self.used_at })
    }
}

/// A request on a connection, in flight until the last clone is dropped: whatever goes on after its answer, as a socket
/// does, holds one.
#[derive(Debug, Clone)]
pub struct RequestInFlight(Arc<Flight>);

#[derive(Debug)]
struct Flight {
    connection: Connection,
    admitted: AtomicBool,
    by_token: AtomicBool,
    _counted: TaskTrackerToken,
}

impl RequestInFlight {
    /// The request was admitted, for a caller with a token or for anybody.
    pub fn admitted(&self, by_token: bool) {
        let mut uses = self.0.connection.uses();
        uses.used_at = Instant::now();
        uses.admitted = true;
        uses.by_token |= by_token;
        self.0.admitted.store(true, Ordering::Release);
        if by_token && !self.0.by_token.swap(true, Ordering::AcqRel) {
            uses.in_flight += 1;
        }
    }

    /// The peer took a piece of its answer.
    pub fn progressed(&self) {
        if self.0.admitted.load(Ordering::Acquire) {
            self.0.connection.uses().used_at = Instant::now();
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if *self.by_token.get_mut() {
            let mut uses = self.connection.uses();
            uses.in_flight -= 1;
            uses.used_at = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use tokio_util::task::TaskTracker;

    use super::*;

    const PATIENCE: Patience =
        Patience { first_request: Duration::from_secs(10), request: Duration::from_secs(120) };

    fn arrived(connection: &Connection) -> RequestInFlight {
        connection.request(TaskTracker::new().token())
    }

    async fn pass(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_stays_while_it_serves_a_caller_with_a_token() {
        let connection = Connection::opened();
        let (stranger, known) = (arrived(&connection), arrived(&connection));
        stranger.admitted(false);
        assert!(connection.merit(PATIENCE).is_some());
        known.admitted(true);
        known.admitted(true);
        let last_piece = known.clone();
        drop((stranger, known));
        assert_eq!(connection.merit(PATIENCE), None);
        assert!(!connection.leave(PATIENCE));
        drop(last_piece);
        connection.set_unwritten(true);
        assert_eq!(connection.merit(PATIENCE), None, "the peer has not taken it");
        pass(119).await;
        assert_eq!(connection.merit(PATIENCE), None);
        pass(1).await;
        assert!(connection.merit(PATIENCE).is_some(), "an answer that nobody reads");
        assert!(connection.leave(PATIENCE));
        assert_eq!(connection.merit(PATIENCE), None, "it is told once");
        connection.left().await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_read_keeps_its_connection_however_long_that_takes() {
        let connection = Connection::opened();
        let request = arrived(&connection);
        request.admitted(true);
        for _ in 0..3 {
            pass(119).await;
            assert_eq!(connection.merit(PATIENCE), None);
            request.progressed();
        }
        pass(120).await;
        let before = connection.merit(PATIENCE);
        assert!(before.is_some(), "an answer that nobody reads");
        arrived(&connection).progressed();
        assert_eq!(connection.merit(PATIENCE), before, "what was not admitted is no use");
    }

    #[tokio::test(start_paused = true)]
    async fn what_only_lingers_comes_first_and_then_what_was_used_the_longest_ago() {
        let used = Connection::opened();
        arrived(&used).admitted(true);
        pass(1).await;
        let lingering = Connection::opened();
        pass(9).await;
        let young = Connection::opened();
        let merit = |connection: &Connection| connection.merit(PATIENCE);
        assert!(merit(&used) < merit(&lingering) && merit(&lingering) < merit(&young));
        pass(1).await;
        drop(arrived(&lingering));
        assert!(merit(&lingering) < merit(&used) && merit(&used) < merit(&young));
        drop(arrived(&used));
        assert!(merit(&used) < merit(&young), "what was not admitted is no use");
        arrived(&used).admitted(false);
        assert!(merit(&used) > merit(&young));
    }
}
