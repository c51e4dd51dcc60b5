//! Rows as Arrow IPC: the same rows, and not a byte of what the caller may not see.

use std::io::Cursor;

use arrow::array::RecordBatch;
use arrow::ipc::reader::StreamReader;
use bytes::Bytes;
use serde_json::{Value, json};
use sluice_proto::v1::{
    AggregateRequest, RowFormat, RowsRequest, SqlRequest, aggregate_response, rows_response, sql_response,
};
use sluice_tests::gateway::{Gateway, Setup, run};
use sluice_tests::grpc::{GrpcCaller, questions};
use sluice_tests::json::rows;

use crate::accounts;

/// The rows of a stream; nothing of it has metadata.
fn read(bytes: &Bytes) -> Vec<Value> {
    let reader = StreamReader::try_new(Cursor::new(bytes.clone()), None).unwrap();
    let schema = reader.schema();
    assert!(schema.metadata().is_empty(), "{schema:?}");
    assert!(schema.flattened_fields().iter().all(|field| field.metadata().is_empty()), "{schema:?}");
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    rows(&batches)
}

async fn page(caller: &GrpcCaller, mut asked: RowsRequest) -> Bytes {
    asked.format = RowFormat::ArrowIpc.into();
    let answer = caller.query().rows(caller.request(asked)).await.unwrap().into_inner();
    match answer.rows {
        Some(rows_response::Rows::ArrowIpc(bytes)) => bytes,
        other => panic!("{other:?}"),
    }
}

async fn sql(caller: &GrpcCaller, text: &str) -> Bytes {
    let format = RowFormat::ArrowIpc.into();
    let asked = SqlRequest { sql: text.to_owned(), format, ..SqlRequest::default() };
    match caller.query().sql(caller.request(asked)).await.unwrap().into_inner().rows {
        Some(sql_response::Rows::ArrowIpc(bytes)) => bytes,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_stream_has_the_rows_of_rest() {
    run(async {
        let gateway = Gateway::demo().await;
        for role in ["admin", "analyst", "partner"] {
            let (rest, grpc) = (gateway.role(role), gateway.grpc_role(role));
            for (table, body) in [
                ("flights", json!({ "limit": 500, "order": "-dep_delay,flight_id" })),
                ("flights", json!({ "limit": 5, "filter": "false" })),
                ("airlines", json!({})),
                ("weather", json!({ "limit": 10 })),
            ] {
                let expected = rest.post(&format!("/v1/tables/{table}/query"), &body).await.data();
                assert_eq!(
                    read(&page(&grpc, questions::rows(table, &body)).await),
                    expected,
                    "{role} {table}"
                );
            }
            let body =
                json!({ "group_by": ["carrier"], "measures": [{ "fn": "avg", "column": "dep_delay" }] });
            let expected = rest.post("/v1/tables/flights/aggregate", &body).await.data();
            let format = RowFormat::ArrowIpc.into();
            let asked = AggregateRequest { format, ..questions::aggregate("flights", &body) };
            let answer = grpc.query().aggregate(grpc.request(asked)).await.unwrap().into_inner();
            let Some(aggregate_response::Rows::ArrowIpc(bytes)) = &answer.rows else { panic!("{answer:?}") };
            assert_eq!(read(bytes), expected, "{role}");
        }
    });
}

#[test]
fn no_byte_of_a_stream_is_hidden_or_raw() {
    run(async {
        let setup = Setup::new("grpc-arrow", accounts::POLICIES).table(accounts::definition());
        accounts::write(&setup.place("accounts"));
        let gateway = setup.start().await;
        let own = |tenant: &str| gateway.grpc(Some(gateway.token("alice", json!({ "tenant": tenant }))));
        let caller = own("a");
        let queries = [
            "select * from accounts",
            "select upper(note), substr(email, 1, 3), ssn || email, coalesce(note, 'none') from accounts",
            "select make_array(note, email) as l, named_struct('n', note, 'e', email) as s from accounts",
            "select arrow_typeof(email), max(email), min(day_text) from accounts group by 1",
            "select a.email, b.day_text from accounts a left join accounts b on a.id = b.id + 1 limit 50",
        ];
        let mut streams = vec![page(&caller, questions::rows("accounts", &json!({ "limit": 200 }))).await];
        for body in [json!({ "order": "-email" }), json!({ "filter": "note is null and id < 100" })] {
            streams.push(page(&caller, questions::rows("accounts", &body)).await);
        }
        for text in queries {
            let format = RowFormat::ArrowIpc.into();
            let asked = SqlRequest { sql: text.to_owned(), format, ..SqlRequest::default() };
            // Functions that are not on the list are refused, as ever.
            if let Ok(answer) = caller.query().sql(caller.request(asked)).await
                && let Some(sql_response::Rows::ArrowIpc(bytes)) = answer.into_inner().rows
            {
                streams.push(bytes);
            }
        }
        assert!(streams.len() > 4, "{} streams", streams.len());
        for bytes in &streams {
            for raw in ["SECRET", "raw note", "top secret", "person", "no day", "secret"] {
                let found = bytes.windows(raw.len()).any(|window| window == raw.as_bytes());
                assert!(!found, "{raw:?} in {:?}", String::from_utf8_lossy(bytes));
            }
            // A hidden row's number, as a column would hold it.
            assert!(!bytes.windows(8).any(|window| window == i64::MAX.to_le_bytes()));
        }
        let whole = read(&sql(&own("a"), "select * from accounts order by id").await);
        let expected = gateway.role_with("alice", json!({ "tenant": "a" }));
        assert_eq!(whole, expected.sql("select * from accounts order by id").await.data());
        gateway.shutdown().await;
    });
}
