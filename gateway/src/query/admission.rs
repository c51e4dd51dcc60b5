//! Who may start a query, and when: owns the rate of a subject, the slots of each class of query,
//! the queue before them, the watch on resident memory, and how much memory the answers may take
//! that nobody has read. Does not authorize and does not stop a query that runs.

mod rate;
mod resident;
mod slots;
mod streams;
mod turns;
mod undelivered;

use std::time::{Duration, SystemTime};

use sluice_policies::principal::Principal;
use tokio::time::Instant;
use tracing::info;

use self::rate::SubjectRates;
use self::resident::ResidentMemory;
use self::slots::{Slot, Slots, SlotsRefusal};
pub use self::streams::{StreamPlace, StreamPlaces};
pub use self::turns::Turn;
use self::turns::Turns;
pub use self::undelivered::Held;
use self::undelivered::Undelivered;
use super::caller::Caller;
use super::error::{ErrorCode, QueryError};
use crate::config::limits::LimitsConfig;
use crate::engine::statement::{Select, Statement};
use crate::telemetry::Metrics;

/// Classes have slots and queues of their own, so that a light query never waits for heavy ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryClass {
    /// Cost follows what is returned: pages and lookups, of many keys too.
    Light,
    /// Cost follows what is stored: aggregates, SQL, and rows of many keys that have to be compared or counted.
    Heavy,
    /// As heavy, for as long as its caller takes to read it.
    Stream,
}

impl QueryClass {
    /// The class of a statement that is answered whole.
    pub const fn of(statement: &Statement) -> Self {
        match statement {
            Statement::Select(Select { per_key: Some(_), limit, order, count_exact, .. }) => {
                let is_any_row = matches!(limit, Some(1)) && order.is_empty() && !*count_exact;
                if is_any_row { Self::Light } else { Self::Heavy }
            }
            Statement::Select(_) | Statement::Lookup(_) => Self::Light,
            Statement::Aggregate(_) | Statement::Sql(_) => Self::Heavy,
        }
    }

    /// The class as metrics name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Heavy => "heavy",
            Self::Stream => "stream",
        }
    }
}

/// When a query must have ended, the wait for its slot included, and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    at: Instant,
    limit: TimeLimit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TimeLimit {
    /// The configured one.
    Configured(Duration),
    /// The caller's own, which is the shorter.
    Caller,
    /// The life of its token, which is the shortest.
    Token,
}

impl Deadline {
    fn of(query_time: Duration, asked: Option<Instant>) -> Self {
        let own = Instant::now() + query_time;
        match asked {
            Some(at) if at < own => Self { at, limit: TimeLimit::Caller },
            _ => Self { at: own, limit: TimeLimit::Configured(query_time) },
        }
    }

    /// That of a token; `None` for one that does not end.
    pub fn of_token(expires_at: Option<SystemTime>) -> Option<Self> {
        let left = expires_at?.duration_since(SystemTime::now()).unwrap_or_default();
        let at = Instant::now().checked_add(left)?;
        Some(Self { at, limit: TimeLimit::Token })
    }

    /// This one, or that of a limit of `time` from now on where it comes first.
    #[must_use]
    pub fn within(self, time: Duration) -> Self {
        let own = Self { at: Instant::now() + time, limit: TimeLimit::Configured(time) };
        if own.at < self.at { own } else { self }
    }

    /// The moment itself.
    pub const fn at(self) -> Instant {
        self.at
    }

    /// The refusal of a query that has not ended by then.
    pub fn exceeded(self) -> QueryError {
        if self.limit == TimeLimit::Token {
            let message = "the token expired while the stream was read";
            return QueryError::new(ErrorCode::Unauthenticated, message)
                .with_hint("ask again with a new token");
        }
        let message = match self.limit {
            TimeLimit::Configured(time) => format!("the query ran longer than {} ms", time.as_millis()),
            TimeLimit::Caller | TimeLimit::Token => {
                "the query was not done by the deadline of the call".to_owned()
            }
        };
        let hint = "narrow the filter or ask for less";
        QueryError::new(ErrorCode::DeadlineExceeded, message).with_hint(hint)
    }
}

/// The right to run one query until its deadline. Dropping it frees the slot.
#[derive(Debug)]
pub struct Permit {
    deadline: Deadline,
    _slot: Slot,
}

impl Permit {
    /// When the query must have ended.
    pub const fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// The same right, for no longer than a token is valid.
    #[must_use]
    pub fn until_expiry(mut self, expires_at: Option<SystemTime>) -> Self {
        if let Some(end) = Deadline::of_token(expires_at).filter(|end| end.at < self.deadline.at) {
            self.deadline = end;
        }
        self
    }
}

/// The gate before every query.
#[derive(Debug)]
pub struct Admission {
    rates: SubjectRates,
    light: Slots,
    heavy: Slots,
    streams: Slots,
    stream_places: StreamPlaces,
    change_reads: Turns,
    resident: ResidentMemory,
    undelivered: Undelivered,
    query_time: Duration,
    stream_time: Duration,
    queue_wait: Duration,
}

impl Admission {
    /// A gate with every slot free.
    pub fn new(limits: &LimitsConfig, metrics: &Metrics) -> Self {
        let slots = |class: QueryClass, count| {
            Slots::new(class.as_str(), count, limits.queries_queued_max, metrics.clone())
        };
        Self {
            rates: SubjectRates::new(limits),
            light: slots(QueryClass::Light, limits.queries_concurrent_max),
            heavy: slots(QueryClass::Heavy, limits.heavy_queries_concurrent_max),
            streams: slots(QueryClass::Stream, limits.streams_concurrent_max),
            stream_places: StreamPlaces::new(limits.subject_streams_max),
            change_reads: Turns::new(
                limits.change_reads_concurrent_max.min(limits.queries_concurrent_max.div_ceil(2)),
            ),
            resident: ResidentMemory::new(limits.resident_bytes_max),
            undelivered: Undelivered::new(limits),
            query_time: Duration::from_millis(limits.query_time_ms_max),
            stream_time: Duration::from_millis(limits.stream_time_ms_max),
            queue_wait: Duration::from_millis(limits.queue_wait_ms_max),
        }
    }

    /// Counts one request against its subject's rate.
    ///
    /// # Errors
    /// `rate_limited`, with the time after which one more request fits.
    pub fn count(&self, principal: Principal) -> Result<Caller, QueryError> {
        match self.rates.charge(&principal) {
            Ok(()) => Ok(Caller::counted(principal)),
            Err(wait) => {
                info!(issuer = principal.issuer, subject = principal.subject, "a subject is over its rate");
                let refusal = QueryError::new(ErrorCode::RateLimited, "too many requests by this subject");
                Err(refusal.retry_after(wait))
            }
        }
    }

    /// Waits for a slot, first come first served in each class, but not past `asked`. Dropping the future
    /// gives up the place in the queue.
    ///
    /// # Errors
    /// `overloaded` when the queue is full, the wait was too long or resident memory is over its limit;
    /// `deadline_exceeded` once `asked` is past.
    pub async fn admit(&self, class: QueryClass, asked: Option<Instant>) -> Result<Permit, QueryError> {
        let (slots, time) = match class {
            QueryClass::Light => (&self.light, self.query_time),
            QueryClass::Heavy => (&self.heavy, self.query_time),
            QueryClass::Stream => (&self.streams, self.stream_time),
        };
        let deadline = Deadline::of(time, asked);
        let left = asked.map_or(self.queue_wait, |asked| asked.saturating_duration_since(Instant::now()));
        if left.is_zero() && asked.is_some() {
            return Err(deadline.exceeded());
        }
        let slot = slots.acquire(self.queue_wait.min(left)).await.map_err(|refusal| match refusal {
            SlotsRefusal::QueueFull => overloaded("every slot and the queue are taken"),
            SlotsRefusal::WaitedTooLong if left < self.queue_wait => deadline.exceeded(),
            SlotsRefusal::WaitedTooLong => overloaded("no slot became free in time"),
        })?;
        let alone = self.light.running() + self.heavy.running() + self.streams.running() == 1;
        if !alone && self.resident.refuses(class) {
            return Err(overloaded("memory is short"));
        }
        Ok(Permit { deadline, _slot: slot })
    }

    /// One of the streams that the caller may have at once.
    ///
    /// # Errors
    /// `overloaded` when it has as many as it may.
    pub fn stream_place(&self, caller: &Caller) -> Result<StreamPlace, QueryError> {
        self.stream_places.take(caller)
    }

    /// Waits for a turn to read a change, first come first served, for as long as that takes: the reader is behind
    /// meanwhile, and nothing else. However many follow a table, a commit to it leaves slots to others.
    pub async fn change_turn(&self) -> Turn {
        self.change_reads.take().await
    }

    /// Where the memory of an answer to this caller is counted; of no bytes yet.
    pub fn hold(&self, caller: &Caller) -> Held {
        self.undelivered.none(caller)
    }
}

/// Issuer and subject: two issuers may know different people by one name.
type SubjectKey = (String, String);

fn subject_key(principal: &Principal) -> SubjectKey {
    (principal.issuer.clone(), principal.subject.clone())
}

fn overloaded(message: &str) -> QueryError {
    QueryError::new(ErrorCode::Overloaded, message).retry_after(Duration::from_secs(1))
}

#[cfg(test)]
mod tests;
