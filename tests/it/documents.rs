//! The pages of `docs/errors`: each one's example is pasted into a shell against a real gateway, and
//! the answer is the one that the page shows. What a reader copies from a page works.

mod scenes;
mod tour;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use sluice_gateway::protocol::status::{http_status, title};
use sluice_gateway::query::error::ErrorCode;
use sluice_tests::gateway::run;
use sluice_tests::scratch;

use self::scenes::Scene;

/// Codes whose example nobody can bring about from outside: a fault of ours.
const OUT_OF_REACH: [ErrorCode; 1] = [ErrorCode::Internal];

/// Codes of GraphQL documents: their answers are errors of GraphQL, no problem documents.
const OF_DOCUMENTS: [ErrorCode; 4] = [
    ErrorCode::InvalidDocument,
    ErrorCode::DocumentTooLarge,
    ErrorCode::PersistedQueryNotFound,
    ErrorCode::DocumentNotAllowed,
];

/// Where the pages' examples call.
const PRINTED_URL: &str = "http://127.0.0.1:8080";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors")
}

fn page(code: ErrorCode) -> String {
    std::fs::read_to_string(folder().join(format!("{}.md", code.as_str()))).unwrap()
}

/// The fenced block of that language under "## Example".
fn block<'p>(page: &'p str, language: &str) -> &'p str {
    let (_, example) = page.split_once("## Example").expect("a section \"Example\"");
    let (_, after) = example.split_once(&format!("```{language}\n")).expect(language);
    after.split_once("\n```").expect("an end of the block").0
}

fn shown(code: ErrorCode) -> Value {
    serde_json::from_str(block(&page(code), "json")).unwrap()
}

#[test]
fn every_example_answers_what_its_page_shows() {
    run(async {
        let mut wrong: Vec<String> = Vec::new();
        for code in ErrorCode::ALL {
            if OUT_OF_REACH.contains(&code) {
                continue;
            }
            let scene = Scene::of(code).await;
            let answer = answered(&scene, code);
            let (is, was) = (scene.comparable(answer), scene.comparable(shown(code)));
            if is != was {
                wrong.push(format!("{}:\n  answered {is}\n  shown    {was}", code.as_str()));
            }
            scene.end().await;
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}

/// The example's answer. Some errors come with load: the next try meets what the last one left.
fn answered(scene: &Scene, code: ErrorCode) -> Value {
    const TRIES_MAX: usize = 10;
    let page = page(code);
    let mut answer = paste(scene, block(&page, "sh"));
    for _ in 1..TRIES_MAX {
        if code_of(&answer) == code.as_str() {
            break;
        }
        answer = paste(scene, block(&page, "sh"));
    }
    answer
}

/// The code of an answer of either kind.
fn code_of(answer: &Value) -> &Value {
    answer.get("code").unwrap_or(&answer["errors"][0]["extensions"]["code"])
}

/// Runs the example as a reader would, with the scene's gateway in place of the printed address.
fn paste(scene: &Scene, example: &str) -> Value {
    assert!(example.contains(PRINTED_URL), "{example}");
    let directory = scratch::fresh("pasted");
    for (name, content) in &scene.files {
        std::fs::write(directory.path().join(name), content).unwrap();
    }
    let output = Command::new("bash")
        .arg("-c")
        .arg(example.replace(PRINTED_URL, &scene.url()))
        .envs(scene.variables.iter().map(|(name, value)| (name, value)))
        .current_dir(directory.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{example}: {error}: {text}"))
}

#[test]
fn every_page_has_the_form_of_the_others() {
    for code in ErrorCode::ALL {
        let (name, page, shown) = (code.as_str(), page(code), shown(code));
        let status = http_status(code).as_u16();
        assert!(page.starts_with(&format!("# `{name}`\n\nHTTP status {status}")), "{name}");
        let sections: Vec<&str> = page.lines().filter(|line| line.starts_with("## ")).collect();
        assert_eq!(sections, ["## What it means", "## What to do", "## Example"], "{name}");
        assert!(block(&page, "sh").starts_with("curl "), "{name}");
        if OF_DOCUMENTS.contains(&code) {
            assert_eq!(code_of(&shown), name);
            continue;
        }
        assert_eq!(shown["code"], name);
        assert_eq!(shown["title"], title(code), "{name}");
        assert_eq!(shown["type"], format!("urn:sluice:error:{name}"));
        assert!(page.contains(&shown["status"].to_string()), "{name}");
    }
}

#[test]
fn the_list_of_pages_is_whole_and_its_statuses_are_right() {
    let list = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let mut listed: BTreeSet<&str> = BTreeSet::new();
    for row in list.lines().filter(|line| line.starts_with("| [`")) {
        let (_, rest) = row.split_once("[`").unwrap();
        let (name, rest) = rest.split_once("`](").unwrap();
        let (link, statuses) = rest.split_once(") | ").unwrap();
        assert_eq!(link, format!("{name}.md"));
        let code = ErrorCode::ALL.into_iter().find(|code| code.as_str() == name).expect(name);
        assert!(statuses.contains(&http_status(code).as_u16().to_string()), "{row}");
        assert!(listed.insert(name), "{name} is listed twice");
    }
    assert_eq!(listed, ErrorCode::ALL.iter().map(|code| code.as_str()).collect());
}
