//! From add actions to a file list: owns building data files, the canonical order and the check
//! that no object is listed twice. Does not read logs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use chrono::DateTime;
use object_store::path::Path;

use super::actions::AddAction;
use crate::data_file::{DataFile, FileStats};
use crate::deletion_vector::DeletionVector;
use crate::error::CatalogError;
use crate::schema::TableSchema;
use crate::store::{Location, data_path};

type PartitionValues = Arc<BTreeMap<String, Option<String>>>;

/// Builds data files of one version, sharing what they have in common.
pub(crate) struct FileBuilder<'a> {
    location: &'a Location,
    schema: &'a TableSchema,
    partitions: HashMap<Vec<Option<String>>, PartitionValues>,
}

impl<'a> FileBuilder<'a> {
    pub(crate) fn new(location: &'a Location, schema: &'a TableSchema) -> Self {
        Self { location, schema, partitions: HashMap::new() }
    }

    pub(crate) fn build(&mut self, mut add: AddAction) -> Result<DataFile, CatalogError> {
        let malformed =
            |reason: &str| CatalogError::MalformedFile { path: add.path.clone(), reason: reason.to_owned() };
        let path = data_path::resolve(self.location, &add.path)?;
        let size_bytes = u64::try_from(add.size).map_err(|_| malformed("its size is negative"))?;
        let modified_at = DateTime::from_timestamp_millis(add.modification_time)
            .ok_or_else(|| malformed("its modification time is out of range"))?;
        let deletion_vector = match add.deletion_vector.take() {
            Some(fields) => Some(DeletionVector::new(self.location, &add.path, &fields)?),
            None => None,
        };
        let stats = add
            .stats
            .as_deref()
            .and_then(|text| FileStats::parse(text, &self.schema.stats_layout, deletion_vector.is_some()));
        let partition_values = self.partition(&mut add.partition_values);
        Ok(DataFile {
            path,
            key: add.path,
            size_bytes,
            modified_at,
            partition_values,
            stats,
            deletion_vector,
        })
    }

    fn partition(&mut self, raw: &mut HashMap<String, Option<String>>) -> PartitionValues {
        let columns = &self.schema.partition_columns;
        // The protocol lets an empty text stand for null in columns of every type.
        let values: Vec<Option<String>> = self
            .schema
            .partition_physical_names
            .iter()
            .map(|name| raw.remove(name).flatten().filter(|value| !value.is_empty()))
            .collect();
        let shared = self.partitions.entry(values).or_insert_with_key(|values| {
            Arc::new(columns.iter().cloned().zip(values.iter().cloned()).collect())
        });
        Arc::clone(shared)
    }
}

/// Puts a whole file list into canonical order.
pub(crate) fn canonical(mut files: Vec<Arc<DataFile>>) -> Result<Arc<[Arc<DataFile>]>, CatalogError> {
    files.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    let mut paths: HashSet<&Path> = HashSet::with_capacity(files.len());
    for file in &files {
        if !paths.insert(&file.path) {
            return Err(CatalogError::DuplicateFile { path: file.key.clone() });
        }
    }
    drop(paths);
    Ok(files.into())
}

/// A file list in canonical order after a commit: `base` without `removed` (path and vector id),
/// with `added`. An addition replaces the entry of the same path and vector; the same path with
/// another vector that was not removed is refused.
pub(crate) fn merge(
    base: &[Arc<DataFile>],
    removed: &[(String, Option<String>)],
    mut added: Vec<Arc<DataFile>>,
) -> Result<Arc<[Arc<DataFile>]>, CatalogError> {
    let find = |key: &str| base.binary_search_by(|file| file.key.as_str().cmp(key)).ok();
    let mut gone: HashSet<usize> = HashSet::new();
    for (key, vector) in removed {
        if let Some(at) = find(key)
            && base.get(at).is_some_and(|file| vector_id(file) == vector.as_deref())
        {
            gone.insert(at);
        }
    }
    added.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    for file in &added {
        if let Some(at) = find(&file.key)
            && !gone.contains(&at)
        {
            if base.get(at).is_some_and(|present| vector_id(present) != vector_id(file)) {
                return Err(CatalogError::DuplicateFile { path: file.key.clone() });
            }
            gone.insert(at);
        }
    }
    let mut paths: HashSet<&Path> = HashSet::with_capacity(added.len());
    for file in &added {
        if !paths.insert(&file.path) {
            return Err(CatalogError::DuplicateFile { path: file.key.clone() });
        }
    }
    let mut files = Vec::with_capacity(base.len() + added.len() - gone.len());
    let mut additions = added.iter().peekable();
    for (_, kept) in base.iter().enumerate().filter(|(at, _)| !gone.contains(at)) {
        if paths.contains(&kept.path) {
            return Err(CatalogError::DuplicateFile { path: kept.key.clone() });
        }
        while let Some(addition) = additions.next_if(|addition| addition.key < kept.key) {
            files.push(Arc::clone(addition));
        }
        files.push(Arc::clone(kept));
    }
    files.extend(additions.map(Arc::clone));
    Ok(files.into())
}

/// Distinguishes the vectors of one file.
pub(super) fn vector_id(file: &DataFile) -> Option<&str> {
    file.deletion_vector.as_ref().map(|vector| vector.unique_id.as_str())
}
