//! Where tables lie: owns the mapping from a declared location to an object store and the
//! directory in it. Each table gets a store that reads below its own directory only. Leaves buckets
//! to [`remote`].

use std::fmt;
use std::path::{Component, Path as FilePath, PathBuf};
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use url::Url;
use uuid::Uuid;

use crate::error::{CatalogError, redact};

pub(crate) mod data_path;
mod remote;
mod rooted;
pub(crate) mod settings;

use remote::RemoteStores;
use rooted::RootedStore;
use settings::StoreDefinition;

/// Wraps every store that is opened; see [`Stores::wrapped`].
pub type StoreWrapper = Arc<dyn Fn(Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> + Send + Sync>;

/// Opens object stores by location.
#[derive(Clone, Default)]
pub struct Stores {
    wrapper: Option<StoreWrapper>,
    remote: Arc<RemoteStores>,
}

/// A table's directory, resolved.
#[derive(Debug, Clone)]
pub struct Location {
    /// The directory, ending in `/`, without credentials. Directories are the same where this is.
    pub root: Url,
    /// The directory as a path in the store; empty for a whole bucket.
    pub prefix: Path,
    /// Reads below `prefix` and refuses everything else, writes included.
    pub store: Arc<dyn ObjectStore>,
    /// A URL that stands for `store` alone: unique to this location, so that stores of several
    /// tables can be registered side by side in one engine.
    pub store_url: Url,
}

/// A directory as it was declared, in a store that reads everything.
struct Directory {
    root: Url,
    prefix: Path,
    store: Arc<dyn ObjectStore>,
}

impl Stores {
    /// Stores of every kind: local paths and `file` URLs, and buckets as the environment says.
    pub fn new() -> Self {
        Self::default()
    }

    /// Passes every store through `wrapper` when it is opened: for counting requests, and for
    /// tests that make them fail.
    pub fn wrapped(wrapper: StoreWrapper) -> Self {
        Self { wrapper: Some(wrapper), ..Self::default() }
    }

    /// With settings for buckets, whose secrets are read now; relative paths count from `base_dir`.
    ///
    /// # Errors
    /// Every setting that cannot be meant.
    pub(crate) fn with_settings(
        self,
        definitions: &[StoreDefinition],
        base_dir: &FilePath,
    ) -> Result<Self, Vec<CatalogError>> {
        Ok(Self { remote: Arc::new(RemoteStores::new(definitions, base_dir)?), ..self })
    }

    /// Resolves a path or URL; relative paths count from `base_dir`. The directory need not exist.
    pub fn resolve(&self, location: &str, base_dir: &FilePath) -> Result<Location, CatalogError> {
        let invalid = |reason: String| CatalogError::InvalidLocation { location: redact(location), reason };
        let Directory { root, prefix, store } = match parse_url(location)? {
            Some(url) if url.scheme() != "file" => self.remote.open(&url)?,
            _ => open_local(location, base_dir)?,
        };
        let store = match &self.wrapper {
            Some(wrapper) => wrapper(store),
            None => store,
        };
        let store_url = format!("sluice-table://{}", Uuid::new_v4().simple());
        let store_url = Url::parse(&store_url).map_err(|e| invalid(e.to_string()))?;
        let store = Arc::new(RootedStore::new(store, prefix.clone()));
        Ok(Location { root, prefix, store, store_url })
    }
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stores").field("wrapped", &self.wrapper.is_some()).finish()
    }
}

impl Location {
    /// The location of a directory below this one, as it could have been declared.
    pub(crate) fn declare(&self, directory: &Path) -> String {
        match self.root.scheme() {
            "file" => format!("/{directory}"),
            _ => remote::directory_url(&self.root, directory).to_string(),
        }
    }
}

fn parse_url(location: &str) -> Result<Option<Url>, CatalogError> {
    if !location.contains("://") {
        return Ok(None);
    }
    Url::parse(location).map(Some).map_err(|error| CatalogError::InvalidLocation {
        location: redact(location),
        reason: error.to_string(),
    })
}

fn open_local(location: &str, base_dir: &FilePath) -> Result<Directory, CatalogError> {
    let invalid = |reason: &str| CatalogError::InvalidLocation {
        location: redact(location),
        reason: reason.to_owned(),
    };
    let directory = local_directory(location, base_dir)?;
    let root =
        Url::from_directory_path(&directory).map_err(|()| invalid("it is not an absolute directory path"))?;
    let prefix = Path::from_absolute_path(&directory).map_err(|e| invalid(&e.to_string()))?;
    if prefix.is_root() {
        return Err(invalid("it is the root of the file system"));
    }
    Ok(Directory { root, prefix, store: Arc::new(LocalFileSystem::new()) })
}

/// The absolute, normalized directory that a path or `file` URL names. Symbolic links are resolved if
/// it exists: the Delta kernel does the same, and both have to name files alike. Where links lead may
/// change, and the directory may appear, after start.
pub(crate) fn local_directory(location: &str, base_dir: &FilePath) -> Result<PathBuf, CatalogError> {
    let invalid = |reason: &str| CatalogError::InvalidLocation {
        location: redact(location),
        reason: reason.to_owned(),
    };
    let path = match parse_url(location)? {
        Some(url) => {
            url.to_file_path().map_err(|()| invalid("a \"file\" URL must name a local absolute path"))?
        }
        None => base_dir.join(location),
    };
    let absolute = std::path::absolute(&path).map_err(|e| invalid(&e.to_string()))?;
    let mut directory = PathBuf::new();
    for component in absolute.components() {
        match component {
            Component::ParentDir => {
                directory.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => {
                directory.push(component);
            }
        }
    }
    Ok(std::fs::canonicalize(&directory).unwrap_or(directory))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path as FilePath;

    use super::Stores;

    #[test]
    fn paths_and_file_urls_resolve_to_the_same_place() {
        let stores = Stores::new();
        let base = FilePath::new("/srv/conf");
        for location in ["../lake/a b", "/srv/lake/a b", "file:///srv/lake/a%20b", "/srv/lake/./a b/"] {
            let resolved = stores.resolve(location, base).unwrap();
            assert_eq!(resolved.root.as_str(), "file:///srv/lake/a%20b/", "{location}");
            assert_eq!(resolved.prefix.as_ref(), "srv/lake/a b", "{location}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_leads_to_the_directory_itself() {
        let scratch = tempfile::tempdir().unwrap();
        let (lake, link) = (scratch.path().join("lake"), scratch.path().join("link"));
        std::fs::create_dir_all(lake.join("t")).unwrap();
        std::os::unix::fs::symlink(&lake, &link).unwrap();
        let direct = Stores::new().resolve("t", &lake).unwrap();
        let linked = Stores::new().resolve("t", &link).unwrap();
        assert_eq!((direct.root, direct.prefix), (linked.root, linked.prefix));
    }

    #[test]
    fn a_bucket_is_opened_once_and_its_directories_are_told_apart() {
        let stores = Stores::new();
        for (location, root, prefix) in [
            ("s3://lake/gold/my t", "s3://lake/gold/my%20t/", "gold/my t"),
            ("s3://lake/gold/../gold/./my%20t/", "s3://lake/gold/my%20t/", "gold/my t"),
            ("s3://lake", "s3://lake/", ""),
            ("gs://lake/%6done", "gs://lake/mone/", "mone"),
            ("abfss://box@me.dfs.core.windows.net/d=1", "abfss://box@me.dfs.core.windows.net/d=1/", "d=1"),
        ] {
            let resolved = stores.resolve(location, FilePath::new("/")).unwrap();
            assert_eq!((resolved.root.as_str(), resolved.prefix.as_ref()), (root, prefix), "{location}");
            assert_eq!(
                stores.resolve(&resolved.declare(&resolved.prefix), FilePath::new("/")).unwrap().root,
                resolved.root
            );
        }
        assert_eq!(stores.remote.opened(), 3);
    }

    #[test]
    fn locations_that_cannot_be_opened_are_refused_without_credentials() {
        for (location, part) in [
            ("hdfs://key:secret@name/t?sig=secret", "scheme \"hdfs\" is not supported"),
            ("https://key:secret@host/t?sig=secret", "scheme \"https\" is not supported"),
            ("s3://key:secret@bucket/t", "holds credentials"),
            ("s3://secret@bucket/t", "holds credentials"),
            ("abfss://box:secret@me.dfs.core.windows.net/t", "holds credentials"),
            ("s3://bucket/t?sig=secret", "a query"),
            ("s3:///t", "names no bucket"),
            ("s3://bucket--use1-az4--x-s3/t", "in no order"),
            ("s3://bucket/a//b", "empty"),
            ("/", "root of the file system"),
        ] {
            let error = Stores::new().resolve(location, FilePath::new("/")).unwrap_err().to_string();
            assert!(error.contains(part) && !error.contains("secret"), "{location}: {error}");
        }
    }
}
