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
use super::GraphqlDoor;
use super::errors::DoorError;
use super::execute::Ran;
use super::media::Form;
use super::prepare::Refused;
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
    bytes: Vec<u8>,
    held: Held,
}

/// Tells what was found. `began` is when the operation did.
///
/// # Errors
/// `overloaded`: the answer would take too much memory; `internal`.
pub(super) async fn told(
    door: &GraphqlDoor,
    caller: &Caller,
    ran: Vec<Ran>,
    request_id: &str,
    began: Instant,
) -> Result<Told, QueryError> {
    let mut envelope = Envelope::new(request_id, door.limits.answer_bytes_max, door.service.hold(caller));
    for Ran { key, outcome } in ran {
        envelope.field(&key, outcome).await?;
    }
    let (bytes, held) = envelope.closed(began)?;
    Ok(Told { bytes, held })
}

/// The answer to one operation.
pub(super) fn answer(told: Told, form: Form) -> HttpResponse {
    let Told { bytes, held } = told;
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
            Err(refused) => append_errors(&refused.faults(), request_id, &mut out),
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
        Refused::Document(_) => (form.refused(refused.code()), None),
    };
    let mut out = Vec::new();
    append_errors(&refused.faults(), request_id, &mut out);
    let mut response = json_response(status, form, out);
    refusal_headers(response.headers_mut(), challenge, retry_after);
    response
}

fn append_errors(faults: &[DoorError], request_id: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"errors\":[");
    for (at, fault) in faults.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        fault.write(request_id, out);
    }
    out.extend_from_slice(b"]}");
}

/// An answer computed by the engine.
fn computed(form: Form, body: impl Into<Body>) -> HttpResponse {
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
