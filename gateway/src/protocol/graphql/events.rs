//! Answers as server-sent events, one connection for each operation: owns their form, and sending those of a subscription
//! no faster than they are read. Does not make them.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response as HttpResponse;
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use tokio::sync::mpsc::{self, Permit, Receiver, Sender};
use tokio::time::timeout;

use super::answer::{Told, append_refusal, computed};
use super::media::Form;
use super::places::SocketPlace;
use super::prepare::Refused;
use super::subscribe::Subscription;
use crate::protocol::answer::held_until_written;
use crate::query::error::QueryError;

const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const COMPLETE: &[u8] = b"event: complete\ndata: \n\n";
/// A comment, which is a sign of life and nothing else.
const ALIVE: &[u8] = b":\n\n";

/// What is written in one go.
type Piece = [Bytes; 3];

/// One answer as events.
pub(super) fn answer(told: Told) -> HttpResponse {
    response(stream::iter([next(told), whole(COMPLETE)]))
}

/// Why nothing was run, as events.
pub(super) fn refused(refused: Refused, request_id: &str) -> HttpResponse {
    response(stream::iter([without_data(refused, request_id), whole(COMPLETE)]))
}

/// The events of a subscription, for as long as somebody reads them.
///
/// # Errors
/// `overloaded`: there are as many event streams as there may be.
pub(super) fn subscription(subscription: Subscription) -> Result<HttpResponse, QueryError> {
    let place = subscription.door().places.socket(&subscription.asking().caller)?;
    // An event is made once the one before it was taken.
    let (out, pieces) = mpsc::channel(1);
    tokio::spawn(deliver(subscription, place, out));
    Ok(response(stream::unfold(pieces, |mut pieces: Receiver<Piece>| async move {
        let piece = pieces.recv().await?;
        Some((piece, pieces))
    })))
}

/// Makes events and hands them on, until the last, or nobody takes them any more, or the server stops.
async fn deliver(mut subscription: Subscription, _place: SocketPlace, out: Sender<Piece>) {
    let asking = subscription.asking().clone();
    let send_wait = Duration::from_millis(asking.door.config.send_wait_ms_max);
    let mut alive = asking.door.signs_of_life();
    let mut drained = pin!(asking.door.drained());
    loop {
        // Nothing is made before the one before was taken.
        let mut room = tokio::select! {
            () = &mut drained => return,
            room = room_in(&out, send_wait) => match room {
                Some(room) => room,
                None => return,
            },
        };
        let mut event = pin!(subscription.next());
        let event = loop {
            tokio::select! {
                () = &mut drained => return,
                () = out.closed() => return,
                event = &mut event => break event,
                _ = alive.tick() => room.send(whole(ALIVE)),
            }
            let mut again = pin!(room_in(&out, send_wait));
            let (made, again) = tokio::select! {
                () = &mut drained => return,
                again = &mut again => (None, again),
                // While it is made it has a turn that others wait for, whether its reader reads or not.
                event = &mut event => (Some(event), again.await),
            };
            let Some(again) = again else { return };
            room = again;
            if let Some(event) = made {
                break event;
            }
        };
        match event {
            Some(Ok(told)) => room.send(next(told)),
            Some(Err(refused)) => room.send(without_data(refused, &asking.context.request_id)),
            None => return room.send(whole(COMPLETE)),
        }
    }
}

/// Room for one more piece; `None` where the last is not taken in time, or nobody is there.
async fn room_in(out: &Sender<Piece>, send_wait: Duration) -> Option<Permit<'_, Piece>> {
    timeout(send_wait, out.reserve()).await.ok()?.ok()
}

/// JSON has no line ends outside of texts, and escapes those inside.
fn next(told: Told) -> Piece {
    let Told { bytes, held, .. } = told;
    event(held_until_written(bytes.into(), Arc::new(held)))
}

fn without_data(refused: Refused, request_id: &str) -> Piece {
    let mut errors = Vec::new();
    append_refusal(&refused.faults(), request_id, &mut errors);
    event(errors.into())
}

fn event(data: Bytes) -> Piece {
    [Bytes::from_static(b"event: next\ndata: "), data, Bytes::from_static(b"\n\n")]
}

const fn whole(text: &'static [u8]) -> Piece {
    [Bytes::from_static(text), Bytes::new(), Bytes::new()]
}

fn response(pieces: impl Stream<Item = Piece> + Send + 'static) -> HttpResponse {
    let parts = pieces.flat_map(|piece| stream::iter(piece.into_iter().filter(|part| !part.is_empty())));
    let body = Body::from_stream(parts.map(Ok::<Bytes, Infallible>));
    let mut response = computed(Form::Events, body);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that keep events back until there are many defeat them.
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}
