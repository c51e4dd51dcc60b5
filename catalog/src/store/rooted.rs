//! A store that reads below one directory only: owns the last line against a log that names
//! objects outside its table. Reads nothing itself, and does not look at symbolic links below the
//! directory.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// Passes reads below `root` on and refuses everything else.
#[derive(Debug)]
pub(crate) struct RootedStore {
    inner: Arc<dyn ObjectStore>,
    root: Path,
}

impl RootedStore {
    pub(crate) const fn new(inner: Arc<dyn ObjectStore>, root: Path) -> Self {
        Self { inner, root }
    }

    fn check(&self, path: &Path) -> Result<()> {
        if path.prefix_matches(&self.root) { Ok(()) } else { Err(refused(path)) }
    }

    fn check_prefix(&self, prefix: Option<&Path>) -> Result<()> {
        self.check(prefix.unwrap_or(&Path::ROOT))
    }
}

fn refused(path: &Path) -> Error {
    Error::PermissionDenied { path: path.to_string(), source: "outside the table's directory".into() }
}

fn read_only(path: &Path) -> Error {
    Error::PermissionDenied { path: path.to_string(), source: "the store is read-only".into() }
}

impl fmt::Display for RootedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} below {}", self.inner, self.root)
    }
}

#[async_trait]
impl ObjectStore for RootedStore {
    async fn put_opts(&self, location: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(read_only(location))
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(read_only(location))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.check(location)?;
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<bytes::Bytes>> {
        self.check(location)?;
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        locations.map(|location| Err(location.map_or_else(|error| error, |path| read_only(&path)))).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.check_prefix(prefix) {
            Ok(()) => self.inner.list(prefix),
            Err(error) => futures::stream::once(async { Err(error) }).boxed(),
        }
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.check_prefix(prefix) {
            Ok(()) => self.inner.list_with_offset(prefix, offset),
            Err(error) => futures::stream::once(async { Err(error) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.check_prefix(prefix)?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _: &Path, to: &Path, _: CopyOptions) -> Result<()> {
        Err(read_only(to))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use futures::TryStreamExt;
    use object_store::memory::InMemory;
    use object_store::path::Path;
    use object_store::{ObjectStore, ObjectStoreExt};

    use super::RootedStore;

    #[tokio::test]
    async fn only_the_root_is_readable_and_nothing_is_writable() {
        let inner: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        for path in ["lake/t/a", "lake/t2/a", "other"] {
            inner.put(&Path::from(path), "x".into()).await.unwrap();
        }
        let store = RootedStore::new(inner, Path::from("lake/t"));
        assert!(store.get(&Path::from("lake/t/a")).await.is_ok());
        for path in ["lake/t2/a", "other", "lake", ""] {
            assert!(store.get(&Path::from(path)).await.is_err(), "{path}");
            assert!(store.head(&Path::from(path)).await.is_err(), "{path}");
            assert!(store.list(Some(&Path::from(path))).try_collect::<Vec<_>>().await.is_err(), "{path}");
            assert!(store.list_with_delimiter(Some(&Path::from(path))).await.is_err(), "{path}");
        }
        assert!(store.list(None).try_collect::<Vec<_>>().await.is_err());
        assert_eq!(store.list(Some(&Path::from("lake/t"))).try_collect::<Vec<_>>().await.unwrap().len(), 1);
        assert!(store.put(&Path::from("lake/t/b"), "x".into()).await.is_err());
        assert!(store.delete(&Path::from("lake/t/a")).await.is_err());
        assert!(store.copy(&Path::from("lake/t/a"), &Path::from("lake/t/c")).await.is_err());
    }
}
