//! Tables with a column of every type and keys of several parts: owns writing them, their versions and the low limits
//! that statements over them run into. Their rows are in `kinds.jsonl` and `keyed.jsonl`, their roles in
//! `kinds.policies.yaml`.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Fields, Int64Type, Schema, SchemaRef, TimeUnit};
use serde_json::json;
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup};

use super::rows;

const POLICIES: &str = include_str!("kinds.policies.yaml");
/// Rows of the two files of version 1; the rest is version 3.
const FILE_ROWS: usize = 8;
/// Rows that version 2 deletes, one of each file.
const DELETED: [i64; 2] = [4, 13];
const DAY: Duration = Duration::from_secs(24 * 3600);
/// 2024-01-01T00:00:00Z, when version 0 was committed; each version is a day younger than the one before.
const FIRST_COMMIT: Duration = Duration::from_secs(1_704_067_200);

/// A gateway that serves them.
pub(super) async fn gateway() -> Gateway {
    let setup = Setup::new("kinds", POLICIES)
        .table(json!({
            "name": "kinds", "location": "kinds", "primary_key": ["id"], "clustered_by": ["day"],
            "description": "A column of every type",
            "columns": {
                "word": { "description": "Texts", "tags": ["text.plain"] },
                "st.x": { "description": "A number inside" },
            },
        }))
        .table(json!({
            "name": "keyed", "location": "keyed", "page_rows_max": 3,
            "primary_key": ["name", "day", "price", "open", "at"],
        }))
        .with(json!({ "limits": {
            "page_rows_default": 15, "page_rows_max": 50, "result_rows_max": 21,
            "statements": {
                "nodes_max": 150, "depth_max": 16, "tables_max": 3, "order_columns_max": 4,
                "pattern_bytes_max": 40, "grouping_sets_max": 6,
            },
        }}));
    write_kinds(&setup.place("kinds"));
    write_keyed(&setup.place("keyed"));
    setup.start().await
}

fn write_kinds(directory: &Path) {
    let schema = kinds();
    let rows = rows::batch(&schema, include_str!("kinds.jsonl"));
    let mut table = HandTable::create(directory, &schema).numbered().row_group_rows(4);
    table.append(&[rows.slice(0, FILE_ROWS), rows.slice(FILE_ROWS, FILE_ROWS)]);
    table.delete_by_vector(doomed);
    table.append(&[rows.slice(2 * FILE_ROWS, rows.num_rows() - 2 * FILE_ROWS)]);
    date(directory, table.version());
}

fn doomed(rows: &RecordBatch) -> BooleanArray {
    let ids = rows["id"].as_primitive::<Int64Type>();
    ids.iter().map(|id| Some(id.is_some_and(|id| DELETED.contains(&id)))).collect()
}

fn write_keyed(directory: &Path) {
    let schema = keyed();
    let mut table = HandTable::create(directory, &schema);
    table.append(&[rows::batch(&schema, include_str!("keyed.jsonl"))]);
    date(directory, table.version());
}

/// A commit is as old as its file.
fn date(directory: &Path, newest: u64) {
    for (version, age) in (0..=newest).zip(0_u32..) {
        let commit = directory.join(format!("_delta_log/{version:020}.json"));
        let commit = File::options().append(true).open(commit).expect("a commit");
        commit.set_modified(SystemTime::UNIX_EPOCH + FIRST_COMMIT + age * DAY).expect("a time of a file");
    }
}

fn kinds() -> SchemaRef {
    let nullable = |name: &str, data_type: DataType| Field::new(name, data_type, true);
    let list_of = |item: DataType| DataType::List(Arc::new(Field::new("element", item, true)));
    let st = vec![nullable("x", DataType::Int64), nullable("name", DataType::Utf8)];
    let item = vec![nullable("k", DataType::Utf8), nullable("n", DataType::Decimal128(12, 2))];
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        nullable("truth", DataType::Boolean),
        nullable("i8", DataType::Int8),
        nullable("i16", DataType::Int16),
        nullable("i32", DataType::Int32),
        nullable("i64", DataType::Int64),
        nullable("f32", DataType::Float32),
        nullable("f64", DataType::Float64),
        nullable("cents", DataType::Decimal128(12, 2)),
        nullable("exact", DataType::Decimal128(38, 10)),
        nullable("word", DataType::Utf8),
        nullable("raw", DataType::Binary),
        nullable("day", DataType::Date32),
        nullable("instant", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))),
        nullable("clock", DataType::Timestamp(TimeUnit::Microsecond, None)),
        nullable("st", DataType::Struct(Fields::from(st))),
        nullable("li", list_of(DataType::Int64)),
        nullable("ma", map_of(DataType::Utf8, DataType::Int64)),
        nullable("mi", map_of(DataType::Int64, DataType::Utf8)),
        nullable("items", list_of(DataType::Struct(Fields::from(item)))),
        // Names that are no words: a column beside a field of a struct, and what stands in quotes.
        nullable("st.z", DataType::Int32),
        nullable("odd \"name\", v1", DataType::Utf8),
    ]))
}

fn map_of(key: DataType, value: DataType) -> DataType {
    let pair = Fields::from(vec![Field::new("key", key, false), Field::new("value", value, true)]);
    DataType::Map(Arc::new(Field::new("key_value", DataType::Struct(pair), false)), false)
}

fn keyed() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("name", DataType::Utf8, false),
        Field::new("day", DataType::Date32, true),
        Field::new("price", DataType::Decimal128(12, 2), true),
        Field::new("open", DataType::Boolean, true),
        Field::new("at", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true),
        Field::new("kind", DataType::Int64, true),
    ]))
}
