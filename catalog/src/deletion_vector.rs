//! Rows deleted from a file without rewriting it: owns a vector's description and its loading
//! through a bounded cache. Does not apply it to rows.

use std::str::FromStr;
use std::sync::Arc;

use delta_kernel::actions::deletion_vector::{DeletionVectorDescriptor, DeletionVectorStorageType};
use moka::sync::Cache;
use roaring::RoaringTreemap;

use crate::error::{CatalogError, redact};
use crate::log::LogSource;
use crate::log::actions::VectorFields;
use crate::store::{Location, data_path};

/// A deletion vector as the log describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletionVector {
    /// Rows that it deletes.
    pub cardinality: u64,
    /// Differs between any two vectors of one file, and stays for one vector.
    pub unique_id: String,
    descriptor: Arc<DeletionVectorDescriptor>,
}

impl DeletionVector {
    /// Checks the description, and that it names no object outside the table.
    pub(crate) fn new(
        location: &Location,
        data_path: &str,
        fields: &VectorFields,
    ) -> Result<Self, CatalogError> {
        let malformed = |error: &dyn std::fmt::Display| CatalogError::MalformedFile {
            path: data_path.to_owned(),
            reason: format!("its deletion vector is malformed: {}", redact(&error.to_string())),
        };
        let descriptor = DeletionVectorStorageType::from_str(&fields.storage_type)
            .and_then(|storage| {
                let stored = &fields.path_or_inline_dv;
                let VectorFields { offset, size_in_bytes, cardinality, .. } = *fields;
                DeletionVectorDescriptor::try_new(storage, stored, offset, size_in_bytes, cardinality)
            })
            .map_err(|error| malformed(&error))?;
        if let Some(url) = descriptor.absolute_path(&location.root).map_err(|error| malformed(&error))? {
            data_path::resolve(location, url.as_str())?;
        }
        let cardinality = u64::try_from(fields.cardinality).map_err(|error| malformed(&error))?;
        Ok(Self { cardinality, unique_id: fields.unique_id(), descriptor: Arc::new(descriptor) })
    }
}

/// A table's directory and a vector's [`DeletionVector::unique_id`].
type VectorKey = (String, String);

/// Loaded vectors of all tables, bounded in bytes.
#[derive(Debug)]
pub(crate) struct DeletionVectors {
    cache: Cache<VectorKey, Arc<RoaringTreemap>>,
}

impl DeletionVectors {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self { cache: Cache::builder().max_capacity(bytes_max).weigher(bytes).build() }
    }

    /// The rows that `vector` deletes from the file at `data_path`.
    pub(crate) async fn load(
        &self,
        source: &Arc<LogSource>,
        data_path: &str,
        vector: &DeletionVector,
    ) -> Result<Arc<RoaringTreemap>, CatalogError> {
        let key = (source.location.root.to_string(), vector.unique_id.clone());
        if let Some(rows) = self.cache.get(&key) {
            return Ok(rows);
        }
        let failed = |reason: String| CatalogError::DeletionVector {
            path: data_path.to_owned(),
            reason: redact(&reason),
        };
        let descriptor = Arc::clone(&vector.descriptor);
        let owner = Arc::clone(source);
        let permit = Arc::clone(&source.vector_gate).acquire_owned().await;
        if let Some(rows) = self.cache.get(&key) {
            return Ok(rows);
        }
        let read = move || {
            let _permit = permit;
            descriptor.read(owner.engine.storage_handler(), &owner.kernel_root)
        };
        let rows = tokio::task::spawn_blocking(read)
            .await
            // The kernel panics on some malformed vectors; the task's end says so.
            .map_err(|_| failed("it is malformed".to_owned()))?
            .map_err(|error| failed(error.to_string()))?;
        if rows.len() != vector.cardinality {
            let stated = vector.cardinality;
            return Err(failed(format!("it deletes {} rows where the log states {stated}", rows.len())));
        }
        let rows = Arc::new(rows);
        self.cache.insert(key, Arc::clone(&rows));
        Ok(rows)
    }
}

fn bytes((root, id): &VectorKey, rows: &Arc<RoaringTreemap>) -> u32 {
    u32::try_from(rows.serialized_size() + root.len() + id.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use roaring::RoaringTreemap;

    use super::{DeletionVectors, bytes};

    #[test]
    fn vectors_are_kept_within_their_bytes() {
        let key = ("file:///lake/t/".to_owned(), "u1".to_owned());
        let rows: Arc<RoaringTreemap> = Arc::new((0..1000).map(|row| row * 70_000).collect());
        let size = u64::from(bytes(&key, &rows));
        assert!(size > 1000);
        for (bytes_max, kept) in [(size, 1), (size - 1, 0)] {
            let vectors = DeletionVectors::new(bytes_max);
            vectors.cache.insert(key.clone(), Arc::clone(&rows));
            vectors.cache.run_pending_tasks();
            assert_eq!(vectors.cache.entry_count(), kept);
        }
    }
}
