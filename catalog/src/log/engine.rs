//! What the Delta kernel may read: owns the engine given to it, which keeps to the table's own
//! store. Decodes nothing itself.

use std::num::NonZero;
use std::sync::Arc;

use delta_kernel::schema::SchemaRef;
use delta_kernel::{
    CancellationTokenRef, DeltaResult, DeltaResultIteratorStatic, Engine, EngineData, Error,
    EvaluationHandler, FileDataReadResultIterator, FileMeta, JsonHandler, ParquetFooter, ParquetHandler,
    PredicateRef, StorageHandler,
};
use delta_kernel_default_engine::DefaultEngineBuilder;
use delta_kernel_default_engine::executor::tokio::TokioBackgroundExecutor;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use url::Url;

use crate::store::{Location, data_path};

/// Log and checkpoint files that the kernel reads ahead.
const READ_AHEAD_FILES: NonZero<usize> = NonZero::<usize>::MIN.saturating_add(31);

/// The thread on which the kernel's input and output, and its decoding of checkpoints, run: apart
/// from the threads that serve requests.
#[derive(Debug, Clone)]
pub(crate) struct LogExecutor(Arc<TokioBackgroundExecutor>);

impl LogExecutor {
    pub(crate) fn new() -> Self {
        Self(Arc::new(TokioBackgroundExecutor::new()))
    }
}

/// An engine that reads objects below the table's directory only. The store refuses other paths;
/// but the kernel's Parquet reader fetches what looks like a presigned URL without any store, and
/// the names of checkpoint sidecars come from the log, so they are checked first.
pub(crate) struct TableEngine {
    inner: Arc<dyn Engine>,
    parquet: Arc<TableParquet>,
}

struct TableParquet {
    inner: Arc<dyn ParquetHandler>,
    location: Location,
}

/// A table's directory as the kernel is told of it. The kernel encodes some paths of buckets twice,
/// so for it each such table lies at the root of a store of its own.
pub(crate) fn kernel_location(location: &Location) -> Location {
    if location.root.scheme() == "file" {
        return location.clone();
    }
    let mut root = location.store_url.clone();
    root.set_path("/");
    let store = PrefixStore::new(Arc::clone(&location.store), location.prefix.clone());
    Location { root, prefix: Path::ROOT, store: Arc::new(store), store_url: location.store_url.clone() }
}

impl TableEngine {
    pub(crate) fn new(location: Location, executor: &LogExecutor) -> Self {
        let inner = DefaultEngineBuilder::new(Arc::clone(&location.store))
            .with_task_executor(Arc::clone(&executor.0))
            .with_buffer_size(READ_AHEAD_FILES)
            .build();
        let parquet = TableParquet { inner: inner.parquet_handler(), location };
        Self { inner: Arc::new(inner), parquet: Arc::new(parquet) }
    }
}

impl Engine for TableEngine {
    fn evaluation_handler(&self) -> Arc<dyn EvaluationHandler> {
        self.inner.evaluation_handler()
    }

    fn storage_handler(&self) -> Arc<dyn StorageHandler> {
        self.inner.storage_handler()
    }

    fn json_handler(&self) -> Arc<dyn JsonHandler> {
        self.inner.json_handler()
    }

    fn parquet_handler(&self) -> Arc<dyn ParquetHandler> {
        Arc::<TableParquet>::clone(&self.parquet)
    }
}

impl TableParquet {
    fn check(&self, files: &[FileMeta]) -> DeltaResult<()> {
        for file in files {
            data_path::resolve(&self.location, file.location.as_str())
                .map_err(|error| Error::generic(error.to_string()))?;
        }
        Ok(())
    }
}

impl ParquetHandler for TableParquet {
    fn read_parquet_files(
        &self,
        files: &[FileMeta],
        physical_schema: SchemaRef,
        predicate: Option<PredicateRef>,
    ) -> DeltaResult<FileDataReadResultIterator> {
        self.check(files)?;
        self.inner.read_parquet_files(files, physical_schema, predicate)
    }

    fn read_parquet_files_with_cancellation(
        &self,
        files: &[FileMeta],
        physical_schema: SchemaRef,
        predicate: Option<PredicateRef>,
        cancellation_token: Option<CancellationTokenRef>,
    ) -> DeltaResult<FileDataReadResultIterator> {
        self.check(files)?;
        self.inner.read_parquet_files_with_cancellation(files, physical_schema, predicate, cancellation_token)
    }

    fn write_parquet_file(
        &self,
        _: Url,
        _: DeltaResultIteratorStatic<Box<dyn EngineData>>,
    ) -> DeltaResult<()> {
        Err(Error::unsupported("the engine is read-only"))
    }

    fn read_parquet_footer(&self, file: &FileMeta) -> DeltaResult<ParquetFooter> {
        self.check(std::slice::from_ref(file))?;
        self.inner.read_parquet_footer(file)
    }

    fn read_parquet_footer_with_cancellation(
        &self,
        file: &FileMeta,
        cancellation_token: Option<CancellationTokenRef>,
    ) -> DeltaResult<ParquetFooter> {
        self.check(std::slice::from_ref(file))?;
        self.inner.read_parquet_footer_with_cancellation(file, cancellation_token)
    }
}
