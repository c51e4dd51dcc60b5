//! Which requests are in flight: owns counting each of them from its head to the last byte of its
//! answer. Does not end any.
//!
//! An answer is not over when its handler is: a peer may read slowly, and its bytes then wait in
//! the connection. Each piece of a body holds the count until it is written, and tells that it was.

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

/// Answers are written in pieces of at most so many bytes, so that a slow reader is seen to read.
const PIECE_BYTES: usize = 64 << 10;

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
    let flight = in_flight.one();
    let connection = request.extensions().get::<Connection>();
    let on_connection = connection.map(|connection| connection.request(flight.clone()));
    if let Some(on_connection) = &on_connection {
        request.extensions_mut().insert(on_connection.clone());
    }
    let counts = Counts { _flight: flight, on_connection };
    next.run(request).await.map(|body| Body::new(CountedBody { body, unsent: Bytes::new(), counts }))
}

/// One request's share of both counts: of the listener and of its connection.
#[derive(Debug, Clone)]
struct Counts {
    _flight: Flight,
    on_connection: Option<RequestInFlight>,
}

#[derive(Debug)]
struct CountedBody {
    body: Body,
    /// What is left of the frame that is being cut into pieces.
    unsent: Bytes,
    counts: Counts,
}

impl CountedBody {
    /// The next piece of what is unsent.
    fn piece(&mut self) -> Frame<Bytes> {
        let bytes = self.unsent.split_to(self.unsent.len().min(PIECE_BYTES));
        Frame::data(Bytes::from_owner(Piece { bytes, counts: self.counts.clone() }))
    }
}

impl HttpBody for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if !self.unsent.is_empty() {
            return Poll::Ready(Some(Ok(self.piece())));
        }
        let polled = Pin::new(&mut self.body).poll_frame(context);
        polled.map_ok(|frame| match frame.into_data() {
            Ok(bytes) => {
                self.unsent = bytes;
                self.piece()
            }
            Err(trailers) => trailers,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.unsent.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let unsent = u64::try_from(self.unsent.len()).unwrap_or(u64::MAX);
        let rest = self.body.size_hint();
        let mut whole = SizeHint::new();
        if let Some(upper) = rest.upper() {
            whole.set_upper(upper.saturating_add(unsent));
        }
        whole.set_lower(rest.lower().saturating_add(unsent));
        whole
    }
}

/// A piece of an answer, dropped once it is written.
struct Piece {
    bytes: Bytes,
    counts: Counts,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if let Some(on_connection) = &self.counts.on_connection {
            on_connection.progressed();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::time::Duration;

    use http_body_util::BodyExt;

    use super::*;
    use crate::protocol::connection::Patience;

    #[tokio::test]
    async fn an_answer_is_in_flight_until_its_last_piece_is_gone() {
        let in_flight = InFlight::new();
        let counts = Counts { _flight: in_flight.one(), on_connection: None };
        let mut body = CountedBody { body: Body::from("abc"), unsent: Bytes::new(), counts };
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

    #[tokio::test]
    async fn an_answer_is_written_in_pieces_that_leave_nothing_out() {
        let counts = Counts { _flight: InFlight::new().one(), on_connection: None };
        let whole: Vec<u8> = (0..2 * PIECE_BYTES + 3).map(|at| at.to_le_bytes()[0]).collect();
        let mut body = CountedBody { body: Body::from(whole.clone()), unsent: Bytes::new(), counts };
        let mut read = Vec::new();
        let mut lengths = Vec::new();
        while let Some(frame) = body.frame().await {
            let piece = frame.unwrap().into_data().unwrap();
            read.extend_from_slice(&piece);
            lengths.push(piece.len());
            let left = u64::try_from(whole.len() - read.len()).unwrap();
            assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(left), left == 0));
        }
        assert_eq!(lengths, [PIECE_BYTES, PIECE_BYTES, 3]);
        assert_eq!(read, whole);
    }

    #[tokio::test(start_paused = true)]
    async fn a_piece_that_is_gone_was_taken() {
        let connection = Connection::opened();
        let patience = Patience { first_request: Duration::from_secs(1), request: Duration::from_secs(2) };
        let request = connection.request(InFlight::new().one());
        request.admitted(true);
        let counts = Counts { _flight: InFlight::new().one(), on_connection: Some(request) };
        let whole = vec![0; 2 * PIECE_BYTES];
        let mut body = CountedBody { body: Body::from(whole), unsent: Bytes::new(), counts };
        let piece = body.frame().await.unwrap();
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(connection.merit(patience).is_some());
        drop(piece);
        assert_eq!(connection.merit(patience), None);
    }
}
