//! Another engine's opinion: owns asking random statements of the gateway and of DuckDB over the same files.
//! What the gateway answers, DuckDB answers too, row by row; what it refuses, it refuses by name. Without
//! Python this suite says so and passes.

mod grammar;

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray,
};
use arrow::datatypes::{Field, Schema};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Setup, run};
use sluice_tests::process::Server;
use sluice_tests::python::{Peer, interpreter};
use sluice_tests::random::seeded;

use self::grammar::{Statement, statement};

const POLICIES: &str =
    "version: 1\nroles: { reader: { tables: { t: &all { columns: '*' }, u: *all, v: *all } } }\n";
const STATEMENTS: usize = 300;
/// Of a hundred statements, this many must be compared: else the grammar asks nonsense.
const COMPARED_PERCENT_MIN: usize = 60;
/// Sums of floats differ with the order of adding.
const TOLERANCE: f64 = 1e-9;
const WORDS: [&str; 9] = ["a", "A", "ab", "a_b", "b", "", "%", "ba", "zz"];

/// Rows of few values each, so that conditions, groups and joins meet often; every column but the first may
/// be null.
fn rows(random: &mut StdRng, count: usize) -> RecordBatch {
    let mut maybe = |value: i64| random.random_bool(0.85).then_some(value);
    let small: Vec<Option<i64>> = (0..count).map(|row| maybe(row as i64 * 7 % 6 - 1)).collect();
    let large: Vec<Option<i64>> = (0..count).map(|row| maybe(row as i64 * 1_000_003 % 977)).collect();
    let draw =
        |most: i64, random: &mut StdRng| random.random_bool(0.85).then(|| random.random_range(0..most));
    let whole = |most: i64, random: &mut StdRng| -> Vec<Option<i64>> {
        (0..count).map(|_| draw(most, random)).collect()
    };
    let (prices, flags, days, rates) =
        (whole(500, random), whole(2, random), whole(40, random), whole(9, random));
    let words: StringArray =
        (0..count).map(|_| random.random_bool(0.85).then(|| *WORDS.choose(random).unwrap())).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new((0..count as i64).collect::<Int64Array>())),
        ("g", Arc::new(small.iter().map(|value| value.map(|v| v as i32)).collect::<Int32Array>())),
        ("n", Arc::new(large.into_iter().collect::<Int64Array>())),
        ("s", Arc::new(words)),
        (
            "d",
            Arc::new(
                prices
                    .into_iter()
                    .map(|p| p.map(|p| i128::from(p - 200)))
                    .collect::<Decimal128Array>()
                    .with_precision_and_scale(9, 2)
                    .unwrap(),
            ),
        ),
        ("b", Arc::new(flags.into_iter().map(|f| f.map(|f| f == 1)).collect::<BooleanArray>())),
        ("day", Arc::new(days.into_iter().map(|d| d.map(|d| 19_740 + d as i32)).collect::<Date32Array>())),
        ("f", Arc::new(rates.into_iter().map(|r| r.map(|r| r as f64 / 2.0 - 1.0)).collect::<Float64Array>())),
    ];
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), *name != "id"))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, array)| array).collect())
        .unwrap()
}

/// Writes tables of some files each; gives their files.
fn write(setup: &Setup, random: &mut StdRng) -> Value {
    let mut files = json!({});
    for (name, count) in [("t", 120), ("u", 40), ("v", 12)] {
        let rows = rows(random, count);
        let mut table = HandTable::create(&setup.place(name), &rows.schema());
        let third = count / 3;
        let _ = table.append(&[
            rows.slice(0, third),
            rows.slice(third, third),
            rows.slice(2 * third, count - 2 * third),
        ]);
        let listed = std::fs::read_dir(setup.place(name)).unwrap().map(|entry| entry.unwrap().path());
        files[name] = listed
            .filter(|path| path.extension().is_some_and(|e| e == "parquet"))
            .map(|path| json!(path))
            .collect();
    }
    files
}

/// The values of each row, in the order of the columns, whose names say it.
fn values(rows: &[Value]) -> Vec<Value> {
    rows.iter().map(|row| row.as_object().unwrap().values().cloned().collect()).collect()
}

fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| same(ours, theirs))
        }
        (Value::Number(ours), Value::Number(theirs)) => {
            let (ours, theirs) = (ours.as_f64().unwrap(), theirs.as_f64().unwrap());
            (ours - theirs).abs() <= TOLERANCE * ours.abs().max(1.0)
        }
        _ => ours == theirs,
    }
}

/// A text by which rows are put in an order, equal for numbers that are the same but for the last digits.
fn place(row: &Value) -> String {
    let text =
        |value: &Value| value.as_f64().map_or_else(|| value.to_string(), |number| format!("{number:.6}"));
    row.as_array().unwrap().iter().map(text).collect::<Vec<String>>().join("|")
}

fn assert_same(statement: &Statement, mut ours: Vec<Value>, mut theirs: Vec<Value>) {
    if !statement.ordered {
        ours.sort_by_key(place);
        theirs.sort_by_key(place);
    }
    let is_same = same(&json!(ours), &json!(theirs));
    assert!(is_same, "{}\nours:   {}\ntheirs: {}", statement.sql, json!(ours), json!(theirs));
}

#[test]
fn another_engine_answers_alike() {
    let Some(python) = interpreter() else { return };
    run(async {
        let mut random = seeded("peer");
        let table = |name: &str| json!({ "name": name, "location": name, "primary_key": ["id"] });
        let setup = Setup::new("peer", POLICIES).table(table("t")).table(table("u")).table(table("v"));
        let files = write(&setup, &mut random);
        let mut peer = Peer::start(&python, &files);
        let server = Server::start(setup).await;
        let reader = server.role("reader");
        let mut compared = 0;
        for _ in 0..STATEMENTS {
            let statement = statement(&mut random);
            let answer = reader.sql(&statement.sql).await;
            match (answer.status, peer.rows(&statement.sql)) {
                (200, Ok(theirs)) => {
                    compared += 1;
                    assert_same(&statement, values(&answer.data()), theirs);
                }
                (400, _) if answer.code() == "unsupported_statement" => {}
                (_, theirs) => {
                    let (sql, ours, log) = (statement.sql, answer.text(), server.log());
                    let cause = log.lines().rfind(|line| line.contains("query failed"));
                    panic!("{sql}\nours:   {ours}\nlogged: {cause:?}\ntheirs: {theirs:?}");
                }
            }
        }
        assert!(compared * 100 >= STATEMENTS * COMPARED_PERCENT_MIN, "{compared} of {STATEMENTS} compared");
    });
}
