//! One operation of a caller: owns the way from what is asked to a plan for what the caller's role sees, and what comes of
//! it, which is one answer or a subscription. Does not read requests and does not send answers.

use std::sync::Arc;
use std::time::Instant;

use axum::http::HeaderMap;
use tracing::info;

use super::answer::{Told, told};
use super::errors::DoorError;
use super::plan::{Plan, Planned};
use super::prepare::{Refused, Way, check_way, parse, plan};
use super::request::Asked;
use super::subscribe::Subscription;
use super::{GraphqlDoor, execute};
use crate::protocol::request_context::RequestContext;
use crate::query::caller::Caller;
use crate::query::error::{ErrorCode, QueryError};
use crate::query::lifecycle::{Door, QueryKind, QueryLife};

/// Who asks, and in which request.
#[derive(Debug, Clone)]
pub(super) struct Asking {
    /// The door.
    pub door: Arc<GraphqlDoor>,
    /// The caller.
    pub caller: Caller,
    /// How the caller was known: keys may be withdrawn, and roles go, while a subscription lasts.
    pub credentials: Arc<HeaderMap>,
    /// The request.
    pub context: RequestContext,
    /// Longest answer, in bytes.
    pub answer_bytes_max: usize,
}

/// What is asked, of no schema yet. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Question {
    asked: Arc<Asked>,
    text: Arc<str>,
    way: Way,
}

/// A plan, and the digest of what the role sees that it was made for.
#[derive(Debug)]
pub(super) struct PlannedFor {
    /// The plan.
    pub planned: Planned,
    /// The digest.
    pub digest: [u8; 32],
}

/// What comes of an operation.
#[derive(Debug)]
pub(super) enum Outcome {
    /// One answer.
    Answer(Told),
    /// An event for each change.
    Subscription(Box<Subscription>),
}

impl Asking {
    /// Answers what is asked, or begins to.
    ///
    /// # Errors
    /// Why nothing of it runs, which is logged.
    pub(super) async fn outcome(&self, asked: Asked, way: Way) -> Result<Outcome, Refused> {
        let outcome = self.asked(asked, way).await;
        outcome.inspect_err(|refused: &Refused| {
            let request_id = &self.context.request_id;
            info!(request_id, code = refused.code().as_str(), "document refused");
        })
    }

    async fn asked(&self, asked: Asked, way: Way) -> Result<Outcome, Refused> {
        let began = Instant::now();
        let shape = self.door.service.shape(&self.caller, None).await?;
        let text = self.door.persisted.text(&asked, shape.digest()).map_err(|error| match error.code {
            ErrorCode::PersistedQueryNotFound => Refused::from(DoorError::from(error)),
            _ => error.into(),
        })?;
        let question = Question { asked: Arc::new(asked), text, way };
        let PlannedFor { planned, digest } = self.planned(&question).await?;
        let Question { asked, text, way } = &question;
        // A method that only reads leaves nothing behind.
        if !way.only_reads && asked.query.is_some() && asked.hash.is_some() {
            self.door.persisted.keep(digest, Arc::clone(text));
        }
        match planned {
            Planned::Answer(plan) => Ok(Outcome::Answer(self.answered(plan, began).await?)),
            Planned::Subscription(changes) => {
                let subscription = Subscription::begin(self.clone(), question, *changes, digest)?;
                Ok(Outcome::Subscription(Box::new(subscription)))
            }
        }
    }

    async fn answered(&self, plan: Plan, began: Instant) -> Result<Told, QueryError> {
        if plan.introspects {
            self.begin(QueryKind::Introspect, None).answered_other(Vec::new(), 0).done();
        }
        let ran = execute::run(&self.door, &self.caller, &self.context, plan).await;
        told(self, ran, began).await
    }

    /// Begins the life of what is no statement.
    pub(super) fn begin(
        &self,
        kind: QueryKind,
        table: Option<&str>,
    ) -> QueryLife<crate::query::lifecycle::Asked> {
        let Self { door, caller, context, .. } = self;
        let (id, trace) = (&context.request_id, context.trace_id.as_deref());
        QueryLife::begin_other(&door.metrics, Door::Graphql, kind, caller, id, table, trace)
    }

    /// Refuses what has left the list since it was asked, where there is one.
    ///
    /// # Errors
    /// `document_not_allowed`.
    pub(super) fn check_listed(&self, question: &Question, digest: &[u8; 32]) -> Result<(), QueryError> {
        match self.door.persisted.is_list() {
            true => self.door.persisted.text(&question.asked, digest).map(drop),
            false => Ok(()),
        }
    }

    /// The plan of what is asked, for what the caller's role sees.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) async fn planned(&self, question: &Question) -> Result<PlannedFor, Refused> {
        let shape = self.door.service.shape(&self.caller, None).await?;
        let schema = self.door.schemas.of(&shape).await?;
        let (door, Question { asked, text, way }) = (Arc::clone(&self.door), question.clone());
        let digest = *shape.digest();
        let work = move || {
            let document = parse(&text, &door.config)?;
            let check_way = || check_way(&asked, &text, &document, way, &door.config);
            let is_listed = door.persisted.is_list();
            // That a document is listed is for those to know for whom it is valid.
            if !is_listed {
                check_way()?;
            }
            let valid = document.validate(&schema).map_err(|faults| door.persisted.invalid(faults))?;
            if is_listed {
                check_way()?;
            }
            let planned = plan(&asked, &valid, &schema, &door.config, &door.limits)?;
            Ok::<Planned, Refused>(planned)
        };
        let planned = tokio::task::spawn_blocking(work).await.map_err(QueryError::internal)??;
        Ok(PlannedFor { planned, digest })
    }
}
