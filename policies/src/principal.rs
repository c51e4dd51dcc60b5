//! The caller: owns who asks, under which one role, with which claims. Does not verify tokens
//! and does not decide what a role may see.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value;

/// A caller acting under exactly one role.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The token's `sub`; empty when it has none or there is no token.
    pub subject: String,
    /// The token's `iss`; empty when there is no token.
    pub issuer: String,
    /// The one role that the request acts under.
    pub role: String,
    /// Every claim of the token, as verified.
    pub claims: Arc<BTreeMap<String, Value>>,
    /// When the token ends; `None` when there is no token or the time is past what the clock
    /// can name.
    pub expires_at: Option<SystemTime>,
}

impl Principal {
    /// A caller without a token, under the configured role for those.
    pub fn anonymous(role: impl Into<String>) -> Self {
        Self::local(role, BTreeMap::new())
    }

    /// A caller that was not read from a token: for explaining a policy, and for tests.
    pub fn local(role: impl Into<String>, claims: BTreeMap<String, Value>) -> Self {
        Self {
            subject: String::new(),
            issuer: String::new(),
            role: role.into(),
            claims: Arc::new(claims),
            expires_at: None,
        }
    }
}
