//! Tables for tests: owns a temporary table whose log is written line by line, and the texts of
//! actions. Writes no data files.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use sluice_catalog::catalog::Catalog;
use sluice_catalog::config::CatalogConfig;
use sluice_catalog::definition::TableDefinition;
use sluice_catalog::snapshot::Snapshot;
use sluice_catalog::store::Stores;
use sluice_catalog::table::{Table, TableStatus};
use tempfile::TempDir;

/// The name that [`open`] gives its table.
pub(crate) const NAME: &str = "t";

/// A directory with a Delta log.
pub(crate) struct TestTable {
    pub(crate) directory: TempDir,
}

impl TestTable {
    /// An empty directory without a log.
    pub(crate) fn nothing() -> Self {
        Self { directory: TempDir::new().unwrap() }
    }

    /// A table of one column `a` at version 0.
    pub(crate) fn simple() -> Self {
        let table = Self::nothing();
        table.commit(0, &[protocol(), metadata("id-1", &["a"])]);
        table
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn commit_path(&self, version: u64) -> PathBuf {
        self.path().join(format!("_delta_log/{version:020}.json"))
    }

    pub(crate) fn commit(&self, version: u64, actions: &[Value]) {
        let text: String = actions.iter().map(|action| format!("{action}\n")).collect();
        self.write_commit(version, &text);
    }

    /// Writes a commit as real writers do: all at once.
    pub(crate) fn write_commit(&self, version: u64, text: &str) {
        let log = self.path().join("_delta_log");
        std::fs::create_dir_all(&log).unwrap();
        let staged = log.join(format!("_staged-{version}"));
        std::fs::write(&staged, text).unwrap();
        std::fs::rename(&staged, self.commit_path(version)).unwrap();
    }

    /// Sets the time of a commit file.
    pub(crate) fn touch(&self, version: u64, millis: u64) {
        let file = std::fs::File::options().append(true).open(self.commit_path(version)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_millis(millis)).unwrap();
    }

    pub(crate) fn remove_log(&self) {
        std::fs::remove_dir_all(self.path().join("_delta_log")).unwrap();
    }

    pub(crate) async fn open(&self) -> (Arc<Catalog>, Arc<Table>) {
        self.open_with(Stores::new(), CatalogConfig::default()).await
    }

    pub(crate) async fn open_with(
        &self,
        stores: Stores,
        config: CatalogConfig,
    ) -> (Arc<Catalog>, Arc<Table>) {
        let definition = TableDefinition::bare(NAME, self.path().to_str().unwrap());
        let config = CatalogConfig { tables: vec![definition], ..config };
        let catalog = Catalog::open(config, Path::new("/"), stores).await.unwrap();
        let table = catalog.table(NAME).unwrap();
        (catalog, table)
    }
}

pub(crate) fn protocol() -> Value {
    json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}})
}

pub(crate) fn protocol_with(features: &[&str]) -> Value {
    json!({"protocol": {"minReaderVersion": 3, "minWriterVersion": 7,
        "readerFeatures": features, "writerFeatures": features}})
}

/// Metadata with nullable integer columns.
pub(crate) fn metadata(id: &str, columns: &[&str]) -> Value {
    let fields: Vec<Value> = columns
        .iter()
        .map(|name| json!({"name": name, "type": "integer", "nullable": true, "metadata": {}}))
        .collect();
    metadata_of(id, &fields, &[], &json!({}))
}

pub(crate) fn metadata_of(id: &str, fields: &[Value], partitions: &[&str], configuration: &Value) -> Value {
    let schema = json!({"type": "struct", "fields": fields}).to_string();
    json!({"metaData": {"id": id, "format": {"provider": "parquet", "options": {}},
        "schemaString": schema, "partitionColumns": partitions, "configuration": configuration,
        "createdTime": 0}})
}

pub(crate) fn add(path: &str) -> Value {
    json!({"add": {"path": path, "partitionValues": {}, "size": 10, "modificationTime": 1_000,
        "dataChange": true, "stats": "{\"numRecords\":3,\"minValues\":{\"a\":1},\"maxValues\":{\"a\":9}}"}})
}

pub(crate) fn add_with_vector(path: &str, vector: &Value) -> Value {
    let mut action = add(path);
    action["add"]["deletionVector"] = vector.clone();
    action
}

pub(crate) fn remove(path: &str) -> Value {
    json!({"remove": {"path": path, "deletionTimestamp": 1, "dataChange": true}})
}

pub(crate) fn remove_with_vector(path: &str, vector: &Value) -> Value {
    let mut action = remove(path);
    action["remove"]["deletionVector"] = vector.clone();
    action
}

/// The files' paths as the log writes them, in the snapshot's order.
pub(crate) fn keys(snapshot: &Snapshot) -> Vec<String> {
    snapshot.files().iter().map(|file| file.key.clone()).collect()
}

/// Why a table is stale or unavailable.
pub(crate) fn trouble(table: &Table) -> Option<String> {
    match table.status() {
        TableStatus::Serving { stale } => stale.map(|stale| stale.reason),
        TableStatus::Unavailable { reason } => Some(reason),
    }
}

pub(crate) fn version(table: &Table) -> Option<u64> {
    table.current().map(|snapshot| snapshot.version())
}
