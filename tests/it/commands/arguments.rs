//! The command line itself: help, versions and broken arguments.

use std::path::Path;

use super::sluice;

const COMMANDS: [&[&str]; 6] =
    [&["demo"], &["serve"], &["check"], &["token"], &["policy"], &["policy", "explain"]];

#[test]
fn every_command_has_help_with_examples() {
    let top = sluice(Path::new("."), &["--help"]).good("--help");
    assert!(top.contains("Examples:\n  sluice demo\n"), "{top}");
    for command in COMMANDS {
        assert!(top.contains(&format!("  {} ", command[0])), "{command:?} is not listed: {top}");
        for flag in ["--help", "-h"] {
            let arguments = [command, &[flag]].concat();
            let help = sluice(Path::new("."), &arguments).good(&format!("{arguments:?}"));
            let typed = format!("sluice {}", command.join(" "));
            let (head, examples) = help.split_once("Example").expect("a section of examples");
            assert!(examples.contains(&typed), "{typed}: {examples}");
            assert!(head.contains(&format!("Usage: {typed}")), "{typed}: {head}");
            assert!(!help.lines().any(|line| line.ends_with(' ')), "spaces at a line's end: {help:?}");
        }
    }
}

#[test]
fn the_examples_of_the_help_are_understood() {
    for command in COMMANDS {
        let help = sluice(Path::new("."), &[command, &["--help"]].concat()).good("--help");
        let (_, examples) = help.split_once("Example").unwrap();
        assert!(examples.lines().all(|line| line.len() < 80), "a terminal would break a line: {examples}");
        let examples = examples.replace("\\\n", " ");
        for example in examples.lines().map(str::trim).filter(|line| line.starts_with("sluice ")) {
            for part in example.split(" && ") {
                // The command line is read before anything is done; help asked for at its end shows
                // that it was understood.
                let words = words(part);
                let arguments: Vec<&str> =
                    words.iter().skip(1).map(String::as_str).chain(["--help"]).collect();
                assert_eq!(sluice(Path::new("."), &arguments).code, 0, "{part}");
            }
        }
    }
}

/// Words of a shell command without anything but single quotes.
fn words(command: &str) -> Vec<String> {
    let quoted = command.split('\'').enumerate().flat_map(|(at, piece)| {
        if at % 2 == 1 {
            vec![piece.to_owned()]
        } else {
            piece.split_whitespace().map(str::to_owned).collect()
        }
    });
    quoted.collect()
}

#[test]
fn the_version_is_told() {
    let version = sluice(Path::new("."), &["--version"]).good("--version");
    assert!(version.starts_with("sluice 0."), "{version}");
}

#[test]
fn a_broken_command_line_is_code_2_and_says_what_is_wrong() {
    for (arguments, said) in [
        (&[][..], "Usage: sluice"),
        (&["serv"], "unrecognized subcommand 'serv'"),
        (&["serve"], "--config <FILE>"),
        (&["serve", "--config"], "--config <FILE>"),
        (&["serve", "--confg", "x"], "unexpected argument '--confg'"),
        (&["serve", "--config", "x", "y"], "unexpected argument 'y'"),
        (&["serve", "--config", "x", "--config", "y"], "cannot be used multiple times"),
        (&["check"], "--config <FILE>"),
        (&["policy"], "explain"),
        (&["policy", "explain", "--config", "x", "--role", "r"], "--table <TABLE>"),
        (&["token", "--config", "x"], "--role <ROLE>"),
        (&["token", "--config", "x", "--role", "r", "--ttl", "soon"], "invalid value 'soon' for '--ttl"),
        (&["token", "--config", "x", "--role", "r", "--ttl", "-1h"], "-1"),
        (&["token", "--config", "x", "--role", "r", "--claim", "carriers"], "write it as name=value"),
        (&["token", "--config", "x", "--role", "r", "--claim", "=UA"], "the name is empty"),
        (&["demo", "--http-addr", "localhost"], "invalid value 'localhost' for '--http-addr"),
        (&["demo", "--http-addr", "127.0.0.1:70000"], "invalid value '127.0.0.1:70000'"),
    ] {
        let ran = sluice(Path::new("."), arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(said), "{arguments:?}: {}", ran.err);
        assert_eq!(ran.out, "", "{arguments:?}");
    }
}

#[test]
fn a_configuration_that_is_not_there_is_code_1() {
    for command in [
        &["serve", "--config", "none.yaml"][..],
        &["check", "--config", "none.yaml"],
        &["token", "--config", "none.yaml", "--role", "r"],
        &["policy", "explain", "--config", "none.yaml", "--role", "r", "--table", "t"],
    ] {
        let said = sluice(Path::new("."), command).bad(&format!("{command:?}"));
        assert!(said.contains("none.yaml:1:1: cannot be read: "), "{said}");
    }
}
