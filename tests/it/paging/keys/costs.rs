//! What is read for keys: owns tables of which all is spoiled that need not be read, so that an answer proves that it
//! was not.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::json;
use sluice_gateway::engine::statement::{OrderKey, PerKey, Select};
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup, run};

use super::question::whole_keys;
use crate::paging::asked::Asked;

const POLICIES: &str = "version: 1
roles:
  reader: { administrator: true, tables: { t: { columns: all } } }
";
const FILES: i64 = 40;
const ROWS_PER_FILE: i64 = 100;
const ROWS_PER_GROUP: i64 = 10;

/// File `f` holds the keys from `f * ROWS_PER_FILE` on, one row each, in order.
async fn gateway() -> (Gateway, Vec<PathBuf>) {
    let setup = Setup::new("key-costs", POLICIES).table(json!({ "name": "t", "location": "t" }));
    let place = setup.place("t");
    let batch = |file: i64| {
        let keys = (file * ROWS_PER_FILE)..((file + 1) * ROWS_PER_FILE);
        let texts = keys.clone().map(|key| Some(format!("{key:06}"))).collect::<StringArray>();
        let columns: [(&str, ArrayRef); 2] =
            [("k", Arc::new(keys.collect::<Int64Array>())), ("text", Arc::new(texts))];
        RecordBatch::try_from_iter(columns).unwrap()
    };
    let batches: Vec<RecordBatch> = (0..FILES).map(batch).collect();
    let rows = usize::try_from(ROWS_PER_GROUP).unwrap();
    let mut table = HandTable::create(&place, &batches[0].schema()).numbered().row_group_rows(rows);
    table.append(&batches);
    let mut files: Vec<PathBuf> = fs::read_dir(&place)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "parquet"))
        .collect();
    files.sort();
    assert_eq!(files.len(), usize::try_from(FILES).unwrap());
    (setup.start().await, files)
}

/// Overwrites the data of every row group for which `needed` does not hold; the footer stays.
fn spoil(file: &Path, needed: impl Fn(usize) -> bool) {
    let metadata = SerializedFileReader::new(File::open(file).unwrap()).unwrap().metadata().clone();
    let mut bytes = fs::read(file).unwrap();
    for (number, group) in metadata.row_groups().iter().enumerate().filter(|(number, _)| !needed(*number)) {
        assert!(group.num_rows() == ROWS_PER_GROUP, "group {number}");
        for column in group.columns() {
            let (from, length) = column.byte_range();
            let (from, length) = (usize::try_from(from).unwrap(), usize::try_from(length).unwrap());
            bytes[from..from + length].fill(0xff);
        }
    }
    fs::write(file, bytes).unwrap();
}

/// Spoils all but the row groups that hold a key.
fn spoil_around(files: &[PathBuf], keys: &[i64]) -> usize {
    let mut kept = 0;
    for (number, file) in (0_i64..).zip(files) {
        let needed = |group: usize| {
            let from = number * ROWS_PER_FILE + i64::try_from(group).unwrap() * ROWS_PER_GROUP;
            keys.iter().any(|key| (from..from + ROWS_PER_GROUP).contains(key))
        };
        kept += (0..10).filter(|group| needed(*group)).count();
        if (0..10).any(needed) {
            spoil(file, needed);
        } else {
            fs::remove_file(file).unwrap();
        }
    }
    kept
}

async fn found(gateway: &Gateway, select: Select) -> Result<usize, String> {
    let asked = Asked { gateway, role: "reader" };
    let answer = asked.select(select).await.map_err(|error| error.to_string())?;
    Ok(answer.response.batches[0].num_rows())
}

fn by(column: &str, keys: RecordBatch) -> Select {
    let per_key = PerKey { columns: vec![column.to_owned()], keys };
    Select { per_key: Some(per_key), limit: Some(1), ..Select::default() }
}

#[test]
fn only_files_and_row_groups_with_keys_are_read() {
    run(async {
        let (gateway, files) = gateway().await;
        // As many as there are ranges, far from each other.
        let keys: Vec<i64> = (0..16).map(|key| key * 243 + 5).collect();
        assert_eq!(spoil_around(&files, &keys), 16, "row groups of 400");
        assert_eq!(found(&gateway, by("k", whole_keys(keys.clone()))).await, Ok(16));
        let texts: ArrayRef =
            Arc::new(keys.iter().map(|key| Some(format!("{key:06}"))).collect::<StringArray>());
        let texts = RecordBatch::try_from_iter([("text", texts)]).unwrap();
        assert_eq!(found(&gateway, by("text", texts)).await, Ok(16));
        let order = vec![OrderKey { column: "text".to_owned(), descending: true, nulls_first: false }];
        let heavy = Select { order, count_exact: true, ..by("k", whole_keys(keys)) };
        assert_eq!(found(&gateway, heavy).await, Ok(16));
        let spoiled = whole_keys([5, 25]);
        assert!(found(&gateway, by("k", spoiled)).await.is_err(), "a row group that is spoiled");
        gateway.shutdown().await;
    });
}

#[test]
fn many_keys_leave_out_each_file_that_has_none_of_them() {
    run(async {
        let (gateway, files) = gateway().await;
        // More than there are ranges, in every other file.
        let keys: Vec<i64> = (0..FILES)
            .step_by(2)
            .flat_map(|file| (0..ROWS_PER_FILE).map(move |key| file * ROWS_PER_FILE + key))
            .collect();
        for file in files.iter().skip(1).step_by(2) {
            fs::remove_file(file).unwrap();
        }
        let count = keys.len();
        assert_eq!(found(&gateway, by("k", whole_keys(keys))).await, Ok(count));
        gateway.shutdown().await;
    });
}

#[test]
fn reading_in_file_order_ends_once_every_key_has_its_rows() {
    run(async {
        let setup = Setup::new("key-ends", POLICIES).table(json!({ "name": "t", "location": "t" }));
        let place = setup.place("t");
        let batch = || {
            let keys: ArrayRef = Arc::new((0..ROWS_PER_FILE).map(|row| row % 5).collect::<Int64Array>());
            RecordBatch::try_from_iter([("k", keys)]).unwrap()
        };
        let mut table = HandTable::create(&place, &batch().schema()).numbered();
        table.append(&(0..FILES).map(|_| batch()).collect::<Vec<_>>());
        let gateway = setup.start().await;
        // One file has twenty rows of each key; a page of twenty needs one more to know of it.
        for file in fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()) {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            let number = name.strip_prefix("part-").and_then(|name| name.strip_suffix(".parquet"));
            if number.is_some_and(|number| u64::from_str_radix(number, 16).unwrap() >= 3) {
                fs::remove_file(file).unwrap();
            }
        }
        let asked = |limit| Select { limit: Some(limit), ..by("k", whole_keys(0..5)) };
        assert_eq!(found(&gateway, asked(20)).await, Ok(100));
        assert_eq!(found(&gateway, asked(59)).await, Ok(295));
        assert!(found(&gateway, asked(60)).await.is_err(), "the file after the third is gone");
        let counted = Select { count_exact: true, ..asked(20) };
        assert!(found(&gateway, counted).await.is_err(), "a count reads all");
        gateway.shutdown().await;
    });
}
