//! The demo's tokens: owns one token file for each demo role, minted anew at every start. Does not
//! decide what the roles may see.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use sluice_policies::keys::{Key, KeyRing, write_private};
use sluice_policies::token::{MintError, MintSpec, mint};

use super::{DemoError, config};

/// The demo's roles, in the order in which they are introduced.
pub(super) const ROLES: [&str; 3] = ["admin", "analyst", "partner"];
/// Long enough that a demo left open over a weekend still answers.
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);

/// Place of all tokens.
pub(super) fn token_directory(data_dir: &Path) -> PathBuf {
    data_dir.join("tokens")
}

/// Place of a role's token.
pub(super) fn token_file(data_dir: &Path, role: &str) -> PathBuf {
    token_directory(data_dir).join(format!("{role}.jwt"))
}

/// Mints and writes a token for each demo role, readable by the owner alone.
pub(super) fn mint_all(data_dir: &Path) -> Result<(), DemoError> {
    let ring = KeyRing::load(&config::signing_ring(data_dir)).map_err(DemoError::Keys)?;
    let directory = token_directory(data_dir);
    fs::create_dir_all(&directory).map_err(DemoError::io(&directory))?;
    for role in ROLES {
        let minted = mint_for(ring.current(), role)?;
        let file = token_file(data_dir, role);
        write_private(&file, minted.as_bytes()).map_err(DemoError::io(&file))?;
    }
    Ok(())
}

fn mint_for(key: &Key, role: &str) -> Result<String, MintError> {
    let mut claims: BTreeMap<String, Value> = BTreeMap::new();
    if role == "partner" {
        claims.insert("carriers".to_owned(), json!(["UA", "B6"]));
    }
    let spec = MintSpec {
        issuer: config::ISSUER.to_owned(),
        audience: config::AUDIENCE.to_owned(),
        subject: format!("demo-{role}"),
        role: Some(role.to_owned()),
        roles: Vec::new(),
        claims,
        ttl: LIFETIME,
    };
    mint(key, &spec, SystemTime::now())
}
