//! A small table with something to hide: owns its rows, its policies, and the same rows filtered
//! and masked by hand for each role. Rows that a role may not see hold values that make careless
//! evaluation fail; masked columns hold raw values that do.

mod visible;

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde_json::{Value, json};
use sluice_tests::client::Caller;
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::Gateway;

pub(crate) use self::visible::visible;

pub(crate) const ROWS: i64 = 200;

/// alice sees tenant a, bob tenant b (by a claim), both masked; admin sees everything.
pub(crate) const POLICIES: &str = "
version: 1
roles:
  admin:
    administrator: true
    time_travel: true
    tables: { '*': { columns: all } }
  alice: &tenant
    tables:
      accounts:
        columns: '*'
        hide: [secret]
        rows: \"tenant = claim('tenant')\"
        masks:
          ssn: { constant: '7' }
          email: { partial: { email: true } }
          salary: { round: 1000 }
          born: { truncate: { unit: year } }
          note: null
          rate: null
  bob: *tenant
";

/// What the table declares.
pub(crate) fn definition() -> Value {
    json!({ "name": "accounts", "location": "accounts", "primary_key": ["id"] })
}

/// A caller in one of the roles, with its tenant.
pub(crate) fn caller(gateway: &Gateway, role: &str) -> Caller {
    gateway.bearer(&token(gateway, role))
}

/// The token of such a caller.
pub(crate) fn token(gateway: &Gateway, role: &str) -> String {
    gateway.token(role, json!({ "tenant": tenant_of(role) }))
}

fn tenant_of(role: &str) -> &'static str {
    if role == "bob" { "b" } else { "a" }
}

pub(crate) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("tenant", DataType::Utf8, false),
        Field::new("ssn", DataType::Utf8, true),
        Field::new("bal", DataType::Int64, true),
        Field::new("email", DataType::Utf8, true),
        Field::new("salary", DataType::Int64, true),
        Field::new("price", DataType::Decimal128(12, 2), true),
        Field::new("born", DataType::Date32, true),
        Field::new("note", DataType::Utf8, true),
        Field::new("rate", DataType::Float64, true),
        Field::new("score", DataType::Float64, true),
        Field::new("day_text", DataType::Utf8, true),
        Field::new("big", DataType::Int64, true),
        Field::new("secret", DataType::Utf8, true),
    ]))
}

/// Writes the table in three files of mixed tenants, and one of tenant b alone.
pub(crate) fn write(directory: &Path) -> HandTable {
    write_as(HandTable::create(directory, &schema()).numbered(), RecordBatch::clone)
}

/// Writes the same files into an empty table with each one's rows changed, so that what is left of
/// them stays in its place.
pub(crate) fn write_as(mut table: HandTable, change: impl Fn(&RecordBatch) -> RecordBatch) -> HandTable {
    let rows = raw();
    let file = |first: usize, count: usize| change(&rows.slice(first, count));
    table.append(&[file(0, 50), file(50, 30)]);
    table.append(&[file(80, 60)]);
    table.append(&[file(140, 60)]);
    table
}

/// Every row as stored. Ids from 140 on, and every third before, belong to tenant b.
pub(crate) fn raw() -> RecordBatch {
    let ids: Vec<i64> = (0..ROWS).collect();
    let b = |id: i64| id >= 140 || id % 3 == 0;
    let texts = |of: &dyn Fn(i64) -> Option<String>| -> ArrayRef {
        Arc::new(ids.iter().map(|id| of(*id)).collect::<StringArray>())
    };
    let ints = |of: &dyn Fn(i64) -> Option<i64>| -> ArrayRef {
        Arc::new(ids.iter().map(|id| of(*id)).collect::<Int64Array>())
    };
    let floats = |of: &dyn Fn(i64) -> Option<f64>| -> ArrayRef {
        Arc::new(ids.iter().map(|id| of(*id)).collect::<Float64Array>())
    };
    let prices: Decimal128Array =
        ids.iter().map(|id| (id % 11 != 0).then_some(i128::from(id * 137 - 900))).collect();
    let born: Date32Array =
        ids.iter().map(|id| (id % 13 != 0).then_some(i32::try_from(id * 97).unwrap())).collect();
    let columns: Vec<ArrayRef> = vec![
        ints(&Some),
        texts(&|id| Some(if b(id) { "b" } else { "a" }.to_owned())),
        texts(&|id| (id % 17 != 0).then(|| format!("SECRET{id}"))),
        ints(&|id| if b(id) { Some(id % 2) } else { Some(1 + id % 7) }),
        texts(&|id| {
            (id % 10 != 0).then(|| format!("person{id}@{}.example", ["one", "two"][usize::from(id % 4 == 0)]))
        }),
        ints(&|id| (id % 19 != 0).then_some(if id == 150 { i64::MAX } else { 100_000 + id * 331 })),
        Arc::new(prices.with_precision_and_scale(12, 2).unwrap()),
        Arc::new(born),
        texts(&|id| Some(format!("raw note {id}"))),
        floats(&|id| Some(f64::from(i32::try_from(id).unwrap()) * 1.5)),
        floats(&|id| match id % 8 {
            0 => None,
            1 => Some(f64::NAN),
            2 => Some(f64::NEG_INFINITY),
            _ => Some(f64::from(i32::try_from(id % 5).unwrap()) - 0.5),
        }),
        texts(&|id| Some(if b(id) { "no day".to_owned() } else { format!("2024-01-{:02}", 1 + id % 28) })),
        ints(&|id| Some(if b(id) { i64::MAX } else { id })),
        texts(&|id| Some(format!("top secret {id}"))),
    ];
    RecordBatch::try_new(schema(), columns).unwrap()
}
