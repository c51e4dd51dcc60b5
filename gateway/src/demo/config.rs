//! The demo's files beside the lake: owns the key rings, the configuration and the policies that
//! are written once. Does not mint tokens.

use std::fs;
use std::path::{Path, PathBuf};

use sluice_policies::keys::{KeyRing, write_private};

use super::{DemoError, DemoOptions};
use crate::config::Config;

const CONFIG: &str = include_str!("sluice.yaml");
const POLICIES: &str = include_str!("policies.yaml");

/// `iss` and `aud` of the demo's tokens, as its configuration expects them.
pub(super) const ISSUER: &str = "sluice-demo";
pub(super) const AUDIENCE: &str = "sluice";

/// Place of the configuration file under the demo's directory.
pub(super) fn config_file(data_dir: &Path) -> PathBuf {
    data_dir.join("sluice.yaml")
}

/// Place of the ring that signs the demo's tokens.
pub(super) fn signing_ring(data_dir: &Path) -> PathBuf {
    data_dir.join("keys").join("signing.yaml")
}

/// Writes what is not there yet; what is there may have been edited and stays.
pub(super) fn write_missing(data_dir: &Path) -> Result<(), DemoError> {
    let keys = data_dir.join("keys");
    fs::create_dir_all(&keys).map_err(DemoError::io(&keys))?;
    for ring in [signing_ring(data_dir), keys.join("cursor.yaml"), keys.join("mask.yaml")] {
        if !is_there(&ring)? {
            KeyRing::generate("demo-1").to_file(&ring)?;
        }
    }
    for (file, text) in [(config_file(data_dir), CONFIG), (data_dir.join("policies.yaml"), POLICIES)] {
        if !is_there(&file)? {
            write_private(&file, text.as_bytes()).map_err(DemoError::io(&file))?;
        }
    }
    Ok(())
}

/// Loads the configuration as `serve` would, but for the addresses.
pub(super) fn load(data_dir: &Path, options: &DemoOptions) -> Result<Config, DemoError> {
    let mut config = Config::load(&config_file(data_dir)).map_err(DemoError::Config)?;
    config.server.http_addr = options.http_addr;
    config.server.grpc_addr = Some(options.grpc_addr);
    Ok(config)
}

fn is_there(file: &Path) -> Result<bool, DemoError> {
    file.try_exists().map_err(DemoError::io(file))
}
