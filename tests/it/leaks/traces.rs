//! What is left beside the rows: cursors, headers, sizes and the order of an unordered page.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Setup, run};

use super::oracle::{pairs, secured};
use crate::accounts;

#[test]
fn a_cursor_shows_nothing_of_the_row_that_it_stands_on() {
    run(async {
        for pair in pairs().await {
            let mut lengths: Vec<usize> = Vec::new();
            for order in ["", "&order=ssn,id", "&order=email,id", "&order=note,day_text,id"] {
                let page = pair
                    .secured
                    .get(&format!("/v1/tables/accounts/rows?limit=3{order}"))
                    .await
                    .expect_status(200)
                    .json();
                let cursor = page["page"]["next_cursor"].as_str().unwrap().to_owned();
                lengths.push(cursor.len());
                let decoded =
                    URL_SAFE_NO_PAD.decode(&cursor).or_else(|_| STANDARD.decode(&cursor)).unwrap_or_default();
                for bytes in [cursor.as_bytes(), &decoded] {
                    for word in ["SECRET", "accounts", "part-", ".parquet", "person", "alice"] {
                        let found = bytes.windows(word.len()).any(|window| window == word.as_bytes());
                        assert!(!found, "{word} in the cursor of {order}");
                    }
                }
                let same = pair.secured.get(&format!("/v1/tables/accounts/rows?limit=3{order}")).await.json();
                assert_ne!(
                    same["page"]["next_cursor"].as_str().unwrap(),
                    cursor,
                    "a cursor is sealed afresh each time"
                );
            }
            assert!(lengths.iter().all(|length| *length > 60), "{lengths:?}");
        }
    });
}

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
            for (name, value) in &page.headers {
                let value = value.to_str().unwrap_or_default();
                assert!(
                    !["row", "scan", "bytes", "group"].iter().any(|word| name.as_str().contains(word)),
                    "{name}: {value}"
                );
            }
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
        let tightened = accounts::POLICIES.replace("note: null", "note: null\n          day_text: null");
        std::fs::write(gateway.directory.join("policies.yaml"), tightened).unwrap();
        sluice_tests::waiting::until("the tightened policy applies", || async {
            let rows = alice.get("/v1/tables/accounts/rows?limit=5").await.expect_status(200).data();
            rows.iter().all(|row| row["day_text"].is_null()).then_some(())
        })
        .await;
        let next = alice.ask("/v1/tables/accounts/rows", &[("limit", "3"), ("cursor", &cursor)]).await;
        assert_eq!((next.status, next.code().as_str()), (400, "cursor_mismatch"), "{}", next.text());
        gateway.shutdown().await;
    });
}
