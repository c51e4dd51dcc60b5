//! One authenticated call: owns what the layers before it leave for its handler. Does not know what is asked.

use std::sync::Arc;

use tokio::time::Instant;
use tonic::{Request as Message, Status};

use super::refusal::Refusal;
use crate::engine::statement::Statement;
use crate::protocol::request_context::RequestContext;
use crate::query::admission::Held;
use crate::query::caller::Caller;
use crate::query::error::QueryError;
use crate::query::request::{Request, VersionSelector};

/// What the frame knows of a call.
#[derive(Debug, Clone)]
pub(super) struct Arrived {
    pub(super) context: RequestContext,
    pub(super) deadline: Option<Instant>,
}

/// What the entry knows of a call.
#[derive(Debug, Clone)]
pub(super) struct Entered {
    pub(super) caller: Caller,
    /// The memory of its message, once that was read.
    pub(super) message: Option<Arc<Held>>,
}

/// A call whose caller is known and was counted.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) caller: Caller,
    pub(super) context: RequestContext,
    pub(super) deadline: Option<Instant>,
}

/// A message that was read. It counts among what its caller holds until it is dropped, which is to be before the
/// answer is: a subject's only answer is always let through.
#[derive(Debug)]
pub(super) struct Asked<T> {
    message: T,
    _held: Option<Arc<Held>>,
}

impl<T> Asked<T> {
    /// What the message means; the message itself is gone then.
    ///
    /// # Errors
    /// What `meaning` refuses, as an answer to this call.
    pub(super) fn read<Q>(
        self,
        call: &Call,
        meaning: impl FnOnce(T) -> Result<Q, Refusal>,
    ) -> Result<Q, Status> {
        let Self { message, _held } = self;
        meaning(message).map_err(|refusal| call.refused(refusal))
    }
}

impl Call {
    /// Takes a request apart.
    ///
    /// # Errors
    /// When a layer before it is missing, which is a fault of ours.
    pub(super) fn open<T>(request: Message<T>) -> Result<(Self, Asked<T>), Status> {
        let (_, mut extensions, message) = request.into_parts();
        let (Some(Arrived { context, deadline }), Some(Entered { caller, message: held })) =
            (extensions.remove::<Arrived>(), extensions.remove::<Entered>())
        else {
            return Err(Refusal::from(QueryError::internal("a call without its layers")).status(""));
        };
        Ok((Self { caller, context, deadline }, Asked { message, _held: held }))
    }

    /// What the call asks of the pipeline.
    pub(super) fn request(&self, statement: Statement, version: VersionSelector) -> Request {
        Request {
            caller: self.caller.clone(),
            statement,
            version,
            pins: None,
            request_id: self.context.request_id.clone(),
            deadline: self.deadline,
        }
    }

    /// A refusal of what this call asks. A place in a text counts in `text_field`.
    pub(super) fn refused_in(&self, error: QueryError, text_field: Option<&'static str>) -> Status {
        match text_field {
            Some(field) if error.position.is_some() => self.refused(Refusal::of_field(error, field)),
            _ => self.refused(error),
        }
    }

    /// A refusal of this call.
    pub(super) fn refused(&self, refusal: impl Into<Refusal>) -> Status {
        refusal.into().status(&self.context.request_id)
    }
}
