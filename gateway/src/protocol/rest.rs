//! The REST door: owns its routes and what every call of it shares. Each call has a file of its
//! own. Does not listen; the app gives it connections.
//!
//! The order of the layers and its reasons are in `docs/layers.md`.

mod aggregate;
mod answer;
mod body;
mod call;
mod filter;
mod frame;
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
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use axum::http::{HeaderValue, Method};
use axum::routing::{get, post};
use tokio::sync::watch;
use tower_http::cors::CorsLayer;

use super::auth::Authenticator;
use super::http::problem::Problem;
use super::readiness::ReadinessReport;
use super::request_context::X_REQUEST_ID;
use crate::config::limits::LimitsConfig;
use crate::query::QueryService;
use crate::query::error::{ErrorCode, QueryError};
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
const QUERY: &str = "/v1/tables/{table}/query";
const AGGREGATE: &str = "/v1/tables/{table}/aggregate";
const SQL: &str = "/v1/sql";
const HEALTHZ: &str = "/healthz";
const READYZ: &str = "/readyz";
const METRICS: &str = "/metrics";
/// Every path that the door answers.
const ROUTES: [&str; 10] = [TABLES, TABLE, ROWS, ROW, QUERY, AGGREGATE, SQL, HEALTHZ, READYZ, METRICS];
/// Place of the table's name among the path's segments.
const TABLE_SEGMENT: usize = 2;
/// Place of the key among the path's segments.
const KEY_SEGMENT: usize = 4;

const CORS_MAX_AGE: Duration = Duration::from_secs(600);

/// The door as a service. `allowed_origins` are the origins whose pages may call.
pub fn router(door: Arc<RestDoor>, allowed_origins: &[String]) -> Router {
    let routes = Router::new()
        .route(TABLES, get(tables::list))
        .route(TABLE, get(table::describe))
        .route(ROWS, get(rows::page))
        .route(ROW, get(lookup::row))
        .route(QUERY, post(query::page))
        .route(AGGREGATE, post(aggregate::groups))
        .route(SQL, post(sql::select))
        .route(HEALTHZ, get(health::live))
        .route(READYZ, get(health::ready))
        .route(METRICS, get(metrics::render))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method);
    let routes = match cors(allowed_origins) {
        Some(cors) => routes.layer(cors),
        None => routes,
    };
    let framed = axum::middleware::from_fn_with_state(Arc::clone(&door), frame::frame);
    routes.layer(framed).with_state(door)
}

fn cors(allowed_origins: &[String]) -> Option<CorsLayer> {
    let origins: Vec<HeaderValue> =
        allowed_origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
    if origins.is_empty() {
        return None;
    }
    let ours = |name: &'static str| HeaderName::from_static(name);
    Some(
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::HEAD, Method::POST])
            .allow_headers([
                ACCEPT,
                AUTHORIZATION,
                CONTENT_TYPE,
                ours("sluice-role"),
                ours("sluice-json"),
                ours("traceparent"),
                X_REQUEST_ID,
            ])
            .expose_headers([X_REQUEST_ID, ours("sluice-cache"), RETRY_AFTER])
            .max_age(CORS_MAX_AGE),
    )
}

async fn no_such_path() -> Problem {
    QueryError::new(ErrorCode::NotFound, "no such path").into()
}

async fn no_such_method() -> Problem {
    QueryError::new(ErrorCode::MethodNotAllowed, "this path does not take this method")
        .with_hint("the \"Allow\" header lists the methods that it takes")
        .into()
}
