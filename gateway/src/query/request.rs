//! One question by one caller: owns the request type that every door builds and the pipeline
//! takes. Does not parse wire formats.

use tokio::time::Instant;

use super::caller::Caller;
pub use crate::engine::authorized::Pins;
use crate::engine::statement::Statement;
pub use crate::engine::statement::VersionSelector;

/// A question, who asks it, and how it wants to be answered.
#[derive(Debug, Clone)]
pub struct Request {
    /// The caller, under the one role that it acts in.
    pub caller: Caller,
    /// The question.
    pub statement: Statement,
    /// Which version of the tables to read.
    pub version: VersionSelector,
    /// What is the newest version for this request, where it is one of several that are answered as one.
    pub pins: Option<Pins>,
    /// Identifies the request in logs and errors.
    pub request_id: String,
    /// When the caller gives up, where that is known; the configured limit holds besides.
    pub deadline: Option<Instant>,
}
