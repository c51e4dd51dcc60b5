//! Files that are not what the log says: owns tables whose data files name, count or hold
//! something else. Right rows where the protocol tells how to find them, else one refusal.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Int32Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::{ArrowWriter, PARQUET_FIELD_ID_META_KEY};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use sluice_tests::client::Caller;
use sluice_tests::gateway::{Gateway, Setup, run};

use super::POLICIES;
use super::reading::{Failed, in_pages, in_sql, number_in_sql};

/// Writes a Parquet file and gives its add action, without statistics.
fn write(directory: &Path, name: &str, rows: &RecordBatch) -> Value {
    fs::create_dir_all(directory.join("_delta_log")).unwrap();
    let place = directory.join(name);
    let mut writer = ArrowWriter::try_new(fs::File::create(&place).unwrap(), rows.schema(), None).unwrap();
    writer.write(rows).unwrap();
    writer.close().unwrap();
    let size = fs::metadata(&place).unwrap().len();
    json!({ "add": {
        "path": name, "partitionValues": {}, "size": size, "modificationTime": 1_000, "dataChange": true,
    }})
}

fn stated(mut add: Value, rows: u64) -> Value {
    add["add"]["stats"] = json!(json!({ "numRecords": rows }).to_string());
    add
}

/// Version 0: a table of these fields and files.
fn log(directory: &Path, fields: &Value, mapping: Option<&str>, files: &[Value]) {
    let schema = json!({ "type": "struct", "fields": fields }).to_string();
    let configuration = mapping.map_or(
        json!({}),
        |mode| json!({ "delta.columnMapping.mode": mode, "delta.columnMapping.maxColumnId": "99" }),
    );
    let (reader, writer) = if mapping.is_some() { (2, 5) } else { (1, 2) };
    let mut actions = vec![
        json!({ "protocol": { "minReaderVersion": reader, "minWriterVersion": writer } }),
        json!({ "metaData": {
            "id": format!("{:032x}", rand::random::<u128>()), "format": { "provider": "parquet", "options": {} },
            "schemaString": schema, "partitionColumns": [], "configuration": configuration, "createdTime": 0,
        }}),
    ];
    actions.extend_from_slice(files);
    let text: String = actions.iter().map(|action| format!("{action}\n")).collect();
    fs::create_dir_all(directory.join("_delta_log")).unwrap();
    fs::write(directory.join("_delta_log/00000000000000000000.json"), text).unwrap();
}

fn column(name: &str, delta_type: &Value) -> Value {
    json!({ "name": name, "type": delta_type, "nullable": true, "metadata": {} })
}

fn mapped(name: &str, id: u32, delta_type: &Value) -> Value {
    json!({ "name": name, "type": delta_type, "nullable": true, "metadata": {
        "delta.columnMapping.id": id, "delta.columnMapping.physicalName": format!("col-{id}"),
    }})
}

fn numbered(name: &str, id: u32, data_type: DataType) -> Field {
    let metadata = HashMap::from([(PARQUET_FIELD_ID_META_KEY.to_owned(), id.to_string())]);
    Field::new(name, data_type, true).with_metadata(metadata)
}

fn batch(columns: Vec<(Field, ArrayRef)>) -> RecordBatch {
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

fn numbers(name: &str, count: i32) -> RecordBatch {
    let values: ArrayRef = Arc::new((0..count).collect::<Int32Array>());
    batch(vec![(Field::new(name, DataType::Int32, true), values)])
}

async fn serve(setup: Setup, tables: &[&str]) -> (Gateway, Caller) {
    let named = |setup: Setup, name: &&str| setup.table(json!({ "name": name, "location": name }));
    let gateway = tables.iter().fold(setup, named).start().await;
    let admin = gateway.role("admin");
    (gateway, admin)
}

fn setup() -> Setup {
    Setup::new("liars", POLICIES)
}

async fn assert_rows_unavailable(admin: &Caller, table: &str) {
    for failed in [in_pages(admin, table, 100).await.err(), in_sql(admin, table).await.err()] {
        assert!(matches!(failed, Some(Failed::Unavailable(_))), "{table}: {failed:?}");
    }
}

#[test]
fn columns_mapped_by_id_are_found_whatever_a_file_calls_them() {
    run(async {
        let setup = setup();
        let directory = setup.place("by_id");
        fs::create_dir_all(&directory).unwrap();
        let inner = |names: [&str; 2], ids: [u32; 2]| {
            let fields: Vec<Field> =
                names.iter().zip(ids).map(|(n, id)| numbered(n, id, DataType::Int32)).collect();
            let columns: Vec<ArrayRef> =
                vec![Arc::new(Int32Array::from(vec![1])), Arc::new(Int32Array::from(vec![2]))];
            let array: ArrayRef = Arc::new(StructArray::new(fields.into(), columns, None));
            (numbered("s", 3, array.data_type().clone()), array)
        };
        let long = |value: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![value])) };
        // The second file's names are those of other columns, and its order is another.
        let first = batch(vec![
            (numbered("col-1", 1, DataType::Int64), long(10)),
            (numbered("col-2", 2, DataType::Int64), long(20)),
            inner(["col-4", "col-5"], [4, 5]),
        ]);
        let second = batch(vec![
            inner(["col-5", "col-4"], [4, 9]),
            (numbered("col-1", 2, DataType::Int64), long(21)),
            (numbered("col-2", 1, DataType::Int64), long(11)),
        ]);
        let files = [write(&directory, "1.parquet", &first), write(&directory, "2.parquet", &second)];
        let long = json!("long");
        let nested = json!({ "type": "struct", "fields": [mapped("x", 4, &json!("integer")), mapped("y", 5, &json!("integer"))] });
        let fields = json!([mapped("a", 1, &long), mapped("b", 2, &long), mapped("c", 3, &nested)]);
        log(&directory, &fields, Some("id"), &files);

        let bare = setup.place("without_ids");
        fs::create_dir_all(&bare).unwrap();
        let file = write(&bare, "1.parquet", &numbers("col-1", 3));
        log(&bare, &json!([mapped("a", 1, &json!("integer"))]), Some("id"), &[file]);

        let (gateway, admin) = serve(setup, &["by_id", "without_ids"]).await;
        let right = json!([
            { "a": 10, "b": 20, "c": { "x": 1, "y": 2 } },
            { "a": 11, "b": 21, "c": { "x": 1, "y": null } },
        ]);
        assert_eq!(json!(in_pages(&admin, "by_id", 1).await.unwrap()), right);
        let by_sql = admin.sql("select * from by_id order by a").await.expect_status(200).data();
        assert_eq!(json!(by_sql), right);
        let sorted = admin.sql("select a from by_id where b > 20").await.expect_status(200).data();
        assert_eq!(json!(sorted), json!([{ "a": 11 }]));
        assert_rows_unavailable(&admin, "without_ids").await;
        drop(gateway);
    });
}

#[test]
fn structs_in_lists_that_grew_are_null_where_a_file_is_older() {
    run(async {
        let setup = setup();
        let directory = setup.place("grown");
        fs::create_dir_all(&directory).unwrap();
        let values: Vec<ArrayRef> =
            vec![Arc::new(StringArray::from(vec!["z", "y"])), Arc::new(Int32Array::from(vec![1, 2]))];
        let stored = vec![Field::new("b", DataType::Utf8, true), Field::new("a", DataType::Int32, true)];
        let structs = StructArray::new(stored.into(), values, None);
        let item = Arc::new(Field::new("item", structs.data_type().clone(), true));
        let lists: ArrayRef =
            Arc::new(ListArray::new(item, OffsetBuffer::from_lengths([2]), Arc::new(structs), None));
        let rows = batch(vec![(Field::new("l", lists.data_type().clone(), true), lists)]);
        let file = write(&directory, "1.parquet", &rows);
        let element = json!({ "type": "struct", "fields": [
            column("a", &json!("integer")), column("new", &json!("string")), column("b", &json!("string")),
        ]});
        let list = json!({ "type": "array", "elementType": element, "containsNull": true });
        log(&directory, &json!([column("l", &list), column("void", &json!("void"))]), None, &[file]);
        let (gateway, admin) = serve(setup, &["grown"]).await;
        let right = json!([{ "l": [{ "a": 1, "new": null, "b": "z" }, { "a": 2, "new": null, "b": "y" }], "void": null }]);
        assert_eq!(json!(in_pages(&admin, "grown", 1).await.unwrap()), right);
        assert_eq!(json!(in_sql(&admin, "grown").await.unwrap()), right);
        drop(gateway);
    });
}

#[test]
fn files_that_contradict_the_log_are_refused_and_others_are_served() {
    run(async {
        let setup = setup();
        let integer = json!([column("n", &json!("integer"))]);
        let mut tables: Vec<&str> = Vec::new();
        let mut lie = |name: &'static str, fields: &Value, change: &dyn Fn(&Path, Value) -> Value| {
            let directory = setup.place(name);
            fs::create_dir_all(&directory).unwrap();
            let honest = stated(write(&directory, "1.parquet", &numbers("n", 8)), 8);
            let file = change(&directory, honest);
            log(&directory, fields, None, &[file]);
            tables.push(name);
        };
        lie("honest", &integer, &|_, file| file);
        lie("more_rows", &integer, &|_, file| stated(file, 7));
        lie("fewer_rows", &integer, &|_, file| stated(file, 9));
        lie("no_rows", &integer, &|_, file| stated(file, 0));
        let resized = |by: i64| {
            move |_: &Path, mut file: Value| {
                file["add"]["size"] = json!(file["add"]["size"].as_i64().unwrap() + by);
                file
            }
        };
        lie("longer", &integer, &resized(1));
        lie("shorter", &integer, &resized(-1));
        lie("empty", &integer, &|_, mut file| {
            file["add"]["size"] = json!(0);
            file
        });
        lie("missing", &integer, &|directory, file| {
            fs::remove_file(directory.join("1.parquet")).unwrap();
            file
        });
        lie("garbled", &integer, &|directory, file| {
            let size = fs::metadata(directory.join("1.parquet")).unwrap().len();
            fs::write(directory.join("1.parquet"), vec![b'x'; usize::try_from(size).unwrap()]).unwrap();
            file
        });
        lie("other_type", &json!([column("n", &json!("string"))]), &|_, file| file);
        lie("no_number", &json!([column("n", &json!("boolean"))]), &|_, file| file);
        let (gateway, admin) = serve(setup, &tables).await;
        for table in tables.iter().filter(|table| **table != "honest") {
            assert_rows_unavailable(&admin, table).await;
            // Counting reads no column, so that a wrong type is not met.
            let is_read = !["other_type", "no_number"].contains(table);
            let counted = number_in_sql(&admin, table).await;
            assert!(!is_read || matches!(counted, Err(Failed::Unavailable(_))), "{table}: {counted:?}");
        }
        assert_eq!(in_pages(&admin, "honest", 3).await.unwrap().len(), 8);
        drop(gateway);
    });
}

#[test]
fn damaged_files_are_served_or_refused_and_nothing_else() {
    const DAMAGED: usize = 60;
    let seed: u64 = rand::random();
    eprintln!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    run(async move {
        let setup = setup();
        let names: Vec<String> = (0..DAMAGED).map(|number| format!("damaged_{number}")).collect();
        for name in &names {
            let directory = setup.place(name);
            fs::create_dir_all(&directory).unwrap();
            let words: ArrayRef =
                Arc::new((0..64).map(|n| Some(format!("w{}", n % 7))).collect::<StringArray>());
            let counts: ArrayRef = Arc::new((0..64).collect::<Int32Array>());
            let rows = batch(vec![
                (Field::new("word", DataType::Utf8, true), words),
                (Field::new("n", DataType::Int32, true), counts),
            ]);
            let file = stated(write(&directory, "1.parquet", &rows), 64);
            let mut bytes = fs::read(directory.join("1.parquet")).unwrap();
            for _ in 0..random.random_range(1..4) {
                let at = random.random_range(0..bytes.len());
                bytes[at] = random.random();
            }
            fs::write(directory.join("1.parquet"), bytes).unwrap();
            let fields = json!([column("word", &json!("string")), column("n", &json!("integer"))]);
            log(&directory, &fields, None, &[file]);
        }
        let tables: Vec<&str> = names.iter().map(String::as_str).collect();
        let (gateway, admin) = serve(setup, &tables).await;
        for table in &tables {
            for read in [in_pages(&admin, table, 30).await, in_sql(&admin, table).await] {
                match read {
                    Ok(rows) => assert_eq!(rows.len(), 64, "{table}"),
                    Err(Failed::Unavailable(_)) => {}
                    Err(Failed::Otherwise(what)) => panic!("{table}: {what}"),
                }
            }
        }
        drop(gateway);
    });
}
