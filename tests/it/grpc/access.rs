//! Who may use the services that show no data, what is no call of gRPC, and what is counted.

use bytes::Bytes;
use serde_json::json;
use sluice_proto::v1::ListTablesRequest;
use sluice_tests::gateway::{Gateway, Setup, run};
use sluice_tests::grpc::{GrpcCaller, code};
use tonic::{Code, Status};

use crate::accounts;

const HEALTH: &str = "/grpc.health.v1.Health/Check";

async fn gateway(access: &str) -> Gateway {
    let server = json!({ "grpc_health_access": access, "grpc_reflection_access": access });
    let setup = Setup::new(&format!("grpc-{access}"), accounts::POLICIES).with(json!({ "server": server }));
    setup.start().await
}

async fn probe(caller: &GrpcCaller) -> Result<Bytes, Status> {
    caller.send_bytes(HEALTH, &[]).await
}

#[test]
fn health_and_reflection_are_open_as_configured() {
    run(async {
        let behind_token = gateway("token").await;
        assert_eq!(code(&probe(&behind_token.grpc(None)).await.unwrap_err()), "unauthenticated");
        probe(&behind_token.grpc_role("admin")).await.unwrap();
        let reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
        let refused = behind_token.grpc(None).send_bytes(reflection, &[]).await.unwrap_err();
        assert_eq!(code(&refused), "unauthenticated");
        behind_token.shutdown().await;

        let off = gateway("off").await;
        let admin = off.grpc_role("admin");
        assert_eq!(probe(&admin).await.unwrap_err().code(), Code::Unimplemented);
        let refused = admin.send_bytes(reflection, &[]).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unimplemented);
        admin.catalog().list_tables(admin.request(ListTablesRequest {})).await.unwrap();
        off.shutdown().await;
    });
}

#[test]
fn a_door_that_is_turned_off_is_not_there() {
    run(async {
        let setup =
            Setup::new("grpc-null", accounts::POLICIES).with(json!({ "server": { "grpc_addr": null } }));
        let gateway = setup.start().await;
        let _ = gateway.nobody().get("/healthz").await.expect_status(200);
        assert_eq!(gateway.own_grpc_addr(), None);
        gateway.shutdown().await;
    });
}

#[test]
fn other_protocols_are_told_what_this_is() {
    run(async {
        let gateway = Gateway::demo().await;
        let request = b"GET /v1/tables HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        let answer = sluice_tests::client::raw(gateway.grpc_addr(), request).await;
        assert!(answer.starts_with("HTTP/1.1 505") && answer.contains("gRPC"), "{answer}");
    });
}

#[test]
fn calls_are_counted_by_method_and_code() {
    run(async {
        let gateway = Gateway::demo().await;
        let caller = gateway.grpc(None);
        probe(&caller).await.unwrap();
        let refused = caller.send_bytes("/a.b.C/Secret", &[]).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unimplemented);
        let metrics = gateway.nobody().get("/metrics").await.text();
        for labels in
            ["method=\"/grpc.health.v1.Health/Check\",code=\"OK\"", "method=\"other\",code=\"UNIMPLEMENTED\""]
        {
            assert!(metrics.contains(&format!("sluice_grpc_requests_total{{{labels}}}")), "{metrics}");
        }
        assert!(!metrics.contains("Secret"), "{metrics}");
    });
}
