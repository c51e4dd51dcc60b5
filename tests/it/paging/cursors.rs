//! Cursors in wrong hands: tampered, borrowed, outlived, and used with another question.

use serde_json::json;
use sluice_tests::client::{Answer, Caller};
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup, run};
use sluice_tests::waiting::until;

use crate::accounts;

const FLIGHTS: &str = "/v1/tables/flights/rows";

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
        let setup = Setup::new("vacuumed", accounts::POLICIES).table(accounts::definition());
        let place = setup.place("accounts");
        let mut table = accounts::write(&place);
        let gateway = setup.start().await;
        let admin = gateway.role("admin");
        let page = admin.get("/v1/tables/accounts/rows?limit=2").await.expect_status(200).json();
        let cursor = page["page"]["next_cursor"].as_str().unwrap().to_owned();
        let old: Vec<_> = std::fs::read_dir(&place)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "parquet"))
            .collect();
        table.compact();
        for file in old {
            std::fs::remove_file(file).unwrap();
        }
        let answer = admin.get(&format!("/v1/tables/accounts/rows?limit=2&cursor={cursor}")).await;
        assert_code("vacuumed", &answer, 410, "cursor_expired");
        gateway.shutdown().await;
    });
}
