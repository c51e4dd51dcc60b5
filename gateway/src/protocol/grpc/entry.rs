//! The way into a service: owns authentication before anything of a message is read, and the reading of
//! messages. tonic reads, inflates and decodes a message before its handler is called, and waits for it as long as
//! it takes; here both come after the caller is known, and are bounded.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

use super::GrpcDoor;
use super::call::{Arrived, Entered};
use super::refusal::Refusal;
use crate::protocol::entry::{EntryError, enter};
use crate::protocol::limits::read_body;
use crate::query::caller::Caller;
use crate::query::error::{ErrorCode, QueryError};

const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
/// Calls with many messages. Clients name every encoding that they can undo, asked or not; one that wants a stream
/// compressed, which costs much more time than the stream itself, compresses its question.
const STREAMS: &str = "/sluice.v1.Query/Stream";
const ENCODINGS: &str = "identity,gzip,zstd";
/// Bytes that a message may take in memory for each that it has on the wire: an empty condition has two there.
const DECODED_TIMES: usize = 64;

/// The layer that lets a caller in.
pub(super) async fn admit(State(door): State<Arc<GrpcDoor>>, mut request: Request, next: Next) -> Response {
    match enter(&door.authenticator, &door.service, request.headers(), request.extensions()) {
        Ok(caller) => {
            request.extensions_mut().insert(Entered { caller, message: None });
            next.run(request).await
        }
        Err(turned_away) => {
            let error = match turned_away {
                EntryError::Auth(error) => error.into(),
                EntryError::Rate(error) => error,
            };
            Refusal::from(error).status(&request_id(&request)).into_http()
        }
    }
}

/// The layer that reads the one message of a call, below the one that lets its caller in.
pub(super) async fn read(State(door): State<Arc<GrpcDoor>>, request: Request, next: Next) -> Response {
    let id = request_id(&request);
    if !is_known_encoding(request.headers()) {
        return unknown_encoding(&id).into_http();
    }
    match with_message(&door, request).await {
        Ok(request) => next.run(request).await,
        Err(error) => Refusal::from(error).status(&id).into_http(),
    }
}

async fn with_message(door: &GrpcDoor, request: Request) -> Result<Request, QueryError> {
    let (mut head, body) = request.into_parts();
    let is_compressed = head.headers.get(GRPC_ENCODING).is_some_and(|encoding| encoding != "identity");
    if head.uri.path().starts_with(STREAMS) && !is_compressed {
        head.headers.remove(GRPC_ACCEPT_ENCODING);
    }
    let caller = match head.extensions.get::<Entered>() {
        Some(entered) => entered.caller.clone(),
        None => return Err(QueryError::internal("a call that nobody let in")),
    };
    let deadline = head.extensions.get::<Arrived>().and_then(|arrived| arrived.deadline);
    let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
    let wait_max = left.map_or(door.body_read_timeout, |left| left.min(door.body_read_timeout));
    let read = read_message(door, &head.headers, body, wait_max, caller).await;
    if deadline.is_some_and(|at| at <= Instant::now()) {
        let message = "the message was not read by the deadline of the call";
        return Err(QueryError::new(ErrorCode::DeadlineExceeded, message));
    }
    let (entered, body) = read?;
    head.extensions.insert(entered);
    Ok(Request::from_parts(head, body))
}

async fn read_message(
    door: &GrpcDoor,
    headers: &HeaderMap,
    body: Body,
    wait_max: Duration,
    caller: Caller,
) -> Result<(Entered, Body), QueryError> {
    let mut held = door.service.hold(&caller);
    let bytes = read_body(headers, body, &door.limits, wait_max, |bytes| held.resize(bytes)).await?;
    held.resize(bytes.len().saturating_mul(DECODED_TIMES))?;
    Ok((Entered { caller, message: Some(Arc::new(held)) }, Body::from(bytes)))
}

fn request_id(request: &Request) -> String {
    request
        .extensions()
        .get::<Arrived>()
        .map(|arrived| arrived.context.request_id.clone())
        .unwrap_or_default()
}

fn is_known_encoding(headers: &HeaderMap) -> bool {
    headers
        .get_all(GRPC_ENCODING)
        .iter()
        .all(|encoding| ENCODINGS.split(',').any(|known| known.as_bytes() == encoding.as_bytes()))
}

/// The protocol prescribes code and header.
fn unknown_encoding(request_id: &str) -> Status {
    let error =
        QueryError::new(ErrorCode::UnsupportedMediaType, "the message is in an encoding that is not taken")
            .with_hint("send it plain, or in \"gzip\" or \"zstd\"");
    let mut status = Refusal::from(error).status_under(Code::Unimplemented, request_id);
    status.metadata_mut().insert("grpc-accept-encoding", MetadataValue::from_static(ENCODINGS));
    status
}
