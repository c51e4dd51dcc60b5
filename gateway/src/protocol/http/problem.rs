//! Errors as RFC 9457 problem documents: owns their form and their headers. Does not choose codes
//! or statuses.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::protocol::status::{http_status, title};
use crate::query::error::{ErrorCode, QueryError};

/// A refusal on its way out. As a response it is still blank: the outermost layer, which knows the
/// request's id, writes the document.
#[derive(Debug, Clone)]
pub struct Problem(Arc<Refusal>);

#[derive(Debug)]
struct Refusal {
    error: QueryError,
    status: StatusCode,
    challenge: Option<&'static str>,
}

impl Problem {
    /// An error under the status of its code.
    pub fn new(error: QueryError) -> Self {
        let status = http_status(error.code);
        Self(Arc::new(Refusal { error, status, challenge: None }))
    }

    /// The URL is too long: its own status under the common code.
    pub fn uri_too_long(error: QueryError) -> Self {
        Self(Arc::new(Refusal { error, status: StatusCode::URI_TOO_LONG, challenge: None }))
    }

    /// The head is too large: its own status under the common code.
    pub fn head_too_large(error: QueryError) -> Self {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        Self(Arc::new(Refusal { error, status, challenge: None }))
    }

    /// Refused credentials, with the challenge to answer.
    pub fn unauthenticated(error: QueryError, challenge: Option<&'static str>) -> Self {
        let status = http_status(error.code);
        Self(Arc::new(Refusal { error, status, challenge }))
    }

    /// What kind of refusal it is.
    pub fn code(&self) -> ErrorCode {
        self.0.error.code
    }

    /// The finished answer. `headers` are those of the blank response and are kept (`Allow`).
    pub fn document(&self, request_id: &str, mut headers: HeaderMap) -> Response {
        let refusal = &self.0;
        let document = Document {
            kind: format!("urn:sluice:error:{}", refusal.error.code.as_str()),
            title: title(refusal.error.code),
            status: refusal.status.as_u16(),
            code: refusal.error.code.as_str(),
            detail: &refusal.error.message,
            hint: refusal.error.hint.as_deref(),
            position: refusal.error.position.map(|at| Position { line: at.line, column: at.column }),
            request_id,
        };
        // Strings and numbers under string keys: this cannot fail to serialize.
        let body = serde_json::to_vec(&document).unwrap_or_default();
        headers.remove(axum::http::header::CONTENT_LENGTH);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        refusal_headers(&mut headers, refusal.challenge, refusal.error.retry_after);
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = refusal.status;
        *response.headers_mut() = headers;
        response
    }
}

/// What the head of a refusal says, whatever its body is: the challenge to answer, and when to try again.
pub fn refusal_headers(
    headers: &mut HeaderMap,
    challenge: Option<&'static str>,
    retry_after: Option<Duration>,
) {
    if let Some(challenge) = challenge {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    if let Some(wait) = retry_after {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        Self::new(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.0.status;
        response.extensions_mut().insert(self);
        response
    }
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<Position>,
    request_id: &'a str,
}

#[derive(Serialize)]
struct Position {
    line: u64,
    column: u64,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use http_body_util::BodyExt;
    use serde_json::{Value, json};

    use super::*;
    use crate::query::error::TextPosition;

    async fn body(response: Response) -> Value {
        serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
    }

    #[tokio::test]
    async fn a_document_carries_code_hint_position_and_request_id() {
        let error = QueryError::new(ErrorCode::UnknownColumn, "column \"dep_dely\" not found")
            .with_hint("did you mean \"dep_delay\"?")
            .at(Some(TextPosition { line: 1, column: 3 }));
        let response = Problem::new(error).document("r-1", HeaderMap::new());
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        let expected = json!({
            "type": "urn:sluice:error:unknown_column",
            "title": "Unknown column",
            "status": 400,
            "detail": "column \"dep_dely\" not found",
            "code": "unknown_column",
            "hint": "did you mean \"dep_delay\"?",
            "position": {"line": 1, "column": 3},
            "request_id": "r-1",
        });
        assert_eq!(body(response).await, expected);
    }

    #[tokio::test]
    async fn a_wait_is_rounded_up_to_whole_seconds() {
        let error =
            QueryError::new(ErrorCode::RateLimited, "slow down").retry_after(Duration::from_millis(1_200));
        let response = Problem::new(error).document("r-1", HeaderMap::new());
        assert_eq!(response.headers()[RETRY_AFTER], "2");
    }

    #[tokio::test]
    async fn an_internal_error_tells_nothing_of_its_cause() {
        let error = QueryError::internal("secret path /var/lib/x");
        let document = body(Problem::new(error).document("r-1", HeaderMap::new())).await;
        assert!(!document.to_string().contains("secret"), "{document}");
    }
}
