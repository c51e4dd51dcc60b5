//! The standard health service: owns its answers, which follow readiness. Names no table. Does not judge readiness.

use std::pin::Pin;

use futures::Stream;
use futures::stream::unfold;
use sluice_proto::v1::{catalog_server, query_server};
use tokio::sync::watch;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::SMALL_MESSAGE_BYTES;
use crate::protocol::readiness::{ReadinessReport, ReadinessStatus};

type Readiness = watch::Receiver<ReadinessReport>;
type Answers = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

/// The service over the readiness that it follows.
pub(super) fn server(readiness: Readiness) -> HealthServer<impl Health> {
    HealthServer::new(HealthDoor(readiness)).max_decoding_message_size(SMALL_MESSAGE_BYTES)
}

struct HealthDoor(Readiness);

#[tonic::async_trait]
impl Health for HealthDoor {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if !is_known(&request.get_ref().service) {
            return Err(Status::not_found("no such service"));
        }
        Ok(Response::new(response(serving(&self.0.borrow()))))
    }

    type WatchStream = Answers;

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Answers>, Status> {
        let known = is_known(&request.get_ref().service);
        Ok(Response::new(Box::pin(changes(self.0.clone(), known))))
    }
}

/// The whole server, or one of the services that need what readiness speaks of.
fn is_known(service: &str) -> bool {
    ["", catalog_server::SERVICE_NAME, query_server::SERVICE_NAME].contains(&service)
}

fn serving(report: &ReadinessReport) -> ServingStatus {
    match report.status {
        ReadinessStatus::Ready | ReadinessStatus::Degraded => ServingStatus::Serving,
        ReadinessStatus::NotReady => ServingStatus::NotServing,
    }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

/// The status now and at each change. A server that does not serve is about to stop: its last word ends the stream,
/// which would hold the drain up.
fn changes(
    readiness: Readiness,
    known: bool,
) -> impl Stream<Item = Result<HealthCheckResponse, Status>> + Send {
    unfold((readiness, None), move |(mut readiness, said)| async move {
        loop {
            let now = serving(&readiness.borrow_and_update());
            let word = if known { now } else { ServingStatus::ServiceUnknown };
            if said != Some(word) {
                return Some((Ok(response(word)), (readiness, Some(word))));
            }
            if now == ServingStatus::NotServing || readiness.changed().await.is_err() {
                return None;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use futures::StreamExt;

    use super::*;

    fn statuses(stream: &[Result<HealthCheckResponse, Status>]) -> Vec<ServingStatus> {
        stream.iter().map(|one| one.as_ref().unwrap().status()).collect()
    }

    #[tokio::test]
    async fn a_watch_tells_changes_and_ends_with_the_drain() {
        let (report, readiness) = watch::channel(ReadinessReport::of(Vec::new()));
        let mut watch = Box::pin(changes(readiness.clone(), true));
        assert_eq!(statuses(&[watch.next().await.unwrap()]), [ServingStatus::Serving]);
        report.send_replace(ReadinessReport::of(Vec::new()));
        report.send_replace(ReadinessReport::not_ready("draining"));
        assert_eq!(statuses(&watch.collect::<Vec<_>>().await), [ServingStatus::NotServing]);
        let unknown: Vec<_> = changes(readiness, false).collect().await;
        assert_eq!(statuses(&unknown), [ServingStatus::ServiceUnknown]);
    }
}
