//! One authenticated call: owns the order in which a request is looked at before its own handler
//! does. Does not know what is asked.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Uri, request};

use super::json::json_options;
use super::path::segment;
use super::{RestDoor, TABLE_SEGMENT};
use crate::protocol::entry::{EntryError, enter};
use crate::protocol::http::body::ReadBody;
use crate::protocol::http::media::{check_content, quality};
use crate::protocol::http::problem::Problem;
use crate::protocol::http::target::Params;
use crate::protocol::json_values::JsonOptions;
use crate::protocol::request_context::RequestContext;
use crate::query::caller::Caller;
use crate::query::error::{ErrorCode, QueryError};

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
        let context = RequestContext::framed(&head.extensions);
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
        segment(self.uri(), TABLE_SEGMENT)
    }

    /// The query string of a call that takes these parameters.
    pub(super) fn params(&self, known: &[&str]) -> Result<Params, QueryError> {
        Params::parse(self.uri(), known)
    }

    /// The JSON body, within its limits. Calls with a body take no parameters.
    pub(super) async fn read(&self, door: &RestDoor, body: Body) -> Result<ReadBody, QueryError> {
        self.params(&[])?;
        check_content(self.headers())?;
        let (limits, wait_max) = (&door.limits, door.body_read_timeout);
        ReadBody::read(&door.service, &self.caller, self.headers(), body, limits, wait_max).await
    }
}

/// Refuses a caller that does not take JSON, the one representation there is.
fn check_accept(headers: &HeaderMap) -> Result<(), QueryError> {
    if quality(headers, "application/json") > 0.0 {
        return Ok(());
    }
    Err(QueryError::new(ErrorCode::NotAcceptable, "answers are \"application/json\" only")
        .with_hint("send \"Accept: application/json\" or none"))
}
