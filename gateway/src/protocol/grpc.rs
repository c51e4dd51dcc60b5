//! The gRPC door: owns its services and the order of its layers. Each service has a file of its own. Does not
//! listen; the app gives it connections.
//!
//! The order of the layers and its reasons are in `docs/layers.md`.

mod answer;
mod arrow_rows;
mod call;
mod catalog;
mod condition;
mod deadline;
mod entry;
mod frame;
mod health;
mod literal;
mod query;
mod reflection;
mod refusal;
mod schema;
mod statement;
mod stream;
mod values;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use sluice_proto::v1::catalog_server::CatalogServer;
use sluice_proto::v1::query_server::QueryServer;
use tokio::sync::watch;
use tonic::codec::CompressionEncoding::{Gzip, Zstd};
use tonic::service::Routes;

use self::catalog::CatalogService;
use self::query::QueryDoor;
use super::auth::Authenticator;
use super::readiness::ReadinessReport;
use crate::config::limits::LimitsConfig;
use crate::config::serving::GrpcAccess;
use crate::query::QueryService;
use crate::telemetry::Metrics;

pub use tonic_reflection::server::Error as ReflectionError;

/// What the door needs.
#[derive(Debug)]
pub struct GrpcDoor {
    /// The pipeline.
    pub service: QueryService,
    /// Who is calling.
    pub authenticator: Authenticator,
    /// What the health service says.
    pub readiness: watch::Receiver<ReadinessReport>,
    /// Where calls are counted.
    pub metrics: Metrics,
    /// Limits on requests.
    pub limits: LimitsConfig,
    /// Longest wait for a request's message.
    pub body_read_timeout: Duration,
    /// Who may ask the health service.
    pub health_access: GrpcAccess,
    /// Who may ask the reflection service.
    pub reflection_access: GrpcAccess,
}

/// Longest message of the services that show no data.
const SMALL_MESSAGE_BYTES: usize = 4096;

/// The door as a service.
///
/// # Errors
/// When the descriptors of the contract are not sound.
pub fn router(door: &Arc<GrpcDoor>) -> Result<Router, ReflectionError> {
    let admitted = from_fn_with_state(Arc::clone(door), entry::admit);
    let read = from_fn_with_state(Arc::clone(door), entry::read);
    let questions = routes(Routes::new(catalog_server(door)).add_service(query_server(door)));
    let mut router =
        Routes::default().into_axum_router().merge(questions.route_layer(read).route_layer(admitted.clone()));
    for (access, service) in [
        (door.health_access, routes(Routes::new(health::server(door.readiness.clone())))),
        (door.reflection_access, reflection::routes(&door.readiness)?),
    ] {
        router = match access {
            GrpcAccess::Anyone => router.merge(service),
            GrpcAccess::Token => router.merge(service.route_layer(admitted.clone())),
            GrpcAccess::Off => router,
        };
    }
    Ok(router.layer(from_fn_with_state(Arc::clone(door), frame::frame)))
}

/// Without the answer to unknown paths, which the door has once.
fn routes(services: Routes) -> Router {
    services.into_axum_router().reset_fallback()
}

/// The length of answers is checked before they are encoded: tonic would notice in their middle.
fn catalog_server(door: &Arc<GrpcDoor>) -> CatalogServer<CatalogService> {
    CatalogServer::new(CatalogService(Arc::clone(door)))
        .max_decoding_message_size(door.limits.body_bytes_max)
        .accept_compressed(Gzip)
        .accept_compressed(Zstd)
        .send_compressed(Gzip)
        .send_compressed(Zstd)
}

fn query_server(door: &Arc<GrpcDoor>) -> QueryServer<QueryDoor> {
    QueryServer::new(QueryDoor(Arc::clone(door)))
        .max_decoding_message_size(door.limits.body_bytes_max)
        .accept_compressed(Gzip)
        .accept_compressed(Zstd)
        .send_compressed(Gzip)
        .send_compressed(Zstd)
}
