//! `version=` and `as_of=` on every read.

use std::fs::File;
use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, Utc};
use serde_json::json;
use sluice_tests::client::{Answer, Caller};
use sluice_tests::gateway::{Gateway, Setup, run};
use sluice_tests::waiting::until;

use crate::accounts;
use crate::plain::Plain;

#[test]
fn each_version_holds_the_quarters_written_so_far() {
    run(async {
        let gateway = Gateway::demo().await;
        let plain = Plain::demo(gateway).await;
        let admin = gateway.role("admin");
        for version in 0..=4_u64 {
            let path = format!("/v1/tables/flights/rows?version={version}&count=exact&limit=1");
            let page = admin.get(&path).await.expect_status(200).json();
            let right =
                plain.number(&format!("select count(*) from flights where month <= {}", version * 3)).await;
            assert_eq!(page["page"]["total_rows"], json!(right), "{version}");
            assert_eq!(page["meta"]["version"], json!(version));
        }
        let unknown = admin.get("/v1/tables/flights/rows?version=99").await;
        assert_eq!((unknown.status, unknown.code().as_str()), (404, "not_found"), "{}", unknown.text());
    });
}

#[test]
fn every_read_takes_a_version() {
    run(async {
        let gateway = Gateway::demo().await;
        let admin = gateway.role("admin");
        let described = admin.get("/v1/tables/flights?version=1").await.expect_status(200).object();
        assert_eq!(described["version"], json!(1), "{described}");
        let row = admin.get("/v1/tables/flights/rows/1?version=1").await.expect_status(200).json();
        assert_eq!(row["meta"]["version"], json!(1));
        let _ = admin.get("/v1/tables/flights/rows/1?version=0").await.expect_status(404);
        let count = json!({ "measures": [{ "fn": "count", "as": "n" }], "version": 0 });
        let rows = admin.post("/v1/tables/flights/aggregate", &count).await.expect_status(200).data();
        assert_eq!(rows, [json!({ "n": 0 })]);
        let page =
            admin.post("/v1/tables/flights/query", &json!({ "version": 0 })).await.expect_status(200).json();
        assert_eq!(page["data"], json!([]));
        let sql = json!({ "sql": "select count(*) as n from airlines", "version": 0 });
        assert_eq!(admin.post("/v1/sql", &sql).await.expect_status(200).data(), [json!({ "n": 0 })]);
    });
}

/// Each call that reads rows, at a moment.
async fn every_read(caller: &Caller, moment: &str) -> Vec<Answer> {
    const TABLE: &str = "/v1/tables/accounts";
    let mut count = json!({ "measures": [{ "fn": "count", "as": "n" }] });
    count["as_of"] = json!(moment);
    vec![
        caller.ask(&format!("{TABLE}/rows"), &[("as_of", moment)]).await,
        caller.ask(&format!("{TABLE}/rows/0"), &[("as_of", moment)]).await,
        caller.post(&format!("{TABLE}/query"), &json!({ "as_of": moment })).await,
        caller.post(&format!("{TABLE}/aggregate"), &count).await,
        caller
            .post("/v1/sql", &json!({ "sql": "select count(*) as n from accounts", "as_of": moment }))
            .await,
    ]
}

#[test]
fn a_moment_names_the_version_that_was_newest_then() {
    const HOUR: Duration = Duration::from_secs(3600);
    run(async {
        let setup = Setup::new("moments", accounts::POLICIES).table(accounts::definition());
        let place = setup.place("accounts");
        let _table = accounts::write(&place);
        let first = SystemTime::now() - 10 * HOUR;
        for (version, age) in (0..=3).zip([0, 1, 1, 2]) {
            let commit = place.join(format!("_delta_log/{version:020}.json"));
            File::options().append(true).open(commit).unwrap().set_modified(first + age * HOUR).unwrap();
        }
        let gateway = setup.start().await;
        let admin = gateway.role("admin");
        let minutes = |count: u32| DateTime::<Utc>::from(first + count * HOUR / 60).to_rfc3339();
        // Version 2 was written within the hour of version 1, and counts from a moment after it.
        for (moment, version) in [(0, 0), (59, 0), (61, 2), (119, 2), (120, 3), (10_000_000, 3)] {
            let page =
                admin.ask("/v1/tables/accounts/rows", &[("as_of", &minutes(moment)), ("limit", "1")]).await;
            let page = page.expect_status(200).json();
            assert_eq!(page["meta"]["version"], json!(version), "after {moment} minutes");
        }
        let early = DateTime::<Utc>::from(first - HOUR).to_rfc3339();
        let before = admin.ask("/v1/tables/accounts/rows", &[("as_of", &early)]).await;
        assert_eq!((before.status, before.code().as_str()), (404, "not_found"), "{}", before.text());
        let moment = minutes(61);
        for read in every_read(&admin, &moment).await {
            let meta = read.expect_status(200).json()["meta"].clone();
            let read = if meta["tables"].is_array() { meta["tables"][0].clone() } else { meta };
            assert_eq!(read["version"], json!(2), "{read}");
        }
        let described = admin.ask("/v1/tables/accounts", &[("as_of", &moment)]).await.expect_status(200);
        assert_eq!(described.object()["version"], json!(2));
        for refused in every_read(&gateway.role("alice"), &moment).await {
            assert_eq!((refused.status, refused.code().as_str()), (403, "forbidden"), "{}", refused.text());
        }
        let zoned = admin.get("/v1/tables/accounts/rows?as_of=1999-01-01T00:00:00%2B02:00").await;
        assert_eq!((zoned.status, zoned.code().as_str()), (404, "not_found"), "{}", zoned.text());
        gateway.shutdown().await;
    });
}

#[test]
fn travel_takes_a_grant() {
    run(async {
        let gateway = Gateway::demo().await;
        for role in ["analyst", "partner"] {
            let caller = gateway.role(role);
            for query in [
                "version=1",
                "version=4",
                "version=99",
                "as_of=2100-01-01T00:00:00Z",
                "as_of=1999-01-01T00:00:00Z",
            ] {
                let answer = caller.get(&format!("/v1/tables/flights/rows?{query}")).await;
                assert_eq!(
                    (answer.status, answer.code().as_str()),
                    (403, "forbidden"),
                    "{role} {query}: {}",
                    answer.text()
                );
            }
            let sql = json!({ "sql": "select 1 from airlines", "version": 0 });
            assert_eq!(caller.post("/v1/sql", &sql).await.code(), "forbidden", "{role}");
        }
        // What does not exist for a role does not exist at any version.
        let hidden = gateway.role("partner").get("/v1/tables/customer/rows?version=1").await;
        assert_eq!((hidden.status, hidden.code().as_str()), (404, "not_found"), "{}", hidden.text());
    });
}

#[test]
fn a_version_is_as_old_as_what_came_after_it() {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    run(async {
        let setup = Setup::new("ages", accounts::POLICIES).table(accounts::definition());
        let place = setup.place("accounts");
        let mut table = accounts::write(&place);
        let began = Instant::now();
        for commit in std::fs::read_dir(place.join("_delta_log")).unwrap() {
            let commit = File::options().append(true).open(commit.unwrap().path()).unwrap();
            commit.set_modified(SystemTime::now() - YEAR).unwrap();
        }
        let gateway = setup.start().await;
        let admin = gateway.role("admin");
        let meta = |query: &'static str| {
            let admin = admin.clone();
            async move {
                let page = admin.get(&format!("/v1/tables/accounts/rows?limit=1{query}")).await;
                let meta = page.expect_status(200).json()["meta"].clone();
                (meta["version"].as_u64().unwrap(), Duration::from_millis(meta["age_ms"].as_u64().unwrap()))
            }
        };
        let (version, current) = meta("").await;
        assert!(version == 3 && current <= began.elapsed(), "{current:?}");
        let _ = table.append(&[accounts::raw().slice(0, 1)]);
        until("the commit is seen", || async { (meta("").await.0 == 4).then_some(()) }).await;
        let (version, superseded) = meta("&version=3").await;
        assert!(version == 3 && superseded <= began.elapsed(), "{superseded:?}");
        let (version, never_seen_last) = meta("&version=1").await;
        assert!(version == 1 && never_seen_last >= YEAR, "{never_seen_last:?}");
        gateway.shutdown().await;
    });
}
