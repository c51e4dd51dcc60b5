//! Limits of the gRPC door: messages, compression, deadlines.

use std::time::Duration;

use prost::Message;
use serde_json::json;
use sluice_proto::v1::{RowsRequest, SqlRequest, rows_response};
use sluice_tests::gateway::{Gateway, Setup, run};
use sluice_tests::grpc::{GrpcCaller, code};
use tonic::codec::CompressionEncoding;
use tonic::{Code, Status};

use crate::accounts;

const SQL: &str = "/sluice.v1.Query/Sql";

async fn limited(name: &str, limits: serde_json::Value) -> Gateway {
    let setup =
        Setup::new(name, accounts::POLICIES).table(accounts::definition()).with(json!({ "limits": limits }));
    accounts::write(&setup.place("accounts"));
    setup.start().await
}

/// `select 1` in a message of so many bytes.
fn padded(bytes: usize) -> SqlRequest {
    let sql = "select 1 as one".to_owned();
    let mut asked = SqlRequest { sql, ..SqlRequest::default() };
    // The longer the text, the longer its length.
    while asked.encoded_len() < bytes {
        asked.sql.push_str(&" ".repeat((bytes - asked.encoded_len()).div_ceil(2)));
    }
    asked
}

async fn ask(caller: &GrpcCaller, asked: SqlRequest) -> Result<(), Status> {
    caller.query().sql(caller.request(asked)).await.map(drop)
}

#[test]
fn a_body_of_the_limit_passes_and_a_byte_more_does_not() {
    run(async {
        let gateway = limited("grpc-body", json!({ "body_bytes_max": 2_000 })).await;
        let caller = gateway.grpc_role("admin");
        // Five bytes frame a message.
        ask(&caller, padded(1_995)).await.unwrap();
        let over = ask(&caller, padded(1_996)).await.unwrap_err();
        assert_eq!((over.code(), code(&over).as_str()), (Code::ResourceExhausted, "request_too_large"));
        gateway.shutdown().await;
    });
}

#[test]
fn a_message_is_as_bounded_when_it_was_compressed() {
    run(async {
        let gateway = limited("grpc-bomb", json!({ "body_bytes_max": 100_000 })).await;
        let caller = gateway.grpc_role("admin");
        for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
            let mut client = caller.query().send_compressed(encoding).accept_compressed(encoding);
            client.sql(caller.request(padded(100_000))).await.unwrap();
            let bomb = client.sql(caller.request(padded(100_001))).await.unwrap_err();
            assert_eq!(code(&bomb), "request_too_large", "{encoding:?}: {bomb:?}");
            let bomb = client.sql(caller.request(padded(50_000_000))).await.unwrap_err();
            assert_eq!(code(&bomb), "request_too_large", "{encoding:?}: {bomb:?}");
        }
        gateway.shutdown().await;
    });
}

#[test]
fn answers_are_compressed_for_who_takes_it() {
    run(async {
        let caller = Gateway::demo().await.grpc_role("admin");
        let asked =
            || RowsRequest { table: "flights".to_owned(), limit: Some(100), ..RowsRequest::default() };
        let plain = caller.query().rows(caller.request(asked())).await.unwrap();
        assert!(plain.metadata().get("grpc-encoding").is_none());
        for (encoding, name) in [(CompressionEncoding::Gzip, "gzip"), (CompressionEncoding::Zstd, "zstd")] {
            let mut client = caller.query().accept_compressed(encoding);
            let answer = client.rows(caller.request(asked())).await.unwrap();
            assert_eq!(answer.metadata().get("grpc-encoding").unwrap(), name);
            let (rows, expected) = (&answer.get_ref().rows, &plain.get_ref().rows);
            assert!(matches!(rows, Some(rows_response::Rows::Values(set)) if set.rows.len() == 100));
            assert_eq!(rows, expected);
        }
    });
}

#[test]
fn an_encoding_that_is_not_taken_is_named_with_those_that_are() {
    run(async {
        let caller = Gateway::demo().await.grpc_role("admin").metadata("grpc-encoding", "deflate");
        let refused = caller.send_bytes(SQL, &padded(200).encode_to_vec()).await.unwrap_err();
        assert_eq!(
            (refused.code(), code(&refused).as_str()),
            (Code::Unimplemented, "unsupported_media_type")
        );
        assert_eq!(refused.metadata().get("grpc-accept-encoding").unwrap(), "identity,gzip,zstd");
    });
}

#[test]
fn an_answer_over_its_limit_is_refused_whole() {
    run(async {
        let gateway = limited("grpc-answer", json!({ "answer_bytes_max": 1_000 })).await;
        let caller = gateway.grpc_role("admin");
        for format in [1, 2] {
            let asked = RowsRequest { table: "accounts".to_owned(), format, ..RowsRequest::default() };
            let refused = caller.query().rows(caller.request(asked)).await.unwrap_err();
            assert_eq!(code(&refused), "result_too_large", "{refused:?}");
        }
        gateway.shutdown().await;
    });
}

#[test]
fn a_deadline_ends_the_query() {
    run(async {
        let caller = Gateway::demo().await.grpc_role("admin");
        let slow = SqlRequest {
            sql: "select count(*) from flights a join flights b on a.distance <> b.distance + b.flight_id"
                .to_owned(),
            ..SqlRequest::default()
        };
        // A client of the library would give up by itself, and first.
        let hurried = |time: &str| caller.clone().metadata("grpc-timeout", time);
        let refused = hurried("200m").send_bytes(SQL, &slow.encode_to_vec()).await.unwrap_err();
        assert_eq!((refused.code(), code(&refused).as_str()), (Code::DeadlineExceeded, "deadline_exceeded"));
        assert!(refused.message().contains("deadline of the call"), "{refused:?}");
        let message = padded(200).encode_to_vec();
        let past = hurried("0n").send_bytes(SQL, &message).await.unwrap_err();
        assert_eq!(past.code(), Code::DeadlineExceeded, "{past:?}");
        let mut patient = caller.request(padded(200));
        patient.set_timeout(Duration::from_secs(60));
        caller.query().sql(patient).await.unwrap();
        let odd = hurried("soon").send_bytes(SQL, &message).await.unwrap_err();
        assert_eq!(code(&odd), "invalid_request");
    });
}
