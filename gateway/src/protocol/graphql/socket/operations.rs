//! The operations of one socket: owns which ids are in use, and running each of them until its last event, or until the
//! client takes no more of it. Does not send.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use tokio::sync::mpsc::Sender;
use tokio_util::task::AbortOnDropHandle;

use super::messages;
use crate::protocol::graphql::answer::{Told, append_faults};
use crate::protocol::graphql::operation::{Asking, Outcome};
use crate::protocol::graphql::prepare::{Refused, Way};
use crate::protocol::graphql::request::Asked;
use crate::query::admission::Held;
use crate::query::error::QueryError;

/// A socket only asks what it may subscribe to as well.
const WAY: Way = Way { only_reads: false, takes_events: true };

/// What there is to send of an operation.
#[derive(Debug)]
pub(super) struct Event {
    id: String,
    /// Which of those that had the id.
    number: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    Next(Told),
    /// Faults, as a list; the last event.
    Errors(Vec<u8>),
    /// The last event.
    Complete,
}

/// A message, and what counts it until it is sent.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) text: Vec<u8>,
    pub(super) held: Option<Held>,
}

/// Those that run, by their ids. Dropping them ends all.
#[derive(Debug)]
pub(super) struct Operations {
    running: HashMap<String, Running>,
    last_number: u64,
    events: Sender<Event>,
}

#[derive(Debug)]
struct Running {
    number: u64,
    _task: AbortOnDropHandle<()>,
}

impl Operations {
    /// None yet. What there is to send of them goes to `events`.
    pub(super) fn new(events: Sender<Event>) -> Self {
        Self { running: HashMap::new(), last_number: 0, events }
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.running.contains_key(id)
    }

    pub(super) fn count(&self) -> usize {
        self.running.len()
    }

    /// Runs an operation under an id that is not in use.
    pub(super) fn begin(&mut self, id: String, asking: Asking, asked: Asked) {
        self.last_number += 1;
        let number = self.last_number;
        let out = Out { id: id.clone(), number, events: self.events.clone() };
        let task = AbortOnDropHandle::new(tokio::spawn(run(asking, asked, out)));
        self.running.insert(id, Running { number, _task: task });
    }

    /// The client takes no more of an operation, which may have ended already.
    pub(super) fn end(&mut self, id: &str) {
        self.running.remove(id);
    }

    /// The message that an event is; `None` where nobody takes it any more.
    pub(super) fn ready(&mut self, event: Event) -> Option<Ready> {
        let Event { id, number, what } = event;
        self.running.get(&id).filter(|running| running.number == number)?;
        if !matches!(what, What::Next(_)) {
            self.running.remove(&id);
        }
        Some(match what {
            What::Next(Told { bytes, held, .. }) => {
                Ready { text: messages::of_operation("next", &id, Some(bytes)), held: Some(held) }
            }
            What::Errors(list) => {
                Ready { text: messages::of_operation("error", &id, Some(list)), held: None }
            }
            What::Complete => Ready { text: messages::of_operation("complete", &id, None), held: None },
        })
    }
}

/// Where the events of one operation go, which waits until the one before was taken.
struct Out {
    id: String,
    number: u64,
    events: Sender<Event>,
}

impl Out {
    async fn put(&self, what: What) {
        // Nobody takes them any more: the socket is closed, and ends its operations.
        let _ = self.events.send(Event { id: self.id.clone(), number: self.number, what }).await;
    }
}

async fn run(asking: Asking, asked: Asked, out: Out) {
    let request_id = asking.context.request_id.clone();
    // Its id would stay taken, and nobody would learn that it has ended.
    let ended = AssertUnwindSafe(told(&asking, asked, &out)).catch_unwind().await;
    let ended = ended.unwrap_or_else(|_| Err(QueryError::internal("an operation panicked").into()));
    out.put(ended.map_or_else(|refused| What::Errors(errors(refused, &request_id)), |()| What::Complete))
        .await;
}

/// Tells all that there is to tell of an operation, but for its end.
async fn told(asking: &Asking, asked: Asked, out: &Out) -> Result<(), Refused> {
    match asking.outcome(asked, WAY).await? {
        Outcome::Answer(told) => out.put(What::Next(told)).await,
        Outcome::Subscription(mut subscription) => {
            while let Some(told) = subscription.next().await {
                out.put(What::Next(told?)).await;
            }
        }
    }
    Ok(())
}

/// Why nothing runs, or no more does, as a list.
pub(super) fn errors(refused: Refused, request_id: &str) -> Vec<u8> {
    let mut list = Vec::new();
    append_faults(&refused.faults(), request_id, &mut list);
    list
}
