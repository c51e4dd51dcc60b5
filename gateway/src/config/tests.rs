//! Tests of loading and checking configuration, and of its page in `docs/`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;

use serde_json::Value;

use super::*;

const SOUND: &str = "
tokens:
  anonymous_role: public
policies:
  files: [policies.yaml]
";

fn load(text: &str) -> Result<Config, Vec<Diagnostic>> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sluice.yaml");
    fs::write(&path, text).unwrap();
    Config::load(&path)
}

#[test]
fn relative_paths_count_from_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sluice.yaml");
    fs::write(&path, format!("{SOUND}\nkeys: {{cursor: keys/c.yaml}}\n")).unwrap();
    let config = Config::load(&path).unwrap();
    assert_eq!(config.keys.cursor.unwrap(), dir.path().join("keys/c.yaml"));
    assert_eq!(config.policies.files, vec![dir.path().join("policies.yaml")]);
}

#[test]
fn an_unknown_field_is_refused_with_its_line() {
    let problems =
        load(&format!("{SOUND}limits:\n  page_rows_max: 10\n  page_rows_maximum: 10\n")).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].line, 8, "{problems:?}");
    assert!(problems[0].message.contains("page_rows_maximum"), "{problems:?}");
}

#[test]
fn every_broken_relation_is_reported_at_its_own_line() {
    let text =
        format!("{SOUND}limits:\n  page_rows_max: 10\n  page_rows_default: 11\ncursors:\n  ttl_ms: 0\n")
            .replacen("tokens:\n", "tokens:\n  token_bytes_max: 0\n", 1);
    let problems = load(&text).unwrap_err();
    let places: Vec<(u64, &str)> = problems.iter().map(|one| (one.line, one.message.as_str())).collect();
    assert_eq!(
        places,
        vec![
            (9, "\"limits.page_rows_default\" must be at most page_rows_max (10)"),
            (11, "\"cursors.ttl_ms\" must be at least 1"),
            (3, "\"tokens.token_bytes_max\" must be at least 1"),
        ]
    );
}

#[test]
fn a_configuration_that_nobody_could_call_is_refused() {
    let problems = load("policies:\n  files: [p.yaml]\n").unwrap_err();
    assert!(problems[0].message.starts_with("\"tokens\" names neither"), "{problems:?}");
}

#[test]
fn a_table_is_found_at_its_declaration() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sluice.yaml");
    let tables = "catalog:\n  tables:\n    - {name: a, location: a}\n    - name: b\n      location: b\n";
    fs::write(&path, format!("{SOUND}{tables}")).unwrap();
    let config = Config::load(&path).unwrap();
    let problem = config.table_problem("b", "cannot be read");
    assert_eq!((problem.line, problem.message.as_str()), (9, "table \"b\" cannot be read"));
    assert_eq!(config.table_problem("c", "cannot be read").line, 8);
}

#[test]
fn a_relation_is_blamed_at_its_own_line() {
    let airline = "{ name: airline, table: f, columns: [a], references: { table: l, columns: [a] } }";
    let text = format!("{SOUND}catalog:\n  relations:\n    - {airline}\n    - {airline}\n");
    let problems = load(&text).unwrap_err();
    let places: Vec<(u64, &str)> = problems.iter().map(|one| (one.line, one.message.as_str())).collect();
    let said = "\"catalog.relations\" relation \"airline\" is not valid: table \"f\" has a relation \"airline\" already";
    assert_eq!(places, vec![(9, said)]);
}

#[test]
fn the_grpc_door_is_turned_off_by_null_and_has_an_address_of_its_own() {
    let with = |server: &str| load(&format!("{SOUND}server: {{ {server} }}\n"));
    assert_eq!(with("grpc_addr: null").unwrap().server.grpc_addr, None);
    assert!(with("http_addr: 127.0.0.1:0, grpc_addr: 127.0.0.1:0").is_ok());
    let problems = with("http_addr: 127.0.0.1:50051").unwrap_err();
    assert!(problems[0].message.contains("must differ from http_addr"), "{problems:?}");
    assert!(with("grpc_health_access: token, grpc_reflection_access: off").is_ok());
}

#[test]
fn wildcard_origins_are_refused() {
    let problems = load(&format!("{SOUND}server:\n  cors:\n    allowed_origins: ['*']\n")).unwrap_err();
    assert!(problems[0].message.contains("is not an origin"), "{problems:?}");
    assert!(load(&format!("{SOUND}server:\n  cors:\n    allowed_origins: ['https://a.example']\n")).is_ok());
}

#[test]
fn every_field_has_its_row_in_the_documentation() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md")).unwrap();
    let mut names: Vec<String> = Vec::new();
    collect_names("", &serde_json::to_value(Config::default()).unwrap(), &mut names);
    let missing: Vec<&String> =
        names.iter().filter(|name| !page.contains(&format!("| `{name}` |"))).collect();
    assert!(names.len() > 40 && missing.is_empty(), "docs/configuration.md lacks {missing:?}");
}

#[test]
fn no_number_is_taken_that_something_would_overflow_on() {
    let mut names: Vec<String> = Vec::new();
    let defaults = serde_json::to_value(Config::default()).unwrap();
    collect_names("", &defaults, &mut names);
    let pointer = |name: &str| format!("/{}", name.replace('.', "/"));
    names.retain(|name| defaults.pointer(&pointer(name)).is_some_and(Value::is_number));
    assert!(names.len() > 40, "{names:?}");
    for name in names {
        let (section, field) = name.split_once('.').unwrap();
        let (group, leaf) = field.split_once('.').map_or((None, field), |(group, leaf)| (Some(group), leaf));
        let write = |value: u64| {
            let line = match group {
                Some(group) => format!("  {group}: {{ {leaf}: {value} }}\n"),
                None => format!("  {leaf}: {value}\n"),
            };
            match section {
                "tokens" | "policies" => {
                    SOUND.replacen(&format!("{section}:\n"), &format!("{section}:\n{line}"), 1)
                }
                _ => format!("{SOUND}{section}:\n{line}"),
            }
        };
        for largest in [u64::MAX, 1 << 63, (1 << 63) - 1, 1 << 62] {
            let problems = load(&write(largest)).unwrap_err();
            let blamed = |problem: &&Diagnostic| {
                let said = problem.message.as_str();
                said.starts_with(&format!("\"{name}\" must be at most "))
                    || said.starts_with("not a whole number")
            };
            let problem = problems.iter().find(blamed).unwrap_or_else(|| panic!("{name}: {problems:?}"));
            let text = write(largest);
            let line = text.lines().nth(usize::try_from(problem.line).unwrap() - 1).unwrap();
            assert!(line.contains(leaf), "{name}: {problem:?}");
        }
    }
}

#[test]
fn as_many_threads_as_the_ceiling_are_taken_and_one_more_is_not() {
    let with = |threads: usize| load(&format!("{SOUND}limits:\n  engine_threads: {threads}\n"));
    assert!(with(1_024).is_ok());
    let problems = with(1_025).unwrap_err();
    assert_eq!(
        (problems[0].line, problems[0].message.as_str()),
        (7, "\"limits.engine_threads\" must be at most 1024")
    );
}

#[test]
fn an_empty_anonymous_role_is_refused() {
    let problems = load(&SOUND.replace("role: public", "role: ''")).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].line == 3 && problems[0].message.contains("is empty"), "{problems:?}");
}

#[test]
fn the_parsers_words_for_programmers_are_not_shown() {
    for (text, said) in [
        (format!("{SOUND}limits: {{}}\nlimits: {{}}\n"), "duplicate key \"limits\""),
        (format!("{SOUND}---\n{SOUND}"), "the file holds more than one YAML document"),
        (
            format!("{SOUND}limits: {{ page_rows_max: many }}\n"),
            "not a whole number from 0 to 18446744073709551615",
        ),
        (
            format!("{SOUND}limits: {{ page_rows_max: -1 }}\n"),
            "not a whole number from 0 to 18446744073709551615",
        ),
        (
            format!("{SOUND}limits: {{ connection_streams_max: 1.5 }}\n"),
            "not a whole number from 0 to 4294967295",
        ),
        (format!("{SOUND}limits: 5\n"), "expected mapping start"),
        (format!("{SOUND}server: {{ cors: [] }}\n"), "expected mapping start"),
        (format!("{SOUND}server: {{ http_addr: [] }}\n"), "expected string scalar"),
        (format!("{SOUND}catalog: {{ tables: [null] }}\n"), "expected mapping start"),
        (
            format!("{SOUND}catalog: {{ tables: [{{ name: null, location: a }}] }}\n"),
            "null is not allowed here",
        ),
        (
            format!("{SOUND}telemetry: {{ log_format: xml }}\n"),
            "unknown variant \"xml\", expected one of text, json",
        ),
    ] {
        assert_eq!(load(&text).unwrap_err()[0].message, said, "{text}");
    }
}

fn collect_names(prefix: &str, value: &Value, names: &mut Vec<String>) {
    let Value::Object(fields) = value else { return };
    for (name, inner) in fields {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match inner {
            Value::Object(_) => collect_names(&path, inner, names),
            _ => names.push(path),
        }
    }
}
