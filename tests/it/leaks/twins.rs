//! Twins: two lakes whose visible rows are the same and whose hidden rows are not, in number, in
//! values and in place. Owns the check that no answer tells which of the two was asked, whether a
//! condition fails, a page ends or a `LIMIT` is reached among the rows in between.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use futures::future::join;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use sluice_tests::delta::HandTable;
use sluice_tests::doors::question::question;
use sluice_tests::doors::{Cursor, Door, Outcome, doors_for};
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

/// Conditions that every door can say.
const TREES: &[&str] = &[
    r#"{"column":"a","op":"gt","value":900}"#,
    r#"{"or":[{"column":"a","op":"le","value":501},{"column":"s","op":"like","value":"1%"}]}"#,
    r#"{"not":{"column":"s","op":"eq","value":"x"}}"#,
    r#"{"and":[{"column":"big","op":"between","value":[0,3000]},{"column":"s","op":"in","value":["7","8","x"]}]}"#,
    r#"{"column":"big","op":"lt","value":0}"#,
    r#"{"column":"tenant","op":"ne","value":"a"}"#,
    r#"{"column":"s","op":"not_in","value":["hidden","7"]}"#,
    r#"{"column":"id","op":"ge","value":40}"#,
];

/// Of the doors, in their order, those that take conditions as text and SQL; and those that take trees.
const TEXTS: usize = 2;
const TREES_TOO: usize = 3;

/// The side of a cursor that a page is on, and the cursor of it that the next page goes on from.
type Step = (&'static str, &'static str);

/// From the first page on and back; from the last one; and to the other side of each cursor.
const STEPS: [&[Step]; 3] = [
    &[("after", "next"), ("after", "next"), ("after", "prev"), ("before", "prev")],
    &[("before", "prev"), ("before", "prev"), ("before", "next"), ("after", "next")],
    &[("after", "next"), ("before", "next"), ("after", "prev"), ("after", "next")],
];

/// Orders of groups of `a`, with what must hold of them, as text and as more than a number.
type Having = (&'static str, (&'static str, i64));
const GROUPS: &[(&str, Having)] = &[
    ("", ("count > 0", ("count", 0))),
    ("-count", ("count > 3", ("count", 3))),
    ("sum_big", ("count > 0", ("sum_big", 500))),
    ("-avg_big", ("avg_big > 0", ("avg_big", 0))),
    ("max_s,-a", ("100 / (count - 2) <> 0", ("count", 1))),
    ("-max_s", ("cast(max_s as bigint) >= 0", ("sum_big", -1))),
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
        let twins = Twins::of(&lone, &crowded);
        let (mut failed, mut failed_groups) = (0, 0);
        for round in 0..ROUNDS {
            let condition = CONDITIONS[random.random_range(0..CONDITIONS.len())];
            let limit: u64 = [1, 2, 7, 100, 900][random.random_range(0..5)];
            for statement in STATEMENTS {
                let offset = random.random_range(0..FILES * FILE_ROWS).to_string();
                let statement = statement.replace("{c}", condition);
                let statement = statement.replace("{n}", &limit.to_string()).replace("{o}", &offset);
                let line = format!("sql {}", json!({ "sql": statement }));
                let [left, _] = twins.ask(twins.any(&mut random, TEXTS), &line, [None, None]).await;
                failed += usize::from(left.code() != "answered");
            }
            let tree = TREES[random.random_range(0..TREES.len())];
            let tree: Value = serde_json::from_str(tree).unwrap();
            let (filter, doors) =
                if random.random_bool(0.5) { (json!(condition), TEXTS) } else { (tree, TREES_TOO) };
            for steps in STEPS {
                let order = ORDERS[random.random_range(0..ORDERS.len())];
                let mut body = json!({ "filter": filter, "limit": limit });
                if !order.is_empty() {
                    body["order"] = json!(order);
                }
                let door = twins.any(&mut random, doors);
                failed += usize::from(twins.walk(door, &body, steps).await);
            }
            for (order, having) in GROUPS {
                let (having, certain) = match filter.is_string() {
                    true => (json!(having.0), json!("a <> 500")),
                    false => (having_tree(having.1), json!({ "column": "a", "op": "ne", "value": 500 })),
                };
                // Where a condition can fail, hardly any group is answered.
                let filter = [&filter, &certain][round % 2];
                let body = groups(filter, order, &having, limit);
                failed_groups += usize::from(twins.walk_groups(twins.any(&mut random, doors), &body).await);
            }
        }
        assert!(failed > ROUNDS / 10, "only {failed} of the questions failed: nothing was at stake");
        assert!(failed < ROUNDS * STATEMENTS.len(), "{failed} of the questions failed: no page was seen");
        assert!(failed_groups < ROUNDS * GROUPS.len(), "no page of groups was seen");
    });
}

fn groups(filter: &Value, order: &str, having: &Value, limit: u64) -> Value {
    let mut body = json!({
        "group_by": ["a"], "filter": filter, "having": having, "limit": limit,
        "measures": [
            { "fn": "count" }, { "fn": "sum", "column": "big" },
            { "fn": "avg", "column": "big" }, { "fn": "max", "column": "s" },
        ],
    });
    if !order.is_empty() {
        body["order"] = json!(order);
    }
    body
}

/// What a group has more of.
fn having_tree((column, more): (&str, i64)) -> Value {
    json!({ "column": column, "op": "gt", "value": more })
}

/// Every door of both lakes.
struct Twins(Vec<[Box<dyn Door>; 2]>);

impl Twins {
    fn of(lone: &Gateway, crowded: &Gateway) -> Self {
        let doors = [lone, crowded].map(|lake| doors_for(lake, &lake.role_token("tenant")));
        let [lone, crowded] = doors;
        Self(lone.into_iter().zip(crowded).map(|(lone, crowded)| [lone, crowded]).collect())
    }

    /// One of the first doors.
    fn any(&self, random: &mut StdRng, first: usize) -> &[Box<dyn Door>; 2] {
        &self.0[random.random_range(0..first)]
    }

    /// What both say, where they say the same.
    async fn ask(
        &self,
        [lone, crowded]: &[Box<dyn Door>; 2],
        line: &str,
        cursors: [Option<Cursor<'_>>; 2],
    ) -> [Outcome; 2] {
        let asked = question(line).unwrap();
        let (left, right) = join(lone.ask(&asked, cursors[0]), crowded.ask(&asked, cursors[1])).await;
        let [left, right] = [left, right].map(|said| said.unwrap_or_else(|| panic!("no way to say {line}")));
        assert_eq!(seen(&left), seen(&right), "{}: {line}, {cursors:?}", lone.name());
        [left, right]
    }

    /// Some pages from one end and back; whether one failed.
    async fn walk(&self, door: &[Box<dyn Door>; 2], body: &Value, steps: &[Step]) -> bool {
        let mut texts: [Option<String>; 2] = [None, None];
        for (side, step) in steps {
            let mut body = body.clone();
            body["side"] = json!(side);
            let backward = *side == "before";
            let cursors = [0, 1].map(|at| texts[at].as_deref().map(|text| Cursor { text, backward }));
            let pages = self.ask(door, &format!("rows events {body}"), cursors).await;
            if pages[0].code() != "answered" {
                return true;
            }
            texts = pages.map(|page| if *step == "next" { page.next } else { page.prev });
            if texts[0].is_none() {
                return false;
            }
        }
        false
    }

    /// Some pages of groups; whether one failed.
    async fn walk_groups(&self, door: &[Box<dyn Door>; 2], body: &Value) -> bool {
        let mut texts: [Option<String>; 2] = [None, None];
        for _ in 0..PAGES_OF_GROUPS {
            let cursors = [0, 1].map(|at| texts[at].as_deref().map(Cursor::forward));
            let pages = self.ask(door, &format!("groups events {body}"), cursors).await;
            if pages[0].code() != "answered" {
                return true;
            }
            texts = pages.map(|page| page.next);
            if texts[0].is_none() {
                return false;
            }
        }
        false
    }
}

/// Everything but times, ids and what cursors hold, and which of several failing rows was met first.
fn seen(outcome: &Outcome) -> Value {
    let mut said = outcome.said.clone();
    said.remove("tables");
    if outcome.code() == "evaluation_failed" {
        said.remove("message");
    }
    let length = |cursor: &Option<String>| cursor.as_ref().map(String::len);
    json!({ "said": said, "types": outcome.types, "next": length(&outcome.next), "prev": length(&outcome.prev) })
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
