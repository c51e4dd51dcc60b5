//! What the commands print: owns standard output and standard error. Logs go elsewhere.

use std::fmt::Display;
use std::io::{ErrorKind, Write, stderr, stdout};

use sluice_policies::diagnostic::Diagnostic;

use super::CliError;

/// Prints a line for people or scripts. A reader who has read enough (`sluice check ... | head -1`) is no
/// failure.
///
/// # Errors
/// When it cannot be written: a script must not take nothing for a token.
pub(super) fn say(text: impl Display) -> Result<(), CliError> {
    match writeln!(stdout().lock(), "{text}") {
        Err(fault) if fault.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed.map_err(CliError::Print),
    }
}

/// Prints why the command failed; the exit code tells those who do not read it.
pub(super) fn complain(error: impl Display) {
    let _ = writeln!(stderr().lock(), "sluice: {error}");
}

/// One problem a line, with its place.
pub(super) fn lines(problems: &[Diagnostic]) -> String {
    problems.iter().map(|one| format!("  {one}")).collect::<Vec<String>>().join("\n")
}
