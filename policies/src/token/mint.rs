//! Tokens of our own: owns making one from a local key ring, for the command line and the demo.
//! Does not decide who gets one.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::Value;

use crate::keys::Key;

/// What a token is to say.
#[derive(Debug, Clone, Default)]
pub struct MintSpec {
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
    /// `sub`.
    pub subject: String,
    /// `role`: what a request acts under unless it asks for another.
    pub role: Option<String>,
    /// `roles`: what a request may ask for; left out when empty.
    pub roles: Vec<String>,
    /// Further claims; none of the above and no times.
    pub claims: BTreeMap<String, Value>,
    /// How long the token lives.
    pub ttl: Duration,
}

/// A token could not be made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// A further claim has the name of one that is set anyway.
    #[error("claim \"{0}\" cannot be set freely")]
    ReservedClaim(String),
    /// The clock is before 1970, or the life ends past what it can name.
    #[error("the token's times cannot be written")]
    Clock,
    /// Signing failed.
    #[error("the token could not be signed")]
    Sign(#[source] jsonwebtoken::errors::Error),
}

const RESERVED: [&str; 9] = ["iss", "aud", "sub", "exp", "nbf", "iat", "jti", "role", "roles"];

/// Makes a token, signed with HS256 under the key, whose id becomes `kid`.
pub fn mint(key: &Key, spec: &MintSpec, now: SystemTime) -> Result<String, MintError> {
    let now_s = now.duration_since(UNIX_EPOCH).map_err(|_| MintError::Clock)?.as_secs();
    let expires_s = now_s.checked_add(spec.ttl.as_secs()).ok_or(MintError::Clock)?;
    if let Some(name) = spec.claims.keys().find(|name| RESERVED.contains(&name.as_str())) {
        return Err(MintError::ReservedClaim(name.clone()));
    }
    let mut claims = spec.claims.clone();
    let mut set = |name: &str, value: Value| claims.insert(name.to_string(), value);
    set("iss", Value::from(spec.issuer.as_str()));
    set("aud", Value::from(spec.audience.as_str()));
    set("sub", Value::from(spec.subject.as_str()));
    set("iat", Value::from(now_s));
    set("nbf", Value::from(now_s));
    set("exp", Value::from(expires_s));
    if let Some(role) = &spec.role {
        set("role", Value::from(role.as_str()));
    }
    if !spec.roles.is_empty() {
        set("roles", Value::from(spec.roles.clone()));
    }
    let header = Header { kid: Some(key.id().to_string()), ..Header::new(Algorithm::HS256) };
    encode(&header, &claims, &EncodingKey::from_secret(key.secret())).map_err(MintError::Sign)
}
