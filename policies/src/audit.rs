//! The record of who read what: owns the shape of an audit event. Does not write it anywhere
//! and holds no value of any row.

use serde::Serialize;

use crate::fingerprint::Fingerprint;
use crate::principal::Principal;

/// One question and its outcome, for one table.
#[derive(Debug, Clone, Serialize)]
pub struct AuditEvent {
    /// Identifies the request in logs and errors.
    pub request_id: String,
    /// The token's issuer; empty without a token.
    pub issuer: String,
    /// The token's subject; empty without a token.
    pub subject: String,
    /// The role that the request acted under.
    pub role: String,
    /// The table as declared, or as asked for; `None` where no table came of the question.
    pub table: Option<String>,
    /// The Delta version that was read, when one was.
    pub version: Option<u64>,
    /// Short form of the effective policy's fingerprint, when there was one.
    pub policy: Option<String>,
    /// `done`, `failed`, `cancelled`, or the stable code of the refusal.
    pub outcome: String,
    /// Rows that left the gateway.
    pub rows: u64,
}

impl AuditEvent {
    /// A question of this caller; the outcome is still to be filled in.
    pub fn new(request_id: &str, principal: &Principal) -> Self {
        Self {
            request_id: request_id.to_string(),
            issuer: principal.issuer.clone(),
            subject: principal.subject.clone(),
            role: principal.role.clone(),
            table: None,
            version: None,
            policy: None,
            outcome: String::from("unknown"),
            rows: 0,
        }
    }

    /// Names the table.
    #[must_use]
    pub fn on(mut self, table: &str) -> Self {
        self.table = Some(table.to_string());
        self
    }

    /// Names the version and the policy that were used.
    #[must_use]
    pub fn under(mut self, version: u64, fingerprint: &Fingerprint) -> Self {
        self.version = Some(version);
        self.policy = Some(fingerprint.short());
        self
    }

    /// Names how it ended.
    #[must_use]
    pub fn ended(mut self, outcome: &str, rows: u64) -> Self {
        self.outcome = outcome.to_string();
        self.rows = rows;
        self
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn event_serializes_without_claims() {
        let claims = BTreeMap::from([("secret".to_string(), serde_json::json!("x-value"))]);
        let principal = Principal::local("analyst", claims);
        let event = AuditEvent::new("r1", &principal).on("flights").ended("done", 3);
        let text = serde_json::to_string(&event).unwrap();
        assert!(text.contains("\"role\":\"analyst\"") && text.contains("\"rows\":3"), "{text}");
        assert!(!text.contains("x-value"));
    }
}
