//! Cursors in wrong hands: tampered, borrowed, outlived, and used with another question.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arrow::array::{RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sluice_tests::client::{Answer, Caller};
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup, run};
use sluice_tests::waiting::until;

use crate::accounts;

const FLIGHTS: &str = "/v1/tables/flights/rows";
/// In microseconds since 1970.
const YEAR_2100: i64 = 4_102_444_800_000_000;

async fn first_cursor(caller: &Caller, query: &str) -> String {
    let page = caller.get(&format!("{FLIGHTS}?{query}")).await.expect_status(200).json();
    page["page"]["next_cursor"].as_str().unwrap().to_owned()
}

fn assert_code(what: &str, answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{what}: {}", answer.text());
}

#[test]
fn a_damaged_cursor_is_invalid() {
    run(async {
        let gateway = Gateway::demo().await;
        let admin = gateway.role("admin");
        let good = first_cursor(&admin, "limit=2&order=flight_id").await;
        let mut bad: Vec<String> = vec![
            "x".to_owned(),
            "AAAA".repeat(20),
            "v1.".to_owned() + &good,
            good.clone() + "A",
            "é".to_owned(),
        ];
        for at in [0, 1, 5, good.len() / 2, good.len() - 2] {
            let mut changed: Vec<u8> = good.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            bad.push(String::from_utf8(changed).unwrap());
        }
        bad.push(good[..good.len() - 5].to_owned());
        bad.push("A".repeat(9_000));
        for cursor in bad {
            let asked = [("limit", "2"), ("order", "flight_id"), ("cursor", cursor.as_str())];
            assert_code(&cursor, &admin.ask(FLIGHTS, &asked).await, 400, "cursor_invalid");
        }
        let other = Setup::new("other-deployment", accounts::POLICIES).table(accounts::definition());
        let _table: HandTable = accounts::write(&other.place("accounts"));
        let other = other.start().await;
        let asked = [("cursor", good.as_str())];
        let foreign = other.role("admin").ask("/v1/tables/accounts/rows", &asked).await;
        assert_code("another deployment", &foreign, 400, "cursor_invalid");
        other.shutdown().await;
    });
}

#[test]
fn a_cursor_continues_its_own_question_only() {
    run(async {
        let gateway = Gateway::demo().await;
        let admin = gateway.role("admin");
        let question = "order=-dep_delay&filter=month%3D1&limit=2";
        let cursor = first_cursor(&admin, question).await;
        for (what, query) in [
            ("other filter", "order=-dep_delay&filter=month%3D2"),
            ("no filter", "order=-dep_delay"),
            ("other direction", "order=dep_delay&filter=month%3D1"),
            ("other nulls", "order=-dep_delay:nulls_first&filter=month%3D1"),
            ("longer order", "order=-dep_delay,flight_id&filter=month%3D1"),
            ("no order", "filter=month%3D1"),
        ] {
            let answer = admin.get(&format!("{FLIGHTS}?{query}&cursor={cursor}")).await;
            assert_code(what, &answer, 400, "cursor_mismatch");
        }
        let versioned = format!("{FLIGHTS}?order=-dep_delay&filter=month%3D1&version=3&cursor={cursor}");
        assert_code("other version", &admin.get(&versioned).await, 400, "cursor_mismatch");
        let elsewhere = admin.ask("/v1/tables/weather/rows", &[("cursor", &cursor)]).await;
        assert_code("other table", &elsewhere, 400, "cursor_mismatch");
        for (what, query) in
            [("other columns", "select=dest&limit=2"), ("other size", "limit=50"), ("counted", "count=exact")]
        {
            let answer = admin
                .get(&format!("{FLIGHTS}?order=-dep_delay&filter=month%3D1&{query}&cursor={cursor}"))
                .await;
            assert_eq!(answer.status, 200, "{what}: {}", answer.text());
            if what == "counted" {
                let total = &answer.json()["page"]["total_rows"];
                assert_eq!(*total, json!(27_004), "all flights of January, not those that are left");
            }
        }
        let by_post = json!({ "order": "-dep_delay", "filter": "month=1", "limit": 2, "cursor": cursor });
        let posted = admin.post("/v1/tables/flights/query", &by_post).await.expect_status(200).data();
        let got = admin.get(&format!("{FLIGHTS}?{question}&cursor={cursor}")).await.expect_status(200).data();
        assert_eq!(posted, got, "one cursor, either call");
    });
}

#[test]
fn a_cursor_of_another_role_or_claim_does_not_fit() {
    run(async {
        let gateway = Gateway::demo().await;
        let admins = first_cursor(&gateway.role("admin"), "limit=2&order=flight_id").await;
        let partners = first_cursor(&gateway.role("partner"), "limit=2&order=flight_id").await;
        let claims = json!({ "carriers": ["UA"] });
        for (what, caller, cursor) in [
            ("admin's with partner", gateway.role("partner"), &admins),
            ("admin's with analyst", gateway.role("analyst"), &admins),
            ("partner's with admin", gateway.role("admin"), &partners),
            ("partner's with other carriers", gateway.role_with("partner", claims), &partners),
        ] {
            let answer = caller.get(&format!("{FLIGHTS}?limit=2&order=flight_id&cursor={cursor}")).await;
            assert_code(what, &answer, 400, "cursor_mismatch");
        }
        // Equal rights, whoever holds them: claims that no rule names are no difference.
        let same = gateway.role_with("partner", json!({ "carriers": ["UA", "B6"], "other": 1 }));
        let answer = same.get(&format!("{FLIGHTS}?limit=2&order=flight_id&cursor={partners}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    });
}

#[test]
fn a_cursor_ends_with_its_time() {
    run(async {
        let setup = Setup::new("short-cursors", accounts::POLICIES).table(accounts::definition());
        let _table: HandTable = accounts::write(&setup.place("accounts"));
        let gateway = setup.with(json!({ "cursors": { "ttl_ms": 300 } })).start().await;
        let admin = gateway.role("admin");
        let page = admin.get("/v1/tables/accounts/rows?limit=2").await.expect_status(200).json();
        let cursor = page["page"]["next_cursor"].as_str().unwrap().to_owned();
        let expired = until("the cursor expires", || async {
            let answer = admin.get(&format!("/v1/tables/accounts/rows?limit=2&cursor={cursor}")).await;
            (answer.status != 200).then_some(answer)
        })
        .await;
        assert_code("expired", &expired, 410, "cursor_expired");
        gateway.shutdown().await;
    });
}

#[test]
fn a_cursor_whose_files_are_gone_has_expired() {
    run(async {
        // With the file that the first page was read from, or only others, which have not been opened.
        for kept in [0, 1] {
            let setup = Setup::new("vacuumed", accounts::POLICIES).table(accounts::definition());
            let place = setup.place("accounts");
            let mut table = accounts::write(&place);
            let gateway = setup.start().await;
            let admin = gateway.role("admin");
            let page = admin.get("/v1/tables/accounts/rows?limit=2").await.expect_status(200).json();
            let cursor = page["page"]["next_cursor"].as_str().unwrap().to_owned();
            let mut old: Vec<_> = std::fs::read_dir(&place)
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .filter(|path| path.extension().is_some_and(|extension| extension == "parquet"))
                .collect();
            old.sort();
            table.compact();
            for file in old.into_iter().skip(kept) {
                std::fs::remove_file(file).unwrap();
            }
            let answer = admin.get(&format!("/v1/tables/accounts/rows?limit=200&cursor={cursor}")).await;
            assert_code("vacuumed", &answer, 410, "cursor_expired");
            gateway.shutdown().await;
        }
    });
}

/// The row that a walk stands at may have ceased to satisfy a condition that asks what time it is.
#[test]
fn a_walk_goes_on_after_a_row_that_has_run_out() {
    run(async {
        let setup = Setup::new("run-out", accounts::POLICIES)
            .table(json!({ "name": "t", "location": "t" }))
            .with(json!({ "cursors": { "cursor_bytes_max": 1024 } }));
        let schema = Arc::new(Schema::new(vec![
            Field::new("name", DataType::Utf8, false),
            Field::new("until", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false),
        ]));
        // Longer than a cursor, so that the cursor says where the row stands.
        let names: StringArray = (0..3).map(|at| Some(format!("{at:01000}"))).collect();
        let soon = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(8);
        let soon = i64::try_from(soon.as_micros()).unwrap();
        let until_when =
            TimestampMicrosecondArray::from(vec![soon, YEAR_2100, YEAR_2100]).with_timezone("UTC");
        let rows = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(names), Arc::new(until_when)]);
        HandTable::create(&setup.place("t"), &schema).append(&[rows.unwrap()]);
        let gateway = setup.start().await;
        let admin = gateway.role("admin");
        let asked = [("filter", "until > now()"), ("order", "name"), ("limit", "1")];
        let ask = |more: Vec<(&'static str, String)>| {
            let admin = admin.clone();
            async move {
                let more = more.iter().map(|(name, value)| (*name, value.as_str()));
                let asked: Vec<(&str, &str)> = asked.into_iter().chain(more).collect();
                admin.ask("/v1/tables/t/rows", &asked).await.expect_status(200).json()
            }
        };
        let first = ask(Vec::new()).await;
        let starts = |page: &Value, digit: &str| page["data"][0]["name"].as_str().unwrap().ends_with(digit);
        assert!(starts(&first, "0"));
        until("the first row runs out", || async { starts(&ask(Vec::new()).await, "1").then_some(()) }).await;
        let cursor = first["page"]["next_cursor"].as_str().unwrap().to_owned();
        assert!(starts(&ask(vec![("cursor", cursor)]).await, "1"));
        gateway.shutdown().await;
    });
}

#[test]
fn a_cursor_goes_on_at_the_time_that_its_first_page_was_asked_at() {
    run(async {
        let setup = Setup::new("as-of-cursor", accounts::POLICIES).table(accounts::definition());
        let _table = accounts::write(&setup.place("accounts"));
        let gateway = setup.start().await;
        let admin = gateway.role("admin");
        let path = "/v1/tables/accounts/rows";
        let page = |number: u64| {
            let (admin, number) = (admin.clone(), number.to_string());
            async move {
                admin.ask(path, &[("version", &number), ("limit", "20")]).await.expect_status(200).json()
            }
        };
        let (second, third) = (page(2).await, page(3).await);
        let moment = |page: &Value| page["meta"]["as_of"].as_str().unwrap().to_owned();
        let mut asked = vec![("as_of", moment(&second)), ("limit", "20".to_owned())];
        let mut ids: Vec<i64> = Vec::new();
        loop {
            let query: Vec<(&str, &str)> =
                asked.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let page = admin.ask(path, &query).await.expect_status(200).json();
            assert_eq!(page["meta"]["version"], json!(2));
            ids.extend(page["data"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()));
            let Some(next) = page["page"]["next_cursor"].as_str() else { break };
            asked.truncate(2);
            asked.push(("cursor", next.to_owned()));
        }
        assert_eq!(ids, (0..140).collect::<Vec<i64>>());
        let cursor = second["page"]["next_cursor"].as_str().unwrap();
        let elsewhen =
            admin.ask(path, &[("as_of", &moment(&third)), ("limit", "20"), ("cursor", cursor)]).await;
        assert_code("another time", &elsewhen, 400, "cursor_mismatch");
        gateway.shutdown().await;
    });
}

/// Clustered by a masked column or not, the same table under the same keys: what positions are in the
/// order of files here is in another order there.
#[test]
fn a_cursor_does_not_go_on_in_an_order_that_has_become_secret() {
    run(async {
        let policies =
            "version: 1\nroles:\n  alice: { tables: { accounts: { columns: '*', masks: { big: null } } } }\n";
        let open = Setup::new("order-open", policies).table(accounts::definition());
        let place = open.place("accounts");
        let _table = accounts::write(&place);
        let open = open.start().await;
        let ring = |name: &str| open.directory.join(format!("keys/{name}.yaml"));
        let clustered = json!({
            "name": "accounts", "location": place, "primary_key": ["id"], "clustered_by": ["big"],
        });
        let secret = Setup::new("order-secret", policies)
            .table(clustered)
            .with(json!({ "keys": { "cursor": ring("cursor"), "mask": ring("mask") } }))
            .start()
            .await;
        for (what, from, to) in [("opened", &open, &secret), ("secret", &secret, &open)] {
            let target = "/v1/tables/accounts/rows?limit=3";
            let page = from.role("alice").get(target).await.expect_status(200).json();
            let cursor = page["page"]["next_cursor"].as_str().unwrap();
            let _ = from.role("alice").get(&format!("{target}&cursor={cursor}")).await.expect_status(200);
            let answer = to.role("alice").get(&format!("{target}&cursor={cursor}")).await;
            assert_code(what, &answer, 400, "cursor_mismatch");
        }
        secret.shutdown().await;
        open.shutdown().await;
    });
}

/// The ring with a new key before its own: the first one seals.
pub(super) fn rotated(ring: &str) -> Value {
    let mut ring: Value = serde_json::from_str(ring).unwrap();
    let secret = STANDARD.encode([7_u8; 32]);
    ring["keys"].as_array_mut().unwrap().insert(0, json!({ "id": "newer", "secret": secret }));
    ring
}

/// What is secret in its order and what is not: a walk goes on on another replica, and over a new key.
#[test]
fn a_walk_goes_on_on_any_replica_that_has_its_key() {
    run(async {
        let policies =
            "version: 1\nroles:\n  alice: { tables: { accounts: { columns: '*', masks: { big: null } } } }\n";
        let first = Setup::new("replica-one", policies);
        let place = first.place("accounts");
        let _table = accounts::write(&place);
        let clustered = json!({
            "name": "accounts", "location": place, "primary_key": ["id"], "clustered_by": ["big"],
        });
        let first = first.table(clustered.clone()).start().await;
        let ring = |name: &str| first.directory.join(format!("keys/{name}.yaml"));
        let other = |name: &str, cursor: std::path::PathBuf| {
            Setup::new(name, policies)
                .table(clustered.clone())
                .with(json!({ "keys": { "cursor": cursor, "mask": ring("mask") } }))
        };
        let replica = other("replica-two", ring("cursor")).start().await;
        let sealed_by = std::fs::read_to_string(ring("cursor")).unwrap();
        let new_ring = first.directory.join("keys/rotated.yaml");
        let both = rotated(&sealed_by);
        std::fs::write(&new_ring, both.to_string()).unwrap();
        let newer = other("replica-newer", new_ring.clone()).start().await;
        let forgot = first.directory.join("keys/forgot.yaml");
        std::fs::write(&forgot, json!({ "keys": [both["keys"][0]] }).to_string()).unwrap();
        let forgetful = other("replica-forgetful", forgot).start().await;
        for order in ["", "&order=-tenant", "&order=big"] {
            let target = format!("/v1/tables/accounts/rows?limit=40&select=id{order}");
            let whole =
                first.role("alice").get(&target.replace("=40", "=200")).await.expect_status(200).data();
            let mut walked = Vec::new();
            let mut next = target.clone();
            // From one to the next with each page, and back to the first.
            for gateway in [&first, &replica, &newer, &first, &newer] {
                let page = gateway.role("alice").get(&next).await.expect_status(200);
                walked.extend(page.data());
                let cursor = page.json()["page"]["next_cursor"].as_str().unwrap_or_default().to_owned();
                next = format!("{target}&cursor={cursor}");
                if !cursor.is_empty() {
                    let gone = forgetful.role("alice").get(&next).await;
                    assert_code("without the key", &gone, 400, "cursor_invalid");
                }
            }
            assert_eq!(walked, whole, "{order}");
        }
        for gateway in [forgetful, newer, replica, first] {
            gateway.shutdown().await;
        }
    });
}
