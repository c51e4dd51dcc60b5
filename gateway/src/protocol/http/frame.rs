//! What every request over HTTP goes through, whatever it asks and of which door: owns the limits on its head, the
//! common response headers, the writing of problem documents, and the catching of panics. Does not authenticate, and
//! does not know the routes.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, HeaderValue, VARY, X_CONTENT_TYPE_OPTIONS};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use tracing::{Instrument, debug, error, info, info_span};

use super::problem::Problem;
use crate::config::limits::LimitsConfig;
use crate::protocol::answer::millis;
use crate::protocol::limits::{check_framing, check_head, check_target};
use crate::protocol::request_context::{RequestContext, X_REQUEST_ID};
use crate::query::error::{ErrorCode, QueryError};
use crate::telemetry::Metrics;

/// What the frame needs.
#[derive(Debug)]
pub struct Frame {
    /// Where requests are counted.
    pub metrics: Metrics,
    /// Limits on their heads.
    pub limits: LimitsConfig,
}

/// The label of a request that reached no route.
const NO_ROUTE: &str = "other";

/// The outermost layer.
pub(super) async fn frame(State(frame): State<Arc<Frame>>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let context = RequestContext::of(request.headers());
    let method = request.method().clone();
    // A label of few values, and no names that callers sent: the path's template.
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    request.extensions_mut().insert(context.clone());
    let span = info_span!("request", request_id = context.request_id, trace_id = context.trace_id);
    let handled = run(&frame, request, next).instrument(span);
    let response = match AssertUnwindSafe(handled).catch_unwind().await {
        Ok(response) => response,
        Err(_) => {
            error!(request_id = context.request_id, route, "handler panicked");
            Problem::new(QueryError::new(ErrorCode::Internal, "internal error")).into_response()
        }
    };
    let response = finished(response, &context, &method);
    let status = response.status().as_u16();
    frame.metrics.http_request(method_name(&method), route, status);
    if status >= 400 {
        // Many of these never became a query, which would have a line of its own.
        info!(request_id = context.request_id, trace_id = context.trace_id, route, status, "request refused");
    }
    let elapsed_ms = millis(began.elapsed());
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

async fn run(frame: &Frame, request: Request, next: Next) -> Response {
    if let Err(error) = check_target(request.uri(), &frame.limits) {
        return Problem::uri_too_long(error).into_response();
    }
    if let Err(error) = check_head(&request, &frame.limits) {
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
    // Answers are of their caller alone; what says more of itself is the same for all.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("private"));
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

fn method_name(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}
