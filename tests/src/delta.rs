//! Delta tables written by the tests themselves: owns plain Parquet files and hand-made commits, so
//! that the suites can append, delete and compact between two pages. Uses nothing of Sluice.

mod schema;
mod stats;
mod vector;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use serde_json::{Value, json};

/// Start of the invented clock of commits, in milliseconds since the epoch.
const CLOCK_START_MS: u64 = 1_700_000_000_000;

/// A table under one directory, with the rows of its newest version at hand.
#[derive(Debug)]
pub struct HandTable {
    directory: PathBuf,
    schema: SchemaRef,
    next_version: u64,
    files: Vec<HandFile>,
    row_group_rows: usize,
    with_stats: bool,
    numbered: bool,
    takes_vectors: bool,
    files_written: u64,
}

/// A live data file.
#[derive(Debug, Clone)]
struct HandFile {
    path: String,
    rows: RecordBatch,
    /// The action by which it was added last.
    add: Value,
}

impl HandTable {
    /// Makes the directory and version 0, without rows.
    ///
    /// # Panics
    ///
    /// When a column's type has no Delta type, or a file cannot be written.
    pub fn create(directory: &Path, schema: &SchemaRef) -> Self {
        fs::create_dir_all(directory.join("_delta_log")).expect("make the log's directory");
        let mut table = Self {
            directory: directory.to_path_buf(),
            schema: Arc::clone(schema),
            next_version: 0,
            files: Vec::new(),
            row_group_rows: 16,
            with_stats: true,
            numbered: false,
            takes_vectors: false,
            files_written: 0,
        };
        table.commit("CREATE TABLE", vec![schema::protocol(schema, false), table.metadata()]);
        table
    }

    /// Later files carry no statistics, neither in the log nor inside.
    #[must_use]
    pub fn without_stats(mut self) -> Self {
        self.with_stats = false;
        self
    }

    /// Later files are named in the order of writing, which is then their canonical order too.
    #[must_use]
    pub fn numbered(mut self) -> Self {
        self.numbered = true;
        self
    }

    /// Rows of each row group of later files.
    #[must_use]
    pub fn row_group_rows(mut self, rows: usize) -> Self {
        self.row_group_rows = rows;
        self
    }

    /// The newest version.
    pub fn version(&self) -> u64 {
        self.next_version - 1
    }

    /// The rows of the newest version, in no promised order.
    ///
    /// # Panics
    ///
    /// Never for rows that this table took.
    pub fn rows(&self) -> RecordBatch {
        concat_batches(&self.schema, self.files.iter().map(|file| &file.rows)).expect("rows of one schema")
    }

    /// Number of live data files.
    pub fn file_count(&self) -> usize {
        self.files.len()
    }

    /// Appends one file a batch, in one commit; gives the new version.
    pub fn append(&mut self, batches: &[RecordBatch]) -> u64 {
        let actions = batches.iter().map(|batch| self.add(batch.clone(), true)).collect();
        self.commit("WRITE", actions)
    }

    /// Puts one file a batch in the place of all rows, in one commit.
    pub fn overwrite(&mut self, batches: &[RecordBatch]) -> u64 {
        let mut actions: Vec<Value> = self.files.drain(..).map(|file| remove(&file, true)).collect();
        actions.extend(batches.iter().map(|batch| self.add(batch.clone(), true)));
        self.commit("WRITE", actions)
    }

    /// Deletes the rows for which `doomed` is true, by writing the touched files anew.
    ///
    /// # Panics
    ///
    /// When `doomed` gives a mask of another length.
    pub fn delete(&mut self, doomed: impl Fn(&RecordBatch) -> BooleanArray) -> u64 {
        let mut actions: Vec<Value> = Vec::new();
        for file in std::mem::take(&mut self.files) {
            let kept: BooleanArray = doomed(&file.rows).iter().map(|one| Some(one != Some(true))).collect();
            if kept.true_count() == file.rows.num_rows() {
                self.files.push(file);
                continue;
            }
            actions.push(remove(&file, true));
            let rest = filter_record_batch(&file.rows, &kept).expect("a mask of the batch's length");
            if rest.num_rows() > 0 {
                actions.push(self.add(rest, true));
            }
        }
        self.commit("DELETE", actions)
    }

    /// Deletes the rows for which `doomed` is true without touching the files that hold them. A file takes one
    /// such deletion. The table's first one makes it a table that takes them, in the same commit.
    ///
    /// # Panics
    ///
    /// When `doomed` gives a mask of another length, or a touched file was touched so before.
    pub fn delete_by_vector(&mut self, doomed: impl Fn(&RecordBatch) -> BooleanArray) -> u64 {
        let mut actions: Vec<Value> = Vec::new();
        if !std::mem::replace(&mut self.takes_vectors, true) {
            actions.push(schema::protocol(&self.schema, true));
        }
        for file in &mut self.files {
            let dead: Vec<bool> = doomed(&file.rows).iter().map(|one| one == Some(true)).collect();
            let positions: Vec<u16> =
                (0..).zip(&dead).filter(|(_, dead)| **dead).map(|(row, _)| row).collect();
            if positions.is_empty() {
                continue;
            }
            assert!(file.add["add"].get("deletionVector").is_none(), "a second vector of one file");
            actions.push(remove(file, true));
            file.add["add"]["deletionVector"] = vector::inline(&positions);
            if let Some(bounds) = file.add["add"]["stats"].as_str() {
                file.add["add"]["stats"] = json!(stats::loosened(bounds));
            }
            actions.push(file.add.clone());
            let kept: BooleanArray = dead.iter().map(|dead| Some(!dead)).collect();
            file.rows = filter_record_batch(&file.rows, &kept).expect("a mask of the batch's length");
        }
        self.commit("DELETE", actions)
    }

    /// Writes every live row into one file, without a change of data.
    pub fn compact(&mut self) -> u64 {
        let rows = self.rows();
        let mut actions: Vec<Value> = self.files.drain(..).map(|file| remove(&file, false)).collect();
        if rows.num_rows() > 0 {
            actions.push(self.add(rows, false));
        }
        self.commit("OPTIMIZE", actions)
    }

    /// Writes a commit of these actions as they stand; gives its version.
    ///
    /// # Panics
    ///
    /// When the commit cannot be written.
    pub fn commit(&mut self, operation: &str, actions: Vec<Value>) -> u64 {
        let version = self.next_version;
        let timestamp = CLOCK_START_MS + version * 1_000;
        let mut lines: Vec<Value> =
            vec![json!({ "commitInfo": { "timestamp": timestamp, "operation": operation } })];
        lines.extend(actions);
        let text: String = lines.iter().map(|action| format!("{action}\n")).collect();
        let log = self.directory.join("_delta_log");
        let unfinished = log.join(format!(".{version:020}.json.unfinished"));
        fs::write(&unfinished, text).expect("write a commit");
        fs::rename(&unfinished, log.join(format!("{version:020}.json"))).expect("publish a commit");
        self.next_version += 1;
        version
    }

    fn metadata(&self) -> Value {
        json!({ "metaData": {
            "id": format!("{:032x}", rand::random::<u128>()),
            "format": { "provider": "parquet", "options": {} },
            "schemaString": schema::delta_schema(&self.schema).to_string(),
            "partitionColumns": [],
            "configuration": {},
            "createdTime": CLOCK_START_MS,
        }})
    }

    /// Writes the rows as a file, by default of a random name, so that path order is not the order
    /// of writing.
    fn add(&mut self, rows: RecordBatch, data_change: bool) -> Value {
        let name = if self.numbered { self.files_written } else { rand::random::<u64>() };
        self.files_written += 1;
        let path = format!("part-{name:016x}.parquet");
        let place = self.directory.join(&path);
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(self.row_group_rows))
            .set_data_page_row_count_limit(4)
            .set_write_batch_size(4)
            .set_statistics_enabled(if self.with_stats {
                EnabledStatistics::Page
            } else {
                EnabledStatistics::None
            })
            .build();
        let file = File::create(&place).expect("make a data file");
        let mut writer =
            ArrowWriter::try_new(file, Arc::clone(&self.schema), Some(properties)).expect("a writer");
        writer.write(&rows).expect("write rows");
        writer.close().expect("finish a data file");
        let size = fs::metadata(&place).expect("size of a data file").len();
        let mut add = json!({ "add": {
            "path": path, "partitionValues": {}, "size": size, "modificationTime": CLOCK_START_MS,
            "dataChange": data_change,
        }});
        if self.with_stats {
            add["add"]["stats"] = Value::String(stats::of(&rows).to_string());
        }
        self.files.push(HandFile { path, rows, add: add.clone() });
        add
    }
}

fn remove(file: &HandFile, data_change: bool) -> Value {
    let mut remove = json!({ "remove": {
        "path": file.path, "deletionTimestamp": CLOCK_START_MS, "dataChange": data_change,
        "extendedFileMetadata": false,
    }});
    if let Some(vector) = file.add["add"].get("deletionVector") {
        remove["remove"]["deletionVector"] = vector.clone();
    }
    remove
}
