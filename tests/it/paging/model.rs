//! The naive evaluator: owns random rows, and filtering and sorting them in memory the slow way.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// One row as the model sees it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) id: i64,
    pub(super) group: Option<i32>,
    pub(super) score: Option<f64>,
    pub(super) name: Option<String>,
}

/// A sort key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) column: &'static str,
    pub(super) descending: bool,
    pub(super) nulls_first: bool,
}

/// A condition: its SQL and what it means.
#[derive(Debug, Clone, Copy)]
pub(super) struct Condition {
    pub(super) sql: &'static str,
    pub(super) holds: fn(&Row) -> bool,
}

pub(super) const CONDITIONS: [Condition; 8] = [
    Condition { sql: "1 = 1", holds: |_| true },
    Condition { sql: "grp = 1", holds: |row| row.group == Some(1) },
    Condition { sql: "grp IS NULL OR grp > 1", holds: |row| row.group.is_none_or(|g| g > 1) },
    Condition { sql: "NOT (grp > 1)", holds: |row| row.group.is_some_and(|g| g <= 1) },
    Condition {
        sql: "name >= 'b' AND name < 'ä'",
        holds: |row| row.name.as_deref().is_some_and(|n| ("b".."ä").contains(&n)),
    },
    Condition {
        sql: "score < 1 AND id % 2 = 0",
        holds: |row| row.score.is_some_and(|s| s < 1.0) && row.id % 2 == 0,
    },
    Condition {
        sql: "name IN ('', 'a', 'Z') OR score IS NULL",
        holds: |row| row.score.is_none() || row.name.as_deref().is_some_and(|n| ["", "a", "Z"].contains(&n)),
    },
    Condition { sql: "id < 0", holds: |row| row.id < 0 },
];

/// With a name of this length, no key fits the shortest cursor.
const LONG_NAME_BYTES: usize = 900;

pub(super) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("grp", DataType::Int32, true),
        Field::new("score", DataType::Float64, true),
        Field::new("name", DataType::Utf8, true),
    ]))
}

/// `count` rows with ids from `first` on, full of duplicates, nulls, NaN and both zeros.
pub(super) fn random_rows(random: &mut StdRng, first: i64, count: usize) -> Vec<Row> {
    let scores = [
        None,
        Some(f64::NAN),
        Some(-f64::NAN),
        Some(f64::INFINITY),
        Some(f64::NEG_INFINITY),
        Some(0.0),
        Some(-0.0),
        Some(1.5),
        Some(1.5),
        Some(-2.0),
        Some(f64::MIN_POSITIVE),
    ];
    let long = "x".repeat(LONG_NAME_BYTES);
    let longer = format!("{long}y");
    let names = [
        None,
        Some(long.as_str()),
        Some(longer.as_str()),
        Some(""),
        Some("a"),
        Some("A"),
        Some("b"),
        Some("ä"),
        Some("Z"),
        Some("ab"),
        Some("\u{10FFFF}"),
        Some("'\"%_\\"),
    ];
    (first..)
        .take(count)
        .map(|id| Row {
            id,
            group: [None, Some(0), Some(1), Some(1), Some(2), Some(i32::MIN), Some(i32::MAX)]
                .choose(random)
                .copied()
                .unwrap(),
            score: *scores.choose(random).unwrap(),
            name: names.choose(random).unwrap().map(str::to_owned),
        })
        .collect()
}

pub(super) fn batch(rows: &[Row]) -> RecordBatch {
    RecordBatch::try_new(
        schema(),
        vec![
            Arc::new(rows.iter().map(|row| Some(row.id)).collect::<Int64Array>()),
            Arc::new(rows.iter().map(|row| row.group).collect::<Int32Array>()),
            Arc::new(rows.iter().map(|row| row.score).collect::<Float64Array>()),
            Arc::new(rows.iter().map(|row| row.name.as_deref()).collect::<StringArray>()),
        ],
    )
    .unwrap()
}

/// A random order of none to three keys.
pub(super) fn random_order(random: &mut StdRng) -> Vec<Key> {
    let mut columns = vec!["id", "grp", "score", "name"];
    let keys = random.random_range(0..=3);
    (0..keys)
        .map(|_| Key {
            column: columns.swap_remove(random.random_range(0..columns.len())),
            descending: random.random_bool(0.5),
            nulls_first: random.random_bool(0.3),
        })
        .collect()
}

/// The order as the parameter spells it.
pub(super) fn order_text(order: &[Key]) -> String {
    let keys: Vec<String> = order
        .iter()
        .map(|key| {
            let sign = if key.descending { "-" } else { "" };
            let nulls = if key.nulls_first { ":nulls_first" } else { "" };
            format!("{sign}{}{nulls}", key.column)
        })
        .collect();
    keys.join(",")
}

/// How two rows stand under an order; equal when it does not tell them apart.
pub(super) fn compare(order: &[Key], a: &Row, b: &Row) -> Ordering {
    order.iter().map(|key| compare_by(*key, a, b)).find(|found| found.is_ne()).unwrap_or(Ordering::Equal)
}

fn compare_by(key: Key, a: &Row, b: &Row) -> Ordering {
    match key.column {
        "id" => placed(key, Some(a.id), Some(b.id), Ord::cmp),
        "grp" => placed(key, a.group, b.group, Ord::cmp),
        "name" => placed(key, a.name.as_deref(), b.name.as_deref(), |x, y| x.as_bytes().cmp(y.as_bytes())),
        _ => {
            // NaN stands with the nulls: between them and the values.
            let rank = |score: Option<f64>| match score {
                Some(value) if !value.is_nan() => 0,
                Some(_) => 1,
                None => 2,
            };
            let (left, right) = (rank(a.score), rank(b.score));
            if left == 0 && right == 0 {
                let values = a.score.partial_cmp(&b.score).unwrap();
                return if key.descending { values.reverse() } else { values };
            }
            if key.nulls_first { right.cmp(&left) } else { left.cmp(&right) }
        }
    }
}

fn placed<T>(key: Key, a: Option<T>, b: Option<T>, compare: impl Fn(&T, &T) -> Ordering) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) if key.descending => compare(&a, &b).reverse(),
        (Some(a), Some(b)) => compare(&a, &b),
        (None, None) => Ordering::Equal,
        (None, Some(_)) if key.nulls_first => Ordering::Less,
        (Some(_), None) if !key.nulls_first => Ordering::Less,
        _ => Ordering::Greater,
    }
}
