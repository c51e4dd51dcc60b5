//! From the parameters of a request to a plan: owns the order in which an operation is looked at before any of it runs.
//! Does not read requests, and does not run plans.

use std::sync::Arc;

use apollo_compiler::ast::OperationType;
use axum::http::Method;

use super::document::{Document, operation};
use super::errors::DoorError;
use super::input::Coercion;
use super::plan::{Plan, Planner};
use super::request::Asked;
use super::schema::DoorSchema;
use super::selection::Selections;
use crate::config::graphql::GraphqlConfig;
use crate::config::limits::LimitsConfig;
use crate::query::error::{ErrorCode, QueryError};

/// Why nothing of a request runs.
#[derive(Debug)]
pub(super) enum Refused {
    /// It is refused as any request is, whatever its document says.
    Request(Box<QueryError>),
    /// By its document; there is at least one fault.
    Document(Vec<DoorError>),
}

impl Refused {
    /// The code of the first fault.
    pub(super) fn code(&self) -> ErrorCode {
        match self {
            Self::Request(error) => error.code,
            Self::Document(faults) => faults.first().map_or(ErrorCode::Internal, |fault| fault.error.code),
        }
    }

    /// All that is wrong.
    pub(super) fn faults(self) -> Vec<DoorError> {
        match self {
            Self::Request(error) => vec![DoorError::from(*error)],
            Self::Document(faults) => faults,
        }
    }
}

impl From<QueryError> for Refused {
    fn from(error: QueryError) -> Self {
        Self::Request(Box::new(error))
    }
}

impl From<DoorError> for Refused {
    fn from(error: DoorError) -> Self {
        Self::Document(vec![error])
    }
}

/// Parses the document of a request, which came by that method.
///
/// # Errors
/// `method_not_allowed`: more than a query by a method that only reads; and as for [`Document::parse`].
pub(super) fn parse(
    asked: &Asked,
    text: &str,
    method: &Method,
    config: &GraphqlConfig,
) -> Result<Document, Refused> {
    let document = Document::parse(text, config).map_err(|mut found| match found.as_slice() {
        // A text that is too long is that whatever it says.
        [only] if only.error.code == ErrorCode::RequestTooLarge => Refused::Request(found.remove(0).error),
        _ => Refused::Document(found),
    })?;
    let of = document.operation_type(asked.operation_name.as_deref());
    if *method != Method::POST && of.is_some_and(|of| of != OperationType::Query) {
        let error = QueryError::new(ErrorCode::MethodNotAllowed, "only queries are taken by this method");
        return Err(error.with_hint("send the document by POST").into());
    }
    Ok(document)
}

/// Plans the operation that a request asks for. Takes processor time: call it on a thread that may block.
///
/// # Errors
/// As for [`Document::validate`], [`operation`], [`Coercion::new`] and [`Planner::plan`].
pub(super) fn plan(
    asked: &Asked,
    document: &Document,
    door: &Arc<DoorSchema>,
    config: &GraphqlConfig,
    limits: &LimitsConfig,
) -> Result<Plan, Refused> {
    let valid = document.validate(door).map_err(Refused::Document)?;
    let operation = operation(&valid, asked.operation_name.as_deref())?;
    let coercion = Coercion::new(door, &valid, operation, &asked.variables, limits.body_bytes_max)?;
    let selections = Selections::new(&valid, coercion, config.fields_max);
    Ok(Planner::new(door, &selections, config, limits).plan(operation)?)
}
