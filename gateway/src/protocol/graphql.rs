//! The GraphQL door: owns its routes and what stands between a document and the pipeline. A role's schema is made of what
//! the role sees; a document is parsed, counted and validated for it, planned as statements, and what they find is
//! written in the form that was asked for. Does not listen; the app gives it connections, in the frame of all doors
//! over HTTP.
//!
//! The order of the layers and its reasons are in `docs/layers.md`; why documents are run by code of our own is in
//! `docs/decisions/0011-graphql-in-statements.md`.

mod allow_list;
mod answer;
mod call;
pub mod condition;
pub mod document;
pub mod errors;
mod events;
mod execute;
#[cfg(test)]
mod fixture;
mod found;
pub mod input;
pub mod introspection;
mod media;
mod mistakes;
mod operation;
pub mod order;
mod output;
mod page;
mod persisted;
mod places;
mod plan;
mod prepare;
mod request;
pub mod schema;
pub mod schemas;
pub mod selection;
mod socket;
mod subscribe;
pub mod variables;
mod write;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

pub use self::allow_list::AllowList;
pub use self::persisted::Persisted;
pub use self::places::Places;
use self::schemas::Schemas;
use super::auth::Authenticator;
use super::readiness::{ReadinessReport, ReadinessStatus};
use crate::config::graphql::GraphqlConfig;
use crate::config::limits::LimitsConfig;
use crate::query::QueryService;
use crate::telemetry::Metrics;

/// What the door needs.
#[derive(Debug)]
pub struct GraphqlDoor {
    /// The pipeline.
    pub service: QueryService,
    /// Who is calling.
    pub authenticator: Authenticator,
    /// Where requests are counted.
    pub metrics: Metrics,
    /// Limits on requests.
    pub limits: LimitsConfig,
    /// Limits on documents.
    pub config: GraphqlConfig,
    /// The schemas of all roles.
    pub schemas: Schemas,
    /// Documents that are known by a hash or an id.
    pub persisted: Persisted,
    /// How many subscriptions there are.
    pub places: Places,
    /// Origins besides its own whose pages may open sockets.
    pub allowed_origins: Vec<String>,
    /// Tells when the server is about to stop.
    pub readiness: watch::Receiver<ReadinessReport>,
    /// Time between two signs of life on a connection that says nothing else.
    pub sign_of_life_interval: Duration,
    /// Longest wait for a request's body.
    pub body_read_timeout: Duration,
}

impl GraphqlDoor {
    /// Returns once the server is about to stop: what has no end of its own would hold the drain up.
    async fn drained(&self) {
        let mut readiness = self.readiness.clone();
        // Nobody keeps it up to date any more: the server has stopped.
        let _ = readiness.wait_for(|report| report.status == ReadinessStatus::NotReady).await;
    }

    /// Ticks whenever a sign of life is due.
    fn signs_of_life(&self) -> Interval {
        let interval = self.sign_of_life_interval;
        let mut ticks = interval_at(Instant::now() + interval, interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    }
}

const GRAPHQL: &str = "/graphql";
const ASSETS: &str = "/graphql/assets/{name}";

/// The door as routes, which have no answer to other paths and methods.
pub fn routes(door: Arc<GraphqlDoor>) -> Router {
    let routes = Router::new().route(GRAPHQL, get(call::by_get).post(call::by_post));
    let routes = if door.config.graphiql { routes.route(ASSETS, get(call::asset)) } else { routes };
    routes.with_state(door)
}
