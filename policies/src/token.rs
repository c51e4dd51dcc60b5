//! Who is calling: owns the verification of tokens, what is remembered of verified ones, and
//! the choice of the one role that a request acts under. Does not know what a role may see.
//!
//! A token counts only after all of this, in this order: its size; its form, without a member
//! that appears twice; its issuer, who must be configured; its algorithm, which must be on the
//! issuer's list; its key, which must be the issuer's own and made for the algorithm; its
//! signature; and its claims `exp`, `nbf`, `iss` and `aud`, all required and typed. Headers that
//! bring or name keys of their own are refused, and nothing is ever fetched.

mod claims;
mod json;
mod key_set;
mod mint;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::diagnostic::Diagnostic;
use crate::principal::Principal;

use claims::{Verified, choose_role, read_claims};
use json::Parts;
use key_set::IssuerKeys;

pub use mint::{MintError, MintSpec, mint};

/// Which tokens are accepted.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenConfig {
    /// Issuers whose tokens are accepted; each at most once.
    pub issuers: Vec<IssuerConfig>,
    /// Role of callers without a token; without it they are refused.
    pub anonymous_role: Option<String>,
    /// How far clocks may be apart, in seconds.
    pub leeway_s: u64,
    /// How many verified tokens are remembered.
    pub cache_entries_max: u64,
    /// Size of a token, in bytes.
    pub token_bytes_max: usize,
}

impl Default for TokenConfig {
    fn default() -> Self {
        Self {
            issuers: Vec::new(),
            anonymous_role: None,
            leeway_s: 30,
            cache_entries_max: 4_096,
            token_bytes_max: 8_192,
        }
    }
}

/// One issuer of tokens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// The exact value of `iss`.
    pub issuer: String,
    /// Accepted values of `aud`; a token must name one of them.
    pub audiences: Vec<String>,
    /// Accepted algorithms.
    pub algorithms: Vec<Algorithm>,
    /// Where the issuer's keys are.
    pub keys: Vec<KeySource>,
    /// The claim that lists the roles that a request may ask for.
    #[serde(default = "default_roles_claim")]
    pub roles_claim: String,
    /// The claim that names the role that a request acts under unless it asks for another.
    #[serde(default = "default_role_claim")]
    pub role_claim: String,
}

fn default_roles_claim() -> String {
    "roles".to_string()
}

fn default_role_claim() -> String {
    "role".to_string()
}

/// Signature algorithms that can be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// HMAC with SHA-256, under a shared secret.
    HS256,
    /// RSA PKCS #1 v1.5 with SHA-256, 2,048 bits at least.
    RS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
}

impl TokenConfig {
    /// Every file that keys are read from; relative paths start at `base_dir`.
    pub fn key_files(&self, base_dir: &Path) -> Vec<PathBuf> {
        let sources = self.issuers.iter().flat_map(|issuer| &issuer.keys);
        sources.map(|source| base_dir.join(source.path())).collect()
    }
}

/// A file that holds keys. Relative paths start at the folder of the configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeySource {
    /// A JWK set of public keys.
    Jwks(PathBuf),
    /// One public key in PEM.
    Pem(PathBuf),
    /// A key ring of shared secrets, for HS256.
    Secret(PathBuf),
}

impl KeySource {
    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            Self::Jwks(path) | Self::Pem(path) | Self::Secret(path) => path,
        }
    }
}

/// Why a token was refused. No message repeats anything of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Longer than configured.
    #[error("the token is too large")]
    TooLarge,
    /// Not a compact JWS of JSON objects, or a member appears twice.
    #[error("the token is malformed")]
    Malformed,
    /// The header has a member that is not accepted, such as `jku`, `jwk`, `x5c` or `crit`.
    #[error("the token's header is not accepted")]
    HeaderDenied,
    /// The issuer is not configured.
    #[error("the token's issuer is not accepted")]
    IssuerDenied,
    /// The algorithm is not on the issuer's list.
    #[error("the token's algorithm is not accepted")]
    AlgorithmDenied,
    /// The issuer has no key for this `kid` and algorithm.
    #[error("the token's key is not known")]
    KeyUnknown,
    /// The signature is not one of the issuer's.
    #[error("the token's signature is not valid")]
    SignatureInvalid,
    /// A required claim is missing or of another type.
    #[error("the token's \"{0}\" claim is missing or of the wrong type")]
    ClaimInvalid(&'static str),
    /// Not meant for this service.
    #[error("the token is for another audience")]
    AudienceDenied,
    /// Past its end.
    #[error("the token has expired")]
    Expired,
    /// Before its start.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// The token is fine, but names no usable role or not the one that was asked for.
    #[error("the token does not grant the role")]
    RoleDenied,
}

impl TokenError {
    /// The caller is known but may not act so (403); everything else leaves it unknown (401).
    pub fn is_role_denied(self) -> bool {
        self == Self::RoleDenied
    }
}

/// Keys as they were read at one time, and the tokens that were verified with them.
#[derive(Debug)]
struct Generation {
    issuers: Vec<IssuerKeys>,
    digest: [u8; 32],
    verified: Cache<[u8; 32], Arc<Verified>>,
}

/// Keys that were read and are not in force yet.
#[derive(Debug)]
pub struct FreshKeys(Generation);

/// Verifies tokens. Safe to share; keys can be read again while it is in use.
#[derive(Debug)]
pub struct TokenVerifier {
    config: TokenConfig,
    base_dir: PathBuf,
    current: RwLock<Arc<Generation>>,
}

impl TokenVerifier {
    /// Reads every key. All problems are reported.
    pub fn load(config: &TokenConfig, base_dir: &Path) -> Result<Self, Vec<Diagnostic>> {
        let generation = Generation::read(config, base_dir)?;
        Ok(Self {
            config: config.clone(),
            base_dir: base_dir.to_path_buf(),
            current: RwLock::new(Arc::new(generation)),
        })
    }

    /// Reads every key again, for [`TokenVerifier::take`]. All problems are reported.
    pub fn read_again(&self) -> Result<FreshKeys, Vec<Diagnostic>> {
        Generation::read(&self.config, &self.base_dir).map(FreshKeys)
    }

    /// Puts these keys in force, at once and whole. Changed ones forget every token that the old ones
    /// verified. True when they changed.
    pub fn take(&self, FreshKeys(fresh): FreshKeys) -> bool {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let changed = current.digest != fresh.digest;
        if changed {
            *current = Arc::new(fresh);
        }
        changed
    }

    /// The caller behind a token, acting under `requested_role` when given.
    pub fn verify(
        &self,
        token: &str,
        requested_role: Option<&str>,
        now: SystemTime,
    ) -> Result<Principal, TokenError> {
        if token.len() > self.config.token_bytes_max {
            return Err(TokenError::TooLarge);
        }
        let generation = {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(&current)
        };
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let verified = match generation.verified.get(&digest) {
            Some(verified) => verified,
            None => {
                let verified = Arc::new(generation.verify(token)?);
                verified.check_time(now, self.config.leeway_s)?;
                generation.verified.insert(digest, Arc::clone(&verified));
                verified
            }
        };
        verified.check_time(now, self.config.leeway_s)?;
        let role = choose_role(&verified.roles, requested_role).ok_or(TokenError::RoleDenied)?;
        Ok(Principal {
            subject: verified.subject.clone(),
            issuer: verified.issuer.clone(),
            role: role.to_string(),
            claims: Arc::clone(&verified.claims),
            expires_at: verified.expires_at(),
        })
    }

    /// The caller without a token, when there is a role for it.
    pub fn anonymous(&self) -> Option<Principal> {
        self.config.anonymous_role.as_ref().map(Principal::anonymous)
    }

    /// Configured issuers, in the order of the configuration.
    pub fn issuers(&self) -> impl Iterator<Item = &str> {
        self.config.issuers.iter().map(|issuer| issuer.issuer.as_str())
    }
}

impl Generation {
    fn read(config: &TokenConfig, base_dir: &Path) -> Result<Self, Vec<Diagnostic>> {
        let mut issuers: Vec<IssuerKeys> = Vec::new();
        let mut problems = Vec::new();
        let mut digest = Sha256::new();
        for issuer in &config.issuers {
            if issuers.iter().any(|known| known.config.issuer == issuer.issuer) {
                let message = format!("issuer \"{}\" is configured twice", issuer.issuer);
                problems.push(Diagnostic::file(base_dir, message));
            }
            match IssuerKeys::read(issuer, base_dir, &mut digest) {
                Ok(keys) => issuers.push(keys),
                Err(found) => problems.extend(found),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let verified = Cache::new(config.cache_entries_max);
        Ok(Self { issuers, digest: digest.finalize().into(), verified })
    }

    /// Everything about a token that does not change with time or with the role asked for.
    fn verify(&self, token: &str) -> Result<Verified, TokenError> {
        let parts = Parts::split(token)?;
        let claimed = parts.claims.get("iss").and_then(serde_json::Value::as_str);
        let claimed = claimed.ok_or(TokenError::ClaimInvalid("iss"))?;
        let issuer = self
            .issuers
            .iter()
            .find(|issuer| issuer.config.issuer == claimed)
            .ok_or(TokenError::IssuerDenied)?;
        issuer.check_signature(&parts)?;
        read_claims(parts.claims, &issuer.config)
    }
}

#[cfg(test)]
mod tests;
