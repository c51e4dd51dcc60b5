//! One authenticated call: owns the order in which a request is looked at before its own handler
//! does. Does not know what is asked.

use std::ops::Deref;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Uri, request};
use bytes::Bytes;
use uuid::Uuid;

use super::RestDoor;
use super::json::json_options;
use super::media::{check_accept, check_content};
use super::problem::Problem;
use super::target::{self, Params};
use super::{TABLE_SEGMENT, body};
use crate::protocol::entry::{EntryError, enter};
use crate::protocol::json_values::JsonOptions;
use crate::protocol::limits::read_body;
use crate::protocol::request_context::RequestContext;
use crate::query::admission::Held;
use crate::query::caller::Caller;
use crate::query::error::QueryError;

/// A call whose caller is known and was counted, and whose answer it will be able to read.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) caller: Caller,
    pub(super) context: RequestContext,
    pub(super) json: JsonOptions,
    head: request::Parts,
}

impl Call {
    /// Negotiates, authenticates and counts. The body comes back unread: whoever is refused here has made
    /// the server read nothing.
    pub(super) fn open(door: &RestDoor, request: Request) -> Result<(Self, Body), Problem> {
        let (head, body) = request.into_parts();
        check_accept(&head.headers)?;
        let entered = enter(&door.authenticator, &door.service, &head.headers, &head.extensions);
        let caller = entered.map_err(|turned_away| match turned_away {
            EntryError::Auth(refusal) => {
                let challenge = refusal.challenge();
                Problem::unauthenticated(refusal.into(), challenge)
            }
            EntryError::Rate(error) => error.into(),
        })?;
        let json = json_options(&head.headers)?;
        let context = head
            .extensions
            .get::<RequestContext>()
            .cloned()
            .unwrap_or_else(|| RequestContext { request_id: Uuid::now_v7().to_string(), trace_id: None });
        Ok((Self { caller, context, json, head }, body))
    }

    pub(super) fn uri(&self) -> &Uri {
        &self.head.uri
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// The table that the path names.
    pub(super) fn table(&self) -> Result<String, QueryError> {
        target::segment(self.uri(), TABLE_SEGMENT)
    }

    /// The query string of a call that takes these parameters.
    pub(super) fn params(&self, known: &[&str]) -> Result<Params, QueryError> {
        Params::parse(self.uri(), known)
    }

    /// The JSON body, within its limits. Calls with a body take no parameters.
    pub(super) async fn read(&self, door: &RestDoor, body: Body) -> Result<ReadBody, QueryError> {
        self.params(&[])?;
        check_content(self.headers())?;
        let mut held = door.service.hold(&self.caller);
        let wait_max = door.body_read_timeout;
        let grown = |bytes| held.resize(bytes);
        let bytes = read_body(self.headers(), body, &door.limits, wait_max, grown).await?;
        Ok(ReadBody { bytes, _held: held })
    }
}

/// A body that was read. It counts among what its caller holds until it is dropped, which is to be before the
/// answer is: a subject's only answer is always let through.
pub(super) struct ReadBody {
    bytes: Bytes,
    _held: Held,
}

impl Deref for ReadBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The typed form of a body that was read.
pub(super) fn typed<'a, T: body::Body<'a>>(bytes: &'a [u8], door: &RestDoor) -> Result<T, QueryError> {
    body::parse(bytes, &door.limits)
}
