//! How many subscriptions there are, and on how many sockets and event streams, for one subject and for all: owns the
//! counts and their limits. Does not open any.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::graphql::GraphqlConfig;
use crate::query::admission::{StreamPlace, StreamPlaces};
use crate::query::caller::Caller;
use crate::query::error::{ErrorCode, QueryError};

/// All places of the door.
#[derive(Debug)]
pub struct Places {
    sockets: Arc<Semaphore>,
    of_subjects: StreamPlaces,
    subscriptions: Arc<Semaphore>,
    subscriptions_of_subjects: StreamPlaces,
}

/// That of one subscription; free again when it is dropped.
#[derive(Debug)]
pub(super) struct SubscriptionPlace {
    _of_all: OwnedSemaphorePermit,
    _of_subject: StreamPlace,
}

/// That of one socket or event stream; free again when it is dropped.
#[derive(Debug)]
pub(super) struct SocketPlace {
    _of_all: OwnedSemaphorePermit,
    _of_subject: StreamPlace,
}

impl Places {
    /// All of them free.
    pub fn new(config: &GraphqlConfig) -> Self {
        let semaphore = |count: usize| Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)));
        Self {
            sockets: semaphore(config.sockets_max),
            of_subjects: StreamPlaces::new(config.subject_sockets_max),
            subscriptions: semaphore(config.subscriptions_max),
            subscriptions_of_subjects: StreamPlaces::new(config.subject_subscriptions_max),
        }
    }

    /// A place for a socket or an event stream of a caller.
    ///
    /// # Errors
    /// `overloaded`: the caller has as many as it may, or all together are as many as there may be.
    pub(super) fn socket(&self, caller: &Caller) -> Result<SocketPlace, QueryError> {
        let of_subject = self.of_subjects.take(caller)?;
        let of_all = take(&self.sockets, "sockets and event streams")?;
        Ok(SocketPlace { _of_all: of_all, _of_subject: of_subject })
    }

    /// A place for a subscription of a caller.
    ///
    /// # Errors
    /// `overloaded`: the caller has as many as it may, or all together are as many as there may be.
    pub(super) fn subscription(&self, caller: &Caller) -> Result<SubscriptionPlace, QueryError> {
        let of_subject = self.subscriptions_of_subjects.take(caller)?;
        let of_all = take(&self.subscriptions, "subscriptions")?;
        Ok(SubscriptionPlace { _of_all: of_all, _of_subject: of_subject })
    }
}

fn take(places: &Arc<Semaphore>, what: &str) -> Result<OwnedSemaphorePermit, QueryError> {
    Arc::clone(places).try_acquire_owned().map_err(|_| {
        let message = format!("there are as many {what} as there may be");
        QueryError::new(ErrorCode::Overloaded, message).retry_after(Duration::from_secs(1))
    })
}
