//! Where tables lie: owns the mapping from a declared location to an object store and the
//! directory in it. Each table gets a store that reads below its own directory only.

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
mod rooted;

use rooted::RootedStore;

/// Wraps every store that is opened; see [`Stores::wrapped`].
pub type StoreWrapper = Arc<dyn Fn(Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> + Send + Sync>;

/// Opens object stores by location.
#[derive(Clone, Default)]
pub struct Stores {
    wrapper: Option<StoreWrapper>,
}

/// A table's directory, resolved.
#[derive(Debug, Clone)]
pub struct Location {
    /// The directory, ending in `/`, without credentials.
    pub root: Url,
    /// The directory as a path in the store.
    pub prefix: Path,
    /// Reads below `prefix` and refuses everything else, writes included.
    pub store: Arc<dyn ObjectStore>,
    /// A URL that stands for `store` alone: unique to this location, so that stores of several
    /// tables can be registered side by side in one engine.
    pub store_url: Url,
}

impl Stores {
    /// Stores of the kinds that this build supports: local paths and `file` URLs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Passes every store through `wrapper` when it is opened: for counting requests, and for
    /// tests that make them fail.
    pub fn wrapped(wrapper: StoreWrapper) -> Self {
        Self { wrapper: Some(wrapper) }
    }

    /// Resolves a path or URL; relative paths count from `base_dir`. The directory need not exist.
    pub fn resolve(&self, location: &str, base_dir: &FilePath) -> Result<Location, CatalogError> {
        let directory = local_directory(location, base_dir)?;
        let invalid = |reason: &str| CatalogError::InvalidLocation {
            location: redact(location),
            reason: reason.to_owned(),
        };
        let root = Url::from_directory_path(&directory)
            .map_err(|()| invalid("it is not an absolute directory path"))?;
        let prefix = Path::from_absolute_path(&directory).map_err(|e| invalid(&e.to_string()))?;
        if prefix.is_root() {
            return Err(invalid("it is the root of the file system"));
        }
        let opened: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new());
        let opened = match &self.wrapper {
            Some(wrapper) => wrapper(opened),
            None => opened,
        };
        let store_url = format!("sluice-table://{}", Uuid::new_v4().simple());
        let store_url = Url::parse(&store_url).map_err(|e| invalid(&e.to_string()))?;
        let store = Arc::new(RootedStore::new(opened, prefix.clone()));
        Ok(Location { root, prefix, store, store_url })
    }
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stores").field("wrapped", &self.wrapper.is_some()).finish()
    }
}

/// The absolute, normalized directory that a location names. Symbolic links are resolved if it
/// exists: the Delta kernel does the same, and both have to name files alike. A directory may appear
/// after start; one that is reached by a link has to be there.
pub(crate) fn local_directory(location: &str, base_dir: &FilePath) -> Result<PathBuf, CatalogError> {
    let invalid = |reason: &str| CatalogError::InvalidLocation {
        location: redact(location),
        reason: reason.to_owned(),
    };
    let path = if location.contains("://") {
        let url = Url::parse(location).map_err(|e| invalid(&e.to_string()))?;
        if url.scheme() != "file" {
            return Err(CatalogError::UnsupportedScheme { scheme: url.scheme().to_owned() });
        }
        url.to_file_path().map_err(|()| invalid("a \"file\" URL must name a local absolute path"))?
    } else {
        base_dir.join(location)
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
    use crate::error::CatalogError;

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
    fn other_schemes_are_refused_by_name_and_without_credentials() {
        let error = Stores::new().resolve("s3://key:secret@bucket/t?sig=x", FilePath::new("/")).unwrap_err();
        assert!(matches!(&error, CatalogError::UnsupportedScheme { scheme } if scheme == "s3"));
        assert!(!error.to_string().contains("secret"));
        assert!(Stores::new().resolve("/", FilePath::new("/")).is_err());
    }
}
