//! Tests of lists: what names a document, what a file may hold and where its faults are, at the limits and one over.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Value, json};

use super::*;

const FILE: &str = "documents.json";
const ONE: &str = "query One { __typename }";
const TWO: &str = "query Two { __typename }\n";

fn operation(id: &str, name: &str, body: &str) -> Value {
    json!({ "id": id, "name": name, "type": "query", "body": body })
}

fn manifest(operations: &[Value]) -> String {
    json!({ "format": "apollo-persisted-query-manifest", "version": 1, "operations": operations }).to_string()
}

fn both() -> String {
    manifest(&[operation("first", "One", ONE), operation("second", "Two", TWO)])
}

fn read_with(text: &str, config: &GraphqlConfig) -> Result<AllowList, Vec<Diagnostic>> {
    manifest::read(Path::new(FILE), text.as_bytes(), config)
}

fn read(text: &str) -> Result<AllowList, Vec<Diagnostic>> {
    read_with(text, &GraphqlConfig::default())
}

/// What a request names by its text, its id and its hash.
fn named(list: &AllowList, query: Option<&str>, id: Option<&str>, hash: Option<&str>) -> Option<String> {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let asked = Asked {
        query: owned(query),
        document_id: owned(id),
        hash: owned(hash),
        operation_name: None,
        variables: Default::default(),
        variables_bytes: 0,
    };
    list.named(&asked).map(|text| text.as_ref().to_owned())
}

fn hash(text: &str) -> String {
    hash_name(text).strip_prefix(SHA256).unwrap().to_owned()
}

#[test]
fn a_document_is_named_by_its_id_its_hash_or_its_text() {
    let list = read(&both()).unwrap();
    let one = Some(ONE.to_owned());
    assert_eq!(named(&list, Some(ONE), None, None), one);
    assert_eq!(named(&list, None, Some("first"), None), one);
    assert_eq!(named(&list, None, Some(&hash_name(ONE)), None), one);
    assert_eq!(named(&list, None, None, Some("first")), one);
    assert_eq!(named(&list, None, None, Some(&hash(ONE))), one);
    assert_eq!(named(&list, Some(ONE), Some("first"), Some(&hash(ONE))), one);
    assert_eq!(named(&list, None, Some("second"), None).as_deref(), Some(TWO));
}

#[test]
fn what_is_not_listed_has_no_name() {
    let list = read(&both()).unwrap();
    for text in ["{ __typename }", "query One { __typename } ", TWO.trim_end(), ""] {
        assert_eq!(named(&list, Some(text), None, None), None, "{text:?}");
        assert_eq!(named(&list, None, Some(&hash_name(text)), None), None, "{text:?}");
        assert_eq!(named(&list, None, None, Some(&hash(text))), None, "{text:?}");
    }
    for id in ["First", "first ", "", "third", &hash(ONE), &hash_name(ONE).to_uppercase()] {
        assert_eq!(named(&list, None, Some(id), None), None, "{id}");
    }
    assert_eq!(named(&list, None, None, None), None);
}

#[test]
fn several_names_must_name_the_same_document() {
    let list = read(&both()).unwrap();
    assert_eq!(named(&list, Some(ONE), Some("second"), None), None);
    assert_eq!(named(&list, Some(TWO), None, Some("first")), None);
    assert_eq!(named(&list, Some("{ __typename }"), Some("first"), None), None);
    assert_eq!(named(&list, Some(ONE), Some("third"), None), None);
    assert_eq!(named(&list, None, Some("first"), Some("second")), None);
}

#[test]
fn an_id_that_looks_like_a_hash_names_its_own_document_alone() {
    let other = "{ __typename }";
    let list = read(&manifest(&[operation(&hash_name(other), "One", ONE)])).unwrap();
    assert_eq!(named(&list, None, Some(&hash_name(other)), None).as_deref(), Some(ONE));
    assert_eq!(named(&list, Some(other), None, None), None);
}

#[test]
fn the_same_document_may_have_two_ids() {
    let list = read(&manifest(&[operation("a", "One", ONE), operation("b", "One", ONE)])).unwrap();
    assert_eq!(named(&list, Some(ONE), Some("a"), Some("b")).as_deref(), Some(ONE));
}

/// The faults of a text, as line, column and words.
fn faults(text: &str) -> Vec<String> {
    let found = read(text).unwrap_err();
    assert!(found.iter().all(|fault| fault.file == Path::new(FILE)));
    found.iter().map(|fault| format!("{}:{}: {}", fault.line, fault.column, fault.message)).collect()
}

/// A manifest of one operation a line, the first of which is the third line.
fn lines(operations: &[&str]) -> String {
    format!(
        "{{ \"format\": \"apollo-persisted-query-manifest\", \"version\": 1,\n\"operations\": [\n{}\n] }}",
        operations.join(",\n")
    )
}

const SOUND: &str = r#"{"id":"a","name":"A","type":"query","body":"query A { a }"}"#;

#[test]
fn faults_are_told_with_their_places() {
    assert!(read(&lines(&[SOUND])).is_ok());
    for (operation, told) in [
        (r#"{"id":"a","name":"B","type":"query","body":"query B { b }"}"#, "4:7: id \"a\" is there twice"),
        (r#"{"id":"","name":"B","type":"query","body":"query B { b }"}"#, "4:7: \"id\" is no text"),
        (r#"{"id":7,"name":"B","type":"query","body":"query B { b }"}"#, "4:7: \"id\" is no text"),
        (r#"{"id":"b","name":"B","type":"query","body":7}"#, "4:44: \"body\" is no text"),
        (
            r#"{"id":"b","name":"B","type":"query","body":"query B {"}"#,
            "4:44: \"body\" is refused: syntax error",
        ),
        (
            r#"{"id":"b","name":"B","type":"query","body":"query C { b }"}"#,
            "4:44: \"body\" has no query of the name \"B\"",
        ),
        (
            r#"{"id":"b","name":"B","type":"subscription","body":"query B { b }"}"#,
            "4:51: \"body\" has no subscription of the name \"B\"",
        ),
        (r#"{"id":"b","name":"B","type":"query"}"#, "4:36: missing field \"body\""),
        (r#"{"id":"b","name":"B","type":"query","body":"query B { b }","x":1}"#, "4:62: unknown field \"x\""),
        (r#"{"id":"b","id":"c","name":"B","type":"query","body":"query B { b }"}"#, "duplicate field \"id\""),
        (r#"{"id":"b","name":"B","type":"quarry","body":"query B { b }"}"#, "unknown variant \"quarry\""),
        (r#"["b","B","query","query B { b }"]"#, "4:"),
    ] {
        let told_of = faults(&lines(&[SOUND, operation]));
        assert_eq!(told_of.len(), 1, "{told_of:?}");
        assert!(told_of[0].contains(told), "{told_of:?}: {told}");
        assert!(!told_of[0].contains('`') && !told_of[0].contains("struct"), "{told_of:?}");
    }
}

#[test]
fn every_fault_is_told() {
    let told = faults(&lines(&[SOUND, "7", SOUND, r#"{"id":"b"}"#]));
    let places: Vec<&str> = told.iter().map(|fault| fault.split(':').next().unwrap()).collect();
    assert_eq!(places, ["4", "6", "5"], "{told:?}");
}

#[test]
fn an_id_is_not_the_hash_of_another_document() {
    let text = lines(&[
        SOUND,
        &format!(
            r#"{{"id":"{}","name":"B","type":"query","body":"query B {{ b }}"}}"#,
            hash_name("query A { a }")
        ),
    ]);
    assert_eq!(faults(&text), ["3:44: the hash of this document is the \"id\" of another"]);
}

#[test]
fn other_files_are_no_lists() {
    for (text, told) in [
        ("", "1:1: EOF"),
        ("[]", "1:"),
        ("{ \"format\": 1", "1:13: EOF"),
        ("{ \"version\": 1, \"operations\": [] }", "missing field \"format\""),
        ("{ \"format\": \"f\", \"version\": 1, \"operations\": [] }", "1:13: \"format\" is not \"apollo-"),
        (&manifest(&[]).replace("\"version\":1", "\"version\":2"), "\"version\" is not 1"),
        (&manifest(&[]).replace('{', "{\"x\": 1, "), "unknown field \"x\""),
        (&(manifest(&[]) + "{}"), "trailing characters"),
    ] {
        let told_of = faults(text);
        assert_eq!(told_of.len(), 1, "{told_of:?}");
        assert!(told_of[0].contains(told), "{told_of:?}: {told}");
    }
}

#[test]
fn a_list_has_bounds() {
    let (text, config) = (both(), GraphqlConfig::default());
    let operations = |most| GraphqlConfig { allow_list_operations_max: most, ..config.clone() };
    assert!(read_with(&text, &operations(2)).is_ok());
    let over = read_with(&text, &operations(1)).unwrap_err();
    assert_eq!(over[0].message, "the file has more than 1 operations");
    let long = GraphqlConfig { document_bytes_max: ONE.len(), ..config.clone() };
    let over = read_with(&text, &long).unwrap_err();
    assert!(over.len() == 1 && over[0].message.contains("longer than 24 bytes"), "{over:?}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    std::fs::write(&file, &text).unwrap();
    let bytes = |most| GraphqlConfig { allow_list_bytes_max: most, ..config.clone() };
    assert!(AllowList::load(&file, &bytes(text.len())).is_ok());
    let over = AllowList::load(&file, &bytes(text.len() - 1)).unwrap_err();
    assert_eq!(over[0].message, format!("is longer than {} bytes", text.len() - 1));
    let missing = AllowList::load(&folder.path().join("none.json"), &config).unwrap_err();
    assert!(missing[0].message.starts_with("cannot be read: "), "{missing:?}");
}
