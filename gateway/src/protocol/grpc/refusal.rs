//! Errors as gRPC statuses: owns their details and the names of the fields to blame. Does not choose codes.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::protocol::status::grpc_code;
use crate::query::error::QueryError;

const DOMAIN: &str = "sluice";
/// A status travels as header fields, of which clients take 8 KiB in all. It repeats its message, and spells what
/// is not ASCII with three times the bytes.
const MESSAGE_BYTES_MAX: usize = 1_000;
const HINT_BYTES_MAX: usize = 500;
const FIELD_BYTES_MAX: usize = 300;

/// A refusal on its way out, and the field of the request that it blames.
#[derive(Debug)]
pub(super) struct Refusal(Box<Blame>);

#[derive(Debug)]
struct Blame {
    error: QueryError,
    field: Option<String>,
}

impl Refusal {
    /// Blames a field, by its path from where the caller of this stands.
    pub(super) fn of_field(error: QueryError, field: &str) -> Self {
        Self(Box::new(Blame { error, field: Some(field.to_owned()) }))
    }

    /// The same, with the field's path counted from further out.
    #[must_use]
    pub(super) fn inside(mut self, outer: &str) -> Self {
        self.0.field = Some(match self.0.field.take() {
            Some(field) => format!("{outer}.{field}"),
            None => outer.to_owned(),
        });
        self
    }

    /// The error itself.
    #[cfg(test)]
    pub(super) fn error(&self) -> &QueryError {
        &self.0.error
    }

    /// The finished status, under the code that its error has.
    pub(super) fn status(&self, request_id: &str) -> Status {
        self.status_under(grpc_code(self.0.error.code), request_id)
    }

    /// The finished status under a code that the protocol prescribes.
    pub(super) fn status_under(&self, code: Code, request_id: &str) -> Status {
        let Blame { error, field } = &*self.0;
        let message = shortened(&error.message, MESSAGE_BYTES_MAX);
        let name = error.code.as_str();
        let mut facts: HashMap<String, String> = HashMap::new();
        let mut fact = |name: &str, value: String| facts.insert(name.to_owned(), value);
        fact("code", name.to_owned());
        fact("request_id", request_id.to_owned());
        if let Some(hint) = &error.hint {
            fact("hint", shortened(hint, HINT_BYTES_MAX));
        }
        if let Some(position) = error.position {
            fact("line", position.line.to_string());
            fact("column", position.column.to_string());
        }
        let mut details = ErrorDetails::with_error_info(name.to_ascii_uppercase(), DOMAIN, facts);
        if let Some(field) = field {
            let description = shortened(&error.message, FIELD_BYTES_MAX);
            details.add_bad_request_violation(shortened(field, FIELD_BYTES_MAX), description);
        }
        if error.retry_after.is_some() {
            details.set_retry_info(error.retry_after);
        }
        Status::with_error_details(code, message, details)
    }
}

impl From<QueryError> for Refusal {
    fn from(error: QueryError) -> Self {
        Self(Box::new(Blame { error, field: None }))
    }
}

fn shortened(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(bytes_max);
    format!("{}\u{2026}", &text[..end])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::time::Duration;

    use super::*;
    use crate::query::error::{ErrorCode, TextPosition};

    #[test]
    fn a_status_says_what_a_problem_document_says() {
        let error = QueryError::new(ErrorCode::UnknownColumn, "column \"dep_dely\" not found")
            .with_hint("did you mean \"dep_delay\"?")
            .at(Some(TextPosition { line: 1, column: 3 }));
        let status = Refusal::of_field(error, "text").inside("where").status("r-1");
        assert_eq!(
            (status.code(), status.message()),
            (Code::InvalidArgument, "column \"dep_dely\" not found")
        );
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("UNKNOWN_COLUMN", "sluice"));
        let fact = |name: &str| info.metadata[name].as_str();
        assert_eq!(fact("code"), "unknown_column");
        assert_eq!(fact("hint"), "did you mean \"dep_delay\"?");
        assert_eq!((fact("line"), fact("column"), fact("request_id")), ("1", "3", "r-1"));
        assert_eq!(details.bad_request().unwrap().field_violations[0].field, "where.text");
        assert!(details.retry_info().is_none());
    }

    #[test]
    fn a_wait_is_told() {
        let error = QueryError::new(ErrorCode::RateLimited, "slow down").retry_after(Duration::from_secs(2));
        let status = Refusal::from(error).status("r-1");
        assert_eq!(status.code(), Code::ResourceExhausted);
        let details = status.get_error_details();
        assert_eq!(details.retry_info().unwrap().retry_delay, Some(Duration::from_secs(2)));
    }

    #[test]
    fn an_internal_error_tells_nothing_of_its_cause() {
        let status = Refusal::from(QueryError::internal("secret path /var/lib/x")).status("r-1");
        assert!(!format!("{status:?}").contains("secret"), "{status:?}");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(shortened("abc", 3), "abc");
        assert_eq!(shortened("ab\u{e9}", 3), "ab\u{2026}");
    }
}
