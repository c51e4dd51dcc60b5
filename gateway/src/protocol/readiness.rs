//! What `/readyz` says: owns the report that the app keeps up to date and doors show. Does not
//! look at anything itself. Reasons name no table: the report is readable without a token.

use serde::Serialize;

/// Whether the gateway should be sent traffic, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReadinessReport {
    /// `ready`, `degraded` (serving, but someone should look) or `not_ready`.
    pub status: ReadinessStatus,
    /// Why it is not simply ready.
    pub reasons: Vec<ReadinessReason>,
}

/// The three answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadinessStatus {
    /// All is well.
    Ready,
    /// Serving, but with some table stale, unavailable or unfit, without places that discovery cannot search,
    /// or under policies, keys, a certificate or a list of documents that the files no longer hold.
    Degraded,
    /// Starting or stopping.
    NotReady,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReadinessReason {
    /// `server`, `policies`, `tokens`, `graphql` or `catalog`.
    pub component: &'static str,
    /// What is wrong with it.
    pub message: String,
}

impl ReadinessReport {
    /// Ready when there is no reason, degraded when there is one.
    pub fn of(reasons: Vec<ReadinessReason>) -> Self {
        let status = if reasons.is_empty() { ReadinessStatus::Ready } else { ReadinessStatus::Degraded };
        Self { status, reasons }
    }

    /// The server is on its way up or down.
    pub fn not_ready(message: &str) -> Self {
        let reason = ReadinessReason { component: "server", message: message.to_owned() };
        Self { status: ReadinessStatus::NotReady, reasons: vec![reason] }
    }
}
