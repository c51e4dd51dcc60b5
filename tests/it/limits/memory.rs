//! Memory and what stands in for it: the pool of all queries, the disk that they spill to, and the
//! resident memory of the process.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use serde_json::{Value, json};
use sluice_tests::client::{Answer, Caller};
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup, run};
use sluice_tests::process::Server;
use sluice_tests::waiting::until;

use super::limited;
use crate::accounts;

const MIB: usize = 1024 * 1024;
const TEXTS: i64 = 60;

/// Sorts 36 MB: each of 60 long texts beside each of 200 accounts.
const SORT: &str = "select a.id as id from accounts a, long l order by a.id desc, l.text";

async fn sorting(name: &str, limits: Value) -> Gateway {
    let setup = Setup::new(name, accounts::POLICIES).table(accounts::definition());
    let _table: HandTable = accounts::write(&setup.place("accounts"));
    let columns = vec![Field::new("id", DataType::Int64, false), Field::new("text", DataType::Utf8, false)];
    let schema = Arc::new(Schema::new(columns));
    let ids: ArrayRef = Arc::new((0..TEXTS).collect::<Int64Array>());
    let texts: ArrayRef = Arc::new((0..TEXTS).map(|id| Some(format!("{id:03000}"))).collect::<StringArray>());
    let rows = RecordBatch::try_new(Arc::clone(&schema), vec![ids, texts]).unwrap();
    HandTable::create(&setup.place("long"), &schema).append(&[rows]);
    let patient = json!({ "limits": { "query_time_ms_max": 110_000 } });
    let setup = setup.table(json!({ "name": "long", "location": "long" })).with(patient);
    setup.with(json!({ "limits": limits })).start().await
}

async fn sort(gateway: &Gateway) -> Answer {
    gateway.role("admin").sql(SORT).await
}

fn assert_code(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{}", answer.text());
}

#[test]
fn a_sort_larger_than_the_pool_spills() {
    run(async {
        let gateway = sorting("spills", json!({ "memory_bytes_max": 24 * MIB, "engine_threads": 1 })).await;
        let sorted = sort(&gateway).await.expect_status(200).data();
        let expected: Vec<Value> =
            (0..accounts::ROWS).rev().flat_map(|id| vec![json!({ "id": id }); TEXTS as usize]).collect();
        assert_eq!(sorted, expected);
        gateway.shutdown().await;
    });
}

#[test]
fn a_sort_larger_than_the_pool_is_refused_without_a_place_to_spill_to() {
    run(async {
        for spill in [0, MIB] {
            let limits =
                json!({ "memory_bytes_max": 24 * MIB, "engine_threads": 1, "spill_bytes_max": spill });
            let gateway = sorting("does-not-spill", limits).await;
            assert_code(&sort(&gateway).await, 503, "memory_exceeded");
            let admin = gateway.role("admin");
            let _ = admin.get("/v1/tables/accounts/rows?limit=1").await.expect_status(200);
            gateway.shutdown().await;
        }
    });
}

#[test]
fn a_sort_within_the_pool_needs_no_place_to_spill_to() {
    run(async {
        let limits = json!({ "memory_bytes_max": 400 * MIB, "engine_threads": 1, "spill_bytes_max": 0 });
        let gateway = sorting("fits", limits).await;
        let _ = sort(&gateway).await.expect_status(200);
        gateway.shutdown().await;
    });
}

#[test]
fn spilled_data_goes_where_it_is_told_to_and_does_not_stay() {
    run(async {
        let limits = json!({ "memory_bytes_max": 24 * MIB, "engine_threads": 1, "spill_dir": "spill" });
        let gateway = sorting("spill-dir", limits).await;
        let directory = gateway.directory.join("spill");
        let files = || walk(&directory);
        let sorting = {
            let admin = gateway.role("admin");
            tokio::spawn(async move { admin.sql(SORT).await })
        };
        until("something is spilled", || async { (files() > 0).then_some(()) }).await;
        let _ = sorting.await.unwrap().expect_status(200);
        until("nothing is left of it", || async { (files() == 0).then_some(()) }).await;
        gateway.shutdown().await;
    });
}

/// Files under a directory.
fn walk(directory: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    entries.flatten().map(|entry| if entry.path().is_dir() { walk(&entry.path()) } else { 1 }).sum()
}

const GROUPS: i64 = 120_000;

/// Groups of long keys, and in each of two files a number to add up for every one of them.
fn grouping(name: &str, place: Option<&Path>, mib: usize) -> Setup {
    let policies = "version: 1\nroles: { reader: { tables: { wide: { columns: '*' } } } }\n";
    let setup = Setup::new(name, policies);
    let place = place.map_or_else(|| setup.place("wide"), Path::to_owned);
    let limits = json!({ "memory_bytes_max": mib * MIB, "engine_threads": 1, "query_time_ms_max": 110_000 });
    setup.table(json!({ "name": "wide", "location": place })).with(json!({ "limits": limits }))
}

fn write_groups(place: &Path) {
    let columns = vec![Field::new("k", DataType::Utf8, false), Field::new("x", DataType::Float64, false)];
    let schema = Arc::new(Schema::new(columns));
    let keys: ArrayRef =
        Arc::new((0..GROUPS).map(|key| Some(format!("{key:0200}"))).collect::<StringArray>());
    let numbers: ArrayRef = Arc::new(
        (0..GROUPS).map(|key| f64::from(i32::try_from(key % 1000).unwrap()) / 7.0).collect::<Float64Array>(),
    );
    let file = RecordBatch::try_new(Arc::clone(&schema), vec![keys, numbers]).unwrap();
    HandTable::create(place, &schema).row_group_rows(50_000).append(&[file.clone(), file]);
}

async fn groups(gateway: &Gateway, order: &str, cursor: &Value) -> Answer {
    let body = json!({
        "group_by": ["k"], "measures": [{ "fn": "sum", "column": "x", "as": "s" }],
        "order": order, "limit": 3, "cursor": cursor,
    });
    gateway.role("reader").post("/v1/tables/wide/aggregate", &body).await
}

/// Sums of floats that are added up in parts are rounded otherwise, so that groups may change places.
#[test]
fn groups_that_spill_are_walked_in_exact_orders_only() {
    run(async {
        let roomy = grouping("groups-fit", None, 400);
        let place = roomy.place("wide");
        write_groups(&place);
        let roomy = roomy.start().await;
        let keys = json!({ "keys": { "cursor": roomy.directory.join("keys/cursor.yaml") } });
        let scant = grouping("groups-spill", Some(&place), 24).with(keys).start().await;
        let next = |page: &Answer| page.json()["page"]["next_cursor"].clone();
        let keys = |page: &Answer| -> Vec<Value> { page.data().iter().map(|row| row["k"].clone()).collect() };
        let of = |first: i64| -> Vec<Value> {
            (first..first + 3).map(|key| json!(format!("{key:0200}"))).collect()
        };
        for gateway in [&roomy, &scant] {
            let first = groups(gateway, "k", &Value::Null).await.expect_status(200);
            assert_eq!(keys(&first), of(0));
            let second = groups(gateway, "k", &next(&first)).await.expect_status(200);
            assert_eq!(keys(&second), of(3));
        }
        let fits = groups(&roomy, "-s", &Value::Null).await.expect_status(200);
        let _ = groups(&roomy, "-s", &next(&fits)).await.expect_status(200);
        assert_code(&groups(&scant, "-s", &next(&fits)).await, 503, "memory_exceeded");
        let spilled = groups(&scant, "-s", &Value::Null).await.expect_status(200);
        assert_eq!(spilled.json()["page"]["has_more"], json!(true));
        for gateway in [&scant, &roomy] {
            assert_code(&groups(gateway, "-s", &next(&spilled)).await, 410, "cursor_expired");
        }
        scant.shutdown().await;
        roomy.shutdown().await;
    });
}

/// Eight lookups at once.
async fn lookups(caller: &Caller) -> Vec<Answer> {
    let at_once = (0..8).map(|id| {
        let caller = caller.clone();
        tokio::spawn(async move { caller.get(&format!("/v1/tables/accounts/rows/{id}")).await })
    });
    let mut answers: Vec<Answer> = Vec::new();
    for one in at_once.collect::<Vec<_>>() {
        answers.push(one.await.unwrap());
    }
    answers
}

/// Looks up until a lookup is refused for this reason; nothing else may come of any.
async fn is_refused(caller: &Caller, why: &str) {
    until("a lookup is refused", || async {
        let answers = lookups(caller).await;
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            assert_code(answer, 503, "overloaded");
            assert!(answer.text().contains(why), "{}", answer.text());
            assert!(!answer.header("retry-after").is_empty());
        }
        answers.iter().any(|answer| answer.status != 200).then_some(())
    })
    .await;
}

#[test]
fn while_the_process_is_too_large_queries_run_alone_or_not_at_all() {
    run(async {
        // Any process is larger than this, so that the limit is always passed.
        let limits = json!({ "limits": { "memory_bytes_max": MIB, "resident_bytes_max": MIB } });
        let gateway = limited("resident", limits).await;
        let admin = gateway.role("admin");
        for id in 0..8 {
            let _ = admin.get(&format!("/v1/tables/accounts/rows/{id}")).await.expect_status(200);
        }
        is_refused(&admin, "memory is short").await;
        let endless = "select count(*) as n from accounts a, accounts b, accounts c, accounts d, accounts e \
                       where a.id + b.id * c.id - d.id > e.id";
        assert_code(&admin.sql(endless).await, 503, "memory_exceeded");
        gateway.shutdown().await;
    });
}

#[test]
fn a_process_within_its_resident_memory_refuses_nothing() {
    run(async {
        for resident in [json!(0), json!(1_u64 << 50)] {
            let gateway = limited("roomy", json!({ "limits": { "resident_bytes_max": resident } })).await;
            let admin = gateway.role("admin");
            for _ in 0..5 {
                assert!(lookups(&admin).await.iter().all(|answer| answer.status == 200));
            }
            gateway.shutdown().await;
        }
    });
}

#[test]
fn slots_and_queue_hold_their_number_and_refuse_more() {
    run(async {
        let fit = json!({ "limits": { "queries_concurrent_max": 4, "queries_queued_max": 4 } });
        let gateway = limited("light-slots", fit).await;
        let admin = gateway.role("admin");
        for _ in 0..5 {
            assert!(lookups(&admin).await.iter().all(|answer| answer.status == 200));
        }
        gateway.shutdown().await;
        let tight = json!({ "limits": { "queries_concurrent_max": 1, "queries_queued_max": 1 } });
        let gateway = limited("few-slots", tight).await;
        is_refused(&gateway.role("admin"), "every slot and the queue are taken").await;
        gateway.shutdown().await;
    });
}

/// Small requests whose texts or names would be gigabytes on every row of a batch.
#[test]
fn long_texts_and_names_stay_small_in_memory() {
    const PEAK_BYTES_MAX: u64 = 1024 * MIB as u64;
    run(async {
        let lake = Gateway::demo().await.directory.join("lake");
        let setup = Setup::new("wide", accounts::POLICIES)
            .table(json!({ "name": "flights", "location": lake.join("flights") }))
            .with(json!({ "limits": { "query_time_ms_max": 3_000, "queue_wait_ms_max": 3_000 } }));
        let server = Server::start(setup).await;
        let admin = server.role("admin");
        let (long, short) = ("x".repeat(230_000), "x".repeat(15_000));
        let window = "over (order by flight_id rows between unbounded preceding and unbounded following)";
        let repeated = vec!["$1"; 60];
        for (sql, code) in [
            (format!("select '{long}' as c from flights"), "expression_too_large"),
            (format!("select max(carrier || '{long}') as c from flights"), "expression_too_large"),
            (format!("select first_value('{short}') {window} as c from flights"), "expression_too_large"),
            (
                format!("select octet_length(carrier||{}) as c from flights", repeated.join("||")),
                "expression_too_large",
            ),
            (format!("select 1 from flights where dest in ({})", repeated.join(",")), "expression_too_large"),
            (format!("select '{short}' as c, count(*) over () as n from flights"), "result_too_large"),
            (format!("select null as {long} from flights limit 100000"), "result_too_large"),
            (format!("select {{'{long}': null}} as c from flights limit 100000"), "expression_too_large"),
        ] {
            let params = if sql.contains("$1") { json!([long]) } else { json!([]) };
            let answer = admin.post("/v1/sql", &json!({ "sql": sql, "params": params })).await;
            assert_eq!(
                answer.code(),
                code,
                "{}...: {} {}",
                &sql[..20],
                answer.status,
                answer.json()["detail"]
            );
        }
        let filter = json!({ "filter": format!("carrier || '{long}' = 'x'"), "count": "exact" });
        let answer = admin.post("/v1/tables/flights/query", &filter).await;
        assert_eq!(answer.code(), "expression_too_large", "{}", answer.status);
        let compared = json!({ "filter": format!("carrier = '{long}' or dest = 'LAX'"), "limit": 1 });
        let _ = admin.post("/v1/tables/flights/query", &compared).await.expect_status(200);
        let peak = server.peak_bytes();
        assert!(peak < PEAK_BYTES_MAX, "{peak} bytes");
    });
}

/// A text that a query computes is in none of the columns that it makes of it.
#[test]
fn what_is_made_of_a_computed_text_stays_small_in_memory() {
    const PEAK_BYTES_MAX: u64 = 1024 * MIB as u64;
    run(async {
        let lake = Gateway::demo().await.directory.join("lake");
        let limits =
            json!({ "query_time_ms_max": 8_000, "queue_wait_ms_max": 8_000, "memory_bytes_max": 256 * MIB });
        let setup = Setup::new("computed", accounts::POLICIES)
            .table(json!({ "name": "flights", "location": lake.join("flights") }))
            .with(json!({ "limits": limits }));
        let server = Server::start(setup).await;
        let admin = server.role("admin");
        let columns: Vec<_> = (1..60).map(|n| format!("upper(right(x, {})) as c{n}", 9_000 - n)).collect();
        let computed = format!(
            "(select case when month > 0 then '{}' end as x, flight_id from flights) t",
            "x".repeat(9_000)
        );
        let once = computed.replace("month > 0", "flight_id = 1");
        for sql in [
            format!("select {} from {computed} order by c1 limit 1", columns.join(", ")),
            format!("select max(y) as y from (select min(x) over () as y from {computed}) u"),
            format!("select max(y) as y from (select nth_value(x, 1) over () as y from {once}) u"),
            format!(
                "select max(y) as y from (select min(x) over (order by flight_id rows between 9 preceding and 1000000 following) as y from {computed}) u"
            ),
        ] {
            let answer = admin.sql(&sql).await;
            assert!([503, 504].contains(&answer.status), "{} {}", answer.status, answer.text());
        }
        let peak = server.peak_bytes();
        assert!(peak < PEAK_BYTES_MAX, "{peak} bytes");
        // What two windows keep, one above the other, is counted for what it is.
        let windows = "select * from (select f.*, sum(distance) over (partition by carrier) as s, \
                       count(*) over () as n from flights f) t order by flight_id limit 1";
        assert_eq!(admin.sql(windows).await.expect_status(200).data()[0]["n"], json!(336_776));
    });
}
