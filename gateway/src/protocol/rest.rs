//! The REST door: owns its routes and what every call of it shares. Each call has a file of its
//! own. Does not listen; the app gives it connections, in the frame of all doors over HTTP.
//!
//! The order of the layers and its reasons are in `docs/layers.md`.

mod aggregate;
mod answer;
mod body;
mod call;
mod filter;
mod health;
mod json;
mod lookup;
mod metrics;
mod options;
mod path;
mod query;
mod rows;
mod sql;
mod table;
mod tables;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use tokio::sync::watch;

use super::auth::Authenticator;
use super::readiness::ReadinessReport;
use crate::config::limits::LimitsConfig;
use crate::query::QueryService;
use crate::telemetry::Metrics;

/// What the door needs.
#[derive(Debug)]
pub struct RestDoor {
    /// The pipeline.
    pub service: QueryService,
    /// Who is calling.
    pub authenticator: Authenticator,
    /// What `/readyz` says.
    pub readiness: watch::Receiver<ReadinessReport>,
    /// Where requests are counted.
    pub metrics: Metrics,
    /// Limits on requests.
    pub limits: LimitsConfig,
    /// Longest wait for a request's body.
    pub body_read_timeout: Duration,
}

const TABLES: &str = "/v1/tables";
const TABLE: &str = "/v1/tables/{table}";
const ROWS: &str = "/v1/tables/{table}/rows";
const ROW: &str = "/v1/tables/{table}/rows/{key}";
/// The row whose key is an empty text.
const ROW_OF_EMPTY_KEY: &str = "/v1/tables/{table}/rows/";
const QUERY: &str = "/v1/tables/{table}/query";
const AGGREGATE: &str = "/v1/tables/{table}/aggregate";
const SQL: &str = "/v1/sql";
const HEALTHZ: &str = "/healthz";
const READYZ: &str = "/readyz";
const METRICS: &str = "/metrics";
/// Place of the table's name among the path's segments.
const TABLE_SEGMENT: usize = 2;
/// Place of the key among the path's segments.
const KEY_SEGMENT: usize = 4;

/// The door as routes, which have no answer to other paths and methods.
pub fn routes(door: Arc<RestDoor>) -> Router {
    Router::new()
        .route(TABLES, get(tables::list))
        .route(TABLE, get(table::describe))
        .route(ROWS, get(rows::page))
        .route(ROW, get(lookup::row))
        .route(ROW_OF_EMPTY_KEY, get(lookup::row))
        .route(QUERY, post(query::page))
        .route(AGGREGATE, post(aggregate::groups))
        .route(SQL, post(sql::select))
        .route(HEALTHZ, get(health::live))
        .route(READYZ, get(health::ready))
        .route(METRICS, get(metrics::render))
        .with_state(door)
}
