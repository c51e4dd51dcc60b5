//! `sluice check`: what it says of a sound configuration, and where it finds each kind of mistake.

use std::fs;
use std::path::Path;

use serde_json::json;
use sluice_tests::delta::HandTable;
use sluice_tests::scratch;

use super::{accounts_setup, sluice};
use crate::accounts;

fn check(directory: &Path) -> super::Ran {
    sluice(directory, &["check", "--config", "sluice.yaml"])
}

#[test]
fn a_sound_configuration_is_summed_up() {
    let (setup, _table) = accounts_setup("check-good");
    let said = check(setup.directory.path()).good("check");
    let expected = "1 table:\n  accounts: version 3, 14 columns, 200 rows in 4 files\n\
                    3 roles:\n  admin: accounts\n  alice: accounts\n  bob: accounts\nall is well\n";
    assert_eq!(said, expected);
}

/// A configuration of readable YAML, with every part in a place that the test knows.
const CONFIG: &str = "server:
  http_addr: 127.0.0.1:0
tokens:
  issuers:
    - issuer: tests
      audiences: [sluice]
      algorithms: [HS256]
      keys:
        - secret: keys/signing.yaml
keys:
  cursor: keys/cursor.yaml
  mask: keys/mask.yaml
policies:
  files: [policies.yaml]
catalog:
  tables:
    - name: accounts
      location: accounts
      primary_key: [id]
signing:
  key_file: keys/signing.yaml
  issuer: tests
  audience: sluice
";

const POLICIES: &str = "version: 1
roles:
  alice:
    tables:
      accounts:
        columns: '*'
        rows: \"tenant = 'a'\"
        masks:
          note: null
";

/// Puts `to` in place of `from` in one of the two files; gives the complaint's lines.
fn complaints(file: &str, from: &str, to: &str) -> Vec<String> {
    let (setup, _table) = accounts_setup("check-bad");
    let directory = setup.directory.path();
    for (name, text) in [("sluice.yaml", CONFIG), ("policies.yaml", POLICIES)] {
        assert!(name != file || text.contains(from), "{from}");
        let text = if name == file { text.replacen(from, to, 1) } else { text.to_owned() };
        fs::write(directory.join(name), text).unwrap();
    }
    let said = check(directory).bad(to);
    let own = format!("{}/", directory.display());
    let mut lines: Vec<String> = said.lines().map(|line| line.replace(&own, "")).collect();
    let count = lines.len() - 1;
    let head = if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") };
    assert_eq!(lines.remove(0), format!("sluice: {head} found:"));
    lines
}

#[test]
fn the_plain_files_of_these_tests_are_sound() {
    let (setup, _table) = accounts_setup("check-plain");
    fs::write(setup.place("sluice.yaml"), CONFIG).unwrap();
    fs::write(setup.place("policies.yaml"), POLICIES).unwrap();
    assert!(check(setup.directory.path()).good("check").ends_with("all is well\n"));
}

/// One of the two files, what is put in place of what, and where that is told in which words.
const MISTAKES: &[(&str, &str, &str, &str, &str)] = &[
    ("sluice.yaml", "http_addr", "http_adr", "sluice.yaml:2:3: ", "http_adr"),
    ("sluice.yaml", "    - name: accounts\n", "    - nam: accounts\n", "sluice.yaml:17:7: ", "nam"),
    ("sluice.yaml", "catalog:\n  tables:\n", "catalog:\n  tables: [\n", "sluice.yaml:17:5: ", "\"-\""),
    ("sluice.yaml", "127.0.0.1:0", "nowhere", "sluice.yaml:2:14: ", "address"),
    (
        "sluice.yaml",
        "  cursor: keys/cursor.yaml\n",
        "",
        "sluice.yaml:11:3: ",
        "\"keys.cursor\" names no key ring",
    ),
    ("sluice.yaml", "      location: accounts\n", "", "sluice.yaml:18:7: ", "missing field \"location\""),
    (
        "sluice.yaml",
        "      location: accounts\n",
        "      location: nowhere\n",
        "sluice.yaml:17:7: ",
        "table \"accounts\" cannot be read",
    ),
    (
        "sluice.yaml",
        "primary_key: [id]",
        "primary_key: [key]",
        "sluice.yaml:17:7: ",
        "names column \"key\" in \"primary_key\", which it does not have",
    ),
    ("sluice.yaml", "policies.yaml", "none.yaml", "none.yaml:1:1: ", "cannot be read"),
    (
        "sluice.yaml",
        "[id]\n",
        "[id]\n      columns:\n        id: {}\n        nmae:\n          description: who\n",
        "sluice.yaml:22:9: ",
        "table \"accounts\" names \"nmae\" in \"columns\", which it does not have",
    ),
    (
        "sluice.yaml",
        "  tables:\n",
        "  discover:\n    - prefix: keys\n    - prefix: lake\n  tables:\n",
        "sluice.yaml:18:7: ",
        "discovery prefix \"lake\" does not exist",
    ),
    (
        "sluice.yaml",
        "  tables:\n",
        "  discover: [{ prefix: keys, name_prefix: 1 bad }]\n  tables:\n",
        "sluice.yaml:16:13: ",
        "has a \"name_prefix\" with which no name is valid",
    ),
    ("sluice.yaml", "keys/mask.yaml", "keys/none.yaml", "keys/none.yaml:1:1: ", "cannot be read"),
    (
        "sluice.yaml",
        "key_file: keys/signing.yaml",
        "key_file: keys/none.yaml",
        "keys/none.yaml:1:1: ",
        "cannot be read",
    ),
    (
        "sluice.yaml",
        "key_file: keys/signing.yaml",
        "key_file: keys/cursor.yaml",
        "sluice.yaml:21:13: ",
        "\"signing.key_file\" holds a key of \"keys.cursor\"",
    ),
    (
        "sluice.yaml",
        "issuer: tests\n  audience",
        "issuer: others\n  audience",
        "sluice.yaml:22:11: ",
        "\"signing.issuer\" is none of \"tokens.issuers\"",
    ),
    (
        "sluice.yaml",
        "audience: sluice",
        "audience: others",
        "sluice.yaml:23:13: ",
        "\"signing.audience\" is none that the issuer's tokens are accepted for",
    ),
    (
        "sluice.yaml",
        "tokens:\n",
        "tokens:\n  anonymous_role: alise\n",
        "sluice.yaml:4:19: ",
        "\"tokens.anonymous_role\" is \"alise\", which no policy file defines",
    ),
    ("sluice.yaml", "tokens:\n", "tokens:\n  anonymous_role: ''\n", "sluice.yaml:4:19: ", "is empty"),
    ("sluice.yaml", "[sluice]", "[]", "sluice.yaml:5:7: ", "issuer \"tests\" needs audiences"),
    ("sluice.yaml", "[HS256]", "[RS256]", "sluice.yaml:5:7: ", "issuer \"tests\" has no key for algorithm"),
    (
        "sluice.yaml",
        "policies:\n",
        "limits:\n  engine_threads: 9223372036854775808\npolicies:\n",
        "sluice.yaml:14:19: ",
        "\"limits.engine_threads\" must be at most 1024",
    ),
    (
        "sluice.yaml",
        "catalog:\n",
        "catalog:\n  concurrent_loads_max: 9223372036854775808\n",
        "sluice.yaml:16:25: ",
        "\"catalog.concurrent_loads_max\" must be at most 1000000",
    ),
    ("sluice.yaml", "tokens:\n", "keys: {}\ntokens:\n", "sluice.yaml:11:1: ", "duplicate key \"keys\""),
    ("policies.yaml", "  alice:\n", "  alice: { tables: {} }\n  alice:\n", "policies.yaml:4:3: ", "alice"),
    (
        "policies.yaml",
        "note: null\n",
        "note: null\n---\nversion: 1\n",
        "policies.yaml:",
        "more than one YAML document",
    ),
    ("policies.yaml", "columns: '*'", "colums: '*'", "policies.yaml:6:9: ", "colums"),
    ("policies.yaml", "tenant = ", "tennant = ", "policies.yaml:7:", "unknown column \"tennant\""),
    ("policies.yaml", "tenant = 'a'", "tenant = 1", "policies.yaml:7:", "1 is not a value of type string"),
    ("policies.yaml", "tenant = 'a'", "1 / bal > 0", "policies.yaml:7:", "can fail"),
    ("policies.yaml", "tenant = 'a'", "tenant = klaim('t')", "policies.yaml:7:", "klaim"),
    ("policies.yaml", "note: null", "nope: null", "policies.yaml:9:", "unknown column \"nope\""),
    ("policies.yaml", "note: null", "note: { round: 10 }", "policies.yaml:9:", "round"),
    ("policies.yaml", "version: 1", "version: 7", "policies.yaml:1:", "version"),
];

#[test]
fn each_mistake_is_told_with_file_and_line() {
    for (file, from, to, place, said) in MISTAKES {
        let lines = complaints(file, from, to);
        let plain = |line: &String| {
            let words = ["`", " at line ", "Options", "from_str", "struct "];
            !words.iter().any(|word| line.contains(word)) && !line.ends_with('.')
        };
        assert!(lines.iter().all(plain), "{lines:#?}");
        assert!(
            lines.iter().any(|line| line.trim_start().starts_with(place) && line.contains(said)),
            "{to}: no {place:?} with {said:?} among {lines:#?}"
        );
    }
}

#[test]
fn a_tag_on_a_column_that_is_not_there_is_told_where_it_stands_and_where_it_would_mask() {
    for (tagged, hint) in [("snn", true), ("Ssn", true), ("accounts.ssn", false), ("ssn.last", false)] {
        let (setup, _table) = accounts_setup("check-tag");
        let columns = format!("[id]\n      columns: {{ {tagged}: {{ tags: [pii.ssn] }} }}\n");
        fs::write(setup.place("sluice.yaml"), CONFIG.replace("[id]\n", &columns)).unwrap();
        fs::write(setup.place("policies.yaml"), format!("{POLICIES}    masks_by_tag: {{ pii: null }}\n"))
            .unwrap();
        let said = check(setup.directory.path()).bad(tagged);
        assert!(said.starts_with("sluice: 2 problems found:\n"), "{said}");
        let masked = format!("policies.yaml:10:21: \"{tagged}\" of table \"accounts\" is tagged \"pii.ssn\"");
        assert!(said.contains(&masked), "{said}");
        assert!(said.contains("sluice.yaml:20:18: table \"accounts\" names"), "{said}");
        assert!(!hint || said.contains("did you mean \"ssn\"?"), "{said}");
    }
}

#[test]
fn a_place_that_discovery_cannot_look_into_is_told() {
    let (setup, _table) = accounts_setup("check-odd");
    let config = CONFIG.replace("catalog:\n", "catalog:\n  discover:\n    - prefix: lake\n");
    fs::create_dir_all(setup.place("lake/deep")).unwrap();
    std::os::unix::fs::symlink("loop", setup.place("lake/deep/loop")).unwrap();
    fs::write(setup.place("sluice.yaml"), config).unwrap();
    fs::write(setup.place("policies.yaml"), POLICIES).unwrap();
    let said = check(setup.directory.path()).bad("check");
    let place =
        "sluice.yaml:17:7: discovery prefix \"lake\" has directory \"deep/loop\" that cannot be searched";
    assert!(said.starts_with("sluice: 1 problem found:\n") && said.contains(place), "{said}");
}

#[test]
fn each_purpose_has_a_key_ring_of_its_own() {
    let lines = complaints("sluice.yaml", "mask: keys/mask.yaml", "mask: keys/cursor.yaml");
    let hint = " (hint: each purpose has a key ring of its own)";
    assert_eq!(lines, [format!("  sluice.yaml:12:9: \"keys.mask\" holds a key of \"keys.cursor\"{hint}")]);
    let lines = complaints("sluice.yaml", "cursor: keys/cursor.yaml", "cursor: keys/../keys/signing.yaml");
    assert_eq!(
        lines,
        [format!("  sluice.yaml:11:11: \"keys.cursor\" holds a key of \"tokens.issuers\"{hint}")]
    );

    let (setup, _table) = accounts_setup("check-copied-ring");
    fs::write(setup.place("sluice.yaml"), CONFIG).unwrap();
    fs::write(setup.place("policies.yaml"), POLICIES).unwrap();
    fs::copy(setup.place("keys/cursor.yaml"), setup.place("keys/mask.yaml")).unwrap();
    let said = check(setup.directory.path()).bad("a copied ring");
    assert!(said.contains("\"keys.mask\" holds a key of \"keys.cursor\""), "{said}");
}

#[test]
fn a_rule_for_a_table_that_nobody_declares_is_told() {
    let lines = complaints("policies.yaml", "      accounts:\n", "      acounts:\n");
    assert_eq!(lines, ["  policies.yaml:5:7: table \"acounts\" is not in the catalog"]);
}

#[test]
fn a_table_that_may_yet_be_discovered_is_a_note() {
    let (setup, _table) = accounts_setup("check-discover");
    let config = CONFIG.replace("catalog:\n", "catalog:\n  discover:\n    - prefix: lake\n");
    fs::create_dir(setup.place("lake")).unwrap();
    fs::write(setup.place("sluice.yaml"), config).unwrap();
    let policies = format!("{POLICIES}      later: {{ columns: '*' }}\n");
    fs::write(setup.place("policies.yaml"), policies).unwrap();
    let said = check(setup.directory.path()).good("check");
    let note = "policies.yaml:10:7: table \"later\" is not in the catalog\nall is well\n";
    assert!(said.contains("\nnote: ") && said.ends_with(note), "{said}");
}

#[test]
fn every_problem_is_told_at_once() {
    let (setup, _table) = accounts_setup("check-several");
    let config = CONFIG.replace("primary_key: [id]", "primary_key: [a, b]").replace(
        "catalog:\n  tables:\n",
        "catalog:\n  tables:\n    - name: other\n      location: nowhere\n",
    );
    fs::write(setup.place("sluice.yaml"), config).unwrap();
    fs::write(setup.place("policies.yaml"), POLICIES).unwrap();
    let said = check(setup.directory.path()).bad("check");
    assert!(said.starts_with("sluice: 3 problems found:\n"), "{said}");
    for part in ["table \"other\" cannot be read", "column \"a\"", "column \"b\""] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_table_whose_log_is_broken_is_told() {
    let (setup, _table) = accounts_setup("check-log");
    fs::write(setup.place("sluice.yaml"), CONFIG).unwrap();
    fs::write(setup.place("accounts/_delta_log/00000000000000000002.json"), "{\"add\":").unwrap();
    let said = check(setup.directory.path()).bad("check");
    assert!(said.contains("sluice.yaml:17:7: table \"accounts\" cannot be read"), "{said}");
}

#[test]
fn a_table_of_an_unsupported_feature_is_told_by_the_features_name() {
    let directory = scratch::fresh("check-feature");
    let (setup, _table) = accounts_setup("check-feature-keys");
    let mut table = HandTable::create(&directory.path().join("accounts"), &accounts::schema());
    table.commit(
        "UPGRADE",
        vec![json!({ "protocol": {
            "minReaderVersion": 3, "minWriterVersion": 7,
            "readerFeatures": ["timeShift"], "writerFeatures": ["timeShift"],
        }})],
    );
    let location = directory.path().join("accounts");
    let config = CONFIG.replace("location: accounts", &format!("location: {}", location.display()));
    fs::write(setup.place("sluice.yaml"), config).unwrap();
    let said = check(setup.directory.path()).bad("check");
    assert!(said.contains("timeShift") && said.contains("sluice.yaml:17:7: "), "{said}");
}

/// A list of one sound document, an operation a line.
const DOCUMENTS: &str = r#"{ "format": "apollo-persisted-query-manifest", "version": 1, "operations": [
  { "id": "a", "name": "A", "type": "query", "body": "query A { __typename }" }
] }
"#;

#[test]
fn the_list_of_documents_is_checked() {
    let (setup, _table) = accounts_setup("check-documents");
    let directory = setup.directory.path();
    let config = format!("{CONFIG}graphql:\n  allow_list_file: lists/documents.json\n");
    fs::write(directory.join("sluice.yaml"), config).unwrap();
    fs::write(directory.join("policies.yaml"), POLICIES).unwrap();
    fs::create_dir(directory.join("lists")).unwrap();
    let file = directory.join("lists/documents.json");
    let said = |text: &str| {
        fs::write(&file, text).unwrap();
        check(directory)
    };
    assert!(said(DOCUMENTS).good("check").ends_with("all is well\n"));
    for (from, to, told) in [
        ("__typename }", "__typename", "documents.json:2:54: \"body\" is refused: syntax error"),
        ("\"id\"", "\"key\"", "documents.json:2:9: unknown field \"key\""),
        ("\"version\": 1", "\"version\": 2", "documents.json:1:59: \"version\" is not 1"),
    ] {
        let complaint = said(&DOCUMENTS.replace(from, to)).bad(to);
        assert!(complaint.contains(told), "{complaint}");
    }
    // What else is wrong is told along with it.
    fs::write(directory.join("policies.yaml"), POLICIES.replace("tenant = ", "tennant = ")).unwrap();
    fs::remove_file(&file).unwrap();
    let complaint = check(directory).bad("no list");
    assert!(complaint.contains("documents.json:1:1: cannot be read"), "{complaint}");
    assert!(complaint.contains("unknown column \"tennant\""), "{complaint}");
}
