//! What can go wrong with tables and their logs: owns the error of this crate and the text of
//! it that is fit to show. Does not decide what callers may see of it.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// Longest reason.
const REASON_CHARACTERS_MAX: usize = 600;

/// A failure in the catalog, one variant per cause.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// A name that the naming rules refuse.
    #[error("table name \"{name}\" is not valid: {reason}")]
    InvalidName {
        /// The name as declared.
        name: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// Two definitions of one name.
    #[error("table \"{name}\" is declared twice")]
    DuplicateTable {
        /// The name.
        name: String,
    },
    /// A configuration value that makes no sense.
    #[error("catalog setting \"{setting}\" is not valid: {reason}")]
    InvalidSetting {
        /// The setting's name.
        setting: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A definition that contradicts itself.
    #[error("definition of table \"{table}\" is not valid: {reason}")]
    InvalidDefinition {
        /// The table.
        table: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A relation that contradicts itself or another one.
    #[error("relation \"{name}\" is not valid: {reason}")]
    InvalidRelation {
        /// Where it stands among the relations, from 0.
        index: usize,
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A location of a kind that cannot be opened.
    #[error(
        "location scheme \"{scheme}\" is not supported (\"file\", \"s3\", \"gs\", \"az\" and \"abfss\" are)"
    )]
    UnsupportedScheme {
        /// The URL scheme.
        scheme: String,
    },
    /// A location that is no usable path or URL.
    #[error("location \"{location}\" is not valid: {reason}")]
    InvalidLocation {
        /// The location, without credentials.
        location: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no Delta log at the location.
    #[error("no delta log found")]
    NoLog,
    /// The table uses something that Sluice does not read.
    #[error("unsupported table feature {}", quoted(.features))]
    UnsupportedFeature {
        /// Names as the Delta protocol spells them.
        features: Vec<String>,
    },
    /// A path in the log that leaves the table's directory.
    #[error("path \"{path}\" in the log is refused: {reason}")]
    RefusedPath {
        /// The path as written in the log.
        path: String,
        /// Why.
        reason: &'static str,
    },
    /// The log lists one object as two live files.
    #[error("file \"{path}\" is listed twice in the log")]
    DuplicateFile {
        /// The path as written in the log.
        path: String,
    },
    /// The log names one object in two ways, so that it cannot be told what was removed.
    #[error("file \"{path}\" is named in two ways in the log")]
    TwoSpellings {
        /// One of the paths as written in the log.
        path: String,
    },
    /// A commit that cannot be understood.
    #[error("commit {version} is malformed: {reason}")]
    MalformedCommit {
        /// Its version.
        version: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// An action of the log whose values make no sense.
    #[error("log entry of file \"{path}\" is malformed: {reason}")]
    MalformedFile {
        /// The path as written in the log.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A schema that cannot be represented.
    #[error("table schema cannot be read: {reason}")]
    Schema {
        /// What is wrong with it.
        reason: String,
    },
    /// The version does not exist, or can no longer be rebuilt from the log.
    #[error("version {version} not found")]
    VersionNotFound {
        /// The version asked for.
        version: u64,
    },
    /// Commits are missing between the log's start or checkpoint and its last version.
    #[error("the log has a gap before version {version}")]
    LogGap {
        /// The last version listed.
        version: u64,
    },
    /// The log does not reach back to the time asked for.
    #[error("no version was committed at or before {}", .time.to_rfc3339())]
    NoVersionAsOf {
        /// The time asked for.
        time: DateTime<Utc>,
    },
    /// The table cannot be read at present and never could since start.
    #[error("table \"{table}\" is unavailable: {reason}")]
    Unavailable {
        /// The table.
        table: String,
        /// Why, without credentials.
        reason: String,
    },
    /// Reading a log, or searching a prefix, took longer than allowed.
    #[error("the store took longer than {} ms", .limit.as_millis())]
    Timeout {
        /// The configured limit.
        limit: Duration,
    },
    /// A deletion vector that cannot be read.
    #[error("deletion vector of file \"{path}\" cannot be read: {reason}")]
    DeletionVector {
        /// The data file's path as written in the log.
        path: String,
        /// What went wrong.
        reason: String,
    },
    /// The Delta kernel could not read the log.
    #[error("delta log cannot be read: {}", first_line(.0))]
    Kernel(#[source] Box<delta_kernel::Error>),
    /// The object store failed.
    #[error("object store failed: {0}")]
    Store(#[from] object_store::Error),
    /// A local directory that cannot be listed.
    #[error("listing it failed: {0}")]
    Listing(#[source] std::io::Error),
    /// A background task ended without an answer.
    #[error("reading the log ended abnormally: {reason}")]
    Task {
        /// What is known of it.
        reason: String,
    },
    /// Writing a table failed.
    #[error("writing the table failed: {0}")]
    Write(#[source] Box<deltalake_core::DeltaTableError>),
}

impl CatalogError {
    /// The setting to blame, as its field is named, and what is wrong with it.
    pub fn setting(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::InvalidSetting { setting, reason } => Some((setting, reason)),
            _ => None,
        }
    }

    /// The relation to blame, as its place among the relations, and the message.
    pub fn relation(&self) -> Option<(usize, String)> {
        match self {
            Self::InvalidRelation { index, .. } => Some((*index, self.to_string())),
            _ => None,
        }
    }

    /// The message with credentials cut out of every URL in it, in one line and not endless: what goes
    /// into reasons and logs. Stores have their own words quoted in it.
    pub fn reason(&self) -> String {
        let text = redact(&self.to_string());
        let one_line = text.chars().map(|c| if c.is_control() { ' ' } else { c });
        let mut shown: String = one_line.take(REASON_CHARACTERS_MAX).collect();
        if text.chars().nth(REASON_CHARACTERS_MAX).is_some() {
            shown.push_str("...");
        }
        shown
    }
}

impl From<delta_kernel::Error> for CatalogError {
    fn from(error: delta_kernel::Error) -> Self {
        match error {
            // What the kernel says of a table whose commits a catalog hands out.
            delta_kernel::Error::MaxCatalogVersion(_) => {
                Self::UnsupportedFeature { features: vec!["catalogManaged".to_owned()] }
            }
            error => Self::Kernel(Box::new(error)),
        }
    }
}

impl From<deltalake_core::DeltaTableError> for CatalogError {
    fn from(error: deltalake_core::DeltaTableError) -> Self {
        Self::Write(Box::new(error))
    }
}

/// `text` without the user information and the query string of any URL in it: store errors
/// quote request URLs, and those may carry signatures.
pub(crate) fn redact(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        clean.push_str(before);
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | ')' | ','))
            .unwrap_or(after.len());
        let (url, tail) = after.split_at(end);
        let shown = url.split(['?', '#']).next().unwrap_or_default();
        let authority_end = shown.find('/').unwrap_or(shown.len());
        let (authority, path) = shown.split_at(authority_end);
        clean.push_str(authority.rsplit('@').next().unwrap_or_default());
        clean.push_str(path);
        rest = tail;
    }
    clean.push_str(rest);
    clean
}

/// The message alone: with backtraces enabled, the kernel's errors print one below it.
fn first_line(error: &delta_kernel::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().trim_end().to_owned()
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{CatalogError, redact};

    #[test]
    fn reasons_are_one_line_and_not_endless() {
        let words = format!("403\nforged line \u{1b}[31m {}", "x".repeat(10_000));
        let error = CatalogError::Task { reason: words };
        assert!(!error.reason().contains(|c: char| c.is_control()));
        assert!(error.reason().contains("403 forged line") && error.reason().len() < 700);
    }

    #[test]
    fn credentials_are_cut_out_of_urls() {
        assert_eq!(
            redact("GET https://me:pw@host/a/b?sig=secret#f failed, see \"s3://bucket/x?y=1\" (z)"),
            "GET https://host/a/b failed, see \"s3://bucket/x\" (z)"
        );
        assert_eq!(redact("plain text: nothing to hide?"), "plain text: nothing to hide?");
    }
}
