//! The answers of the door: owns their headers, their statuses and how their memory counts. Does not write what stands
//! in them.

mod envelope;

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response as HttpResponse;

use self::envelope::Envelope;
use super::errors::DoorError;
use super::execute::Ran;
use super::media::Form;
use super::operation::Asking;
use super::prepare::Refused;
use super::{GraphqlDoor, events};
use crate::protocol::answer::{check_length, held_until_written};
use crate::protocol::http::problem::refusal_headers;
use crate::protocol::status::http_status;
use crate::query::admission::Held;
use crate::query::caller::Caller;
use crate::query::error::QueryError;

const SLUICE_CACHE: HeaderName = HeaderName::from_static("sluice-cache");

/// What is told of one operation, as JSON.
#[derive(Debug)]
pub(super) struct Told {
    /// The text.
    pub bytes: Vec<u8>,
    /// Counts it.
    pub held: Held,
    /// Some of it could not be told.
    pub has_errors: bool,
    /// Since there is too much that nobody reads, which passes with time.
    pub overloaded: bool,
}

/// Tells what was found. `began` is when the operation did.
///
/// # Errors
/// `overloaded`: the answer would take too much memory; `internal`.
pub(super) async fn told(asking: &Asking, ran: Vec<Ran>, began: Instant) -> Result<Told, QueryError> {
    let Asking { door, caller, context, answer_bytes_max, .. } = asking;
    let mut envelope = Envelope::new(&context.request_id, *answer_bytes_max, door.service.hold(caller));
    for Ran { key, outcome } in ran {
        envelope.field(&key, outcome).await?;
    }
    envelope.closed(began)
}

/// The answer to one operation.
pub(super) fn answer(told: Told, form: Form) -> HttpResponse {
    let Told { bytes, held, .. } = told;
    computed(form, held_until_written(bytes.into(), Arc::new(held)))
}

/// The answer to a list of operations, whatever came of each.
///
/// # Errors
/// `result_too_large`, `overloaded`: all of it together.
pub(super) fn answer_all(
    door: &GraphqlDoor,
    caller: &Caller,
    all: Vec<Result<Told, Refused>>,
    form: Form,
    request_id: &str,
) -> Result<HttpResponse, QueryError> {
    let mut out = vec![b'['];
    for (at, one) in all.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        match one {
            Ok(told) => out.extend_from_slice(&told.bytes),
            Err(refused) => append_refusal(&refused.faults(), request_id, &mut out),
        }
        check_length(out.len(), door.limits.answer_bytes_max)?;
    }
    out.push(b']');
    let mut held = door.service.hold(caller);
    held.resize(out.len())?;
    Ok(computed(form, held_until_written(out.into(), Arc::new(held))))
}

/// Tells why nothing was run.
pub(super) fn refusal(
    refused: Refused,
    form: Form,
    request_id: &str,
    challenge: Option<&'static str>,
) -> HttpResponse {
    let (status, retry_after) = match &refused {
        Refused::Request(error) => (http_status(error.code), error.retry_after),
        Refused::Document(_) if form == Form::Events => return events::refused(refused, request_id),
        Refused::Document(_) => (form.refused(refused.code()), None),
    };
    // Where there is no stream there are no events.
    let form = if form == Form::Events { Form::Json } else { form };
    let mut out = Vec::new();
    append_refusal(&refused.faults(), request_id, &mut out);
    let mut response = json_response(status, form, out);
    refusal_headers(response.headers_mut(), challenge, retry_after);
    response
}

/// Writes an answer that is nothing but faults.
pub(super) fn append_refusal(faults: &[DoorError], request_id: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"errors\":");
    append_faults(faults, request_id, out);
    out.push(b'}');
}

/// Writes faults as a list.
pub(super) fn append_faults(faults: &[DoorError], request_id: &str, out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, fault) in faults.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        fault.write(request_id, out);
    }
    out.push(b']');
}

/// An answer computed by the engine.
pub(super) fn computed(form: Form, body: impl Into<Body>) -> HttpResponse {
    let mut response = json_response(StatusCode::OK, form, body);
    response.headers_mut().insert(SLUICE_CACHE, HeaderValue::from_static("engine"));
    response
}

fn json_response(status: StatusCode, form: Form, body: impl Into<Body>) -> HttpResponse {
    let mut response = HttpResponse::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(form.content_type()));
    response
}
