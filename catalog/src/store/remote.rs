//! Buckets and containers of clouds: owns which URLs name one, the settings that go with a URL, and
//! one client for each bucket. Does not know tables.

use std::collections::HashMap;
use std::fmt;
use std::path::Path as FilePath;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::client::SpawnedReqwestConnector;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{ObjectStore, RetryConfig};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::runtime::Handle;
use url::Url;

use super::Directory;
use super::settings::{StoreDefinition, StoreSettings};
use crate::error::{CatalogError, redact};

/// Requests that failed for the store's reasons are sent again for this long; callers have deadlines
/// of their own, and a table whose log can't be read should be seen to be stale.
const RETRIED_FOR: Duration = Duration::from_secs(30);

/// What a path in a URL spells as it is.
const SPELLED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'=').remove(b'/');

/// Whose interface a store speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Provider {
    S3,
    Gcs,
    Azure,
}

/// A bucket's URL, and which settings were applied.
type BucketKey = (String, Option<usize>);

/// Opened buckets, and the settings for those yet to be opened.
#[derive(Default)]
pub(super) struct RemoteStores {
    settings: Vec<StoreSettings>,
    opened: Mutex<HashMap<BucketKey, Arc<dyn ObjectStore>>>,
}

impl Provider {
    pub(super) fn of(url: &Url) -> Option<Self> {
        match url.scheme() {
            "s3" | "s3a" => Some(Self::S3),
            "gs" => Some(Self::Gcs),
            "az" | "abfs" | "abfss" => Some(Self::Azure),
            _ => None,
        }
    }
}

impl RemoteStores {
    /// Settings whose secrets are read now. Every fault is reported.
    pub(super) fn new(
        definitions: &[StoreDefinition],
        base_dir: &FilePath,
    ) -> Result<Self, Vec<CatalogError>> {
        let mut settings = Vec::with_capacity(definitions.len());
        let mut faults = Vec::new();
        for definition in definitions {
            match StoreSettings::read(definition, base_dir) {
                Ok(read) if settings.iter().any(|known: &StoreSettings| known.prefix == read.prefix) => {
                    let reason = format!("prefix \"{}\" is given twice", redact(&definition.prefix));
                    faults.push(CatalogError::InvalidSetting { setting: "stores", reason });
                }
                Ok(read) => settings.push(read),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() { Ok(Self { settings, opened: Mutex::default() }) } else { Err(faults) }
    }

    /// The directory that a URL names. Sends no request.
    pub(super) fn open(&self, url: &Url) -> Result<Directory, CatalogError> {
        let invalid = |reason: String| CatalogError::InvalidLocation {
            location: redact(url.as_str()),
            reason: redact(&reason),
        };
        let provider = Provider::of(url)
            .ok_or_else(|| CatalogError::UnsupportedScheme { scheme: url.scheme().to_owned() })?;
        let bucket = bucket_url(provider, url).map_err(|reason| invalid(reason.to_owned()))?;
        let prefix = Path::from_url_path(url.path()).map_err(|e| invalid(e.to_string()))?;
        let root = directory_url(&bucket, &prefix);
        let settings = self.settings_for(&root);
        let store = self.bucket(provider, &bucket, settings).map_err(|e| invalid(e.to_string()))?;
        Ok(Directory { root, prefix, store })
    }

    #[cfg(test)]
    pub(super) fn opened(&self) -> usize {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The settings with the longest prefix of the URL.
    fn settings_for(&self, root: &Url) -> Option<usize> {
        let matching =
            self.settings.iter().enumerate().filter(|(_, s)| root.as_str().starts_with(s.prefix.as_str()));
        matching.max_by_key(|(_, settings)| settings.prefix.as_str().len()).map(|(at, _)| at)
    }

    fn bucket(
        &self,
        provider: Provider,
        bucket: &Url,
        settings: Option<usize>,
    ) -> object_store::Result<Arc<dyn ObjectStore>> {
        let key = (bucket.to_string(), settings);
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = opened.get(&key) {
            return Ok(Arc::clone(store));
        }
        let options = settings.and_then(|at| self.settings.get(at)).map_or(&[][..], |s| &s.options);
        let store = build(provider, bucket, options)?;
        opened.insert(key, Arc::clone(&store));
        Ok(store)
    }
}

impl fmt::Debug for RemoteStores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteStores").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// A directory of a bucket as a URL, ending in `/`. One directory has one such URL.
pub(super) fn directory_url(bucket: &Url, directory: &Path) -> Url {
    let mut url = bucket.clone();
    let path = utf8_percent_encode(directory.as_ref(), SPELLED).to_string();
    url.set_path(&if path.is_empty() { "/".to_owned() } else { format!("/{path}/") });
    url
}

/// The URL without its path. The user of an `abfs` URL is the container; no other may have one.
pub(super) fn bucket_url(provider: Provider, url: &Url) -> Result<Url, &'static str> {
    let host = url.host_str().unwrap_or_default();
    if host.is_empty() {
        return Err("it names no bucket");
    }
    let names_container = url.scheme().starts_with("abfs") && !url.username().is_empty();
    if url.password().is_some() || (!url.username().is_empty() && !names_container) {
        return Err("it holds credentials, which belong into \"catalog.stores\" or the environment");
    }
    if url.query().is_some() || url.fragment().is_some() || url.port().is_some() {
        return Err("it has a port, a query or a fragment");
    }
    if provider == Provider::S3 && host.ends_with("--x-s3") {
        return Err("directory buckets list files in no order, and a Delta log is read in order");
    }
    let mut bucket = url.clone();
    bucket.set_path("/");
    Ok(bucket)
}

/// A client whose settings are those of the environment, then `options`. Its connections live on the
/// runtime of the caller, and not where a query's busy threads could hold them up.
fn build(
    provider: Provider,
    bucket: &Url,
    options: &[(String, String)],
) -> object_store::Result<Arc<dyn ObjectStore>> {
    let retry = RetryConfig { retry_timeout: RETRIED_FOR, max_retries: usize::MAX, ..RetryConfig::default() };
    let runtime = Handle::try_current().ok().map(SpawnedReqwestConnector::new);
    macro_rules! build {
        ($builder:ty) => {{
            let mut builder = <$builder>::from_env().with_url(bucket.as_str()).with_retry(retry);
            if let Some(runtime) = runtime {
                builder = builder.with_http_connector(runtime);
            }
            for (key, value) in options {
                builder = builder.with_config(key.parse()?, value);
            }
            Ok(Arc::new(builder.build()?))
        }};
    }
    match provider {
        Provider::S3 => build!(AmazonS3Builder),
        Provider::Gcs => build!(GoogleCloudStorageBuilder),
        Provider::Azure => build!(MicrosoftAzureBuilder),
    }
}
