//! Streams of the gRPC door: the same rows as pages and answers have, their ends, and what bounds them.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use sluice_policies::keys::KeyRing;
use sluice_policies::token::{MintSpec, mint};
use sluice_proto::v1::{RowFormat, StreamRowsRequest, StreamSqlRequest};
use sluice_tests::client::Caller;
use sluice_tests::gateway::{Gateway, Setup, run};
use sluice_tests::grpc::stream::{rest_of_rows, stream_rows, stream_sql};
use sluice_tests::grpc::{GrpcCaller, code, questions};
use sluice_tests::waiting::until;
use tonic::codec::CompressionEncoding;

use crate::accounts;

const ROLES: [&str; 3] = ["admin", "analyst", "partner"];

/// More than all buffers between the engine and a reader that does not read.
const LARGE: &str = "select a.*, b.id as other from accounts a, accounts b, accounts c";

async fn limited(name: &str, limits: Value) -> Gateway {
    let setup =
        Setup::new(name, accounts::POLICIES).table(accounts::definition()).with(json!({ "limits": limits }));
    accounts::write(&setup.place("accounts"));
    setup.start().await
}

/// Over REST, with numbers as the values of gRPC are compared.
fn safe(gateway: &Gateway, role: &str) -> Caller {
    gateway.role(role).header("sluice-json", "safe, nan=string")
}

fn sql(text: &str) -> StreamSqlRequest {
    StreamSqlRequest { sql: text.to_owned(), ..StreamSqlRequest::default() }
}

async fn metric(gateway: &Gateway, begins: &str) -> Option<f64> {
    let text = gateway.nobody().get("/metrics").await.text();
    let line = text.lines().find(|line| line.starts_with(begins))?;
    line.rsplit(' ').next().and_then(|number| number.parse().ok())
}

/// Until no stream runs.
async fn freed(gateway: &Gateway) {
    until("the stream's slot is free", || async {
        (metric(gateway, "sluice_queries_running{class=\"stream\"}").await == Some(0.0)).then_some(())
    })
    .await;
}

#[test]
fn a_stream_has_the_rows_of_all_pages_in_their_order() {
    let statements = [
        ("airlines", json!({})),
        ("airports", json!({ "order": "-alt,faa" })),
        ("flights", json!({ "filter": "month = 7 and dep_delay > 300" })),
        (
            "flights",
            json!({ "filter": "month = 7 and dep_delay > 200", "order": "-dep_delay,carrier,-flight" }),
        ),
        (
            "flights",
            json!({ "filter": "origin = 'JFK' and month = 1 and day = 1", "select": ["dest", "tailnum"] }),
        ),
        ("planes", json!({ "order": "year,manufacturer" })),
        ("orders", json!({ "filter": "o_totalprice > 400000", "order": "-o_orderdate" })),
        ("customer", json!({ "limit": 500, "order": "c_nationkey" })),
        ("weather", json!({ "limit": 300 })),
    ];
    run(async {
        let gateway = Gateway::demo().await;
        for role in ROLES {
            let (rest, safe, grpc) = (gateway.role(role), safe(gateway, role), gateway.grpc_role(role));
            for (table, body) in &statements {
                let mut asked = body.clone();
                asked["limit"] = json!(body["limit"].as_u64().unwrap_or(10_000));
                let path = format!("/v1/tables/{table}/query");
                let page = rest.post(&path, &asked).await;
                let streamed = stream_rows(&grpc, questions::stream_rows(table, body)).await;
                if page.status != 200 {
                    let refused = streamed.unwrap_err();
                    assert_eq!(code(&refused), page.code(), "{role} {table} {body}");
                    continue;
                }
                let page = page.json();
                assert!(body.get("limit").is_some() || page["page"]["has_more"] == false, "{table} {body}");
                let streamed = streamed.unwrap();
                assert!(streamed.failure.is_none(), "{:?}", streamed.failure);
                let safe = safe.post(&path, &asked).await.data();
                assert_eq!(streamed.safe_rows(), safe, "{role} {table} {body}");

                let format = RowFormat::ArrowIpc.into();
                let asked = StreamRowsRequest { format, ..questions::stream_rows(table, body) };
                let as_arrow = stream_rows(&grpc, asked).await.unwrap();
                assert_eq!(Value::from(as_arrow.arrow_rows()), page["data"], "{role} {table} {body}");
            }
        }
    });
}

#[test]
fn a_stream_of_sql_has_the_rows_of_its_answer() {
    let statements = [
        json!({ "sql": "select carrier, count(*) as n from flights group by 1 order by n desc, 1" }),
        json!({ "sql": "select 1 as one where false" }),
        json!({ "sql": "select flight_id, dep_delay from flights where dep_delay > $1 order by 1", "params": [400] }),
        json!({ "sql": "select nope from flights" }),
        json!({ "sql": "delete from flights" }),
        json!({ "sql": "select 1 / (day - day) as x from flights" }),
    ];
    run(async {
        let gateway = Gateway::demo().await;
        for role in ROLES {
            let (rest, grpc) = (safe(gateway, role), gateway.grpc_role(role));
            for body in &statements {
                let answer = rest.post("/v1/sql", body).await;
                let streamed = stream_sql(&grpc, questions::stream_sql(body)).await;
                let failure = match &streamed {
                    Ok(streamed) => streamed.failure.clone(),
                    Err(refused) => Some(refused.clone()),
                };
                if answer.status == 200 {
                    let streamed = streamed.unwrap();
                    assert!(failure.is_none(), "{failure:?}");
                    assert_eq!(streamed.safe_rows(), answer.data(), "{role} {body}");
                } else {
                    assert_eq!(code(&failure.expect("a refusal")), answer.code(), "{role} {body}");
                }
            }
        }
    });
}

#[test]
fn a_stream_is_longer_than_any_answer_and_its_messages_are_short() {
    run(async {
        let limits = json!({ "result_rows_max": 10, "page_rows_default": 5, "page_rows_max": 10 });
        let gateway = limited("stream-long", limits).await;
        let grpc = gateway.grpc_role("admin");
        let text = "select a.*, b.id as other from accounts a, accounts b";
        let refused = gateway.role("admin").sql(text).await;
        assert_eq!(refused.code(), "result_too_large");
        for format in [RowFormat::Values, RowFormat::ArrowIpc] {
            let mut client = sluice_proto::v1::query_client::QueryClient::new(grpc.channel());
            client = client.max_decoding_message_size(600 * 1024);
            let asked = StreamSqlRequest { format: format.into(), ..sql(text) };
            let mut messages = client.stream_sql(grpc.request(asked)).await.unwrap().into_inner();
            let mut count = 0;
            while messages.message().await.unwrap().is_some() {
                count += 1;
            }
            assert!(count > 5, "{count}");
        }
        let rows = accounts::ROWS * accounts::ROWS;
        let whole = stream_sql(&grpc, sql(text)).await.unwrap();
        assert_eq!(i64::try_from(whole.rows.len()).unwrap(), rows);
        gateway.shutdown().await;
    });
}

/// What pages show before they come to the row that fails is what a stream sends, in pieces.
#[test]
fn a_condition_that_fails_ends_the_stream_without_completing_it() {
    run(async {
        let gateway = limited("stream-fails", json!({})).await;
        for (role, order) in [("admin", ""), ("admin", "-id"), ("alice", ""), ("alice", "-id")] {
            let grpc = gateway.grpc(Some(gateway.token(role, json!({ "tenant": "a" }))));
            let mut body = json!({ "filter": "10 / (bal - bal) > 0" });
            if !order.is_empty() {
                body["order"] = json!(order);
            }
            let streamed = stream_rows(&grpc, questions::stream_rows("accounts", &body)).await.unwrap();
            let failure = streamed.failure.expect("a failure");
            assert_eq!(code(&failure), "evaluation_failed", "{role} {order}: {failure:?}");
            assert!(streamed.rows.is_empty());
        }
        freed(&gateway).await;
        gateway.shutdown().await;
    });
}

#[test]
fn a_reader_that_leaves_ends_the_stream_and_its_rows_are_counted() {
    run(async {
        let gateway = limited("stream-left", json!({})).await;
        let grpc = gateway.grpc_role("admin");
        let mut messages = grpc.query().stream_sql(grpc.request(sql(LARGE))).await.unwrap().into_inner();
        messages.message().await.unwrap().expect("the head");
        messages.message().await.unwrap().expect("rows");
        assert_eq!(metric(&gateway, "sluice_queries_running{class=\"stream\"}").await, Some(1.0));
        drop(messages);
        freed(&gateway).await;
        let cancelled = "sluice_queries_total{door=\"grpc\",kind=\"stream_sql\",outcome=\"cancelled\"";
        until("the stream is recorded", || async { metric(&gateway, cancelled).await }).await;
        gateway.shutdown().await;
    });
}

#[test]
fn a_reader_that_stalls_is_cut_off() {
    run(async {
        let gateway = limited("stream-stall", json!({ "stream_stall_ms_max": 200 })).await;
        let grpc = gateway.grpc_role("admin");
        let mut messages = grpc.query().stream_sql(grpc.request(sql(LARGE))).await.unwrap().into_inner();
        messages.message().await.unwrap().expect("the head");
        freed(&gateway).await;
        let failure = loop {
            match messages.message().await {
                Ok(message) => assert!(message.is_some(), "a stream that was cut off is not complete"),
                Err(failure) => break failure,
            }
        };
        assert_eq!(code(&failure), "deadline_exceeded", "{failure:?}");
        assert!(failure.message().contains("200 ms"), "{failure:?}");
        gateway.shutdown().await;
    });
}

fn short_token(gateway: &Gateway, ttl: Duration) -> String {
    let ring = KeyRing::load(&gateway.directory.join("keys/signing.yaml")).unwrap();
    let spec = MintSpec {
        issuer: "tests".to_owned(),
        audience: "sluice".to_owned(),
        subject: "short".to_owned(),
        role: Some("admin".to_owned()),
        roles: Vec::new(),
        claims: BTreeMap::new(),
        ttl,
    };
    mint(ring.current(), &spec, SystemTime::now()).unwrap()
}

#[test]
fn a_stream_ends_with_its_token() {
    run(async {
        let gateway = limited("stream-token", json!({})).await;
        let grpc = gateway.grpc(Some(short_token(&gateway, Duration::from_secs(2))));
        let mut messages = grpc.query().stream_sql(grpc.request(sql(LARGE))).await.unwrap().into_inner();
        messages.message().await.unwrap().expect("the head");
        freed(&gateway).await;
        let failure = loop {
            match messages.message().await {
                Ok(message) => assert!(message.is_some(), "a stream that was cut off is not complete"),
                Err(failure) => break failure,
            }
        };
        assert_eq!(code(&failure), "unauthenticated", "{failure:?}");
        gateway.shutdown().await;
    });
}

#[test]
fn a_stream_ends_with_its_time_or_the_callers() {
    run(async {
        let gateway =
            limited("stream-time", json!({ "stream_time_ms_max": 1_500, "queue_wait_ms_max": 1_000 })).await;
        let grpc = gateway.grpc_role("admin");
        let streamed = stream_sql(&grpc, sql(LARGE)).await.unwrap();
        let failure = streamed.failure.expect("a failure");
        assert_eq!(code(&failure), "deadline_exceeded", "{failure:?}");
        assert!(failure.message().contains("1500 ms"), "{failure:?}");
        gateway.shutdown().await;
    });
}

/// A stream that is open and not read on.
async fn open(caller: &GrpcCaller) -> Result<impl Sized + use<>, tonic::Status> {
    let mut messages = caller.query().stream_sql(caller.request(sql(LARGE))).await?.into_inner();
    messages.message().await?.expect("the head");
    Ok(messages)
}

#[test]
fn a_subject_and_all_together_have_as_many_streams_as_the_limits() {
    run(async {
        let limits = json!({
            "subject_streams_max": 2, "streams_concurrent_max": 3, "queue_wait_ms_max": 100,
        });
        let gateway = limited("stream-count", limits).await;
        let (tester, other) =
            (gateway.grpc_role("admin"), gateway.grpc(Some(short_token(&gateway, Duration::from_secs(600)))));
        let first = open(&tester).await.unwrap();
        let second = open(&tester).await.unwrap();
        let refused = open(&tester).await.err().expect("one too many of a subject");
        assert_eq!(code(&refused), "overloaded");
        assert!(refused.message().contains("this subject has 2 streams open"), "{refused:?}");
        let third = open(&other).await.unwrap();
        let refused = open(&other).await.err().expect("one too many in all");
        assert_eq!(code(&refused), "overloaded");
        // Pages and SQL have slots of their own.
        assert_eq!(gateway.role("admin").sql("select 1 as one").await.status, 200);
        drop(first);
        let fourth = until("the place is free", || async { open(&tester).await.ok() }).await;
        drop((second, third, fourth));
        gateway.shutdown().await;
    });
}

#[test]
fn a_stream_is_compressed_for_who_compressed_its_question() {
    run(async {
        let grpc = Gateway::demo().await.grpc_role("admin");
        let asked = || questions::stream_rows("airports", &json!({}));
        let mut takes = grpc.query().accept_compressed(CompressionEncoding::Gzip);
        let plain = takes.stream_rows(grpc.request(asked())).await.unwrap();
        assert!(plain.metadata().get("grpc-encoding").is_none());
        let plain = rest_of_rows(plain.into_inner()).await;
        let mut wants = takes.send_compressed(CompressionEncoding::Gzip);
        let compressed = wants.stream_rows(grpc.request(asked())).await.unwrap();
        assert_eq!(compressed.metadata().get("grpc-encoding").unwrap(), "gzip");
        assert_eq!(rest_of_rows(compressed.into_inner()).await.safe_rows(), plain.safe_rows());
    });
}
