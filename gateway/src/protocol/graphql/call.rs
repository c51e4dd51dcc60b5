//! One request: owns the order in which it is looked at, from its head to its answer. Every refusal has the form of the
//! door. Does not look into documents itself.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Method, request};
use axum::response::Response;
use sluice_policies::principal::Principal;
use tracing::info;

use super::answer::{Told, answer, answer_all, refusal, told};
use super::errors::DoorError;
use super::media::{Form, wants_page};
use super::plan::Plan;
use super::prepare::{Refused, parse, plan};
use super::request::{Asked, Batch, from_body, from_query_string};
use super::{GraphqlDoor, execute, page};
use crate::protocol::entry::{EntryError, enter};
use crate::protocol::http::body::ReadBody;
use crate::protocol::http::media::check_content;
use crate::protocol::http::problem::Problem;
use crate::protocol::http::target::Params;
use crate::protocol::request_context::RequestContext;
use crate::query::caller::Caller;
use crate::query::error::{ErrorCode, QueryError};
use crate::query::lifecycle::{Door, QueryKind, QueryLife};

/// Answers with a file of the page for browsers, which is the same for everyone.
pub(super) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    let asset = page::asset(&name, &headers);
    asset.ok_or_else(|| QueryError::new(ErrorCode::NotFound, "no such path").into())
}

/// Answers what the query string asks; without one, a browser gets the page.
pub(super) async fn by_get(State(door): State<Arc<GraphqlDoor>>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    if door.config.graphiql && head.uri.query().is_none() && wants_page(&head.headers) {
        return page::page(&head.headers);
    }
    let call = match Call::open(&door, &head) {
        Ok(call) => call,
        Err(refused) => return *refused,
    };
    let asked = from_query_string(&head.uri).and_then(|asked| asked.ok_or_else(nothing_asked));
    call.answered(&door, asked.map(Batch::One), &head.method).await
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
        let read = ReadBody::read(&door.service, &call.caller, &head.headers, body, limits, wait_max).await?;
        from_body(&read, door.config.batch_operations_max)
    };
    call.answered(&door, asked.await, &head.method).await
}

fn nothing_asked() -> QueryError {
    QueryError::new(ErrorCode::InvalidRequest, "nothing is asked")
        .with_hint("give the document in the parameter \"query\", or send it by POST")
}

/// A request whose caller is known and was counted, and whose answer it will be able to read.
struct Call {
    caller: Caller,
    context: RequestContext,
    form: Form,
}

impl Call {
    /// Negotiates, authenticates and counts. Whoever is refused here has made the server read nothing but a head.
    fn open(door: &GraphqlDoor, head: &request::Parts) -> Result<Self, Box<Response>> {
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
        Ok(Self { caller, context, form })
    }

    async fn answered(
        &self,
        door: &Arc<GraphqlDoor>,
        asked: Result<Batch, QueryError>,
        method: &Method,
    ) -> Response {
        let (form, request_id) = (self.form, &self.context.request_id);
        let answered = match asked {
            Ok(Batch::One(asked)) => self.operation(door, asked, method).await.map(|told| answer(told, form)),
            Ok(Batch::Many(asked)) => self.operations(door, asked, method).await,
            Err(error) => Err(error.into()),
        };
        answered.unwrap_or_else(|refused| refusal(refused, form, request_id, None))
    }

    /// Operations that came together run one after the other. Each counts as a request.
    async fn operations(
        &self,
        door: &Arc<GraphqlDoor>,
        asked: Vec<Asked>,
        method: &Method,
    ) -> Result<Response, Refused> {
        for _ in 1..asked.len() {
            let _counted = door.service.count(Principal::clone(&self.caller))?;
        }
        let mut all = Vec::with_capacity(asked.len());
        for one in asked {
            all.push(self.operation(door, one, method).await);
        }
        Ok(answer_all(door, &self.caller, all, self.form, &self.context.request_id)?)
    }

    async fn operation(
        &self,
        door: &Arc<GraphqlDoor>,
        asked: Asked,
        method: &Method,
    ) -> Result<Told, Refused> {
        let (began, request_id) = (Instant::now(), &self.context.request_id);
        let outcome = async {
            let plan = self.planned(door, asked, method).await?;
            let ran = execute::run(door, &self.caller, &self.context, plan).await;
            Ok(told(door, &self.caller, ran, request_id, began).await?)
        };
        outcome.await.inspect_err(|refused: &Refused| {
            info!(request_id, code = refused.code().as_str(), "document refused");
        })
    }

    /// The plan of what is asked, for what the caller's role sees.
    async fn planned(&self, door: &Arc<GraphqlDoor>, asked: Asked, method: &Method) -> Result<Plan, Refused> {
        let shape = door.service.shape(&self.caller, None).await?;
        let seen = *shape.digest();
        let text = door.persisted.text(&asked, &seen).map_err(|error| match error.code {
            ErrorCode::PersistedQueryNotFound => Refused::from(DoorError::from(error)),
            _ => error.into(),
        })?;
        let schema = door.schemas.of(&shape).await?;
        let (owned, method) = (Arc::clone(door), method.clone());
        let work = move || {
            let document = parse(&asked, &text, &method, &owned.config)?;
            let plan = plan(&asked, &document, &schema, &owned.config, &owned.limits)?;
            // A method that only reads leaves nothing behind.
            if method == Method::POST && asked.query.is_some() && asked.hash.is_some() {
                owned.persisted.keep(seen, text);
            }
            Ok::<Plan, Refused>(plan)
        };
        let plan = tokio::task::spawn_blocking(work).await.map_err(QueryError::internal)??;
        if plan.introspects {
            let (context, kind) = (&self.context, QueryKind::Introspect);
            let (id, trace) = (&context.request_id, context.trace_id.as_deref());
            let life =
                QueryLife::begin_other(&door.metrics, Door::Graphql, kind, &self.caller, id, None, trace);
            life.answered_other(Vec::new(), 0).done();
        }
        Ok(plan)
    }
}
