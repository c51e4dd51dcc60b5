//! All that comes over the wire: that no byte of any answer at any door, in any format, holds what is hidden from its
//! caller, and that the same bytes are there for who may see them.

use serde_json::json;
use sluice_proto::v1::{RowFormat, StreamRowsRequest, StreamSqlRequest};
use sluice_tests::doors::doors_for;
use sluice_tests::doors::question::question;
use sluice_tests::gateway::{Gateway, run};
use sluice_tests::grpc::GrpcCaller;
use sluice_tests::grpc::questions;
use sluice_tests::grpc::stream::{Streamed, stream_rows, stream_sql};

use super::oracle::{RAW_WORDS, secured};
use crate::accounts;

/// Questions whose answers hold every row that there is for the caller.
const LINES: [&str; 9] = [
    r#"rows accounts {"limit":1000}"#,
    r#"rows accounts {"limit":1000,"order":"-ssn,email","count":"exact"}"#,
    r#"rows accounts {"limit":1000,"filter":{"column":"id","op":"ge","value":0}}"#,
    r#"rows accounts {"limit":1000,"side":"before"}"#,
    r#"aggregate accounts {"group_by":["ssn","email","note"],"measures":[{"fn":"max","column":"salary"}]}"#,
    r#"aggregate accounts {"measures":[{"fn":"min","column":"ssn"},{"fn":"max","column":"note"},{"fn":"max","column":"email"}]}"#,
    r#"sql {"sql":"select * from accounts"}"#,
    r#"sql {"sql":"select upper(note) || ssn as a, email, salary from accounts order by 1"}"#,
    "lookup accounts [1]",
];

/// Salaries as columns hold them: only a masked one is a round number.
fn salaries() -> Vec<[u8; 8]> {
    let ids = (1..accounts::ROWS).filter(|id| id % 19 != 0 && *id != 150);
    ids.map(|id| (100_000 + id * 331).to_le_bytes()).collect()
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Everything that comes for a caller, door by door.
async fn all_bytes(gateway: &Gateway, token: &str) -> Vec<(&'static str, Vec<u8>)> {
    let mut all: Vec<(&'static str, Vec<u8>)> = Vec::new();
    for door in doors_for(gateway, token) {
        let mut bytes: Vec<u8> = Vec::new();
        for line in LINES {
            if let Some(outcome) = door.ask(&question(line).unwrap(), None).await {
                assert_eq!(outcome.code(), "answered", "{}: {line}: {:?}", door.name(), outcome.said);
                bytes.extend(outcome.raw);
            }
        }
        all.push((door.name(), bytes));
    }
    let caller = gateway.grpc(Some(token.to_owned()));
    all.push(("streams of Arrow IPC", streams(&caller, RowFormat::ArrowIpc).await));
    all.push(("streams of values", streams(&caller, RowFormat::Values).await));
    all
}

async fn streams(caller: &GrpcCaller, format: RowFormat) -> Vec<u8> {
    let format = format.into();
    let rows = StreamRowsRequest { format, ..questions::stream_rows("accounts", &json!({})) };
    let sql = questions::stream_sql(&json!({ "sql": "select * from accounts order by salary" }));
    let sql = StreamSqlRequest { format, ..sql };
    let mut bytes: Vec<u8> = Vec::new();
    for Streamed { rows, arrow_ipc, failure, head, .. } in
        [stream_rows(caller, rows).await.unwrap(), stream_sql(caller, sql).await.unwrap()]
    {
        assert!(failure.is_none(), "{failure:?}");
        bytes.extend(arrow_ipc);
        bytes.extend(format!("{head:?} {rows:?}").into_bytes());
    }
    bytes
}

#[test]
fn no_byte_of_any_answer_is_hidden_or_raw() {
    run(async {
        let gateway = secured(true).await;
        for (what, bytes) in all_bytes(&gateway, &accounts::token(&gateway, "alice")).await {
            assert!(bytes.len() > 5_000, "{what}: {} bytes", bytes.len());
            for word in RAW_WORDS.into_iter().chain(["no day", "secret"]) {
                assert!(!holds(&bytes, word.as_bytes()), "{word} in {what}");
            }
            assert!(!salaries().iter().any(|salary| holds(&bytes, salary)), "a salary in {what}");
            assert!(!holds(&bytes, &i64::MAX.to_le_bytes()), "a number of a hidden row in {what}");
        }
        // All of it is found where it is.
        for (what, bytes) in all_bytes(&gateway, &accounts::token(&gateway, "admin")).await {
            for word in RAW_WORDS.into_iter().chain(["no day"]) {
                assert!(holds(&bytes, word.as_bytes()), "no {word} in {what}");
            }
            if what == "streams of Arrow IPC" {
                assert!(salaries().iter().all(|salary| holds(&bytes, salary)), "{what} hold columns");
            }
        }
        gateway.shutdown().await;
    });
}
