//! From the parameters of a request to a plan: owns the order in which an operation is looked at before any of it runs.
//! Does not read requests, and does not run plans.

use std::sync::Arc;

use apollo_compiler::ast::OperationType;

use super::document::{Document, ValidDocument, operation};
use super::errors::DoorError;
use super::input::Coercion;
use super::plan::{Planned, Planner};
use super::request::Asked;
use super::schema::DoorSchema;
use super::selection::Selections;
use crate::config::graphql::GraphqlConfig;
use crate::config::limits::LimitsConfig;
use crate::query::error::{ErrorCode, QueryError};

/// How an operation came, which says what it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way {
    /// By a method that only reads.
    pub only_reads: bool,
    /// Events are taken as an answer.
    pub takes_events: bool,
}

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

/// Parses the document of a request.
///
/// # Errors
/// As for [`Document::parse`].
pub(super) fn parse(text: &str, config: &GraphqlConfig) -> Result<Document, Refused> {
    Document::parse(text, config).map_err(|mut found| match found.as_slice() {
        // A text that is too long is that whatever it says.
        [only] if only.error.code == ErrorCode::RequestTooLarge => Refused::Request(found.remove(0).error),
        _ => Refused::Document(found),
    })
}

/// Refuses what is not answered by the way in which it was asked.
///
/// # Errors
/// `method_not_allowed`: more than a query by a method that only reads; `not_acceptable`: a subscription where events are
/// not taken; `request_too_large`: one that is too long to be kept.
pub(super) fn check_way(
    asked: &Asked,
    text: &str,
    document: &Document,
    way: Way,
    config: &GraphqlConfig,
) -> Result<(), QueryError> {
    let of = document.operation_type(asked.operation_name.as_deref());
    let subscribes = config.subscriptions && of == Some(OperationType::Subscription);
    if subscribes && way.takes_events {
        check_size(asked, text, config)?;
    } else if way.only_reads && of.is_some_and(|of| of != OperationType::Query) {
        let error = QueryError::new(ErrorCode::MethodNotAllowed, "only queries are taken by this method");
        return Err(error.with_hint("send the document by POST"));
    } else if subscribes {
        let message = "a subscription is answered by events, one request at a time";
        let hint = "send \"Accept: text/event-stream\", or ask over a WebSocket";
        return Err(QueryError::new(ErrorCode::NotAcceptable, message).with_hint(hint));
    }
    Ok(())
}

/// What is asked is kept as long as a subscription lasts.
fn check_size(asked: &Asked, text: &str, config: &GraphqlConfig) -> Result<(), QueryError> {
    let most = config.document_bytes_max;
    if text.len().saturating_add(asked.variables_bytes) <= most {
        return Ok(());
    }
    let message = format!("a subscription and its variables are longer than {most} bytes together");
    Err(QueryError::new(ErrorCode::RequestTooLarge, message))
}

/// Plans the operation that a request asks for. Takes processor time: call it on a thread that may block.
///
/// # Errors
/// As for [`operation`], [`Coercion::new`] and [`Planner::plan`].
pub(super) fn plan(
    asked: &Asked,
    valid: &ValidDocument,
    door: &Arc<DoorSchema>,
    config: &GraphqlConfig,
    limits: &LimitsConfig,
) -> Result<Planned, Refused> {
    let operation = operation(valid, asked.operation_name.as_deref())?;
    let coercion = Coercion::new(door, valid, operation, &asked.variables, limits.body_bytes_max)?;
    let selections = Selections::new(valid, coercion, config.fields_max);
    Ok(Planner::new(door, &selections, config, limits).plan(operation)?)
}
