//! Data files checked against the log: owns the refusal of a file that does not have the rows
//! that the log states, since positions, counts and skipping rely on them. Does not decode.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::error::Result;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::ARROW_SCHEMA_META_KEY;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::ParquetError;
use parquet::file::metadata::{FileMetaData, ParquetMetaData};

use super::matching::Matching;

/// Rows that the log states for a file; goes with the file as an extension.
#[derive(Debug, Clone, Copy)]
pub(super) struct StatedRows(pub(super) u64);

/// Opens files through the metadata cache and checks them.
#[derive(Debug)]
pub(super) struct CheckedReaders {
    pub(super) readers: CachedParquetFileReaderFactory,
    /// The one that they read from.
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) matching: Matching,
}

impl ParquetFileReaderFactory for CheckedReaders {
    fn create_reader(
        &self,
        partition: usize,
        file: PartitionedFile,
        metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let stated = file.extension::<StatedRows>().copied();
        let (store, path) = (Arc::clone(&self.store), file.object_meta.location.clone());
        let reader = self.readers.create_reader(partition, file, metadata_size_hint, metrics)?;
        Ok(Box::new(CheckedReader { reader, store, path, stated, matching: self.matching }))
    }
}

struct CheckedReader {
    reader: Box<dyn AsyncFileReader + Send>,
    store: Arc<dyn ObjectStore>,
    path: Path,
    stated: Option<StatedRows>,
    matching: Matching,
}

impl AsyncFileReader for CheckedReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, parquet::errors::Result<Bytes>> {
        self.reader.get_bytes(range)
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, parquet::errors::Result<Vec<Bytes>>> {
        self.reader.get_byte_ranges(ranges)
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, parquet::errors::Result<Arc<ParquetMetaData>>> {
        async move {
            let metadata = match self.reader.get_metadata(options).await {
                Ok(metadata) => metadata,
                Err(error) => return Err(missing(&*self.store, &self.path).await.unwrap_or(error)),
            };
            check_rows(&metadata, self.stated)?;
            Ok(match self.matching {
                Matching::FieldId => without_arrow_schema(metadata),
                Matching::Name | Matching::PhysicalName => metadata,
            })
        }
        .boxed()
    }
}

/// Why a footer can't be read whose file isn't there. The reader itself tells it in words alone.
async fn missing(store: &dyn ObjectStore, path: &Path) -> Option<ParquetError> {
    match store.head(path).await {
        Err(gone @ object_store::Error::NotFound { .. }) => Some(ParquetError::External(Box::new(gone))),
        Ok(_) | Err(_) => None,
    }
}

fn check_rows(metadata: &ParquetMetaData, stated: Option<StatedRows>) -> parquet::errors::Result<()> {
    let groups = metadata
        .row_groups()
        .iter()
        .try_fold(0_u64, |sum, group| sum.checked_add(u64::try_from(group.num_rows()).ok()?));
    let whole = u64::try_from(metadata.file_metadata().num_rows()).ok();
    let wrong = |why: &str| Err(ParquetError::General(format!("the file's row count is wrong: {why}")));
    match (groups, whole, stated) {
        (Some(groups), Some(whole), _) if groups != whole => {
            wrong(&format!("its row groups have {groups} rows, its footer states {whole}"))
        }
        (Some(groups), Some(_), Some(StatedRows(stated))) if groups != stated => {
            wrong(&format!("it has {groups} rows, the log states {stated}"))
        }
        (Some(_), Some(_), _) => Ok(()),
        (None, _, _) | (_, None, _) => wrong("it is negative or too large"),
    }
}

/// The metadata without the writer's Arrow schema, which would take the place of field ids.
fn without_arrow_schema(metadata: Arc<ParquetMetaData>) -> Arc<ParquetMetaData> {
    let file = metadata.file_metadata();
    let entries = file.key_value_metadata();
    if !entries.is_some_and(|entries| entries.iter().any(|entry| entry.key == ARROW_SCHEMA_META_KEY)) {
        return metadata;
    }
    let kept = entries
        .map(|entries| entries.iter().filter(|entry| entry.key != ARROW_SCHEMA_META_KEY).cloned().collect());
    let bare = FileMetaData::new(
        file.version(),
        file.num_rows(),
        file.created_by().map(str::to_owned),
        kept,
        file.schema_descr_ptr(),
        file.column_orders().cloned(),
    );
    let whole = ParquetMetaData::new(bare, metadata.row_groups().to_vec())
        .into_builder()
        .set_column_index(metadata.column_index().cloned())
        .set_offset_index(metadata.offset_index().cloned());
    Arc::new(whole.build())
}
