//! Conditions mean the same wherever they stand (a page, a count, an aggregate, SQL) and what SQL
//! says they mean: owns comparing them with their meaning spelt out in Rust.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch};
use serde_json::json;
use sluice_tests::client::Caller;
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Setup, run};

const POLICIES: &str = "version: 1\nroles:\n  reader: { tables: { t: { columns: '*' } } }\n";

type Number = Option<i64>;

#[derive(Debug, Clone, Copy)]
struct Row {
    k: Number,
    x: Number,
    y: Number,
    b: Option<bool>,
}

/// TRUE where `needle` equals some item, NULL where that hangs on a NULL.
fn among(needle: Number, items: &[Number]) -> Option<bool> {
    let verdicts = items.iter().map(|item| Some(needle? == (*item)?));
    verdicts.fold(Some(false), or)
}

fn or(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    if left == Some(true) || right == Some(true) { Some(true) } else { Some(left? || right?) }
}

fn and(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    not(or(not(left), not(right)))
}

fn not(verdict: Option<bool>) -> Option<bool> {
    verdict.map(|verdict| !verdict)
}

type Meaning = fn(Row) -> Option<bool>;

const CONDITIONS: &[(&str, Meaning)] = &[
    ("b IN (true)", |r| r.b),
    ("b NOT IN (true)", |r| not(r.b)),
    ("b = true", |r| r.b),
    ("b <> true", |r| not(r.b)),
    ("k IN (0, NULL)", |r| among(r.k, &[Some(0), None])),
    ("k IN (NULL)", |_| None),
    ("k NOT IN (0, 1, NULL)", |r| not(among(r.k, &[Some(0), Some(1), None]))),
    ("k IN (1, 2) AND k NOT IN (2, NULL)", |r| {
        and(among(r.k, &[Some(1), Some(2)]), not(among(r.k, &[Some(2), None])))
    }),
    ("k NOT IN (0, NULL) OR k NOT IN (1, NULL)", |r| {
        or(not(among(r.k, &[Some(0), None])), not(among(r.k, &[Some(1), None])))
    }),
    ("x IN (x, 2, k) AND x NOT IN (y, 2)", |r| {
        and(among(r.x, &[r.x, Some(2), r.k]), not(among(r.x, &[r.y, Some(2)])))
    }),
    ("x IN (k, 2) AND x IN (y, 2)", |r| and(among(r.x, &[r.k, Some(2)]), among(r.x, &[r.y, Some(2)]))),
    ("x IN (4, 5, 6, 7, CASE y WHEN 1 THEN x ELSE 3 END)", |r| {
        let item = if r.y == Some(1) { r.x } else { Some(3) };
        among(r.x, &[Some(4), Some(5), Some(6), Some(7), item])
    }),
    ("x IN (3, CASE y WHEN 1 THEN x END)", |r| {
        among(r.x, &[Some(3), if r.y == Some(1) { r.x } else { None }])
    }),
    ("k BETWEEN x AND y", between),
    ("k NOT BETWEEN x AND y", |r| not(between(r))),
    ("NOT (k > 1 AND x > 1) OR y IS NULL", |r| {
        or(not(and(r.k.map(|k| k > 1), r.x.map(|x| x > 1))), Some(r.y.is_none()))
    }),
    ("k IN (1) OR k IN (2) OR k IN (3)", |r| among(r.k, &[Some(1), Some(2), Some(3)])),
    ("k = 1 AND k = 2", |r| and(r.k.map(|k| k == 1), r.k.map(|k| k == 2))),
    // Fails for a length below zero, which the first operand keeps from it.
    ("k >= 1 AND substr('abc', 1, k - 1) = 'a'", |r| and(r.k.map(|k| k >= 1), r.k.map(|k| k == 2))),
    ("substr('abc', 1, k - 1) = 'a' AND k >= 1", |r| and(r.k.map(|k| k >= 1), r.k.map(|k| k == 2))),
    ("coalesce(k, 9) IN (9, x)", |r| among(Some(r.k.unwrap_or(9)), &[Some(9), r.x])),
];

fn between(row: Row) -> Option<bool> {
    and(row.k.zip(row.x).map(|(k, x)| k >= x), row.k.zip(row.y).map(|(k, y)| k <= y))
}

fn rows() -> Vec<Row> {
    let numbers = [None, Some(0), Some(1), Some(2), Some(3)];
    let mut rows = Vec::new();
    for k in numbers {
        for x in numbers {
            for y in numbers {
                for b in [None, Some(false), Some(true)] {
                    rows.push(Row { k, x, y, b });
                }
            }
        }
    }
    rows
}

#[test]
fn a_condition_means_the_same_wherever_it_stands() {
    run(async {
        let setup = Setup::new("conditions", POLICIES).table(json!({ "name": "t", "location": "t" }));
        let rows = rows();
        let number =
            |of: fn(&Row) -> Number| Arc::new(rows.iter().map(of).collect::<Int64Array>()) as ArrayRef;
        let columns = [
            ("k", number(|r| r.k), true),
            ("x", number(|r| r.x), true),
            ("y", number(|r| r.y), true),
            ("b", Arc::new(rows.iter().map(|r| r.b).collect::<BooleanArray>()) as ArrayRef, true),
        ];
        let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        HandTable::create(&setup.place("t"), &batch.schema()).append(&[batch]);
        let gateway = setup.start().await;
        let caller = gateway.role("reader");
        for (condition, meaning) in CONDITIONS {
            let matching = rows.iter().filter(|row| meaning(**row) == Some(true)).count();
            let failing = rows.iter().filter(|row| meaning(**row) == Some(false)).count();
            assert_eq!(counts(&caller, condition).await, [matching; 5], "{condition}");
            assert_eq!(
                counts(&caller, &format!("NOT ({condition})")).await,
                [failing; 5],
                "NOT ({condition})"
            );
        }
    });
}

/// How many rows a condition keeps: in a page, in an aggregate, and in SQL above a table, above a
/// query that it cannot be moved into, and as a value.
async fn counts(caller: &Caller, condition: &str) -> [usize; 5] {
    let asked = [("filter", condition), ("limit", "1"), ("count", "exact")];
    let page = caller.ask("/v1/tables/t/rows", &asked).await.expect_status(200).json();
    let measures = json!([{ "fn": "count", "as": "n" }]);
    let body = json!({ "filter": condition, "measures": measures });
    let aggregate = caller.post("/v1/tables/t/aggregate", &body).await.expect_status(200).json();
    let mut counts = vec![number(&page["page"]["total_rows"]), number(&aggregate["data"][0]["n"])];
    for sql in [
        format!("select count(*) as n from t where {condition}"),
        format!("select count(*) as n from (select * from t limit 1000000) u where {condition}"),
        format!("select count(*) filter (where v) as n from (select {condition} as v from t) u"),
    ] {
        let answer = caller.sql(&sql).await.expect_status(200).json();
        counts.push(number(&answer["data"][0]["n"]));
    }
    counts.try_into().unwrap()
}

fn number(value: &serde_json::Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}
