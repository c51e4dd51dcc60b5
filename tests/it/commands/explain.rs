//! `sluice policy explain`: the text that it prints for every demo role and table, kept as a golden
//! file, and its refusals. `UPDATE_GOLDEN=1` writes the file anew.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, StructArray};
use arrow::datatypes::{DataType, Field};
use serde_json::json;
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup, run};

use super::{accounts_setup, sluice};
use crate::accounts;

const DEMO: [(&str, &str); 11] = [
    ("admin", "flights"),
    ("admin", "customer"),
    ("analyst", "flights"),
    ("analyst", "planes"),
    ("analyst", "customer"),
    ("analyst", "orders"),
    ("partner", "flights"),
    ("partner", "airlines"),
    ("partner", "planes"),
    ("partner", "customer"),
    ("partner", "weather"),
];

fn explained(directory: &Path, role: &str, claim: Option<&str>, table: &str) -> String {
    let mut arguments =
        vec!["policy", "explain", "--config", "sluice.yaml", "--role", role, "--table", table];
    let mut typed = format!("$ sluice policy explain --config sluice.yaml --role {role} --table {table}");
    if let Some(claim) = claim {
        arguments.extend(["--claim", claim]);
        typed.push_str(&format!(" --claim '{claim}'"));
    }
    let printed = sluice(directory, &arguments).good(&typed);
    assert!(!printed.lines().any(|line| line.ends_with(' ')), "spaces at a line's end: {printed:?}");
    format!("{typed}\n{}\n", printed.replace(&format!("{}/", directory.display()), ""))
}

#[test]
fn what_a_role_sees_is_told_in_words_and_as_sql() {
    run(async {
        let demo = Gateway::demo().await;
        let mut text = String::new();
        for (role, table) in DEMO {
            let claim = (role == "partner").then_some("carriers=[\"UA\",\"B6\"]");
            text.push_str(&explained(&demo.directory, role, claim, table));
        }
        text.push_str(&explained(&demo.directory, "partner", None, "flights"));
        let (setup, _table) = accounts_setup("explain");
        let accounts = setup.directory.path();
        text.push_str(&explained(accounts, "alice", Some("tenant=it's"), "accounts"));
        text.push_str(&explained(accounts, "bob", Some("tenant=1"), "accounts"));
        text.push_str(&explained(accounts, "admin", None, "accounts"));

        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/policy_explain.txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let golden = std::fs::read_to_string(&path).expect("tests/golden/policy_explain.txt");
        for (number, (is, was)) in text.lines().zip(golden.lines()).enumerate() {
            assert_eq!(is, was, "line {} of the golden file", number + 1);
        }
        assert_eq!(text, golden);
    });
}

#[test]
fn masked_and_hidden_fields_are_told_apart() {
    let policies = "version: 1
roles:
  alice:
    tables:
      people: { columns: '*', hide: [profile.city], masks: { profile.email: { partial: { keep_last: 2 } } } }
";
    let setup =
        Setup::new("explain-fields", policies).table(json!({ "name": "people", "location": "people" }));
    let text = |value: &str| -> ArrayRef { Arc::new(StringArray::from(vec![value])) };
    let fields = ["email", "city", "name"].map(|name| Field::new(name, DataType::Utf8, true));
    let profile = StructArray::new(fields.to_vec().into(), vec![text("a@b.c"), text("x"), text("y")], None);
    let rows = RecordBatch::try_from_iter([("profile", Arc::new(profile) as ArrayRef)]).unwrap();
    HandTable::create(&setup.place("people"), &rows.schema()).append(&[rows]);
    setup.write();
    let arguments = ["policy", "explain", "--config", "sluice.yaml", "--role", "alice", "--table", "people"];
    let said = sluice(setup.directory.path(), &arguments).good("explain");
    assert!(said.contains("  masked columns:\n    profile.email: "), "{said}");
    assert!(said.contains("  hidden columns:\n    profile.city\n  older"), "{said}");
}

#[test]
fn unknown_names_are_told_with_the_known_ones() {
    let (setup, _table) = accounts_setup("explain-unknown");
    let ask = |role: &str, table: &str| {
        let arguments = ["policy", "explain", "--config", "sluice.yaml", "--role", role, "--table", table];
        sluice(setup.directory.path(), &arguments).bad(&format!("{role} {table}"))
    };
    assert_eq!(
        ask("carol", "accounts"),
        "sluice: no policy is defined for role \"carol\" (there are \"admin\", \"alice\", \"bob\")\n"
    );
    assert_eq!(
        ask("alice", "acounts"),
        "sluice: table \"acounts\" is not in the catalog (there are \"accounts\")\n"
    );
}

#[test]
fn an_unreadable_table_cannot_be_explained() {
    let setup = Setup::new("explain-unreadable", accounts::POLICIES)
        .table(json!({ "name": "accounts", "location": "nowhere" }));
    setup.write();
    let arguments =
        ["policy", "explain", "--config", "sluice.yaml", "--role", "alice", "--table", "accounts"];
    let said = sluice(setup.directory.path(), &arguments).bad("explain");
    assert!(said.starts_with("sluice: table \"accounts\" cannot be read: "), "{said}");
}
