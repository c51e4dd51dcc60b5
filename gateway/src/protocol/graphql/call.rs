//! One request: owns the order in which it is looked at, from its head to its answer. Every refusal has the form of the
//! door. Does not look into documents itself.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Method, request};
use axum::response::Response;
use sluice_policies::principal::Principal;

use super::answer::{Told, answer, answer_all, refusal};
use super::media::{Form, takes_events, wants_page};
use super::operation::{Asking, Outcome};
use super::prepare::{Refused, Way};
use super::request::{Asked, Batch, from_body, from_query_string};
use super::{GraphqlDoor, events, page, socket};
use crate::protocol::auth::credentials_of;
use crate::protocol::entry::{EntryError, enter};
use crate::protocol::http::body::ReadBody;
use crate::protocol::http::media::check_content;
use crate::protocol::http::problem::Problem;
use crate::protocol::http::target::Params;
use crate::protocol::request_context::RequestContext;
use crate::query::error::{ErrorCode, QueryError};

/// Answers with a file of the page for browsers, which is the same for everyone.
pub(super) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    let asset = page::asset(&name, &headers);
    asset.ok_or_else(|| QueryError::new(ErrorCode::NotFound, "no such path").into())
}

/// Answers what the query string asks, or opens a socket; a browser that asks nothing gets the page.
pub(super) async fn by_get(State(door): State<Arc<GraphqlDoor>>, request: Request) -> Response {
    let (mut head, _) = request.into_parts();
    if door.config.subscriptions && socket::is_asked_for(&head.headers) {
        return socket::open(&door, &mut head).await;
    }
    if door.config.graphiql && head.uri.query().is_none() && wants_page(&head.headers) {
        return page::page(&head.headers);
    }
    let call = match Call::open(&door, &head) {
        Ok(call) => call,
        Err(refused) => return *refused,
    };
    let asked = from_query_string(&head.uri).and_then(|asked| asked.ok_or_else(nothing_asked));
    call.answered(asked.map(Batch::One)).await
}

/// Answers what the body asks.
pub(super) async fn by_post(State(door): State<Arc<GraphqlDoor>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let call = match Call::open(&door, &head) {
        Ok(call) => call,
        Err(refused) => return *refused,
    };
    let asked = async {
        Params::parse(&head.uri, &[])?;
        check_content(&head.headers)?;
        let (limits, wait_max) = (&door.limits, door.body_read_timeout);
        let caller = &call.asking.caller;
        let read = ReadBody::read(&door.service, caller, &head.headers, body, limits, wait_max).await?;
        from_body(&read, door.config.batch_operations_max)
    };
    call.answered(asked.await).await
}

fn nothing_asked() -> QueryError {
    QueryError::new(ErrorCode::InvalidRequest, "nothing is asked")
        .with_hint("give the document in the parameter \"query\", or send it by POST")
}

/// A request whose caller is known and was counted, and whose answer it will be able to read.
struct Call {
    asking: Asking,
    form: Form,
    way: Way,
}

impl Call {
    /// Negotiates, authenticates and counts. Whoever is refused here has made the server read nothing but a head.
    fn open(door: &Arc<GraphqlDoor>, head: &request::Parts) -> Result<Self, Box<Response>> {
        let context = RequestContext::framed(&head.extensions);
        let refused = |error: QueryError, form, challenge| {
            Box::new(refusal(error.into(), form, &context.request_id, challenge))
        };
        let form = Form::negotiated(&head.headers).map_err(|error| refused(error, Form::Json, None))?;
        let entered = enter(&door.authenticator, &door.service, &head.headers, &head.extensions);
        let caller = entered.map_err(|turned_away| match turned_away {
            EntryError::Auth(error) => {
                let challenge = error.challenge();
                refused(error.into(), form, challenge)
            }
            EntryError::Rate(error) => refused(error, form, None),
        })?;
        let way = Way { only_reads: head.method != Method::POST, takes_events: takes_events(&head.headers) };
        let answer_bytes_max = door.limits.answer_bytes_max;
        let credentials = Arc::new(credentials_of(&head.headers));
        let door = Arc::clone(door);
        Ok(Self { asking: Asking { door, caller, credentials, context, answer_bytes_max }, form, way })
    }

    async fn answered(&self, asked: Result<Batch, QueryError>) -> Response {
        let answered = match asked {
            Ok(Batch::One(asked)) => self.operation(asked).await,
            Ok(Batch::Many(_)) if self.form == Form::Events => Err(one_at_a_time().into()),
            Ok(Batch::Many(asked)) => self.operations(asked).await,
            Err(error) => Err(error.into()),
        };
        let request_id = &self.asking.context.request_id;
        answered.unwrap_or_else(|refused| refusal(refused, self.form, request_id, None))
    }

    async fn operation(&self, asked: Asked) -> Result<Response, Refused> {
        Ok(match self.asking.outcome(asked, self.way).await? {
            Outcome::Answer(told) if self.form == Form::Events => events::answer(told),
            Outcome::Answer(told) => answer(told, self.form),
            Outcome::Subscription(subscription) => events::subscription(*subscription)?,
        })
    }

    /// Operations that came together run one after the other. Each counts as a request.
    async fn operations(&self, asked: Vec<Asked>) -> Result<Response, Refused> {
        let Asking { door, caller, context, .. } = &self.asking;
        for _ in 1..asked.len() {
            let _counted = door.service.count(Principal::clone(caller))?;
        }
        let mut all: Vec<Result<Told, Refused>> = Vec::with_capacity(asked.len());
        let way = Way { takes_events: false, ..self.way };
        for one in asked {
            all.push(match self.asking.outcome(one, way).await {
                Ok(Outcome::Answer(told)) => Ok(told),
                Ok(Outcome::Subscription(_)) => Err(one_at_a_time().into()),
                Err(refused) => Err(refused),
            });
        }
        Ok(answer_all(door, caller, all, self.form, &context.request_id)?)
    }
}

fn one_at_a_time() -> QueryError {
    QueryError::new(ErrorCode::InvalidRequest, "events answer one operation, and here are several")
        .with_hint("send them one by one")
}
