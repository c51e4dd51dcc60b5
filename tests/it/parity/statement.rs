//! Statements as lines of files: owns headings, and saying what is wrong with a file. Does not ask them.

use std::collections::BTreeSet;

use serde_json::json;
use sluice_tests::doors::question::Walk;
use sluice_tests::doors::question::{Question, question};

/// A line of a file.
#[derive(Debug)]
pub(super) struct Statement {
    /// File, number and text of the line.
    pub(super) place: String,
    /// What admin gets: `answered`, or the code of a refusal.
    pub(super) expected: String,
    pub(super) question: Question,
}

/// Every statement of a file, or all that is wrong with its lines.
pub(super) fn read(file: &str, text: &str) -> Result<Vec<Statement>, Vec<String>> {
    let mut statements: Vec<Statement> = Vec::new();
    let mut faults: Vec<String> = Vec::new();
    let mut expected: Option<&str> = None;
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for (number, line) in (1..).zip(text.lines()) {
        let place = format!("{file}:{number}: {line}");
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(heading) = line.strip_prefix('[') {
            expected = heading.strip_suffix(']').filter(|code| is_code(code));
            if expected.is_none() {
                faults.push(format!("{place}\n  a heading is a code in brackets"));
            }
            continue;
        }
        match (expected, question(line)) {
            _ if !seen.insert(line) => faults.push(format!("{place}\n  stands there twice")),
            (_, Err(fault)) => faults.push(format!("{place}\n  {fault}")),
            (None, _) => faults.push(format!("{place}\n  no heading says what admin gets")),
            (Some(expected), Ok(question)) => {
                statements.push(Statement { place, expected: expected.to_owned(), question });
            }
        }
    }
    if faults.is_empty() { Ok(statements) } else { Err(faults) }
}

fn is_code(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[test]
fn lines_are_read_with_every_digit() {
    let text = "# why\n\n[answered]\nrows t {\"limit\":1,\"filter\":{\"column\":\"a\",\"op\":\"eq\",\"value\":1.50}}\n\
                walk t {}\nlookup t [1,\"x\"] {\"version\":2}\n[not_found]\ndescribe t\ntables\n";
    let read = read("f", text).unwrap();
    let expected: Vec<&str> = read.iter().map(|statement| statement.expected.as_str()).collect();
    assert_eq!(expected, ["answered", "answered", "answered", "not_found", "not_found"]);
    assert_eq!(read[1].place, "f:5: walk t {}");
    let Question::Page { body, .. } = &read[0].question else { panic!("{:?}", read[0]) };
    assert_eq!(body.exact["filter"]["value"], json!({ "decimal": "1.50" }));
    assert!(body.at(Some("c")).ends_with("\"value\":1.50},\"cursor\":\"c\"}"), "{}", body.at(Some("c")));
    let Question::Page { body, walk: Walk::ToTheEnd, .. } = &read[1].question else {
        panic!("{:?}", read[1])
    };
    assert_eq!(body.at(Some("c")), "{\"cursor\":\"c\"}");
    let Question::Lookup { key, options, .. } = &read[2].question else { panic!("{:?}", read[2]) };
    assert_eq!((key.as_slice(), options), (&[json!(1), json!("x")][..], &json!({ "version": 2 })));
}

#[test]
fn malformed_lines_are_refused_all_together() {
    let lines = [
        "row t {}",
        "rows",
        "rows {}",
        "rows t",
        "rows t []",
        "rows t {} {}",
        "rows t {\"limit\":01}",
        "rows t {\"limits\":1}",
        "rows t {} ",
        " rows t {}",
        "aggregate t {\"select\":[]}",
        "groups t {\"side\":\"before\"}",
        "lookup t",
        "lookup t 1",
        "lookup t []",
        "lookup t [[1]]",
        "lookup t [1] {\"limit\":1}",
        "lookup t [1] {} {}",
        "sql select 1",
        "describe",
        "describe t {\"select\":[\"a\"]}",
        "tables {}",
        "[Answered]",
        "[answered",
    ];
    let text = lines.map(|line| format!("[answered]\n{line}\n")).concat();
    let faults = read("f", &text).unwrap_err();
    assert_eq!(faults.len(), lines.len(), "{faults:#?}");
    assert!(read("f", "rows t {}\n").unwrap_err()[0].contains("no heading"));
    assert!(read("f", "[answered]\ntables\ntables\n").unwrap_err()[0].contains("twice"));
}
