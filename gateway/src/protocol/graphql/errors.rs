//! Errors as GraphQL has them: owns their form, and where in a document or an answer they are. Codes, messages and
//! hints are those of the pipeline. Does not choose statuses.

use apollo_compiler::parser::{SourceMap, SourceSpan};
use serde::Serialize;

use crate::query::error::{QueryError, TextPosition};

/// One error, and where it is.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct DoorError {
    /// What is wrong.
    #[source]
    pub error: Box<QueryError>,
    /// Where in the document, if it is the document's fault.
    pub location: Option<TextPosition>,
    /// The root field that failed, by its key in the answer.
    pub field: Option<String>,
    /// The field below it that made it fail: keys in the answer with dots between them.
    pub at: Option<String>,
}

impl From<QueryError> for DoorError {
    fn from(error: QueryError) -> Self {
        Self { error: Box::new(error), location: None, field: None, at: None }
    }
}

impl DoorError {
    /// Adds where in the document.
    #[must_use]
    pub fn in_document(mut self, span: Option<SourceSpan>, sources: &SourceMap) -> Self {
        let place = span.and_then(|span| span.line_column(sources));
        self.location = place.map(|at| TextPosition { line: at.line as u64, column: at.column as u64 });
        self
    }

    /// Adds which field of the answer is null for it: a root field, and what below it failed.
    #[must_use]
    pub fn of_field(mut self, field: &str, below: Option<String>) -> Self {
        self.field = Some(field.to_owned());
        self.at = below;
        self
    }

    /// Writes the error as an item of `errors`.
    pub fn write(&self, request_id: &str, out: &mut Vec<u8>) {
        let error = &self.error;
        let object = ErrorObject {
            message: &error.message,
            locations: self.location.map(|at| [at.into()]),
            path: self.field.as_deref().map(|field| [field]),
            extensions: Extensions {
                code: error.code.as_str(),
                hint: error.hint.as_deref(),
                at: self.at.as_deref(),
                position: error.position.map(Into::into),
                retry_after_ms: error.retry_after.map(|wait| wait.as_millis()),
                request_id,
            },
        };
        // Strings and numbers under string keys, written to memory: this cannot fail.
        let _ = serde_json::to_writer(out, &object);
    }
}

#[derive(Serialize)]
struct ErrorObject<'a> {
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    locations: Option<[Place; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<[&'a str; 1]>,
    extensions: Extensions<'a>,
}

#[derive(Serialize)]
struct Extensions<'a> {
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<Place>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u128>,
    request_id: &'a str,
}

#[derive(Serialize)]
struct Place {
    line: u64,
    column: u64,
}

impl From<TextPosition> for Place {
    fn from(at: TextPosition) -> Self {
        Self { line: at.line, column: at.column }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::time::Duration;

    use super::*;
    use crate::query::error::ErrorCode;

    fn written(error: &DoorError) -> String {
        let mut out = Vec::new();
        error.write("r-1", &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_error_says_its_code_its_hint_and_where_it_is() {
        let error =
            QueryError::new(ErrorCode::UnknownColumn, "column \"a\" not found").with_hint("look again");
        let mut error = DoorError::from(error);
        error.location = Some(TextPosition { line: 2, column: 3 });
        assert_eq!(
            written(&error),
            "{\"message\":\"column \\\"a\\\" not found\",\"locations\":[{\"line\":2,\"column\":3}],\
             \"extensions\":{\"code\":\"unknown_column\",\"hint\":\"look again\",\"request_id\":\"r-1\"}}"
        );
    }

    #[test]
    fn a_failed_field_is_named_by_its_root_and_what_is_below() {
        let error = QueryError::new(ErrorCode::Overloaded, "busy").retry_after(Duration::from_millis(1_500));
        let error = DoorError::from(error).of_field("f", Some("f.airline".to_owned()));
        assert_eq!(
            written(&error),
            "{\"message\":\"busy\",\"path\":[\"f\"],\"extensions\":{\"code\":\"overloaded\",\
             \"at\":\"f.airline\",\"retry_after_ms\":1500,\"request_id\":\"r-1\"}}"
        );
    }

    #[test]
    fn faults_of_ours_show_no_cause() {
        let error = DoorError::from(QueryError::internal("the disk of host db-7 is full"));
        assert!(!written(&error).contains("db-7"), "{}", written(&error));
    }
}
