//! Pages of groups: owns that together they are the whole answer of the pinned version, in one order that no two
//! groups share a place in, whatever is written meanwhile; and what becomes of their cursors.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};
use sluice_tests::client::{Answer, Caller};
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup, run};
use sluice_tests::random::seeded;
use sluice_tests::waiting::until;

use super::cursors::rotated;
use super::model::CONDITIONS;
use super::stage::{GROUPLESS, MASKED, READER, Stage, Viewer};
use crate::accounts;

const PATH: &str = "/v1/tables/t/aggregate";
const TABLES: usize = 4;
const WALKS_PER_TABLE: usize = 12;
/// In microseconds since 1970.
const YEAR_2100: i64 = 4_102_444_800_000_000;

/// A caller to whom NaN and null are two.
fn caller(gateway: &Gateway, role: &str) -> Caller {
    gateway.role(role).header("Sluice-Json", "nan=string")
}

fn with(body: &Value, members: &[(&str, Value)]) -> Value {
    let mut body = body.clone();
    for (name, value) in members {
        body[*name] = value.clone();
    }
    body
}

/// The page at a cursor, or the first one.
async fn page(caller: &Caller, body: &Value, limit: usize, cursor: Option<&str>) -> Value {
    let mut members = vec![("limit", json!(limit))];
    members.extend(cursor.map(|cursor| ("cursor", json!(cursor))));
    caller.post(PATH, &with(body, &members)).await.expect_status(200).json()
}

async fn first_cursor(caller: &Caller, body: &Value) -> String {
    page(caller, body, 2, None).await["page"]["next_cursor"].as_str().unwrap().to_owned()
}

fn assert_code(what: &str, answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{what}: {}", answer.text());
}

/// A random question about the table of walks.
fn random_body(random: &mut StdRng) -> Value {
    let mut outputs: Vec<&str> =
        ["grp", "score", "name"].into_iter().filter(|_| random.random_bool(0.5)).collect();
    let group_by = outputs.clone();
    let mut measures = vec![json!({ "fn": "count", "as": "n" })];
    outputs.push("n");
    for (measure, name) in [
        (json!({ "fn": "sum", "column": "score", "as": "s" }), "s"),
        (json!({ "fn": "avg", "column": "id", "as": "mean" }), "mean"),
        (json!({ "fn": "max", "column": "score", "as": "top" }), "top"),
        (json!({ "fn": "count_distinct", "column": "name", "as": "names" }), "names"),
    ] {
        if random.random_bool(0.4) {
            measures.push(measure);
            outputs.push(name);
        }
    }
    let keys = random.random_range(0..3);
    let order: Vec<Value> = (0..keys)
        .map(|_| {
            let column = outputs.choose(random).unwrap();
            json!({ "column": column, "descending": random.random_bool(0.5), "nulls_first": random.random_bool(0.3) })
        })
        .collect();
    let mut body = json!({
        "group_by": group_by, "measures": measures, "order": order,
        "filter": CONDITIONS[random.random_range(0..CONDITIONS.len())].sql,
    });
    if random.random_bool(0.3) {
        body["having"] = json!("n > 1");
    }
    body
}

#[test]
fn pages_are_the_whole_answer_whatever_is_written() {
    run(async {
        let mut random = seeded("paging::groups");
        let mut pages = 0;
        for _ in 0..TABLES {
            let mut stage = Stage::build(&mut random).await;
            for viewer in [READER, MASKED, GROUPLESS].into_iter().cycle().take(WALKS_PER_TABLE) {
                pages += walk(&mut stage, &mut random, viewer).await;
                stage.settle().await;
            }
            stage.gateway.shutdown().await;
        }
        assert!(pages > TABLES * WALKS_PER_TABLE * 5 / 4, "{pages} pages only");
    });
}

/// How many pages there were.
async fn walk(stage: &mut Stage, random: &mut StdRng, viewer: Viewer) -> usize {
    let caller = caller(&stage.gateway, viewer.role);
    let body = random_body(random);
    let whole = caller.post(PATH, &body).await.expect_status(200);
    assert!(whole.json()["page"].is_null(), "all groups are no page");
    let (version, whole) = (whole.json()["meta"]["version"].clone(), whole.data());
    let (mut cursor, mut met, mut pages) = (None::<String>, 0, 0);
    loop {
        let limit = [1, 2, 3, 5][random.random_range(0..4)];
        let end = (met + limit).min(whole.len());
        let told = format!("groups {met}..{end} of {} of {body}", whole.len());
        // The same page twice is the same.
        for _ in 0..2 {
            let page = page(&caller, &body, limit, cursor.as_deref()).await;
            assert_eq!(page["data"].as_array().unwrap(), &whole[met..end], "{told}");
            assert_eq!(page["meta"]["version"], version, "{told}");
            let place = &page["page"];
            assert_eq!(place["has_more"], json!(end < whole.len()), "{told}");
            assert_eq!(place["next_cursor"].is_string(), end < whole.len(), "{told}");
            assert_eq!(
                (&place["has_previous"], &place["prev_cursor"]),
                (&json!(met > 0), &Value::Null),
                "{told}"
            );
            if pages % 2 == 1 {
                cursor = place["next_cursor"].as_str().map(str::to_owned);
            }
            pages += 1;
        }
        met = end;
        if cursor.is_none() {
            assert_eq!(met, whole.len());
            return pages / 2;
        }
        if random.random_bool(0.2) {
            stage.disturb(random);
        }
    }
}

const READS: &str = "version: 1\nroles: { reader: { tables: { t: { columns: '*' } } } }\n";

fn table(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
        .unwrap()
}

fn floats(values: impl IntoIterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Float64Array>())
}

fn integers(values: impl IntoIterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Int64Array>())
}

async fn all(caller: &Caller, body: &Value, limit: usize) -> Vec<Value> {
    let (mut cursor, mut met) = (None::<String>, Vec::new());
    loop {
        let page = page(caller, body, limit, cursor.as_deref()).await;
        met.extend(page["data"].as_array().unwrap().clone());
        cursor = page["page"]["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return met;
        }
    }
}

#[test]
fn ties_go_by_the_group_keys_and_there_is_one_nan_one_zero_and_one_null() {
    run(async {
        let setup = Setup::new("group-ties", READS).table(json!({ "name": "t", "location": "t" }));
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        let rows = [
            (Some(nan), inf),
            (Some(-nan), -inf),
            (Some(-0.0), 1.0),
            (Some(0.0), 2.0),
            (None, nan),
            (None, 1.0),
            (Some(inf), inf),
            (Some(inf), -inf),
            (Some(-1.5), -nan),
            (Some(-1.5), 0.0),
        ];
        let keys = floats(rows.map(|row| row.0));
        let batch = table(vec![("k", keys), ("x", floats(rows.map(|row| Some(row.1))))]);
        HandTable::create(&setup.place("t"), &batch.schema()).append(&[batch]);
        let gateway = setup.start().await;
        let reader = caller(&gateway, "reader");
        let body = json!({ "group_by": ["k"], "measures": [
            { "fn": "count", "as": "n" }, { "fn": "sum", "column": "x", "as": "s" },
        ]});
        let zero = json!({ "k": 0.0, "n": 2, "s": 3.0 });
        let others = [json!(-1.5), json!("Infinity"), json!("NaN"), Value::Null];
        let others = others.map(|key| json!({ "k": key, "n": 2, "s": "NaN" }));
        let zero = std::slice::from_ref(&zero);
        let by_keys = [&others[..1], zero, &others[1..]].concat();
        let by_sum = [zero, &others[..]].concat();
        let sum_last = [&others[..], zero].concat();
        for (order, right) in
            [("", &by_keys), ("-n", &by_keys), ("s", &by_sum), ("-s", &by_sum), ("s:nulls_first", &sum_last)]
        {
            let body = if order.is_empty() { body.clone() } else { with(&body, &[("order", json!(order))]) };
            for limit in 1..=6 {
                assert_eq!(&all(&reader, &body, limit).await, right, "order {order:?}, limit {limit}");
            }
        }
        gateway.shutdown().await;
    });
}

/// Rows whose sums by group depend on the order in which they are added: of large and small numbers, in several files.
fn sums(random: &mut StdRng) -> Vec<RecordBatch> {
    let mut file = || {
        let rows: Vec<(i64, f64)> = (0..400)
            .map(|_| {
                let size = 10_f64.powi(random.random_range(-3..12));
                (random.random_range(0..40), random.random_range(-1.0..1.0) * size)
            })
            .collect();
        let keys = integers(rows.iter().map(|row| Some(row.0)));
        let clusters = integers((0..400).map(Some));
        table(vec![("k", keys), ("big", clusters), ("x", floats(rows.iter().map(|row| Some(row.1))))])
    };
    (0..4).map(|_| file()).collect()
}

fn by_sum() -> Value {
    json!({ "group_by": ["k"], "order": "s", "measures": [
        { "fn": "sum", "column": "x", "as": "s" }, { "fn": "avg", "column": "x", "as": "mean" },
    ]})
}

#[test]
fn sums_of_floats_are_those_of_the_whole_answer_to_the_last_bit() {
    run(async {
        let policies = "version: 1\nroles:\n  reader: { tables: { t: { columns: '*' } } }\n  \
                        some: { tables: { t: { columns: '*', rows: 'k < 30' } } }\n";
        let setup = Setup::new("group-sums", policies).table(json!({ "name": "t", "location": "t" }));
        let files = sums(&mut seeded("paging::sums"));
        let mut table = HandTable::create(&setup.place("t"), &files[0].schema()).row_group_rows(64);
        table.append(&files);
        let gateway = setup.start().await;
        for (role, groups) in [("reader", 40), ("some", 30)] {
            let caller = caller(&gateway, role);
            let whole = caller.post(PATH, &by_sum()).await.expect_status(200).data();
            assert_eq!(whole.len(), groups);
            for limit in [1, 6, 39] {
                assert_eq!(all(&caller, &by_sum(), limit).await, whole, "{role}, limit {limit}");
            }
        }
        gateway.shutdown().await;
    });
}

/// In a table whose order of files is secret, rows are added up in an order of the cursor's key.
#[test]
fn a_walk_of_groups_goes_on_on_any_replica_that_has_its_key() {
    run(async {
        let policies =
            "version: 1\nroles: { alice: { tables: { t: { columns: '*', masks: { big: null } } } } }\n";
        let first = Setup::new("groups-one", policies);
        let place = first.place("t");
        let files = sums(&mut seeded("paging::replicas"));
        HandTable::create(&place, &files[0].schema()).append(&files);
        let clustered = json!({ "name": "t", "location": place, "clustered_by": ["big"] });
        let first = first.table(clustered.clone()).start().await;
        let ring = |name: &str| first.directory.join(format!("keys/{name}.yaml"));
        let new_ring = first.directory.join("keys/rotated.yaml");
        let both = rotated(&std::fs::read_to_string(ring("cursor")).unwrap());
        std::fs::write(&new_ring, both.to_string()).unwrap();
        let newer = Setup::new("groups-newer", policies)
            .table(clustered)
            .with(json!({ "keys": { "cursor": new_ring, "mask": ring("mask") } }))
            .start()
            .await;
        let callers = [caller(&first, "alice"), caller(&newer, "alice")];
        let whole = callers[0].post(PATH, &by_sum()).await.expect_status(200).data();
        let others = callers[1].post(PATH, &by_sum()).await.expect_status(200).data();
        assert_ne!(whole, others, "the order of the rows does not matter: nothing is at stake");
        // By any other way, too, they are added up in that order.
        let sql = "select k, sum(x) as s, avg(x) as mean from t group by k order by s, k";
        assert_eq!(callers[0].sql(sql).await.expect_status(200).data(), whole);
        let (mut cursor, mut met) = (None::<String>, Vec::new());
        for at in [0, 1, 1, 0, 1] {
            let page = page(&callers[at], &by_sum(), 8, cursor.as_deref()).await;
            met.extend(page["data"].as_array().unwrap().clone());
            cursor = page["page"]["next_cursor"].as_str().map(str::to_owned);
        }
        assert_eq!((met, cursor), (whole, None));
        newer.shutdown().await;
        first.shutdown().await;
    });
}

/// A condition that asks what time it is gets the time of the first page, on every page.
#[test]
fn time_stands_still_on_a_walk_of_groups() {
    run(async {
        let setup = Setup::new("groups-time", READS).table(json!({ "name": "t", "location": "t" }));
        let schema = Arc::new(Schema::new(vec![
            Field::new("k", DataType::Int64, true),
            Field::new("until", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true),
        ]));
        let soon = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(20);
        let soon = i64::try_from(soon.as_micros()).unwrap();
        let times: ArrayRef =
            Arc::new(TimestampMicrosecondArray::from(vec![soon, YEAR_2100, YEAR_2100]).with_timezone("UTC"));
        let rows = RecordBatch::try_new(Arc::clone(&schema), vec![integers([0, 1, 2].map(Some)), times]);
        HandTable::create(&setup.place("t"), &schema).append(&[rows.unwrap()]);
        let gateway = setup.start().await;
        let reader = caller(&gateway, "reader");
        let body = json!({ "group_by": ["k"], "filter": "until > now()" });
        let first = page(&reader, &body, 1, None).await;
        assert_eq!(first["data"], json!([{ "k": 0 }]));
        until("the first row runs out", || async {
            (page(&reader, &body, 1, None).await["data"] == json!([{ "k": 1 }])).then_some(())
        })
        .await;
        let cursor = first["page"]["next_cursor"].as_str();
        assert_eq!(page(&reader, &body, 2, cursor).await["data"], json!([{ "k": 1 }, { "k": 2 }]));
        gateway.shutdown().await;
    });
}

#[test]
fn a_page_far_behind_is_the_rest_of_the_whole_answer() {
    run(async {
        let setup = Setup::new("groups-many", READS).table(json!({ "name": "t", "location": "t" }));
        let keys = integers((0..25_000).map(|key| Some(key % 24_999)));
        let batch = table(vec![("k", keys)]);
        HandTable::create(&setup.place("t"), &batch.schema()).row_group_rows(5_000).append(&[batch]);
        let gateway = setup.start().await;
        let reader = caller(&gateway, "reader");
        let body = json!({ "group_by": ["k"], "measures": [{ "fn": "count", "as": "n" }], "order": "-n,-k" });
        let whole = reader.post(PATH, &body).await.expect_status(200).data();
        assert_eq!(whole.len(), 24_999);
        for limit in [9_000, 12_499, 24_998, 24_999] {
            assert_eq!(all(&reader, &body, limit).await, whole, "limit {limit}");
        }
        gateway.shutdown().await;
    });
}

#[test]
fn a_damaged_or_foreign_cursor_of_groups_is_invalid() {
    run(async {
        let setup = || Setup::new("groups-damaged", accounts::POLICIES).table(accounts::definition());
        let start = || async {
            let setup = setup();
            let _table: HandTable = accounts::write(&setup.place("accounts"));
            setup.start().await
        };
        let (gateway, other) = (start().await, start().await);
        let ask = |gateway: &Gateway, cursor: Option<&str>| {
            let admin = gateway.role("admin");
            let body = json!({ "group_by": ["bal"], "limit": 2, "cursor": cursor });
            async move { admin.post("/v1/tables/accounts/aggregate", &body).await }
        };
        let first = ask(&gateway, None).await.expect_status(200).json();
        let good = first["page"]["next_cursor"].as_str().unwrap();
        let mut bad: Vec<String> =
            vec![String::new(), "x".to_owned(), good[1..].to_owned(), format!("{good}A")];
        for at in (0..good.len()).step_by(29) {
            let mut flipped = good.to_owned().into_bytes();
            flipped[at] = if flipped[at] == b'A' { b'B' } else { b'A' };
            bad.push(String::from_utf8(flipped).unwrap());
        }
        for cursor in bad {
            assert_code(&cursor, &ask(&gateway, Some(&cursor)).await, 400, "cursor_invalid");
        }
        assert_code("another deployment", &ask(&other, Some(good)).await, 400, "cursor_invalid");
        let _ = ask(&gateway, Some(good)).await.expect_status(200);
        other.shutdown().await;
        gateway.shutdown().await;
    });
}

#[test]
fn a_cursor_of_groups_whose_time_or_files_are_gone_has_expired() {
    run(async {
        let setup = Setup::new("groups-gone", READS).table(json!({ "name": "t", "location": "t" }));
        let batch = table(vec![("k", integers((0..9).map(Some)))]);
        let place = setup.place("t");
        let mut table = HandTable::create(&place, &batch.schema());
        table.append(&[batch.slice(0, 4), batch.slice(4, 5)]);
        let gateway = setup.start().await;
        let short = Setup::new("groups-short", READS)
            .table(json!({ "name": "t", "location": place }))
            .with(json!({ "cursors": { "ttl_ms": 300 } }))
            .start()
            .await;
        let (reader, hasty) = (caller(&gateway, "reader"), caller(&short, "reader"));
        let body = json!({ "group_by": ["k"] });
        let at = |cursor: &str| with(&body, &[("limit", json!(2)), ("cursor", json!(cursor))]);
        let cursor = first_cursor(&hasty, &body).await;
        let expired = until("the cursor expires", || async {
            let answer = hasty.post(PATH, &at(&cursor)).await;
            (answer.status != 200).then_some(answer)
        })
        .await;
        assert_code("past its time", &expired, 410, "cursor_expired");
        short.shutdown().await;

        let cursor = first_cursor(&reader, &body).await;
        let old: Vec<_> = std::fs::read_dir(&place)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "parquet"))
            .collect();
        table.compact();
        for file in old {
            std::fs::remove_file(file).unwrap();
        }
        assert_code("vacuumed", &reader.post(PATH, &at(&cursor)).await, 410, "cursor_expired");
        gateway.shutdown().await;
    });
}
