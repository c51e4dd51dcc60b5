//! Rates, slots, memory and time.

use serde_json::json;
use sluice_tests::client::Answer;
use sluice_tests::gateway::{Gateway, run};
use sluice_tests::wire::{Wire, post};
use tokio::task::{JoinHandle, JoinSet};

use super::limited;

/// Minutes of work for any machine: 200 rows to the fifth power, compared.
const ENDLESS: &str = "select count(*) as n from accounts a, accounts b, accounts c, accounts d, accounts e \
                       where a.id + b.id * c.id - d.id > e.id";

/// Far more than the burst and what a slow machine's time adds to it.
const REQUESTS: u32 = 60;

#[test]
fn a_subject_over_its_rate_waits_and_others_do_not() {
    run(async {
        let limits = json!({ "limits": { "subject_requests_per_s": 1, "subject_burst_requests": 5 } });
        let gateway = limited("rate", limits).await;
        let admin = gateway.role("admin");
        let at_once: Vec<JoinHandle<Answer>> = (0..REQUESTS)
            .map(|_| {
                let admin = admin.clone();
                tokio::spawn(async move { admin.get("/v1/tables/accounts/rows?limit=1").await })
            })
            .collect();
        let (mut answered, mut refused) = (0, 0);
        for request in at_once {
            let answer = request.await.unwrap();
            if answer.status == 200 {
                answered += 1;
                continue;
            }
            refused += 1;
            assert_eq!((answer.status, answer.code().as_str()), (429, "rate_limited"), "{}", answer.text());
            assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
        }
        assert!(answered >= 5 && refused > 0, "{answered} answered, {refused} refused");
        let _ = gateway.nobody().get("/healthz").await.expect_status(200);
        gateway.shutdown().await;
    });
}

#[test]
fn what_is_malformed_or_not_read_yet_counts_too() {
    run(async {
        let limits = json!({
            "limits": { "subject_requests_per_s": 1, "subject_burst_requests": 2 },
            "server": { "body_read_timeout_ms": 600_000, "connection_idle_ms_max": 700_000 },
        });
        let gateway = limited("malformed-rate", limits).await;
        let token = gateway.token("admin", json!({}));
        let mut statuses = Vec::new();
        while statuses.last() != Some(&429) && statuses.len() < REQUESTS as usize {
            let mut wire = Wire::open(gateway.addr()).await;
            assert!(wire.send(&post("/v1/sql", &token, "{")).await);
            statuses.push(wire.answer().await.0);
        }
        let (last, before) = statuses.split_last().unwrap();
        assert!(*last == 429 && before.len() >= 2 && before.iter().all(|s| *s == 400), "{statuses:?}");
        // None of these bodies ever comes; whoever is over the rate is not waited for.
        let whole = post("/v1/sql", &token, "{\"sql\":\"select 1\"}");
        let mut waiting = JoinSet::new();
        for _ in 0..REQUESTS {
            let mut wire = Wire::open(gateway.addr()).await;
            assert!(wire.send(&whole[..whole.len() - 1]).await);
            let _ = waiting.spawn(async move { wire.answer().await });
        }
        let (status, body) = waiting.join_next().await.unwrap().unwrap();
        assert_eq!(status, 429, "{body}");
        gateway.shutdown().await;
    });
}

#[test]
fn a_query_over_its_time_is_ended() {
    run(async {
        let limits = json!({ "limits": { "query_time_ms_max": 500, "queue_wait_ms_max": 100 } });
        let gateway = limited("time", limits).await;
        let answer = gateway.role("admin").sql(ENDLESS).await;
        assert_eq!((answer.status, answer.code().as_str()), (504, "deadline_exceeded"), "{}", answer.text());
        let _ = gateway.role("admin").get("/v1/tables/accounts/rows?limit=1").await.expect_status(200);
        gateway.shutdown().await;
    });
}

#[test]
fn heavy_queries_have_slots_of_their_own() {
    run(async {
        let limits = json!({ "limits": {
            "heavy_queries_concurrent_max": 1, "queries_queued_max": 1,
            "query_time_ms_max": 3_000, "queue_wait_ms_max": 1_000,
        }});
        let gateway: Gateway = limited("slots", limits).await;
        let admin = gateway.role("admin");
        let heavy = || {
            let admin = admin.clone();
            tokio::spawn(async move { admin.sql(ENDLESS).await })
        };
        let (one, two, three) = (heavy(), heavy(), heavy());
        for _ in 0..20 {
            let _ = admin.get("/v1/tables/accounts/rows?limit=1").await.expect_status(200);
        }
        let mut seen: Vec<(u16, String)> = Vec::new();
        for query in [one, two, three] {
            let answer = query.await.unwrap();
            if answer.status == 503 {
                assert!(!answer.header("retry-after").is_empty(), "{}", answer.text());
            }
            seen.push((answer.status, answer.code()));
        }
        seen.sort();
        let expected = [
            (503, "overloaded".to_owned()),
            (503, "overloaded".to_owned()),
            (504, "deadline_exceeded".to_owned()),
        ];
        assert_eq!(seen, expected, "one runs, one waits in vain, one finds the queue full");
        gateway.shutdown().await;
    });
}

#[test]
fn a_query_over_its_memory_is_refused() {
    run(async {
        let limits = json!({ "limits": { "memory_bytes_max": 1024 * 1024, "spill_bytes_max": 0, "engine_threads": 1 } });
        let gateway = limited("memory", limits).await;
        let admin = gateway.role("admin");
        let sql = "select a.email, b.ssn, c.note, count(*) as n from accounts a, accounts b, accounts c \
                   group by a.email, b.ssn, c.note order by n desc, 1, 2, 3 limit 10";
        let answer = admin.sql(sql).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "memory_exceeded"), "{}", answer.text());
        let _ = admin.get("/v1/tables/accounts/rows?limit=1").await.expect_status(200);
        gateway.shutdown().await;
    });
}

#[test]
fn a_caller_that_goes_away_frees_its_slot() {
    run(async {
        let limits = json!({ "limits": { "heavy_queries_concurrent_max": 1, "queries_queued_max": 1, "queue_wait_ms_max": 50 } });
        let gateway = limited("gone", limits).await;
        let admin = gateway.role("admin");
        let busy = {
            let admin = admin.clone();
            tokio::spawn(async move { admin.sql(ENDLESS).await })
        };
        let quick = "select 1 as one";
        sluice_tests::waiting::until("the slot is taken", || async {
            (admin.sql(quick).await.code() == "overloaded").then_some(())
        })
        .await;
        busy.abort();
        sluice_tests::waiting::until("the slot is free again", || async {
            (admin.sql(quick).await.status == 200).then_some(())
        })
        .await;
        gateway.shutdown().await;
    });
}
