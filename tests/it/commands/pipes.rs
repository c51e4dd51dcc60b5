//! Output that nobody reads, or that cannot be written: a reader who goes away is no failure, a full
//! disk is one.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use sluice_tests::process::binary;

use super::accounts_setup;

/// Runs a command whose standard output and standard error are closed at the other end.
fn unread(directory: &Path, arguments: &[&str]) -> Option<i32> {
    let mut child = Command::new(binary())
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    child.wait().unwrap().code()
}

#[test]
fn a_reader_who_goes_away_is_no_failure() {
    let (setup, _table) = accounts_setup("pipes");
    let directory = setup.directory.path();
    assert_eq!(unread(directory, &["check", "--config", "sluice.yaml"]), Some(0));
    assert_eq!(unread(directory, &["token", "--config", "sluice.yaml", "--role", "admin"]), Some(0));
    let explain = ["policy", "explain", "--config", "sluice.yaml", "--role", "admin", "--table", "accounts"];
    assert_eq!(unread(directory, &explain), Some(0));
    assert_eq!(unread(directory, &["check", "--config", "none.yaml"]), Some(1));
    assert_eq!(unread(directory, &["--help"]), Some(0));
}

#[test]
fn what_was_read_before_is_whole_lines_and_nothing_is_complained_about() {
    let (setup, _table) = accounts_setup("pipes-first");
    let mut child = Command::new(binary())
        .args(["check", "--config", "sluice.yaml"])
        .current_dir(setup.directory.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert_eq!(first, "1 table:\n");
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    assert_eq!((status.code(), String::from_utf8(stderr).unwrap().as_str()), (Some(0), ""));
}

#[test]
fn a_token_that_cannot_be_written_is_a_failure() {
    let (setup, _table) = accounts_setup("pipes-full");
    let full = File::options().write(true).open("/dev/full").unwrap();
    let ran = Command::new(binary())
        .args(["token", "--config", "sluice.yaml", "--role", "admin"])
        .current_dir(setup.directory.path())
        .stdout(full)
        .output()
        .unwrap();
    let said = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(said.starts_with("sluice: cannot print: "), "{said}");
}
