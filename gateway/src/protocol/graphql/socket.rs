//! Sockets that speak `graphql-transport-ws`: owns the order of the protocol, from the first message to the close, and who
//! may ask. Does not run operations, and does not read or write the socket itself.

mod messages;
mod opening;
mod operations;
mod wire;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use serde_json::value::RawValue;
use sluice_policies::principal::Principal;
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};
use tracing::info;
use uuid::Uuid;

use self::messages::{ACK, PONG, Received, credentials, of_operation, read};
pub(super) use self::opening::{is_asked_for, open};
use self::operations::{Event, Operations, errors};
use self::wire::{Closing, Step, Wire};
use super::GraphqlDoor;
use super::operation::Asking;
use super::places::SocketPlace;
use super::request::{Asked, Parameters};
use crate::protocol::http::body::check_nesting;
use crate::protocol::request_context::RequestContext;
use crate::query::admission::Deadline;
use crate::query::caller::Caller;
use crate::query::error::{ErrorCode, QueryError};

/// A socket that was opened, by nobody knows whom.
struct Socket {
    door: Arc<GraphqlDoor>,
    context: RequestContext,
    wire: Wire,
    /// Those that came with the request to open it.
    credentials: HeaderMap,
}

/// Who asks by it.
struct Known {
    /// Verified anew for each operation and each event: keys may be withdrawn, and roles go.
    credentials: Arc<HeaderMap>,
    caller: Caller,
    _place: SocketPlace,
}

impl Socket {
    /// Speaks until either side closes.
    async fn run(mut self) {
        let closing = match self.known().await {
            Ok(known) => {
                let (request_id, principal) = (&self.context.request_id, &known.caller);
                info!(request_id, subject = principal.subject, role = principal.role, "socket opened");
                self.serve(known).await
            }
            Err(closing) => closing,
        };
        info!(request_id = self.context.request_id, %closing, "socket closed");
        self.wire.close(closing).await;
    }

    /// Waits until the client says who asks.
    async fn known(&mut self) -> Step<Known> {
        let door = Arc::clone(&self.door);
        let wait = Duration::from_millis(door.config.socket_init_wait_ms_max);
        tokio::select! {
            () = door.drained() => Err(stopping()),
            known = timeout(wait, self.init()) => {
                known.unwrap_or_else(|_| Err(Closing::of(4408, "no \"connection_init\" came in time")))
            }
        }
    }

    async fn init(&mut self) -> Step<Known> {
        loop {
            let text = self.wire.receive().await?;
            match self.message(&text)? {
                Received::Init(payload) => {
                    let known = self.admitted(payload)?;
                    self.wire.send(ACK).await?;
                    return Ok(known);
                }
                Received::Ping => self.wire.send(PONG).await?,
                Received::Subscribe(..) => {
                    return Err(Closing::of(
                        4401,
                        "an operation before \"connection_init\" was acknowledged",
                    ));
                }
                Received::Pong | Received::Complete(_) => {}
            }
        }
    }

    /// Authenticates by one of the two places for credentials, counts, and takes a place.
    fn admitted(&self, payload: Option<&RawValue>) -> Step<Known> {
        let refused = |reason: &str| Closing::of(4403, reason);
        let sent = credentials(payload).map_err(|_| refused("the credentials are not text"))?;
        let credentials = match (self.credentials.is_empty(), sent.is_empty()) {
            (false, false) => {
                return Err(refused("credentials came twice, with the request and with \"connection_init\""));
            }
            (false, true) => self.credentials.clone(),
            (true, _) => sent,
        };
        let principal = self.door.authenticator.authenticate(&credentials);
        let principal = principal.map_err(|error| refused(&error.to_string()))?;
        let too_many = |error: QueryError| Closing::of(1013, &error.message);
        let caller = self.door.service.count(principal).map_err(too_many)?;
        let place = self.door.places.socket(&caller).map_err(too_many)?;
        self.wire.admitted(credentials.contains_key(AUTHORIZATION));
        Ok(Known { credentials: Arc::new(credentials), caller, _place: place })
    }

    async fn serve(&mut self, known: Known) -> Closing {
        let door = Arc::clone(&self.door);
        let (out, mut events) = mpsc::channel(1);
        let mut operations = Operations::new(out);
        let mut alive = door.signs_of_life();
        let (drained, expired) = (door.drained(), expiry(known.caller.expires_at));
        let served = async {
            loop {
                let step = tokio::select! {
                    biased;
                    // First, so that a sign of life is seen before the next is asked for.
                    received = self.wire.receive() => match received {
                        Ok(text) => self.take(&text, &known, &mut operations).await,
                        Err(closing) => Err(closing),
                    },
                    _ = alive.tick() => self.wire.ask_for_life().await,
                    // There is a sender among the operations.
                    Some(event) = events.recv() => self.tell(&mut operations, event).await,
                };
                if let Err(closing) = step {
                    return closing;
                }
            }
        };
        // Whatever is being said meanwhile, to whoever reads it slowly.
        tokio::select! {
            biased;
            () = drained => stopping(),
            () = expired => Closing::of(4403, "the token has expired"),
            closing = served => closing,
        }
    }

    async fn take(&mut self, text: &str, known: &Known, operations: &mut Operations) -> Step<()> {
        match self.message(text)? {
            Received::Init(_) => Err(Closing::of(4429, "a second \"connection_init\"")),
            Received::Ping => self.wire.send(PONG).await,
            Received::Pong => Ok(()),
            Received::Complete(id) => {
                operations.end(&id);
                Ok(())
            }
            Received::Subscribe(id, parameters) => self.subscribe(id, parameters, known, operations).await,
        }
    }

    async fn subscribe(
        &mut self,
        id: String,
        parameters: Parameters<'_>,
        known: &Known,
        operations: &mut Operations,
    ) -> Step<()> {
        if operations.has(&id) {
            return Err(Closing::of(4409, "an operation with this id is under way"));
        }
        let principal = self.door.authenticator.authenticate(&known.credentials);
        let principal = principal.map_err(|error| Closing::of(4403, &error.to_string()))?;
        let context = RequestContext {
            request_id: Uuid::now_v7().to_string(),
            trace_id: self.context.trace_id.clone(),
        };
        match self.asked(principal, parameters, operations) {
            Ok((caller, asked)) => {
                let answer_bytes_max =
                    self.door.limits.answer_bytes_max.min(self.door.config.socket_answer_bytes_max);
                let (door, credentials) = (Arc::clone(&self.door), Arc::clone(&known.credentials));
                let asking = Asking { door, caller, credentials, context, answer_bytes_max };
                operations.begin(id, asking, asked);
                Ok(())
            }
            Err(error) => {
                let list = errors(error.into(), &context.request_id);
                self.wire.send_bytes(of_operation("error", &id, Some(list))).await
            }
        }
    }

    /// Counts, before anything of what is asked is looked at.
    fn asked(
        &self,
        principal: Principal,
        parameters: Parameters<'_>,
        operations: &Operations,
    ) -> Result<(Caller, Asked), QueryError> {
        let caller = self.door.service.count(principal)?;
        let most = self.door.config.socket_subscriptions_max;
        if operations.count() >= most {
            let message = format!("this socket has {most} operations under way, as many as it may");
            return Err(QueryError::new(ErrorCode::Overloaded, message).retry_after(Duration::from_secs(1)));
        }
        Ok((caller, parameters.asked()?))
    }

    async fn tell(&mut self, operations: &mut Operations, event: Event) -> Step<()> {
        let Some(ready) = operations.ready(event) else { return Ok(()) };
        self.wire.send_bytes(ready.text).await?;
        drop(ready.held);
        Ok(())
    }

    fn message<'t>(&self, text: &'t str) -> Step<Received<'t>> {
        check_nesting(text.as_bytes(), &self.door.limits).map_err(|_| Closing::malformed())?;
        read(text).map_err(|_| Closing::malformed())
    }
}

fn stopping() -> Closing {
    Closing::of(1001, "the server stops")
}

/// Returns once a token has expired, which may be never.
async fn expiry(expires_at: Option<SystemTime>) {
    match Deadline::of_token(expires_at) {
        Some(end) => sleep_until(end.at()).await,
        None => std::future::pending().await,
    }
}
