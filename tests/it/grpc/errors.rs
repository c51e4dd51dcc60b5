//! What a refusal of the gRPC door says: its code, its details, and nothing of what is hidden.

use std::time::Duration;

use bytes::{BufMut, BytesMut};
use futures::future::join_all;
use serde_json::json;
use sluice_proto::v1::{RowsRequest, SqlRequest};
use sluice_tests::gateway::{Gateway, Setup, run};
use sluice_tests::grpc::{code, facts, questions};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::accounts;

fn rows(table: &str) -> RowsRequest {
    RowsRequest { table: table.to_owned(), limit: Some(1), ..RowsRequest::default() }
}

#[test]
fn an_unknown_column_is_placed_and_one_is_suggested() {
    run(async {
        let caller = Gateway::demo().await.grpc_role("admin").metadata("x-request-id", "mine");
        let asked = questions::rows("flights", &json!({ "filter": "carrier = 'UA' AND dep_dely > 60" }));
        let refused = caller.query().rows(caller.request(asked)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        let facts = facts(&refused);
        let fact = |name: &str| facts[name].as_str();
        assert_eq!(fact("code"), "unknown_column");
        assert_eq!(fact("hint"), "did you mean \"dep_delay\"?");
        assert_eq!((fact("line"), fact("column"), fact("request_id")), ("1", "20", "mine"));
        assert_eq!(refused.metadata().get("x-request-id").unwrap(), "mine");
        let details = refused.get_error_details();
        assert_eq!(details.bad_request().unwrap().field_violations[0].field, "where.text");
    });
}

#[test]
fn a_hidden_table_is_as_a_missing_one() {
    run(async {
        let caller = Gateway::demo().await.grpc_role("partner").metadata("x-request-id", "same");
        let said = async |table: &str| {
            let refused = caller.query().rows(caller.request(rows(table))).await.unwrap_err();
            let message = refused.message().replace(table, "{}");
            // The facts have no order on the wire, but a length.
            (refused.code(), message, facts(&refused), refused.details().len())
        };
        // Names of one length, so that no other differs.
        assert_eq!(said("customer").await, said("customez").await);
        assert_eq!(said("customer").await.0, Code::NotFound);
    });
}

#[test]
fn who_may_not_ask_is_told_so() {
    run(async {
        let gateway = Gateway::demo().await;
        let said = async |caller: sluice_tests::grpc::GrpcCaller, asked: RowsRequest| {
            let refused = caller.query().rows(caller.request(asked)).await.unwrap_err();
            (refused.code(), code(&refused))
        };
        let is = |status: Code, code: &str| (status, code.to_owned());
        let unauthenticated = is(Code::Unauthenticated, "unauthenticated");
        assert_eq!(said(gateway.grpc(None), rows("flights")).await, unauthenticated);
        let forged = gateway.grpc(Some("a.b.c".to_owned()));
        assert_eq!(said(forged, rows("flights")).await, unauthenticated);
        let other_role = gateway.grpc_role("analyst").metadata("sluice-role", "admin");
        assert_eq!(said(other_role, rows("flights")).await, is(Code::PermissionDenied, "role_denied"));
        let travel = questions::rows("flights", &json!({ "version": 1 }));
        let forbidden = is(Code::PermissionDenied, "forbidden");
        assert_eq!(said(gateway.grpc_role("analyst"), travel).await, forbidden);
        let cursor = questions::rows("flights", &json!({ "cursor": "garbage" }));
        let invalid = is(Code::InvalidArgument, "cursor_invalid");
        assert_eq!(said(gateway.grpc_role("analyst"), cursor).await, invalid);
    });
}

#[test]
fn a_subject_over_its_rate_is_told_when_to_come_again() {
    run(async {
        let setup = Setup::new("grpc-rate", accounts::POLICIES)
            .table(accounts::definition())
            .with(json!({ "limits": { "subject_requests_per_s": 1, "subject_burst_requests": 1 } }));
        accounts::write(&setup.place("accounts"));
        let gateway = setup.start().await;
        let caller = gateway.grpc_role("admin");
        let ask = async || caller.query().rows(caller.request(rows("accounts"))).await.err();
        let refused: Option<Status> = join_all((0..20).map(|_| ask())).await.into_iter().flatten().next();
        let refused = refused.expect("a refusal among many calls at once");
        assert_eq!((refused.code(), code(&refused).as_str()), (Code::ResourceExhausted, "rate_limited"));
        let wait = refused.get_error_details().retry_info().unwrap().retry_delay.unwrap();
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(2), "{wait:?}");
        gateway.shutdown().await;
    });
}

/// `RowsRequest{where{filter{not{not{...}}}}}`, deeper than any encoder would go.
fn nested(levels: usize) -> BytesMut {
    let inside = |field: u8, message: &[u8]| {
        let mut out = BytesMut::new();
        out.put_u8(field << 3 | 2);
        prost_length(message.len(), &mut out);
        out.put_slice(message);
        out
    };
    let mut message = BytesMut::new();
    for _ in 0..levels {
        message = inside(3, &message);
    }
    inside(3, &inside(1, &message))
}

fn prost_length(mut length: usize, out: &mut BytesMut) {
    while length >= 0x80 {
        out.put_u8(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    out.put_u8(u8::try_from(length).unwrap());
}

#[test]
fn a_condition_nested_too_deeply_is_refused_and_the_process_lives() {
    const ROWS: &str = "/sluice.v1.Query/Rows";
    run(async {
        let caller = Gateway::demo().await.grpc_role("admin");
        let refused = caller.send_bytes(ROWS, &nested(5_000)).await.unwrap_err();
        assert_eq!((refused.code(), code(&refused).as_str()), (Code::InvalidArgument, "invalid_request"));
        let refused = caller.send_bytes(ROWS, &nested(70)).await.unwrap_err();
        assert_eq!(code(&refused), "expression_too_large");
        caller.query().rows(caller.request(rows("flights"))).await.unwrap();
    });
}

#[test]
fn what_is_no_message_is_refused_without_the_decoders_words() {
    run(async {
        let caller = Gateway::demo().await.grpc_role("admin");
        for odd in [b"\xff".as_slice(), b"\x0a\x05abc", b"\x0a\x02\xff\xfe"] {
            let refused = caller.send_bytes("/sluice.v1.Query/Rows", odd).await.unwrap_err();
            assert_eq!(code(&refused), "invalid_request", "{odd:?}");
            assert!(!refused.message().contains("Protobuf"), "{refused:?}");
        }
        for path in ["/sluice.v1.Query/Nope", "/sluice.v1.Nope/Rows", "/v1/tables"] {
            let refused = caller.send_bytes(path, &[]).await.unwrap_err();
            assert_eq!(
                (refused.code(), code(&refused).as_str()),
                (Code::Unimplemented, "method_not_allowed")
            );
        }
    });
}

#[test]
fn an_unknown_kind_is_refused_with_its_field() {
    run(async {
        let caller = Gateway::demo().await.grpc_role("admin");
        let mut asked = questions::rows("flights", &json!({}));
        asked.r#where = Some(sluice_proto::v1::Condition::default());
        let refused = caller.query().rows(caller.request(asked)).await.unwrap_err();
        assert_eq!(code(&refused), "invalid_request");
        let details = refused.get_error_details();
        assert_eq!(details.bad_request().unwrap().field_violations[0].field, "where");
    });
}

#[test]
fn long_names_leave_room_in_the_head_of_an_answer() {
    run(async {
        let caller = Gateway::demo().await.grpc_role("admin");
        let name = "\u{1f642}".repeat(1_000);
        let asked = SqlRequest { sql: format!("select \"{name}\" from flights"), ..SqlRequest::default() };
        let refused = caller.query().sql(caller.request(asked)).await.unwrap_err();
        assert!(!code(&refused).is_empty());
        assert!(refused.message().len() * 3 + refused.details().len() * 4 / 3 < 7_000, "{refused:?}");
    });
}
