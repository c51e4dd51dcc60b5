//! A problem in a file that a person wrote: owns its place and its words. Does not decide what
//! is a problem.

use std::fmt;
use std::path::{Path, PathBuf};

/// One problem, at a place in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// The file.
    pub file: PathBuf,
    /// Line, counted from 1.
    pub line: u64,
    /// Column in characters, counted from 1.
    pub column: u64,
    /// What is wrong: lowercase, no final dot, names quoted.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// A problem with the file as a whole.
    pub fn file(file: &Path, message: impl Into<String>) -> Self {
        Self::at(file, 1, 1, message)
    }

    /// A problem at a place; both numbers count from 1.
    pub fn at(file: &Path, line: u64, column: u64, message: impl Into<String>) -> Self {
        Self {
            file: file.to_path_buf(),
            line: line.max(1),
            column: column.max(1),
            message: message.into(),
            hint: None,
        }
    }

    /// A file that is not valid YAML or not of the expected form. The text of the file is not
    /// repeated beyond what the parser's own message names.
    pub fn yaml(file: &Path, error: &serde_saphyr::Error) -> Self {
        let (line, column) = position(error);
        let rendered = first_line(&error.without_snippet().to_string());
        // The place stands before the message already.
        let place = format!(" at line {line}, column {column}");
        let message = rendered.strip_suffix(&place).unwrap_or(&rendered).replace('`', "\"");
        Self::at(file, line, column, message)
    }

    /// As [`Diagnostic::yaml`], for files that hold secrets: nothing of the content is repeated.
    pub fn yaml_secret(file: &Path, error: &serde_saphyr::Error, message: &str) -> Self {
        let (line, column) = position(error);
        Self::at(file, line, column, message)
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file.display(), self.line, self.column, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " (hint: {hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Diagnostic {}

fn position(error: &serde_saphyr::Error) -> (u64, u64) {
    error.location().map_or((1, 1), |place| (place.line(), place.column()))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim_end_matches('.').to_string()
}
