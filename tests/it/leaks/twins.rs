//! Twins: two lakes whose visible rows are the same and whose hidden rows are not, in number, in
//! values and in place. Owns the check that no answer tells which of the two was asked, whether a
//! condition fails, a page ends or a `LIMIT` is reached among the rows in between.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use sluice_tests::client::{Answer, Caller};
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup, run};
use sluice_tests::random::seeded;

const POLICIES: &str = "
version: 1
roles:
  tenant: { tables: { events: { columns: '*', rows: \"tenant = 'a'\" } } }
";

/// Files of a lake, and visible rows of each.
const FILES: i64 = 6;
const FILE_ROWS: i64 = 1500;

const ROUNDS: usize = 16;
/// Pages of groups of one walk.
const PAGES_OF_GROUPS: usize = 3;

/// Conditions that fail on a few rows.
const CONDITIONS: &[&str] = &[
    "100 / (a - 500) <> 0",
    "cast(s as bigint) >= 0",
    "100 / (a - 500) <> 0 AND cast(s as bigint) >= 0",
    "cast(s as bigint) < 0 OR 100 / (a - 500) <> 0",
    "a > 900 AND 100 / (a - 950) <> 0",
    "a BETWEEN 100 / (a - 500) AND cast(s as bigint) + 1000",
    "a IN (1, 2, 3, 100 / (a - 500), cast(s as bigint))",
    "NOT (100 / (a - 500) = 7 AND cast(s as bigint) > 0)",
    "a <> 500 AND 100 / (a - 500) <> 0",
    "100 / (a - 499) >= 1 AND cast(s as bigint) >= 0",
    "100 / (a - 499) < 1 OR cast(s as bigint) >= 0",
];

const ORDERS: &[&str] = &["", "big", "-big", "a,-big", "-a,id", "s", "id", "-id"];

/// The side of a cursor that a page is on, and the cursor of it that the next page goes on from.
type Step = (&'static str, &'static str);

/// From the first page on and back; from the last one; and to the other side of each cursor.
const STEPS: [&[Step]; 3] = [
    &[
        ("after", "next_cursor"),
        ("after", "next_cursor"),
        ("after", "prev_cursor"),
        ("before", "prev_cursor"),
    ],
    &[
        ("before", "prev_cursor"),
        ("before", "prev_cursor"),
        ("before", "next_cursor"),
        ("after", "next_cursor"),
    ],
    &[
        ("after", "next_cursor"),
        ("before", "next_cursor"),
        ("after", "prev_cursor"),
        ("after", "next_cursor"),
    ],
];

/// Orders of groups of `a`, with what must hold of them.
const GROUPS: &[(&str, &str)] = &[
    ("", "n > 0"),
    ("-n", "n > 3"),
    ("s", "n > 0"),
    ("-mean", "mean > 0"),
    ("last,-a", "100 / (n - 2) <> 0"),
    ("-last", "cast(last as bigint) >= 0"),
];

/// Places where something stops early, or where skipped files shift what a batch holds.
const STATEMENTS: &[&str] = &[
    "select id, 100 / (a - 500) as q from events limit {n} offset {o}",
    "select id, cast(s as bigint) as c from events where a > 600 limit {n} offset {o}",
    "select id from events where {c} limit {n} offset {o}",
    "select id from (select * from events where {c} limit {n} offset {o}) t where 100 / (a - 500) <> 0",
    "select e.id from events e join events f on e.id = f.id and ({c}) where e.big < f.big + 1 limit {n}",
    "select count(*) as n from events where {c}",
    "select count(*) as n from events where big < {o} and ({c})",
    "select id from events where big < {o} and ({c}) order by big limit {n}",
    // Branches in order; lakes as small as these hardly let them race, which `engine::in_order` tests.
    "select 100 / (a - 500) as q from events union all select cast(s as bigint) from events where id = {n}",
    "select id from events where big = {o} union all select -id from events where id = {n}",
    "select id + 1 as i from (select id, s from events where {c} union all select {o}, 'x') t where s <> 'y'",
    "with e as (select id from events where {c}) select id from e union all select {o} order by id limit 30",
    "select 100 / (a - 500) as q from events union all select cast(s as bigint) from events order by q",
    "(select id from events where big < {o} and {c} order by id) union all (select {n}) order by id",
];

#[test]
fn no_answer_tells_which_rows_are_hidden_between() {
    run(async {
        let mut random = seeded("twins");
        let visible = random.random();
        let lone = lake("lone", visible, None).await;
        let crowded = lake("crowded", visible, Some(random.random())).await;
        let twins = [lone.role("tenant"), crowded.role("tenant")];
        let (mut failed, mut failed_groups) = (0, 0);
        for round in 0..ROUNDS {
            let condition = CONDITIONS[random.random_range(0..CONDITIONS.len())];
            let limit = [1, 2, 7, 100, 900][random.random_range(0..5)].to_string();
            for statement in STATEMENTS {
                let offset = random.random_range(0..FILES * FILE_ROWS).to_string();
                let statement =
                    statement.replace("{c}", condition).replace("{n}", &limit).replace("{o}", &offset);
                let [left, right] = [twins[0].sql(&statement).await, twins[1].sql(&statement).await];
                assert_eq!(seen(&left), seen(&right), "{statement}");
                failed += usize::from(left.status != 200);
            }
            for steps in STEPS {
                let order = ORDERS[random.random_range(0..ORDERS.len())];
                failed += usize::from(walk(&twins, condition, order, &limit, steps).await);
            }
            for (order, having) in GROUPS {
                // Where a condition can fail, hardly any group is answered.
                let condition = [condition, "a <> 500"][round % 2];
                let body = json!({
                    "group_by": ["a"], "filter": condition, "having": having, "order": order,
                    "limit": limit.parse::<u64>().unwrap(),
                    "measures": [
                        { "fn": "count", "as": "n" }, { "fn": "sum", "column": "big", "as": "s" },
                        { "fn": "avg", "column": "big", "as": "mean" }, { "fn": "max", "column": "s", "as": "last" },
                    ],
                });
                failed_groups += usize::from(walk_groups(&twins, body).await);
            }
        }
        assert!(failed > ROUNDS / 10, "only {failed} of the questions failed: nothing was at stake");
        assert!(failed < ROUNDS * STATEMENTS.len(), "{failed} of the questions failed: no page was seen");
        assert!(failed_groups < ROUNDS * GROUPS.len(), "no page of groups was seen");
    });
}

/// Some pages from one end and back; whether one failed.
async fn walk(twins: &[Caller; 2], condition: &str, order: &str, limit: &str, steps: &[Step]) -> bool {
    let mut cursors: Option<[String; 2]> = None;
    for (side, step) in steps {
        let mut pages = Vec::new();
        for (at, twin) in twins.iter().enumerate() {
            let mut asked = vec![("filter", condition), ("limit", limit), ("side", side)];
            if !order.is_empty() {
                asked.push(("order", order));
            }
            if let Some(cursors) = &cursors {
                asked.push(("cursor", &cursors[at]));
            }
            pages.push(twin.ask("/v1/tables/events/rows", &asked).await);
        }
        let told = format!("filter {condition}, order \"{order}\", limit {limit}, {side}, before the {step}");
        assert_eq!(seen(&pages[0]), seen(&pages[1]), "{told}");
        if pages[0].status != 200 {
            return true;
        }
        let next: Vec<Value> = pages.iter().map(|page| page.json()["page"][*step].clone()).collect();
        let [Some(left), Some(right)] = [next[0].as_str(), next[1].as_str()] else {
            assert_eq!(next[0].is_null(), next[1].is_null(), "{told}");
            return false;
        };
        cursors = Some([left.to_owned(), right.to_owned()]);
    }
    false
}

/// Some pages of groups; whether one failed.
async fn walk_groups(twins: &[Caller; 2], body: Value) -> bool {
    let mut bodies = [body.clone(), body];
    for page in 0..PAGES_OF_GROUPS {
        let mut answers = Vec::new();
        for (twin, body) in twins.iter().zip(&bodies) {
            answers.push(twin.post("/v1/tables/events/aggregate", body).await);
        }
        assert_eq!(seen(&answers[0]), seen(&answers[1]), "page {page} of {}", bodies[0]);
        if answers[0].status != 200 {
            return true;
        }
        for (body, answer) in bodies.iter_mut().zip(&answers) {
            body["cursor"] = answer.json()["page"]["next_cursor"].clone();
        }
        if bodies[0]["cursor"].is_null() {
            return false;
        }
    }
    false
}

/// Everything but times, ids and what cursors hold, and which of several failing rows was met first.
fn seen(answer: &Answer) -> Value {
    let body = answer.json();
    let page = &body["page"];
    let length = |cursor: &Value| cursor.as_str().map(str::len);
    json!({ "status": answer.status, "code": body["code"], "data": body["data"], "has_more": page["has_more"],
        "has_previous": page["has_previous"], "next": length(&page["next_cursor"]),
        "prev": length(&page["prev_cursor"]) })
}

/// A lake with the visible rows of one seed and, between them, the hidden rows of another.
async fn lake(name: &str, visible: u64, hidden: Option<u64>) -> Gateway {
    let setup = Setup::new(name, POLICIES)
        .table(json!({ "name": "events", "location": "events", "primary_key": ["id"] }));
    let mut visible = StdRng::seed_from_u64(visible);
    let mut hidden = hidden.map(StdRng::seed_from_u64);
    let files: Vec<RecordBatch> = (0..FILES).map(|file| rows(file, &mut visible, hidden.as_mut())).collect();
    let mut table =
        HandTable::create(&setup.place("events"), &files[0].schema()).numbered().row_group_rows(400);
    for file in &files {
        table.append(std::slice::from_ref(file));
    }
    setup.start().await
}

type Row = (i64, &'static str, i64, String, i64);

fn rows(file: i64, visible: &mut StdRng, mut hidden: Option<&mut StdRng>) -> RecordBatch {
    let mut rows: Vec<Row> = Vec::new();
    for n in 0..FILE_ROWS {
        if let Some(hidden) = hidden.as_deref_mut() {
            for _ in 0..hidden.random_range(0_u32..12).saturating_sub(8) {
                let far = [-1_000_000, 0, 1_000_000][hidden.random_range(0..3)];
                rows.push((n, "b", far + hidden.random_range(0..1000), "hidden".to_owned(), far));
            }
        }
        let id = file * FILE_ROWS + n;
        // Failing rows are few, so that many pages end before the first.
        let a = if visible.random_bool(0.0004) { 500 } else { visible.random_range(501..1000) };
        let s = if visible.random_bool(0.0004) {
            "x".to_owned()
        } else {
            visible.random_range(0..99).to_string()
        };
        rows.push((id, "a", a, s, file * 1000 + visible.random_range(0..1400)));
    }
    let columns: [(&str, ArrayRef); 5] = [
        ("id", Arc::new(rows.iter().map(|r| r.0).collect::<Int64Array>())),
        ("tenant", Arc::new(rows.iter().map(|r| Some(r.1)).collect::<StringArray>())),
        ("a", Arc::new(rows.iter().map(|r| r.2).collect::<Int64Array>())),
        ("s", Arc::new(rows.iter().map(|r| Some(r.3.as_str())).collect::<StringArray>())),
        ("big", Arc::new(rows.iter().map(|r| r.4).collect::<Int64Array>())),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
}
