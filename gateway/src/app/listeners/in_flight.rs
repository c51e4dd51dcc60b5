//! Which requests are in flight: owns counting each of them from its head to the last byte of its
//! answer. Does not end any.
//!
//! An answer is not over when its handler is: a peer may read slowly, and its bytes then wait in
//! the connection. Each piece of a body holds the count until it is written.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::protocol::connection::{Connection, RequestInFlight};

/// Counts what is in flight on every connection of a listener.
#[derive(Debug, Clone)]
pub(super) struct InFlight(TaskTracker);

/// Something is in flight as long as this lives.
pub(super) type Flight = TaskTrackerToken;

impl InFlight {
    pub(super) fn new() -> Self {
        let tracker = TaskTracker::new();
        // Only a closed tracker tells when it is empty; it goes on counting.
        tracker.close();
        Self(tracker)
    }

    /// One more thing in flight.
    pub(super) fn one(&self) -> Flight {
        self.0.token()
    }

    pub(super) fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns when nothing is in flight.
    pub(super) async fn none(&self) {
        self.0.wait().await;
    }
}

/// The layer that counts requests.
pub(super) async fn count(State(in_flight): State<InFlight>, mut request: Request, next: Next) -> Response {
    let on_connection = request.extensions().get().map(Connection::request);
    if let Some(on_connection) = &on_connection {
        request.extensions_mut().insert(on_connection.clone());
    }
    let counts = Counts { _flight: in_flight.one(), _on_connection: on_connection };
    next.run(request).await.map(|body| Body::new(CountedBody { body, counts }))
}

/// One request's share of both counts: of the listener and of its connection.
#[derive(Debug, Clone)]
struct Counts {
    _flight: Flight,
    _on_connection: Option<RequestInFlight>,
}

#[derive(Debug)]
struct CountedBody {
    body: Body,
    counts: Counts,
}

impl HttpBody for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        polled.map_ok(|frame| {
            frame.map_data(|bytes| Bytes::from_owner(CountedBytes { bytes, _counts: self.counts.clone() }))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

struct CountedBytes {
    bytes: Bytes,
    _counts: Counts,
}

impl AsRef<[u8]> for CountedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn an_answer_is_in_flight_until_its_last_piece_is_gone() {
        let in_flight = InFlight::new();
        let counts = Counts { _flight: in_flight.one(), _on_connection: None };
        let mut body = CountedBody { body: Body::from("abc"), counts };
        assert_eq!(body.size_hint().exact(), Some(3));
        let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
        let rest = piece.slice(1..);
        drop((body, piece));
        assert!(!in_flight.is_none());
        assert_eq!(rest, "bc");
        drop(rest);
        assert!(in_flight.is_none());
        in_flight.none().await;
    }
}
