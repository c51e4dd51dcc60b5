//! Health and reflection: what probes and tools see, without a token.

use serde_json::json;
use sluice_tests::gateway::{Gateway, Setup, run};
use sluice_tests::grpc::GrpcCaller;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::accounts;

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

#[test]
fn health_needs_no_token_and_knows_each_service() {
    run(async {
        let mut health = HealthClient::new(Gateway::demo().await.grpc(None).channel());
        for service in ["", "sluice.v1.Catalog", "sluice.v1.Query"] {
            let answer = health.check(of(service)).await.unwrap().into_inner();
            assert_eq!(answer.status(), ServingStatus::Serving, "{service}");
        }
        assert_eq!(health.check(of("flights")).await.unwrap_err().code(), Code::NotFound);
        let mut watch = health.watch(of("flights")).await.unwrap().into_inner();
        let first = watch.message().await.unwrap().unwrap();
        assert_eq!(first.status(), ServingStatus::ServiceUnknown);
    });
}

#[test]
fn a_watch_ends_with_the_drain_and_does_not_hold_it_up() {
    run(async {
        let setup = Setup::new("grpc-watch", accounts::POLICIES)
            .with(json!({ "server": { "drain_timeout_ms": 30_000 } }));
        let gateway = setup.start().await;
        let caller = gateway.grpc(None);
        let mut watch = HealthClient::new(caller.channel()).watch(of("")).await.unwrap().into_inner();
        assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
        let mut reflection = ServerReflectionClient::new(caller.channel());
        // One that is never ended by its client.
        let idle = futures::stream::pending::<ServerReflectionRequest>();
        let mut idle = reflection.server_reflection_info(idle).await.unwrap().into_inner();
        let began = std::time::Instant::now();
        let ((), last) = tokio::join!(gateway.shutdown(), async {
            let last = watch.message().await.unwrap().unwrap();
            assert!(watch.message().await.unwrap().is_none());
            assert!(idle.message().await.unwrap().is_none());
            last
        });
        assert_eq!(last.status(), ServingStatus::NotServing);
        assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    });
}

/// The answer to one question of reflection.
async fn reflect(caller: &GrpcCaller, question: MessageRequest) -> MessageResponse {
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(question) };
    let mut client = ServerReflectionClient::new(caller.channel());
    let asked = futures::stream::iter([request]);
    let mut answers = client.server_reflection_info(asked).await.unwrap().into_inner();
    answers.message().await.unwrap().unwrap().message_response.unwrap()
}

#[test]
fn reflection_lists_the_services_and_their_files() {
    run(async {
        let caller = Gateway::demo().await.grpc(None);
        let MessageResponse::ListServicesResponse(listed) =
            reflect(&caller, MessageRequest::ListServices(String::new())).await
        else {
            panic!("no list")
        };
        let names: Vec<&str> = listed.service.iter().map(|service| service.name.as_str()).collect();
        for service in ["sluice.v1.Catalog", "sluice.v1.Query", "grpc.health.v1.Health"] {
            assert!(names.contains(&service), "{names:?}");
        }
        for question in [
            MessageRequest::FileContainingSymbol("sluice.v1.Query".to_owned()),
            MessageRequest::FileByFilename("sluice/v1/value.proto".to_owned()),
            MessageRequest::FileByFilename("google/protobuf/timestamp.proto".to_owned()),
            MessageRequest::FileContainingSymbol("google.rpc.ErrorInfo".to_owned()),
        ] {
            let answer = reflect(&caller, question.clone()).await;
            assert!(matches!(answer, MessageResponse::FileDescriptorResponse(_)), "{question:?}: {answer:?}");
        }
    });
}
