//! A store that counts and can be made to fail: owns the record of every request that the catalog
//! makes.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use sluice_catalog::store::Stores;
use tokio::sync::Barrier;

/// What was asked of the store, shared by all stores of one catalog.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    made: Mutex<Vec<String>>,
    offsets: Mutex<Vec<String>>,
    broken: AtomicBool,
    broken_directory: Mutex<Option<String>>,
    hanging: AtomicBool,
    gathering: Mutex<Option<Arc<Barrier>>>,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
}

impl Requests {
    pub(crate) fn stores(self: &Arc<Self>) -> Stores {
        let requests = Arc::clone(self);
        Stores::wrapped(Arc::new(move |inner| {
            Arc::new(RecordingStore { inner, requests: Arc::clone(&requests) })
        }))
    }

    /// Stores that hold what `bucket` holds, wherever they are said to be.
    pub(crate) fn stores_of(self: &Arc<Self>, bucket: &Arc<dyn ObjectStore>) -> Stores {
        let (requests, bucket) = (Arc::clone(self), Arc::clone(bucket));
        Stores::wrapped(Arc::new(move |_| {
            Arc::new(RecordingStore { inner: Arc::clone(&bucket), requests: Arc::clone(&requests) })
        }))
    }

    /// The requests since the last call, as `list DIRECTORY` and `get FILE` by last path part.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.made.lock().unwrap())
    }

    /// The names after which listings began, since the last call.
    pub(crate) fn take_offsets(&self) -> Vec<String> {
        std::mem::take(&mut self.offsets.lock().unwrap())
    }

    pub(crate) fn fail(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }

    /// Lets listings of directories of this name fail.
    pub(crate) fn fail_in(&self, directory: Option<&str>) {
        *self.broken_directory.lock().unwrap() = directory.map(str::to_owned);
    }

    /// Lets reads, and listings of directories, wait for ever.
    pub(crate) fn hang(&self, hanging: bool) {
        self.hanging.store(hanging, Ordering::SeqCst);
    }

    /// Lets reads wait until so many of them are under way together.
    pub(crate) fn gather(&self, reads: usize) {
        *self.gathering.lock().unwrap() = Some(Arc::new(Barrier::new(reads)));
        self.most_under_way.store(0, Ordering::SeqCst);
    }

    /// The most reads that were under way at once since [`Self::gather`].
    pub(crate) fn most_at_once(&self) -> usize {
        self.most_under_way.load(Ordering::SeqCst)
    }

    async fn wait(&self) {
        if self.hanging.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let gathering = self.gathering.lock().unwrap().clone();
        if let Some(barrier) = gathering {
            barrier.wait().await;
        }
    }

    fn record(&self, kind: &str, path: Option<&Path>) -> Result<()> {
        let name = path.and_then(Path::filename).unwrap_or_default();
        self.made.lock().unwrap().push(format!("{kind} {name}"));
        let broken_directory = self.broken_directory.lock().unwrap().as_deref() == Some(name);
        if broken_directory || self.broken.load(Ordering::SeqCst) {
            let source = "https://user:hunter2@store.example/x?sig=hunter3 said no".into();
            return Err(Error::Generic { store: "test", source });
        }
        Ok(())
    }
}

#[derive(Debug)]
struct RecordingStore {
    inner: Arc<dyn ObjectStore>,
    requests: Arc<Requests>,
}

impl RecordingStore {
    fn listed(
        &self,
        prefix: Option<&Path>,
        stream: BoxStream<'static, Result<ObjectMeta>>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.requests.record("list", prefix) {
            Ok(()) => stream,
            Err(error) => futures::stream::once(async { Err(error) }).boxed(),
        }
    }
}

impl fmt::Display for RecordingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "recorded {}", self.inner)
    }
}

#[async_trait]
impl ObjectStore for RecordingStore {
    async fn put_opts(&self, path: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        panic!("the catalog writes {path}");
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        panic!("the catalog writes {path}");
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.requests.record("get", Some(path))?;
        let under_way = self.requests.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.requests.most_under_way.fetch_max(under_way, Ordering::SeqCst);
        self.requests.wait().await;
        let result = self.inner.get_opts(path, options).await;
        self.requests.under_way.fetch_sub(1, Ordering::SeqCst);
        result
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.requests.record("get", Some(path))?;
        self.inner.get_ranges(path, ranges).await
    }

    fn delete_stream(&self, _: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        panic!("the catalog deletes");
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listed(prefix, self.inner.list(prefix))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.requests.offsets.lock().unwrap().push(offset.filename().unwrap_or_default().to_owned());
        self.listed(prefix, self.inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.requests.record("list", prefix)?;
        if self.requests.hanging.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _: &Path, to: &Path, _: CopyOptions) -> Result<()> {
        panic!("the catalog writes {to}");
    }
}
