//! The form of answers: owns what a caller's `Accept` leads to, and when the status tells of faults of a document. Does
//! not write answers.

use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode};

use crate::protocol::http::media::quality;
use crate::protocol::status::http_status;
use crate::query::error::{ErrorCode, QueryError};

const RESPONSE: &str = "application/graphql-response+json";
const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";

/// One of the media types of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The type that readers had before there was one of its own: whatever is answered to a document is a success of
    /// the protocol below.
    Json,
    /// The protocol's own type: without any data the answer is a failure.
    Response,
    /// Events, one for each answer: whatever is answered to a document is a success.
    Events,
}

impl Form {
    /// The one that a caller wants; between equals its own type, where that is named. Events come last.
    ///
    /// # Errors
    /// `not_acceptable`: none of them.
    pub(super) fn negotiated(headers: &HeaderMap) -> Result<Self, QueryError> {
        let (response, json) = (quality(headers, RESPONSE), quality(headers, JSON));
        let events = if takes_events(headers) { quality(headers, EVENTS) } else { 0.0 };
        match (response > 0.0, json > 0.0) {
            _ if events > response.max(json) => Ok(Self::Events),
            (true, _) if response > json || response >= json && names(headers, RESPONSE) => {
                Ok(Self::Response)
            }
            (_, true) => Ok(Self::Json),
            _ => Err(QueryError::new(
                ErrorCode::NotAcceptable,
                format!("answers are \"{RESPONSE}\", \"{JSON}\" or \"{EVENTS}\" only"),
            )
            .with_hint("send one of them in \"Accept\", or no such header")),
        }
    }

    /// The type as a header says it.
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Events => EVENTS,
            Self::Json => "application/json; charset=utf-8",
            Self::Response => "application/graphql-response+json; charset=utf-8",
        }
    }

    /// The status of an answer to a document of which nothing was run.
    pub(super) const fn refused(self, code: ErrorCode) -> StatusCode {
        match (self, code) {
            (Self::Json | Self::Events, _) => StatusCode::OK,
            // A name that is not there is a fault of the document: the path is there.
            (Self::Response, ErrorCode::NotFound) => StatusCode::BAD_REQUEST,
            (Self::Response, code) => http_status(code),
        }
    }
}

/// Whether a caller takes events: whoever takes anything does not mean them.
pub(super) fn takes_events(headers: &HeaderMap) -> bool {
    names(headers, EVENTS) && quality(headers, EVENTS) > 0.0
}

fn names(headers: &HeaderMap, media_type: &str) -> bool {
    let mut values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.any(|value| value.to_ascii_lowercase().contains(media_type))
}

/// Whether a caller wants a page more than an answer.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    let page = quality(headers, "text/html");
    page > quality(headers, RESPONSE) && page > quality(headers, JSON)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn form(accept: &str) -> Option<Form> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        Form::negotiated(&headers).ok()
    }

    #[test]
    fn the_own_type_is_for_those_who_name_it() {
        assert_eq!(Form::negotiated(&HeaderMap::new()).unwrap(), Form::Json);
        for accept in ["*/*", "application/*", "application/json", "text/html, */*;q=0.1"] {
            assert_eq!(form(accept), Some(Form::Json), "{accept}");
        }
        for accept in [
            RESPONSE,
            "application/json, application/graphql-response+json",
            "application/graphql-response+json; charset=utf-8, application/json; q=0.9",
            "Application/GraphQL-Response+JSON",
        ] {
            assert_eq!(form(accept), Some(Form::Response), "{accept}");
        }
        assert_eq!(form("application/graphql-response+json;q=0.5, application/json"), Some(Form::Json));
        assert_eq!(form("application/graphql-response+json;q=0, */*"), Some(Form::Json));
    }

    #[test]
    fn events_are_for_those_who_want_them_most() {
        for accept in [EVENTS, "Text/Event-Stream", "text/event-stream, application/json;q=0.9"] {
            assert_eq!(form(accept), Some(Form::Events), "{accept}");
        }
        let takes = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            takes_events(&headers)
        };
        let both = "application/json, text/event-stream";
        assert_eq!((form(both), takes(both)), (Some(Form::Json), true));
        for accept in ["*/*", "text/*", "application/json", "text/event-stream;q=0, */*"] {
            assert!(!takes(accept), "{accept}");
            assert_ne!(form(accept), Some(Form::Events), "{accept}");
        }
    }

    #[test]
    fn browsers_want_a_page() {
        let wants = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            wants_page(&headers)
        };
        assert!(wants("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));
        for accept in
            ["*/*", "text/html, application/json", "text/html;q=0.5, application/graphql-response+json"]
        {
            assert!(!wants(accept), "{accept}");
        }
        assert!(!wants_page(&HeaderMap::new()));
    }

    #[test]
    fn other_types_are_none() {
        for accept in ["text/html", "application/graphql+json", "application/json;q=0"] {
            assert_eq!(form(accept), None, "{accept}");
        }
    }

    #[test]
    fn faults_of_a_document_show_in_the_status_of_the_own_type() {
        assert_eq!(Form::Json.refused(ErrorCode::InvalidDocument), StatusCode::OK);
        assert_eq!(Form::Response.refused(ErrorCode::InvalidDocument), StatusCode::BAD_REQUEST);
        assert_eq!(Form::Response.refused(ErrorCode::NotFound), StatusCode::BAD_REQUEST);
        assert_eq!(Form::Response.refused(ErrorCode::ResultTooLarge), StatusCode::PAYLOAD_TOO_LARGE);
    }
}
