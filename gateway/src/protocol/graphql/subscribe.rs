//! One subscription: owns what is followed for it, and the event that each change becomes. Every event lives as a query.
//! What is asked is planned anew where what the role sees has changed. Between two events it holds no rows. Sends nothing.

use std::time::{Duration, Instant};

use super::GraphqlDoor;
use super::answer::{Told, told};
use super::execute;
use super::operation::{Asking, PlannedFor, Question};
use super::places::SubscriptionPlace;
use super::plan::{ChangesPlan, Planned};
use super::prepare::Refused;
use crate::engine::statement::Select;
use crate::query::admission::Deadline;
use crate::query::error::{ErrorCode, QueryError};
use crate::query::follow::Follow;
use crate::query::lifecycle::QueryKind;

/// A table that is followed for a caller. Dropping it ends that.
#[derive(Debug)]
pub(super) struct Subscription {
    asking: Asking,
    question: Question,
    plan: ChangesPlan,
    /// Of what the role saw when the plan was made.
    digest: [u8; 32],
    follow: Follow,
    ended: bool,
    /// How many changes in a row were missed.
    missed: u32,
    _place: SubscriptionPlace,
}

/// Most changes in a row that are missed before a subscription ends: what is too much each time does not pass.
const MISSED_MAX: u32 = 5;

/// How long to wait before asking again what is refused for a while only.
fn pause(error: &QueryError) -> Option<Duration> {
    const PAUSE: Duration = Duration::from_secs(1);
    (error.code == ErrorCode::Overloaded).then(|| error.retry_after.unwrap_or(PAUSE))
}

impl Subscription {
    /// Follows what was planned for a role that saw what the digest is of.
    ///
    /// # Errors
    /// `overloaded`: there are as many as there may be.
    pub(super) fn begin(
        asking: Asking,
        question: Question,
        plan: ChangesPlan,
        digest: [u8; 32],
    ) -> Result<Self, QueryError> {
        let place = asking.door.places.subscription(&asking.caller)?;
        let follow = asking.door.service.follow(asking.caller.clone(), plan.statement.clone())?;
        Ok(Self { asking, question, plan, digest, follow, ended: false, missed: 0, _place: place })
    }

    /// The door that it came by.
    pub(super) fn door(&self) -> &GraphqlDoor {
        &self.asking.door
    }

    /// Who asks for it.
    pub(super) const fn asking(&self) -> &Asking {
        &self.asking
    }

    /// The next event, once there is one; `None` after the last. What ends it is told as an event without data, or as
    /// the faults of one that could not be told.
    pub(super) async fn next(&mut self) -> Option<Result<Told, Refused>> {
        if self.ended {
            return None;
        }
        let event = match Deadline::of_token(self.asking.caller.expires_at) {
            Some(end) => {
                let event = tokio::time::timeout_at(end.at(), self.event()).await;
                event.unwrap_or_else(|_| Err(end.exceeded().into()))
            }
            None => self.event().await,
        };
        // A change that was not told is not told again: whoever goes on would miss it.
        self.ended = event.as_ref().map_or(true, |told| told.has_errors);
        Some(event)
    }

    async fn event(&mut self) -> Result<Told, Refused> {
        loop {
            self.follow.due().await?;
            let error = match self.plan_anew().await {
                Ok(()) => match self.change().await {
                    Ok(told) => return Ok(told?),
                    Err(error) => error,
                },
                Err(Refused::Request(error)) => *error,
                Err(refused) => return Err(refused),
            };
            match pause(&error) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(error.into()),
            }
        }
    }

    /// The next change, as an event, or what ends the subscription. Nothing is kept of one that can't be told for a
    /// while only: it is missed, and what is followed begins anew.
    ///
    /// # Errors
    /// Why there is no event: what passes with time is asked again.
    async fn change(&mut self) -> Result<Result<Told, QueryError>, QueryError> {
        let life = self.asking.begin(QueryKind::Changes, Some(&self.plan.statement.table));
        let change = match self.follow.next().await {
            Ok(change) => change,
            Err(error) => {
                life.failed(&error);
                return Err(error);
            }
        };
        let began = Instant::now();
        let ran = execute::change(&self.asking, &self.plan, change, life).await;
        let told = match ran.outcome {
            Err(failed) if pause(&failed.error).is_some() => Err(*failed.error),
            _ => told(&self.asking, vec![ran], began).await,
        };
        let passes = told.as_ref().map_or_else(|error| pause(error).is_some(), |told| told.overloaded);
        if !passes || self.missed == MISSED_MAX {
            self.missed = 0;
            return Ok(told);
        }
        self.missed += 1;
        let Asking { door, caller, .. } = &self.asking;
        self.follow = door.service.follow(caller.clone(), self.plan.statement.clone())?;
        let no_room = || QueryError::new(ErrorCode::Overloaded, "there is no room for an event");
        Err(told.err().unwrap_or_else(no_room))
    }

    /// Plans what was asked for what the role sees now, where that is something else than before.
    ///
    /// # Errors
    /// What is wrong with it now; `unauthenticated` or `role_denied` where the caller would not be let in any more.
    async fn plan_anew(&mut self) -> Result<(), Refused> {
        let Asking { door, caller, credentials, .. } = &self.asking;
        door.authenticator.authenticate(credentials).map_err(QueryError::from)?;
        let shape = door.service.shape(caller, None).await?;
        self.asking.check_listed(&self.question, shape.digest())?;
        if *shape.digest() == self.digest {
            return Ok(());
        }
        let PlannedFor { planned, digest } = self.asking.planned(&self.question).await?;
        let Planned::Subscription(plan) = planned else {
            return Err(QueryError::internal("a subscription is none any more").into());
        };
        // What asks the same goes on where it stands.
        if followed(&plan.statement)? != followed(&self.plan.statement)? {
            self.follow = door.service.follow(caller.clone(), plan.statement.clone())?;
        }
        (self.plan, self.digest) = (*plan, digest);
        Ok(())
    }
}

/// What is followed, in comparable form.
fn followed(select: &Select) -> Result<Vec<u8>, QueryError> {
    let Select { table, columns, filter, .. } = select;
    serde_json::to_vec(&(table, columns, filter)).map_err(QueryError::internal)
}
