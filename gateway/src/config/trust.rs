//! Settings of what is trusted: owns where key rings, the signing key and the policy files are, and
//! the checks of who may issue tokens. Does not open them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sluice_policies::token::TokenConfig;

use super::ceilings::{self, exceeded};

/// Where the key rings are. `serve` refuses to start without both.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeysConfig {
    /// Key ring that seals cursors; the same on every replica.
    pub cursor: Option<PathBuf>,
    /// Key ring that hash masks use; the same on every replica.
    pub mask: Option<PathBuf>,
}

/// What `sluice token` signs with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SigningConfig {
    /// Key ring whose first key signs (HS256).
    pub key_file: PathBuf,
    /// `iss` of the tokens.
    pub issuer: String,
    /// `aud` of the tokens.
    pub audience: String,
}

/// Where the policies are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct PoliciesConfig {
    /// Policy files; together they are one set.
    pub files: Vec<PathBuf>,
    /// Time between two looks at policy and token key files, in milliseconds.
    pub reload_interval_ms: u64,
}

impl Default for PoliciesConfig {
    fn default() -> Self {
        Self { files: Vec::new(), reload_interval_ms: 1_000 }
    }
}

impl PoliciesConfig {
    /// Every relation that does not hold, as the field to blame and the reason.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut found: Vec<(&'static str, String)> =
            exceeded([("reload_interval_ms", self.reload_interval_ms, ceilings::TIME_MS)]);
        if self.files.is_empty() {
            found.push(("files", "must name at least one policy file".to_owned()));
        }
        if self.reload_interval_ms == 0 {
            found.push(("reload_interval_ms", "must be at least 1".to_owned()));
        }
        found
    }
}

/// Every value about tokens that does not hold, as the field to blame and the reason.
pub(super) fn token_problems(tokens: &TokenConfig) -> Vec<(&'static str, String)> {
    let mut found: Vec<(&'static str, String)> = exceeded([
        ("leeway_s", tokens.leeway_s, ceilings::LEEWAY_S),
        ("cache_entries_max", tokens.cache_entries_max, ceilings::COUNT),
        ("token_bytes_max", tokens.token_bytes_max as u64, ceilings::BYTES),
    ]);
    if tokens.token_bytes_max == 0 {
        found.push(("token_bytes_max", "must be at least 1".to_owned()));
    }
    if tokens.anonymous_role.as_ref().is_some_and(String::is_empty) {
        found.push(("anonymous_role", "is empty; leave it out to refuse callers without a token".to_owned()));
    }
    found
}
