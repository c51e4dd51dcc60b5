//! What is remembered of files' footers: owns telling apart the files of one path in two stores, which
//! the engine's cache takes for one. Bounds nothing: the engine's cache does.

use std::sync::Arc;
use std::time::Duration;

use datafusion::common::{HashMap, TableReference};
use datafusion::error::Result;
use datafusion::execution::cache::cache_manager::{CachedFileMetadataEntry, FileMetadataCache};
use datafusion::execution::cache::{Cache, CacheEntryInfo};
use object_store::path::{Path, PathPart};

/// One store's part of the engine's cache.
pub(super) struct StoreFooters {
    /// Names the store alone.
    store: String,
    all: Arc<FileMetadataCache>,
}

impl StoreFooters {
    pub(super) fn new(store: impl Into<String>, all: Arc<FileMetadataCache>) -> Self {
        Self { store: store.into(), all }
    }

    fn key(&self, path: &Path) -> Path {
        std::iter::once(PathPart::from(self.store.as_str())).chain(path.parts()).collect()
    }
}

impl Cache<Path, CachedFileMetadataEntry> for StoreFooters {
    fn get(&self, path: &Path) -> Option<CachedFileMetadataEntry> {
        self.all.get(&self.key(path))
    }

    fn put(&self, path: &Path, entry: CachedFileMetadataEntry) -> Option<CachedFileMetadataEntry> {
        self.all.put(&self.key(path), entry)
    }

    fn remove(&self, path: &Path) -> Option<CachedFileMetadataEntry> {
        self.all.remove(&self.key(path))
    }

    fn contains_key(&self, path: &Path) -> bool {
        self.all.contains_key(&self.key(path))
    }

    fn len(&self) -> usize {
        self.all.len()
    }

    fn clear(&self) {
        self.all.clear();
    }

    fn name(&self) -> String {
        self.all.name()
    }

    fn cache_limit(&self) -> usize {
        self.all.cache_limit()
    }

    fn update_cache_limit(&self, limit: usize) {
        self.all.update_cache_limit(limit);
    }

    fn cache_ttl(&self) -> Option<Duration> {
        self.all.cache_ttl()
    }

    fn update_cache_ttl(&self, ttl: Option<Duration>) {
        self.all.update_cache_ttl(ttl);
    }

    fn drop_table_entries(&self, table: &TableReference) -> Result<()> {
        self.all.drop_table_entries(table)
    }

    fn list_entries(&self) -> HashMap<Path, CacheEntryInfo<CachedFileMetadataEntry>> {
        self.all.list_entries()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::any::Any;
    use std::sync::Arc;

    use datafusion::common::HashMap;
    use datafusion::execution::cache::Cache;
    use datafusion::execution::cache::cache_manager::{CachedFileMetadataEntry, FileMetadata};
    use datafusion::execution::runtime_env::RuntimeEnv;
    use object_store::ObjectMeta;
    use object_store::path::Path;

    use super::StoreFooters;

    #[derive(Debug)]
    struct Footer;

    impl FileMetadata for Footer {
        fn as_any(&self) -> &dyn Any {
            self
        }

        fn memory_size(&self) -> usize {
            100
        }

        fn extra_info(&self) -> HashMap<String, String> {
            HashMap::new()
        }
    }

    #[test]
    fn one_path_in_two_stores_is_two_files() {
        let all = RuntimeEnv::default().cache_manager.get_file_metadata_cache();
        let (left, right) = (StoreFooters::new("a", Arc::clone(&all)), StoreFooters::new("b", all));
        let path = Path::from("lake/a%20b/part-0.parquet");
        let meta = ObjectMeta {
            location: path.clone(),
            last_modified: chrono::DateTime::UNIX_EPOCH,
            size: 1,
            e_tag: None,
            version: None,
        };
        left.put(&path, CachedFileMetadataEntry::new(meta.clone(), Arc::new(Footer)));
        assert!(left.get(&path).unwrap().is_valid_for(&meta));
        assert!(right.get(&path).is_none() && !right.contains_key(&path));
        assert!(right.remove(&path).is_none() && left.remove(&path).is_some());
    }
}
