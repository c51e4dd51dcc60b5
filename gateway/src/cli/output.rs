//! What the commands print: owns standard output and standard error. Logs go elsewhere.

use std::fmt::Display;

use sluice_policies::diagnostic::Diagnostic;

/// Prints a line for people or scripts.
#[expect(clippy::print_stdout, reason = "the one place of the program that prints")]
pub(super) fn say(text: impl Display) {
    println!("{text}");
}

/// Prints why the command failed.
#[expect(clippy::print_stderr, reason = "the one place of the program that prints")]
pub(super) fn complain(error: impl Display) {
    eprintln!("sluice: {error}");
}

/// One problem a line, with its place.
pub(super) fn lines(problems: &[Diagnostic]) -> String {
    problems.iter().map(|one| format!("  {one}")).collect::<Vec<String>>().join("\n")
}
