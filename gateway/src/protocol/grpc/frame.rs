//! What every call goes through, whatever it asks: owns the checks of its head, its id and deadline, the catching
//! of panics, and the details of refusals that tonic makes itself. Does not authenticate.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use http_body_util::BodyExt;
use tonic::{Code, Status};
use tracing::{Instrument, error, info, info_span};

use super::GrpcDoor;
use super::answer::HeldAnswer;
use super::call::Arrived;
use super::deadline;
use super::refusal::Refusal;
use crate::protocol::limits::check_head;
use crate::protocol::request_context::{RequestContext, X_REQUEST_ID};
use crate::query::error::{ErrorCode, QueryError};

/// Every call that is counted under its own name.
const METHODS: [&str; 12] = [
    "/sluice.v1.Catalog/ListTables",
    "/sluice.v1.Catalog/GetTable",
    "/sluice.v1.Query/Rows",
    "/sluice.v1.Query/Aggregate",
    "/sluice.v1.Query/Lookup",
    "/sluice.v1.Query/Sql",
    "/sluice.v1.Query/StreamRows",
    "/sluice.v1.Query/StreamSql",
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// The outermost layer.
pub(super) async fn frame(State(door): State<Arc<GrpcDoor>>, request: Request, next: Next) -> Response {
    if let Some(answer) = not_grpc(&request) {
        door.metrics.grpc_request("other", "NOT_GRPC");
        return answer;
    }
    let context = RequestContext::of(request.headers());
    let path = request.uri().path();
    let method = METHODS.into_iter().find(|method| *method == path).unwrap_or("other");
    let span = info_span!("request", request_id = context.request_id, trace_id = context.trace_id);
    let handled = run(&door, &context, request, next).instrument(span);
    let response = match AssertUnwindSafe(handled).catch_unwind().await {
        Ok(response) => response,
        Err(_) => {
            error!(request_id = context.request_id, method, "handler panicked");
            let error = QueryError::new(ErrorCode::Internal, "internal error");
            Refusal::from(error).status(&context.request_id).into_http()
        }
    };
    let response = finished(response, &context);
    let code = code_of(response.headers()).unwrap_or(Code::Ok);
    door.metrics.grpc_request(method, code_name(code));
    if code != Code::Ok {
        // Many of these never became a query, which would have a line of its own.
        let code = code_name(code);
        info!(request_id = context.request_id, trace_id = context.trace_id, method, code, "request refused");
    }
    response
}

async fn run(door: &GrpcDoor, context: &RequestContext, mut request: Request, next: Next) -> Response {
    let refused = |error: QueryError| Refusal::from(error).status(&context.request_id).into_http();
    if let Err(error) = check_head(&request, &door.limits) {
        return refused(error);
    }
    let deadline = match deadline::of(request.headers()) {
        Ok(deadline) => deadline,
        Err(error) => return refused(error),
    };
    request.extensions_mut().insert(Arrived { context: context.clone(), deadline });
    next.run(request).await
}

/// The answer, as HTTP knows it, to what is no call of gRPC.
fn not_grpc(request: &Request) -> Option<Response> {
    let plain = |status: StatusCode, text: &'static str| Some((status, text).into_response());
    if request.version() < Version::HTTP_2 {
        return plain(StatusCode::HTTP_VERSION_NOT_SUPPORTED, "this address speaks gRPC, over HTTP/2 only\n");
    }
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if request.method() != Method::POST {
        let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "this address speaks gRPC\n")?;
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return Some(answer);
    }
    match content_type.and_then(|text| text.strip_prefix("application/grpc")) {
        Some("") => None,
        Some(rest) if rest.starts_with(['+', ';']) => None,
        _ => plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "this address speaks gRPC\n"),
    }
}

fn finished(response: Response, context: &RequestContext) -> Response {
    let bare = !response.headers().contains_key(Status::GRPC_STATUS_DETAILS);
    let mut response = match code_of(response.headers()) {
        Some(code) if code != Code::Ok && bare => explained(code).status(&context.request_id).into_http(),
        _ => response,
    };
    if let Ok(id) = HeaderValue::from_str(&context.request_id) {
        response.headers_mut().insert(X_REQUEST_ID, id);
    }
    match response.extensions_mut().remove::<HeldAnswer>() {
        Some(held) => response.map(|body| Body::new(body.map_frame(move |frame| held.until_written(frame)))),
        None => response,
    }
}

/// A refusal by tonic itself. Its words speak of its own parts, and are not passed on.
fn explained(code: Code) -> Refusal {
    let error = match code {
        Code::Unimplemented => QueryError::new(ErrorCode::MethodNotAllowed, "no such service or method")
            .with_hint("server reflection lists the services"),
        Code::NotFound => QueryError::new(ErrorCode::NotFound, "no such service"),
        Code::ResourceExhausted | Code::OutOfRange => QueryError::new(
            ErrorCode::RequestTooLarge,
            "the message is longer than the limit once it is inflated",
        ),
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::InvalidArgument
        | Code::DeadlineExceeded
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss
        | Code::Unauthenticated => {
            let message = "the message is damaged, nested deeper than 100 messages, or of another type";
            QueryError::new(ErrorCode::InvalidRequest, message)
        }
    };
    Refusal::from(error)
}

/// The status of an answer that has no message; one with a message says it after that.
fn code_of(headers: &HeaderMap) -> Option<Code> {
    headers.get(Status::GRPC_STATUS).map(|status| Code::from_bytes(status.as_bytes()))
}

const fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn request(version: Version, content_type: &str) -> Request {
        let builder = Request::builder().method(Method::POST).version(version);
        builder.header(CONTENT_TYPE, content_type).body(Body::empty()).unwrap()
    }

    #[test]
    fn only_calls_of_grpc_are_answered() {
        for known in ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"] {
            assert!(not_grpc(&request(Version::HTTP_2, known)).is_none(), "{known}");
        }
        for other in ["application/grpc-web", "application/json", "application/grpcx"] {
            let answer = not_grpc(&request(Version::HTTP_2, other)).unwrap();
            assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{other}");
        }
        let old = not_grpc(&request(Version::HTTP_11, "application/grpc")).unwrap();
        assert_eq!(old.status(), StatusCode::HTTP_VERSION_NOT_SUPPORTED);
    }

    #[test]
    fn the_words_of_the_library_are_not_passed_on() {
        let context = RequestContext { request_id: "r-1".to_owned(), trace_id: None };
        let inner = Status::internal("failed to decode Protobuf message: secret").into_http();
        let answer = finished(inner, &context);
        assert_eq!(code_of(answer.headers()), Some(Code::InvalidArgument));
        assert!(!format!("{answer:?}").contains("secret"), "{answer:?}");
        assert!(answer.headers().contains_key(Status::GRPC_STATUS_DETAILS));
        assert_eq!(answer.headers()[X_REQUEST_ID], "r-1");
    }
}
