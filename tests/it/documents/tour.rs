//! The tour of README.md and the calls of docs/rest.md, pasted into a shell against the demo: what is shown
//! after a command is what it answers, but for what differs from one demo to the next.

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use regex::Regex;
use sluice_tests::gateway::{Gateway, run};
use sluice_tests::node;
use sluice_tests::process::binary;
use sluice_tests::python::{contract, interpreter};
use sluice_tests::scratch;

/// A member and its plain value, as JSON writes them.
static MEMBER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#""(\w+)":("(?:[^"\\]|\\.)*"|-?[\d.]+|null|true|false)"#).unwrap());

/// Members whose values are of one moment or of one demo's keys.
const OF_THE_MOMENT: [&str; 6] = ["next_cursor", "endCursor", "as_of", "age_ms", "elapsed_ms", "request_id"];
const HASH_DIGITS: usize = 32;

/// A command of a page and what the page shows after it.
struct Step {
    command: String,
    shown: String,
}

/// The indented blocks between two lines of a page, each with the fenced block that follows it.
fn steps(page: &str, from: &str, until: &str) -> Vec<Step> {
    let (_, part) = page.split_once(from).expect(from);
    let (part, _) = part.split_once(until).expect(until);
    let mut steps: Vec<Step> = Vec::new();
    let (mut fenced, mut in_block) = (false, false);
    for line in part.lines() {
        match line.strip_prefix("    ") {
            _ if line.starts_with("```") => fenced = !fenced,
            _ if fenced => {
                let step = steps.last_mut().expect("a command before what is shown");
                step.shown.push_str(line);
                step.shown.push('\n');
            }
            Some(command) if in_block => {
                let step = steps.last_mut().expect("a block that was begun");
                step.command.push('\n');
                step.command.push_str(command);
            }
            Some(command) => steps.push(Step { command: command.to_owned(), shown: String::new() }),
            None => {}
        }
        in_block = !fenced && line.starts_with("    ");
    }
    steps
}

/// Pastes the steps into one shell each, after the first, which sets it up.
fn paste(gateway: &Gateway, setup: &str, command: &str) -> String {
    let directory = scratch::fresh("tour");
    std::fs::create_dir(directory.path().join(".sluice")).unwrap();
    std::os::unix::fs::symlink(&gateway.directory, directory.path().join(".sluice/demo")).unwrap();
    let setup = setup
        .replace("http://127.0.0.1:8080", &format!("http://{}", gateway.addr()))
        .replace("cargo run --quiet --release --bin sluice --", &binary().display().to_string());
    let output = Command::new("bash")
        .arg("-c")
        .arg(format!("{setup}\n{command}"))
        .current_dir(directory.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The plain members that a page shows and every demo answers alike.
fn members(shown: &str) -> Vec<String> {
    let lasting = MEMBER.captures_iter(shown).filter(|found| {
        let value = found[2].trim_matches('"');
        let hash = value.len() == HASH_DIGITS && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        !hash && !OF_THE_MOMENT.contains(&&found[1])
    });
    lasting.map(|found| found[0].to_owned()).collect()
}

fn page(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)).unwrap()
}

#[test]
fn the_tour_answers_what_it_shows() {
    run(async {
        let gateway = Gateway::demo().await;
        let steps = steps(&page("README.md"), "## Five minutes", "## For services");
        let (setup, steps) = steps.split_first().unwrap();
        assert!(steps.len() >= 7 && steps.iter().all(|step| !step.shown.is_empty()), "steps are missing");
        for Step { command, shown } in steps {
            let answered = paste(gateway, &setup.command, command);
            if command.starts_with("sluice ") {
                let same = |line: &&str| !line.contains("...");
                for line in shown.lines().filter(same) {
                    assert!(answered.contains(line), "{command}\nlacks {line}\n{answered}");
                }
                continue;
            }
            let members = members(shown);
            assert!(members.len() >= 4, "{command} shows little: {shown}");
            for member in members {
                assert!(answered.contains(&member), "{command}\nlacks {member}\n{answered}");
            }
        }
    });
}

/// The interpreter of the tests stands in for the one that the first step sets up.
#[test]
fn the_service_prints_what_is_shown() {
    let Some(python) = interpreter() else { return };
    run(async {
        let gateway = Gateway::demo().await;
        let steps = steps(&page("README.md"), "## For services", "## For analysts");
        let [client, service] = &steps[..] else { panic!("steps are missing") };
        let (install, generate) = client.command.split_once('\n').unwrap();
        assert!(install.starts_with("python3 -m venv"), "{install}");
        let stand_in = format!(
            "ln -s {} proto; mkdir -p .sluice/client/bin\n\
             printf '#!/bin/sh\\nexec {} \"$@\"' > .sluice/client/bin/python; chmod +x .sluice/client/bin/python",
            contract(),
            python.display(),
        );
        let service = service.command.replace("127.0.0.1:50051", &gateway.grpc_addr().to_string());
        let printed = paste(gateway, &format!("{stand_in}\n{generate}"), &service);
        assert_eq!(printed, steps[1].shown);
    });
}

/// The packages and the interpreter of the tests stand in for those that the second step sets up.
#[test]
fn the_analyst_sees_what_is_shown() {
    let Some(node) = node::interpreter() else { return };
    run(async {
        let gateway = Gateway::demo().await;
        let readme = page("README.md");
        let setup = &steps(&readme, "## Five minutes", "## For services")[0].command;
        let steps = steps(&readme, "## For analysts", "## The build");
        let [asked, install, program] = &steps[..] else { panic!("steps are missing") };
        let answered = paste(gateway, setup, &asked.command);
        let members = members(&asked.shown);
        assert!(members.len() >= 4, "{}", asked.shown);
        for member in members {
            assert!(answered.contains(&member), "lacks {member}\n{answered}");
        }
        assert!(install.command.starts_with("npm install"), "{}", install.command);
        let packages = node.parent().unwrap().display();
        let stand_in = format!("ln -s {packages} .sluice/analyst; PATH={packages}:$PATH");
        let printed = paste(gateway, &format!("{setup}\n{stand_in}"), &program.command);
        assert_eq!(printed, program.shown);
    });
}

#[test]
fn every_call_of_the_rest_page_can_be_pasted() {
    run(async {
        let gateway = Gateway::demo().await;
        let setup = &steps(&page("README.md"), "## Five minutes", "## For services")[0].command;
        let page = page("docs/rest.md");
        let end = page.lines().last().unwrap();
        let calls = steps(&page, "\n", end);
        assert!(calls.len() >= 5, "calls are missing");
        for Step { command, shown } in calls {
            let answered = paste(gateway, setup, &command);
            assert!(answered.starts_with("{\"data\":"), "{command}\n{answered}");
            for member in members(&shown) {
                assert!(answered.contains(&member), "{command}\nlacks {member}\n{answered}");
            }
        }
    });
}
