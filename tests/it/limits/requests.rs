//! Sizes of parts of a request: its head, the nesting of its body, its cursor.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use serde_json::{Value, json};
use sluice_tests::client::raw;
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup, run};

use super::limited;
use crate::accounts;

#[test]
fn a_head_of_the_limit_passes_and_a_byte_more_does_not() {
    run(async {
        let gateway = limited("head", json!({ "limits": { "header_bytes_max": 9_000 } })).await;
        let head = |bytes: usize| {
            let start = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-filler: ".to_owned();
            let filler = "f".repeat(bytes - start.len() - "\r\n\r\n".len());
            start + &filler + "\r\n\r\n"
        };
        let at = raw(gateway.addr(), head(9_000).as_bytes()).await;
        assert!(at.starts_with("HTTP/1.1 200"), "{at}");
        let over = raw(gateway.addr(), head(9_001).as_bytes()).await;
        let (status, body) = over.split_once("\r\n\r\n").unwrap();
        assert!(status.starts_with("HTTP/1.1 431"), "{over}");
        let problem: Value = serde_json::from_str(body).unwrap();
        assert_eq!((&problem["status"], &problem["code"]), (&json!(431), &json!("request_too_large")));
        assert_eq!(problem["detail"], "the head of the request has 9001 bytes; at most 9000 are taken");

        // What the parser itself refuses has a status and nothing else; docs/errors says so.
        let far_over = raw(gateway.addr(), head(40_000).as_bytes()).await;
        let (status, body) = far_over.split_once("\r\n\r\n").unwrap();
        assert!(status.starts_with("HTTP/1.1 431") && body.is_empty(), "{far_over}");
        let _ = gateway.nobody().get("/healthz").await.expect_status(200);
        gateway.shutdown().await;
    });
}

#[test]
fn a_body_nested_to_the_limit_passes_and_a_level_more_does_not() {
    run(async {
        let gateway = limited("nesting", json!({ "limits": { "json_depth_max": 20 } })).await;
        let admin = gateway.role("admin");
        // The body and the comparison are a level each.
        let nested = |levels: usize| {
            let leaf = json!({ "column": "id", "op": "lt", "value": 5 });
            json!({ "filter": (2..levels).fold(leaf, |inner, _| json!({ "not": inner })) })
        };
        let path = "/v1/tables/accounts/query";
        assert_eq!(admin.post(path, &nested(20)).await.expect_status(200).data().len(), 5);
        let over = admin.post(path, &nested(21)).await;
        assert_eq!((over.status, over.code().as_str()), (400, "invalid_request"), "{}", over.text());
        assert!(over.text().contains("nested deeper than 20 levels"), "{}", over.text());
        gateway.shutdown().await;
    });
}

/// A table whose cursors are long when they are ordered by its text.
async fn of_long_texts() -> Gateway {
    let setup =
        Setup::new("cursor-bytes", accounts::POLICIES).table(json!({ "name": "long", "location": "long" }));
    let columns = vec![Field::new("id", DataType::Int64, false), Field::new("text", DataType::Utf8, false)];
    let schema = Arc::new(Schema::new(columns));
    let ids: ArrayRef = Arc::new((0..4).collect::<Int64Array>());
    let texts: ArrayRef = Arc::new((0..4).map(|id| Some(format!("{id:01000}"))).collect::<StringArray>());
    let rows = RecordBatch::try_new(Arc::clone(&schema), vec![ids, texts]).unwrap();
    HandTable::create(&setup.place("long"), &schema).append(&[rows]);
    setup.start().await
}

#[test]
fn a_cursor_of_the_limit_is_made_and_taken_and_a_byte_more_is_not() {
    const FIRST: &str = "/v1/tables/long/rows?order=text&limit=1";
    run(async {
        let roomy = of_long_texts().await;
        let ring = |name: &str| roomy.directory.join(format!("keys/{name}.yaml"));
        let keys = json!({ "cursor": ring("cursor"), "mask": ring("mask") });
        let table = json!({ "name": "long", "location": roomy.directory.join("long") });
        let first = roomy.role("admin").get(FIRST).await.expect_status(200).json();
        let cursor = first["page"]["next_cursor"].as_str().unwrap();
        for (bytes_max, status, longest) in [(cursor.len(), 200, cursor.len()), (cursor.len() - 1, 400, 1024)]
        {
            let replica = Setup::new("cursor-bytes-replica", accounts::POLICIES)
                .table(table.clone())
                .with(json!({ "keys": keys, "cursors": { "cursor_bytes_max": bytes_max } }));
            let gateway = replica.start().await;
            let admin = gateway.role("admin");
            let _ = admin.get(&format!("{FIRST}&cursor={cursor}")).await.expect_status(status);
            let own = admin.get(FIRST).await.expect_status(200).json();
            let bytes = own["page"]["next_cursor"].as_str().unwrap().len();
            assert!(bytes <= longest, "{bytes} bytes: what does not fit is put in another form");
            assert_eq!(admin.walk("long", &[("order", "-text"), ("limit", "1")]).await.len(), 4);
            gateway.shutdown().await;
        }
        roomy.shutdown().await;
    });
}
