//! How object stores are reached: owns what is declared for a URL prefix and reading its secrets.
//! Opens no store.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use object_store::aws::AmazonS3ConfigKey;
use object_store::azure::AzureConfigKey;
use object_store::gcp::GoogleConfigKey;
use object_store::path::Path as ObjectPath;
use serde::{Deserialize, Serialize};
use url::Url;

use super::remote::{Provider, bucket_url, directory_url};
use crate::error::{CatalogError, redact};

/// Settings for every location below a URL. Absent ones come from the environment.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreDefinition {
    /// `s3://bucket/`, `gs://bucket/`, `abfss://container@account.dfs.core.windows.net/`, or a
    /// directory in one. The longest that fits a location counts.
    pub prefix: String,
    /// By name, as the `object_store` crate and the writers built on it spell them, such as
    /// `region`, `endpoint`, `aws_role_arn`.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// Options whose values stand in files, such as `secret_access_key`; relative paths count from
    /// the configuration's.
    #[serde(default)]
    pub option_files: BTreeMap<String, PathBuf>,
}

/// Settings with their secrets.
pub(super) struct StoreSettings {
    /// Ends in `/`.
    pub(super) prefix: Url,
    pub(super) options: Vec<(String, String)>,
}

impl StoreSettings {
    pub(super) fn read(definition: &StoreDefinition, base_dir: &Path) -> Result<Self, CatalogError> {
        let invalid = |reason: String| CatalogError::InvalidSetting {
            setting: "stores",
            reason: format!("at prefix \"{}\": {reason}", redact(&definition.prefix)),
        };
        let url = Url::parse(&definition.prefix).map_err(|e| invalid(e.to_string()))?;
        let provider = Provider::of(&url)
            .ok_or_else(|| invalid("it is no URL of an object store, such as \"s3://bucket/\"".to_owned()))?;
        let bucket = bucket_url(provider, &url).map_err(|reason| invalid(reason.to_owned()))?;
        let directory = ObjectPath::from_url_path(url.path()).map_err(|e| invalid(e.to_string()))?;
        // Spelled as the locations that it is compared with.
        let prefix = directory_url(&bucket, &directory);
        let mut options = Vec::new();
        for (key, value) in &definition.options {
            options.push((key.clone(), value.clone()));
        }
        for (key, file) in &definition.option_files {
            if definition.options.contains_key(key) {
                return Err(invalid(format!("option \"{key}\" is given twice")));
            }
            let file = base_dir.join(file);
            let value = std::fs::read_to_string(&file)
                .map_err(|e| invalid(format!("option \"{key}\": {}: {e}", file.display())))?;
            options.push((key.clone(), value.trim_end_matches(['\r', '\n']).to_owned()));
        }
        match options.iter().find(|(key, _)| !knows(provider, key)) {
            Some((key, _)) => Err(invalid(format!("there is no option \"{key}\" for this kind of store"))),
            None => Ok(Self { prefix, options }),
        }
    }
}

fn knows(provider: Provider, key: &str) -> bool {
    match provider {
        Provider::S3 => key.parse::<AmazonS3ConfigKey>().is_ok(),
        Provider::Gcs => key.parse::<GoogleConfigKey>().is_ok(),
        Provider::Azure => key.parse::<AzureConfigKey>().is_ok(),
    }
}

/// Without values: some are secrets.
impl fmt::Debug for StoreDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreDefinition")
            .field("prefix", &redact(&self.prefix))
            .field("options", &self.options.keys())
            .field("option_files", &self.option_files)
            .finish()
    }
}

/// Without values: some are secrets.
impl fmt::Debug for StoreSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options: Vec<&str> = self.options.iter().map(|(key, _)| key.as_str()).collect();
        f.debug_struct("StoreSettings")
            .field("prefix", &self.prefix.as_str())
            .field("options", &options)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use super::{StoreDefinition, StoreSettings};

    fn read(json: serde_json::Value, base_dir: &Path) -> Result<StoreSettings, String> {
        let definition: StoreDefinition = serde_json::from_value(json).unwrap();
        assert!(!format!("{definition:?}").contains("SECRET"));
        StoreSettings::read(&definition, base_dir).map_err(|error| error.to_string())
    }

    #[test]
    fn secrets_are_read_from_files_and_not_shown() {
        let scratch = tempfile::tempdir().unwrap();
        std::fs::write(scratch.path().join("key"), "SECRET with = and space\n").unwrap();
        let json = serde_json::json!({
            "prefix": "s3://lake",
            "options": {"region": "eu-west-1", "access_key_id": "SECRET-id"},
            "option_files": {"secret_access_key": "key"},
        });
        let settings = read(json, scratch.path()).unwrap();
        assert_eq!(settings.prefix.as_str(), "s3://lake/");
        assert!(settings.options.contains(&("secret_access_key".into(), "SECRET with = and space".into())));
        assert!(!format!("{settings:?}").contains("SECRET"));
    }

    #[test]
    fn prefixes_are_spelled_as_locations_are() {
        for (prefix, spelled) in [
            ("s3://lake/a+b/", "s3://lake/a%2Bb/"),
            ("s3://lake/%67o", "s3://lake/go/"),
            ("s3://lake/u@x", "s3://lake/u%40x/"),
        ] {
            let settings = read(serde_json::json!({"prefix": prefix}), Path::new("/")).unwrap();
            assert_eq!(settings.prefix.as_str(), spelled);
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (json, part) in [
            (serde_json::json!({"prefix": "/lake"}), "relative URL"),
            (serde_json::json!({"prefix": "file:///lake/"}), "no URL of an object store"),
            (serde_json::json!({"prefix": "s3://key:secret@b/"}), "holds credentials"),
            (serde_json::json!({"prefix": "s3://b:9000/"}), "a port"),
            (serde_json::json!({"prefix": "s3://b/?x=1"}), "a query"),
            (serde_json::json!({"prefix": "s3://b/", "options": {"reigon": "x"}}), "no option \"reigon\""),
            (serde_json::json!({"prefix": "gs://b/", "options": {"aws_region": "x"}}), "no option"),
            (serde_json::json!({"prefix": "s3://b/", "option_files": {"token": "absent"}}), "absent"),
            (
                serde_json::json!({"prefix": "s3://b/", "options": {"token": "x"}, "option_files": {"token": "y"}}),
                "twice",
            ),
        ] {
            let error = read(json.clone(), Path::new("/nowhere")).unwrap_err();
            assert!(error.contains(part), "{json}: {error}");
        }
    }
}
