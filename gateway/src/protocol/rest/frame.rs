//! What every request goes through, whatever it asks: owns its id, its trace, the limits on its
//! head, the common response headers, the writing of problem documents, and the catching of
//! panics. Does not authenticate.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, HeaderName, HeaderValue, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use tracing::{Instrument, debug, error, info, info_span};
use uuid::Uuid;

use super::problem::Problem;
use super::{ROUTES, RestDoor};
use crate::protocol::limits::{check_framing, check_head, check_target};
use crate::query::error::{ErrorCode, QueryError};

/// Identifies a request in answers, errors and logs.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const REQUEST_ID_BYTES_MAX: usize = 128;

/// Who this request is, apart from who sent it.
#[derive(Debug, Clone)]
pub(super) struct RequestContext {
    pub(super) request_id: String,
    /// Trace id of the caller's `traceparent`.
    pub(super) trace_id: Option<String>,
}

impl RequestContext {
    fn of(headers: &HeaderMap) -> Self {
        let request_id = single(headers, &X_REQUEST_ID)
            .filter(|id| is_sane_id(id))
            .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
        let trace_id = single(headers, &TRACEPARENT).and_then(trace_id).map(str::to_owned);
        Self { request_id, trace_id }
    }
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(only), None) => only.to_str().ok(),
        _ => None,
    }
}

/// A caller's id ends up in logs and headers: short, and of harmless characters.
fn is_sane_id(id: &str) -> bool {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "._:+/=-".contains(c);
    !id.is_empty() && id.len() <= REQUEST_ID_BYTES_MAX && id.chars().all(harmless)
}

/// The trace id of a W3C `traceparent`; `None` when any part of it is malformed.
fn trace_id(traceparent: &str) -> Option<&str> {
    let mut parts = traceparent.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length: usize| {
        text.len() == length
            && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let is_some = |text: &str| text.bytes().any(|byte| byte != b'0');
    let sound = is_hex(version, 2)
        && version != "ff"
        && (version != "00" || parts.next().is_none())
        && is_hex(trace, 32)
        && is_some(trace)
        && is_hex(parent, 16)
        && is_some(parent)
        && is_hex(flags, 2);
    sound.then_some(trace)
}

/// The outermost layer.
pub(super) async fn frame(State(door): State<Arc<RestDoor>>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let context = RequestContext::of(request.headers());
    let method = request.method().clone();
    let route = route_of(&request);
    request.extensions_mut().insert(context.clone());
    let span = info_span!("request", request_id = context.request_id, trace_id = context.trace_id);
    let handled = run(&door, request, next).instrument(span);
    let response = match AssertUnwindSafe(handled).catch_unwind().await {
        Ok(response) => response,
        Err(_) => {
            error!(request_id = context.request_id, route, "handler panicked");
            Problem::new(QueryError::new(ErrorCode::Internal, "internal error")).into_response()
        }
    };
    let response = finished(response, &context, &method);
    let status = response.status().as_u16();
    door.metrics.http_request(method_name(&method), route, status);
    if status >= 400 {
        // Many of these never became a query, which would have a line of its own.
        info!(request_id = context.request_id, trace_id = context.trace_id, route, status, "request refused");
    }
    let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    debug!(
        request_id = context.request_id,
        method = method_name(&method),
        route,
        status,
        elapsed_ms,
        "answered"
    );
    response
}

async fn run(door: &RestDoor, request: Request, next: Next) -> Response {
    if let Err(error) = check_target(request.uri(), &door.limits) {
        return Problem::uri_too_long(error).into_response();
    }
    if let Err(error) = check_head(&request, &door.limits) {
        return Problem::head_too_large(error).into_response();
    }
    if let Err(error) = check_framing(&request) {
        return Problem::new(error).into_response();
    }
    next.run(request).await
}

fn finished(mut response: Response, context: &RequestContext, method: &Method) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let headers = std::mem::take(response.headers_mut());
        debug!(request_id = context.request_id, code = problem.code().as_str(), "refused");
        response = problem.document(&context.request_id, headers);
        if method == Method::HEAD {
            response = without_body(response);
        }
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&context.request_id) {
        headers.insert(X_REQUEST_ID, id);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
    headers.append(
        VARY,
        HeaderValue::from_static("Authorization, Accept, Accept-Encoding, Sluice-Json, Sluice-Role"),
    );
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// `HEAD` answers say how long the body would have been.
fn without_body(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact() {
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(parts, Body::empty())
}

/// The path's template: a label of few values, and no names that callers sent.
fn route_of(request: &Request) -> &'static str {
    let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    ROUTES.into_iter().find(|route| Some(*route) == matched).unwrap_or("other")
}

fn method_name(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn context(name: HeaderName, value: &str) -> RequestContext {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        RequestContext::of(&headers)
    }

    #[test]
    fn a_sane_request_id_is_kept_and_any_other_replaced() {
        assert_eq!(context(X_REQUEST_ID, "a-1:b").request_id, "a-1:b");
        assert_eq!(context(X_REQUEST_ID, &"x".repeat(128)).request_id.len(), 128);
        for odd in ["", "a b", "a\"b", &"x".repeat(129)] {
            assert_eq!(Uuid::parse_str(&context(X_REQUEST_ID, odd).request_id).unwrap().get_version_num(), 7);
        }
    }

    #[test]
    fn a_malformed_traceparent_is_ignored() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let of = |text: &str| context(TRACEPARENT, text).trace_id;
        assert_eq!(of(&format!("00-{trace}-00f067aa0ba902b7-01")).as_deref(), Some(trace));
        assert_eq!(of(&format!("01-{trace}-00f067aa0ba902b7-01-more")).as_deref(), Some(trace));
        for odd in [
            format!("00-{trace}-00f067aa0ba902b7-01-more"),
            format!("ff-{trace}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{}-00f067aa0ba902b7-01", trace.to_uppercase()),
            "00".to_owned(),
        ] {
            assert_eq!(of(&odd), None, "{odd}");
        }
    }
}
