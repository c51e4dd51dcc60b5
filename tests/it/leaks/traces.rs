//! What is left beside the rows: cursors, headers, sizes, the order of an unordered page, and what is
//! read to find none.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};
use sluice_tests::delta::HandTable;
use sluice_tests::doors::question::question;
use sluice_tests::doors::{Cursor, doors_for};
use sluice_tests::gateway::{Setup, run};

use super::oracle::{Pair, pairs, secured};
use crate::accounts;

#[test]
fn a_cursor_shows_nothing_of_the_row_that_it_stands_on() {
    run(async {
        for pair in pairs().await {
            for order in ["id", "ssn,id", "email,id", "note,day_text,id"] {
                for cursors in [cursors_of(pair, order).await, edges_of(pair, order).await] {
                    cursors.iter().for_each(|cursor| shows_nothing(cursor));
                }
                let (some, others) = (cursors_of(pair, order).await, cursors_of(pair, order).await);
                assert_eq!(some.len(), 3, "every door");
                for cursor in &some {
                    assert!(!others.contains(cursor), "a cursor is sealed afresh each time");
                }
            }
        }
    });
}

/// The cursor of the same page at every door.
async fn cursors_of(pair: &Pair, order: &str) -> Vec<String> {
    let body = json!({ "limit": 3, "order": order });
    let page = pair.secured.post("/v1/tables/accounts/query", &body).await.expect_status(200).json();
    let mut cursors = vec![page["page"]["next_cursor"].as_str().unwrap().to_owned()];
    let line = question(&format!("rows accounts {body}")).unwrap();
    for [secured, _] in &pair.doors {
        cursors.push(secured.ask(&line, None).await.unwrap().next.unwrap());
    }
    cursors
}

/// Those of each row, which documents have.
async fn edges_of(pair: &Pair, order: &str) -> Vec<String> {
    let keys: Vec<String> = order.split(',').map(|name| format!("{{column: {name}}}")).collect();
    let page = format!("accounts(first: 3, orderBy: [{}]) {{ edges {{ cursor }} }}", keys.join(", "));
    let answer = pair.secured.post("/graphql", &json!({ "query": format!("{{ {page} }}") })).await.json();
    let edges = answer["data"]["accounts"]["edges"].as_array().unwrap();
    edges.iter().map(|edge| edge["cursor"].as_str().unwrap().to_owned()).collect()
}

fn shows_nothing(cursor: &str) {
    assert!(cursor.len() > 60, "{cursor}");
    let decoded = URL_SAFE_NO_PAD.decode(cursor).or_else(|_| STANDARD.decode(cursor)).unwrap_or_default();
    for bytes in [cursor.as_bytes(), &decoded] {
        for word in ["SECRET", "accounts", "part-", ".parquet", "person", "alice"] {
            let found = bytes.windows(word.len()).any(|window| window == word.as_bytes());
            assert!(!found, "{word} in the cursor {cursor}");
        }
    }
}

/// Words for how much was looked at.
const TELLING: [&str; 4] = ["row", "scan", "bytes", "group"];

#[test]
fn sizes_are_shown_to_nobody_who_is_filtered() {
    run(async {
        for pair in pairs().await {
            let listed = pair.secured.get("/v1/tables").await.expect_status(200).text();
            let described = pair.secured.get("/v1/tables/accounts").await.expect_status(200).object();
            assert!(described["rows"].is_null() && described["bytes"].is_null(), "{described}");
            assert!(!listed.contains("\"rows\":2") && !listed.contains("\"bytes\":1"), "{listed}");
            let page =
                pair.secured.get("/v1/tables/accounts/rows?limit=1&count=exact").await.expect_status(200);
            let total = page.json()["page"]["total_rows"].as_i64().unwrap();
            assert!(total < accounts::ROWS, "{total}");
            let document = json!({ "query": "{ accounts(first: 1) { totalCount nodes { id } } }" });
            let document = pair.secured.post("/graphql", &document).await.expect_status(200);
            for (name, value) in page.headers.iter().chain(&document.headers) {
                let value = value.to_str().unwrap_or_default();
                assert!(!TELLING.iter().any(|word| name.as_str().contains(word)), "{name}: {value}");
            }
            let told = document.json()["extensions"].to_string();
            assert!(!TELLING.iter().any(|word| told.contains(word)), "{told}");
            let [grpc, _] = &pair.doors[0];
            let described = grpc.ask(&question("describe accounts").unwrap(), None).await.unwrap();
            let table = &described.said["description"]["table"];
            assert!(table["rows"].is_null() && table["bytes"].is_null(), "{table}");
            let listed = grpc.ask(&question("tables").unwrap(), None).await.unwrap();
            let table = &listed.said["description"][0];
            assert!(table["rows"].is_null() && table["bytes"].is_null(), "{table}");
            let line = question(r#"rows accounts {"limit":1}"#).unwrap();
            let head = grpc.ask(&line, None).await.unwrap().raw;
            let head =
                String::from_utf8_lossy(head.split(|byte| *byte == b'\n').next().unwrap()).into_owned();
            assert!(
                head.contains("x-request-id") && !TELLING.iter().any(|word| head.contains(word)),
                "{head}"
            );
        }
    });
}

#[test]
fn the_order_of_an_unordered_page_does_not_rank_masked_values() {
    run(async {
        // Clustered by a masked column: physical order would be the order of the raw values.
        let policies = "version: 1\nroles:\n  admin: { administrator: true, tables: { '*': { columns: all } } }\n  \
                        alice: { tables: { accounts: { columns: '*', masks: { big: null } } } }\n";
        let definition = json!({ "name": "accounts", "location": "accounts", "clustered_by": ["big"] });
        let setup = Setup::new("clustered", policies).table(definition);
        let raw = accounts::raw();
        let mut table = HandTable::create(&setup.place("accounts"), &raw.schema());
        table.append(&[raw]);
        let gateway = setup.start().await;
        let ids = |rows: Vec<Value>| rows.iter().map(|row| row["id"].as_i64().unwrap()).collect::<Vec<i64>>();
        let physical: Vec<i64> = (0..accounts::ROWS).collect();
        assert_eq!(ids(gateway.role("admin").walk("accounts", &[("limit", "30")]).await), physical);
        let shuffled = ids(gateway.role("alice").walk("accounts", &[("limit", "30")]).await);
        assert_ne!(shuffled, physical);
        for door in doors_for(&gateway, &gateway.role_token("alice")) {
            let page = question(r#"rows accounts {"limit":1000,"select":["id"]}"#).unwrap();
            let page = door.ask(&page, None).await.unwrap();
            let rows = page.said["rows"].as_array().unwrap().iter();
            let told: Vec<i64> = rows.map(|row| row["id"].as_str().unwrap().parse().unwrap()).collect();
            assert_eq!(told, shuffled, "{}", door.name());
        }
        let mut sorted = shuffled.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, physical, "every row once");
        assert_eq!(
            ids(gateway.role("alice").walk("accounts", &[("limit", "7")]).await),
            shuffled,
            "the same order each time"
        );
        let ties = ids(gateway.role("alice").walk("accounts", &[("limit", "30"), ("order", "big")]).await);
        assert_ne!(ties, physical, "ties of a masked column are not told by place");
        gateway.shutdown().await;
    });
}

#[test]
fn a_tightened_policy_holds_for_the_next_request_and_for_open_cursors() {
    run(async {
        let gateway = secured(true).await;
        let alice = accounts::caller(&gateway, "alice");
        let page = alice.get("/v1/tables/accounts/rows?limit=3").await.expect_status(200).json();
        let cursor = page["page"]["next_cursor"].as_str().unwrap().to_owned();
        let doors = doors_for(&gateway, &accounts::token(&gateway, "alice"));
        let line = question(r#"rows accounts {"limit":5}"#).unwrap();
        for door in &doors {
            let page = door.ask(&line, None).await.unwrap();
            assert!(page.said["rows"][0]["day_text"].is_string(), "{}", door.name());
        }
        let tightened = accounts::POLICIES.replace("note: null", "note: null\n          day_text: null");
        std::fs::write(gateway.directory.join("policies.yaml"), tightened).unwrap();
        sluice_tests::waiting::until("the tightened policy applies", || async {
            let rows = alice.get("/v1/tables/accounts/rows?limit=5").await.expect_status(200).data();
            rows.iter().all(|row| row["day_text"].is_null()).then_some(())
        })
        .await;
        let next = alice.ask("/v1/tables/accounts/rows", &[("limit", "3"), ("cursor", &cursor)]).await;
        assert_eq!((next.status, next.code().as_str()), (400, "cursor_mismatch"), "{}", next.text());
        for door in &doors {
            let page = door.ask(&line, None).await.unwrap();
            assert!(page.said["rows"][0]["day_text"].is_null(), "{}", door.name());
            let next = door.ask(&line, Some(Cursor::forward(&cursor))).await.unwrap();
            assert_eq!(next.code(), "cursor_mismatch", "{}", door.name());
        }
        gateway.shutdown().await;
    });
}

/// Writes a file of these rows whose bloom filter of the only column denies every value, and gives its
/// size in bytes.
fn denying_everything(place: &Path, rows: &RecordBatch) -> u64 {
    let properties = WriterProperties::builder().set_bloom_filter_enabled(true).build();
    let file = File::create(place).unwrap();
    let mut writer = ArrowWriter::try_new(file, rows.schema(), Some(properties)).unwrap();
    writer.write(rows).unwrap();
    let written = writer.close().unwrap();
    let column = written.row_group(0).column(0);
    let begin = usize::try_from(column.bloom_filter_offset().unwrap()).unwrap();
    let length = usize::try_from(column.bloom_filter_length().unwrap()).unwrap();
    // A header of a few bytes, then blocks of 32.
    let blocks = length / 32 * 32;
    let mut bytes = fs::read(place).unwrap();
    bytes[begin + length - blocks..begin + length].fill(0);
    fs::write(place, &bytes).unwrap();
    bytes.len() as u64
}

/// A filter that says of a hidden key whether it exists would be told by the time that the answer takes:
/// whoever asked it would not find these rows.
#[test]
fn bloom_filters_are_not_asked() {
    run(async {
        let setup =
            Setup::new("bloom", "version: 1\nroles: { admin: { tables: { ids: { columns: '*' } } } }\n")
                .table(json!({ "name": "ids", "location": "ids", "primary_key": ["id"] }));
        let schema = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false)]));
        let ids: ArrayRef = Arc::new((0..100).map(|id| id * 2).collect::<Int64Array>());
        let rows = RecordBatch::try_new(Arc::clone(&schema), vec![ids]).unwrap();
        let mut table = HandTable::create(&setup.place("ids"), &schema);
        let size = denying_everything(&setup.place("ids").join("1.parquet"), &rows);
        let add = json!({ "add": {
            "path": "1.parquet", "partitionValues": {}, "size": size, "modificationTime": 1_000, "dataChange": true,
        }});
        let _ = table.commit("WRITE", vec![add]);
        let gateway = setup.start().await;
        let admin = gateway.role("admin");
        let row = [json!({ "id": 100 })];
        assert_eq!(admin.get("/v1/tables/ids/rows/100").await.expect_status(200).object(), row[0]);
        for order in ["", "&order=id"] {
            let page = admin.get(&format!("/v1/tables/ids/rows?filter=id%3D100&count=exact{order}")).await;
            let page = page.expect_status(200);
            assert_eq!((page.data().as_slice(), &page.json()["page"]["total_rows"]), (&row[..], &json!(1)));
        }
        assert_eq!(admin.sql("select id from ids where id = 100").await.expect_status(200).data(), row);
        gateway.shutdown().await;
    });
}
