//! What can go wrong with a question, as callers see it: owns the stable codes and the error
//! that carries one. Does not know HTTP statuses; doors map codes in one table of their own.

use std::time::Duration;

use crate::engine::error::EngineError;
pub use crate::engine::error::TextPosition;

/// Stable, documented code of an error; `docs/errors/` has a page for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorCode {
    /// No or unusable credentials.
    Unauthenticated,
    /// The token names no usable role, or asks for one that it does not list.
    RoleDenied,
    /// The role lacks a grant (time travel) for what was asked.
    Forbidden,
    /// No such table, version or row for this caller.
    NotFound,
    /// The table exists for this caller but cannot be read at present.
    TableUnavailable,
    /// Malformed request: body, query string, parameter.
    InvalidRequest,
    /// A filter or SQL text that does not parse or does not type-check.
    InvalidExpression,
    /// A column that does not exist for this caller.
    UnknownColumn,
    /// A function that is not on the allow-list, or does not exist.
    UnknownFunction,
    /// SQL that is not one read-only `SELECT`, or uses a refused construct.
    UnsupportedStatement,
    /// Lookup by a key that is not declared or is masked for this caller.
    KeyUnavailable,
    /// Evaluation failed on data that the caller may see (division by zero, a bad cast).
    EvaluationFailed,
    /// The cursor is damaged, forged or of another deployment.
    CursorInvalid,
    /// The cursor belongs to another query, version or policy.
    CursorMismatch,
    /// The cursor or the files behind it are gone.
    CursorExpired,
    /// The expression has too many or too deeply nested parts.
    ExpressionTooLarge,
    /// The request body or URL is over the limit.
    RequestTooLarge,
    /// The result is over the row or byte limit of a call that does not page.
    ResultTooLarge,
    /// The subject is over its request rate.
    RateLimited,
    /// Every slot and the queue are taken, or memory is short.
    Overloaded,
    /// The query ran longer than allowed.
    DeadlineExceeded,
    /// The query needed more memory than allowed.
    MemoryExceeded,
    /// HTTP method that the path does not take.
    MethodNotAllowed,
    /// No representation that the caller accepts.
    NotAcceptable,
    /// A body of a media type that the call does not read.
    UnsupportedMediaType,
    /// A GraphQL document that does not parse, is not valid for this caller's schema, or whose values do not fit.
    InvalidDocument,
    /// A GraphQL document of too many or too deeply nested parts.
    DocumentTooLarge,
    /// A GraphQL document that is named by its hash alone, and is not kept.
    PersistedQueryNotFound,
    /// A GraphQL document that is not on the list of those that run.
    DocumentNotAllowed,
    /// A fault of ours; the cause is in the log under the request id.
    Internal,
}

impl ErrorCode {
    /// Every code, for tables and tests.
    pub const ALL: [Self; 30] = [
        Self::Unauthenticated,
        Self::RoleDenied,
        Self::Forbidden,
        Self::NotFound,
        Self::TableUnavailable,
        Self::InvalidRequest,
        Self::InvalidExpression,
        Self::UnknownColumn,
        Self::UnknownFunction,
        Self::UnsupportedStatement,
        Self::KeyUnavailable,
        Self::EvaluationFailed,
        Self::CursorInvalid,
        Self::CursorMismatch,
        Self::CursorExpired,
        Self::ExpressionTooLarge,
        Self::RequestTooLarge,
        Self::ResultTooLarge,
        Self::RateLimited,
        Self::Overloaded,
        Self::DeadlineExceeded,
        Self::MemoryExceeded,
        Self::MethodNotAllowed,
        Self::NotAcceptable,
        Self::UnsupportedMediaType,
        Self::InvalidDocument,
        Self::DocumentTooLarge,
        Self::PersistedQueryNotFound,
        Self::DocumentNotAllowed,
        Self::Internal,
    ];

    /// The code as callers see it: `snake_case`, never renamed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::RoleDenied => "role_denied",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::TableUnavailable => "table_unavailable",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidExpression => "invalid_expression",
            Self::UnknownColumn => "unknown_column",
            Self::UnknownFunction => "unknown_function",
            Self::UnsupportedStatement => "unsupported_statement",
            Self::KeyUnavailable => "key_unavailable",
            Self::EvaluationFailed => "evaluation_failed",
            Self::CursorInvalid => "cursor_invalid",
            Self::CursorMismatch => "cursor_mismatch",
            Self::CursorExpired => "cursor_expired",
            Self::ExpressionTooLarge => "expression_too_large",
            Self::RequestTooLarge => "request_too_large",
            Self::ResultTooLarge => "result_too_large",
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::MemoryExceeded => "memory_exceeded",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NotAcceptable => "not_acceptable",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::InvalidDocument => "invalid_document",
            Self::DocumentTooLarge => "document_too_large",
            Self::PersistedQueryNotFound => "persisted_query_not_found",
            Self::DocumentNotAllowed => "document_not_allowed",
            Self::Internal => "internal",
        }
    }
}

/// An error as the caller may see it. `source` is for the log only.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct QueryError {
    /// Stable code.
    pub code: ErrorCode,
    /// What went wrong: lowercase, no final dot, names quoted, no hidden name or value.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Where in the caller's text.
    pub position: Option<TextPosition>,
    /// When to try again, for codes that pass with time.
    pub retry_after: Option<Duration>,
    /// The cause, logged once at the door and never sent.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl QueryError {
    /// An error with a code and a message.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let message = readable(message.into());
        Self { code, message, hint: None, position: None, retry_after: None, source: None }
    }

    /// A fault of ours: the caller sees no detail, the log sees the cause.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: Some(cause.into()), ..Self::new(ErrorCode::Internal, "internal error") }
    }

    /// The one answer for every table that does not exist for this caller.
    pub fn table_not_found(name: &str) -> Self {
        Self::new(ErrorCode::NotFound, format!("table \"{name}\" not found"))
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds where in the caller's text.
    #[must_use]
    pub fn at(mut self, position: Option<TextPosition>) -> Self {
        self.position = position;
        self
    }

    /// Adds when to try again.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

/// Longest quoted name in a message, in characters.
const NAME_CHARS_MAX: usize = 120;
/// Longest run of words between two names, in characters.
const WORDS_CHARS_MAX: usize = 300;
/// Longest message, in characters.
const MESSAGE_CHARS_MAX: usize = 600;

/// The message with what callers sent cut to a length that a person reads.
fn readable(message: String) -> String {
    if message.len() <= NAME_CHARS_MAX {
        return message;
    }
    let limits = [WORDS_CHARS_MAX, NAME_CHARS_MAX].into_iter().cycle();
    let parts: Vec<String> = message.split('"').zip(limits).map(|(part, max)| shortened(part, max)).collect();
    shortened(&parts.join("\""), MESSAGE_CHARS_MAX)
}

fn shortened(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}\u{2026}", &text[..end]),
    }
}

impl From<EngineError> for QueryError {
    fn from(error: EngineError) -> Self {
        let code = match &error {
            EngineError::UnknownTable(name) => return Self::table_not_found(name),
            EngineError::UnknownSchema(_) => ErrorCode::NotFound,
            EngineError::UnknownColumn(_) => ErrorCode::UnknownColumn,
            EngineError::UnknownFunction(_) => ErrorCode::UnknownFunction,
            EngineError::InvalidExpression(_) => ErrorCode::InvalidExpression,
            EngineError::Unsupported(_) => ErrorCode::UnsupportedStatement,
            EngineError::InvalidRequest(_) => ErrorCode::InvalidRequest,
            EngineError::TooLarge(_) => ErrorCode::ExpressionTooLarge,
            EngineError::Forbidden(_) => ErrorCode::Forbidden,
            EngineError::NotFound(_) => ErrorCode::NotFound,
            EngineError::OtherOrder => ErrorCode::CursorMismatch,
            EngineError::Expired => ErrorCode::CursorExpired,
            EngineError::TableUnavailable { .. } => ErrorCode::TableUnavailable,
            EngineError::ResultTooLarge(_) => ErrorCode::ResultTooLarge,
            EngineError::Stalled(_) => ErrorCode::DeadlineExceeded,
            EngineError::KeyUnavailable(_) => ErrorCode::KeyUnavailable,
            EngineError::Evaluation(_) => ErrorCode::EvaluationFailed,
            EngineError::Unexplained { in_planning: true, .. } => ErrorCode::InvalidExpression,
            EngineError::Unexplained { in_planning: false, .. } => ErrorCode::EvaluationFailed,
            EngineError::Memory(_) => ErrorCode::MemoryExceeded,
            EngineError::Storage(_) => ErrorCode::TableUnavailable,
            EngineError::Internal(_) => ErrorCode::Internal,
        };
        let mut answer = Self::new(code, error.to_string());
        match error {
            EngineError::UnknownSchema(complaint)
            | EngineError::UnknownColumn(complaint)
            | EngineError::UnknownFunction(complaint)
            | EngineError::InvalidExpression(complaint)
            | EngineError::Unsupported(complaint)
            | EngineError::InvalidRequest(complaint) => {
                answer.hint = complaint.hint;
                answer.position = complaint.position;
            }
            EngineError::Memory(source) => answer.source = Some(Box::new(source)),
            EngineError::Unexplained { source, .. } => answer.source = Some(source),
            EngineError::Storage(source) | EngineError::Internal(source) => {
                answer.source = Some(source);
            }
            EngineError::TableUnavailable { source, .. } => answer.source = source,
            EngineError::Stalled(_) => answer.hint = Some("read the stream as it comes".to_owned()),
            EngineError::UnknownTable(_)
            | EngineError::Forbidden(_)
            | EngineError::NotFound(_)
            | EngineError::OtherOrder
            | EngineError::Expired
            | EngineError::TooLarge(_)
            | EngineError::ResultTooLarge(_)
            | EngineError::KeyUnavailable(_)
            | EngineError::Evaluation(_) => {}
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message_of(text: &str) -> String {
        QueryError::new(ErrorCode::InvalidRequest, text).message
    }

    #[test]
    fn names_are_cut_one_character_over_the_limit() {
        let longest = "\u{e9}".repeat(NAME_CHARS_MAX);
        let whole = format!("column \"{longest}\" not found");
        assert_eq!(message_of(&whole), whole);
        let cut = format!("column \"{longest}\u{2026}\" not found");
        assert_eq!(message_of(&format!("column \"{longest}x\" not found")), cut);
    }

    #[test]
    fn messages_are_cut_however_many_names_they_hold() {
        let message = message_of(&"\"a name\" and ".repeat(1_000));
        assert_eq!(message.chars().count(), MESSAGE_CHARS_MAX + 1);
        assert!(message.ends_with('\u{2026}'));
    }
}
