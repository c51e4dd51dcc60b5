//! A problem in a file that a person wrote: owns its place and its words. Does not decide what
//! is a problem.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use serde_saphyr::{MessageFormatter, UserMessageFormatter};

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
        let rendered = first_line(&error.without_snippet().render_with_formatter(&InWords));
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

/// The parser's words for people, where those for programmers would tell how to call it.
struct InWords;

impl MessageFormatter for InWords {
    fn format_message<'e>(&self, error: &'e serde_saphyr::Error) -> Cow<'e, str> {
        match error {
            serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } => {
                Cow::Owned(format!("duplicate key \"{key}\""))
            }
            serde_saphyr::Error::DuplicateMappingKey { key: None, .. } => Cow::Borrowed("duplicate key"),
            serde_saphyr::Error::MultipleDocuments { .. } => {
                Cow::Borrowed("the file holds more than one YAML document")
            }
            serde_saphyr::Error::InvalidScalar { ty, .. } => {
                Cow::Owned(format!("not {}", value_in_words(ty)))
            }
            serde_saphyr::Error::Budget { .. } => Cow::Borrowed("the file is too large or too deeply nested"),
            _ => UserMessageFormatter.format_message(error),
        }
    }
}

/// What a field takes, whose type the parser calls `ty`.
fn value_in_words(ty: &str) -> String {
    match ty {
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        "u64" => format!("a whole number from 0 to {}", u64::MAX),
        "i64" => format!("a whole number from {} to {}", i64::MIN, i64::MAX),
        "floating point" => "a number".to_string(),
        "boolean" => "true or false".to_string(),
        _ => "a value that can stand here".to_string(),
    }
}

fn position(error: &serde_saphyr::Error) -> (u64, u64) {
    error.location().map_or((1, 1), |place| (place.line(), place.column()))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim_end_matches('.').to_string()
}
