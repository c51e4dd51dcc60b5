//! Server reflection, versions 1 and 1alpha: owns what it shows, which is the contract and names no table, and the
//! end of its streams.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use futures::StreamExt;
use tokio::sync::watch;
use tonic::service::Routes;
use tonic_reflection::server::{Builder, Error};

use super::SMALL_MESSAGE_BYTES;
use crate::protocol::readiness::{ReadinessReport, ReadinessStatus};

/// The routes of the service.
///
/// # Errors
/// When descriptors are not sound.
pub(super) fn routes(readiness: &watch::Receiver<ReadinessReport>) -> Result<Router, Error> {
    let builder = || {
        Builder::configure()
            .register_encoded_file_descriptor_set(sluice_proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // Clients print the details of errors by them.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    let v1 = builder().build_v1()?.max_decoding_message_size(SMALL_MESSAGE_BYTES);
    let v1alpha = builder().build_v1alpha()?.max_decoding_message_size(SMALL_MESSAGE_BYTES);
    let services = super::routes(Routes::new(v1).add_service(v1alpha));
    Ok(services.route_layer(from_fn_with_state(readiness.clone(), until_drained)))
}

/// Ends the questions of a stream when the drain begins, which an idle one would hold up; its answers end with
/// them.
async fn until_drained(
    State(mut readiness): State<watch::Receiver<ReadinessReport>>,
    request: Request,
    next: Next,
) -> Response {
    let drained = async move {
        let is_draining = |report: &ReadinessReport| report.status == ReadinessStatus::NotReady;
        // Without a sender nobody says so, nor is there anything left that would go on.
        let _ = readiness.wait_for(is_draining).await;
    };
    let questions = |body: Body| Body::from_stream(body.into_data_stream().take_until(Box::pin(drained)));
    next.run(request.map(questions)).await
}
