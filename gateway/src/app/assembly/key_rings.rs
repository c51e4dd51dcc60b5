//! The key rings of a configuration: owns opening them and that no secret serves two purposes. Uses no
//! key.

use std::path::Path;
use std::sync::Arc;

use sluice_policies::diagnostic::Diagnostic;
use sluice_policies::keys::KeyRing;
use sluice_policies::token::KeySource;

use crate::config::Config;

/// The ring at `path`, which the field "keys.`name`" gives.
pub(super) fn open(
    config: &Config,
    name: &'static str,
    path: Option<&Path>,
) -> Result<Arc<KeyRing>, Vec<Diagnostic>> {
    let Some(path) = path else {
        let problem =
            config.field_problem(&["keys", name], "names no key ring, and the server does not start without");
        return Err(vec![problem.with_hint("make one with 32 random bytes; docs/policies.md has the form")]);
    };
    KeyRing::load(path).map(Arc::new).map_err(|problem| vec![problem])
}

/// Every purpose whose ring holds a secret of another: by whatever paths the files go, whoever may know
/// the one could then forge or read the other.
pub(super) fn shared(config: &Config, cursor: &KeyRing, mask: &KeyRing) -> Vec<Diagnostic> {
    let mut problems: Vec<Diagnostic> = Vec::new();
    let mut report = |name: &'static str, other: &str| {
        let message = format!("holds a key of \"{other}\"");
        let problem = config.field_problem(&["keys", name], &message);
        problems.push(problem.with_hint("each purpose has a key ring of its own"));
    };
    if overlap(cursor, mask) {
        report("mask", "keys.cursor");
    }
    for ring in token_rings(config) {
        for (name, own) in [("cursor", cursor), ("mask", mask)] {
            if overlap(own, &ring) {
                report(name, "tokens.issuers");
            }
        }
    }
    problems
}

/// What is wrong with the ring that `sluice token` signs with, where one is configured: the server can do
/// without.
pub(super) fn signing_problems(config: &Config, cursor: &KeyRing, mask: &KeyRing) -> Vec<Diagnostic> {
    let Some(signing) = &config.signing else { return Vec::new() };
    let ring = match KeyRing::load(&signing.key_file) {
        Ok(ring) => ring,
        Err(problem) => return vec![problem],
    };
    let mut problems: Vec<Diagnostic> = Vec::new();
    for (name, own) in [("keys.cursor", cursor), ("keys.mask", mask)] {
        if overlap(own, &ring) {
            let problem =
                config.field_problem(&["signing", "key_file"], &format!("holds a key of \"{name}\""));
            problems.push(problem.with_hint("each purpose has a key ring of its own"));
        }
    }
    let accepts = config.tokens.issuers.iter().find(|issuer| issuer.issuer == signing.issuer);
    let (field, message) = match accepts {
        None => ("issuer", "is none of \"tokens.issuers\""),
        Some(issuer) if !issuer.audiences.contains(&signing.audience) => {
            ("audience", "is none that the issuer's tokens are accepted for")
        }
        Some(_) => return problems,
    };
    problems.push(config.field_problem(&["signing", field], message));
    problems
}

/// Rings of shared secrets that tokens are verified with; those that cannot be read are told elsewhere.
fn token_rings(config: &Config) -> impl Iterator<Item = KeyRing> {
    let sources = config.tokens.issuers.iter().flat_map(|issuer| &issuer.keys);
    let secrets = sources.filter_map(|source| match source {
        KeySource::Secret(path) => Some(config.base_dir.join(path)),
        KeySource::Jwks(_) | KeySource::Pem(_) => None,
    });
    secrets.filter_map(|path| KeyRing::load(&path).ok())
}

fn overlap(one: &KeyRing, other: &KeyRing) -> bool {
    one.iter().any(|key| other.iter().any(|known| known.secret() == key.secret()))
}
