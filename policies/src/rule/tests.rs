//! The policy format: every spelling that the documentation shows, and what is refused.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

fn parse(text: &str) -> Result<PolicyFile, Diagnostic> {
    PolicyFile::parse(Path::new("p.yaml"), text)
}

fn mask(text: &str) -> Option<MaskRule> {
    let file = format!(
        "version: 1\nroles:\n  r:\n    tables:\n      t:\n        columns: '*'\n        masks:\n          c: {text}\n"
    );
    let file = parse(&file).unwrap();
    let (_, role) = file.roles.iter().next().unwrap();
    let (_, table) = role.tables.iter().next().unwrap();
    let (_, mask) = table.masks.iter().next().unwrap();
    mask.value.clone()
}

#[test]
fn every_spelling_of_a_mask_reads() {
    assert_eq!(mask("null"), None);
    assert_eq!(mask("~"), None);
    assert_eq!(mask("{ null: {} }"), Some(MaskRule::Null(NullRule {})));
    assert_eq!(mask("{ constant: 'x' }"), Some(MaskRule::Constant("x".into())));
    assert_eq!(mask("{ constant: 5 }"), Some(MaskRule::Constant("5".into())));
    assert_eq!(mask("{ hash: {} }"), Some(MaskRule::Hash(HashRule { key: None })));
    assert_eq!(
        mask("{ hash: { key: pii.x } }"),
        Some(MaskRule::Hash(HashRule { key: Some("pii.x".into()) }))
    );
    assert_eq!(
        mask("{ partial: { keep_last: 4 } }"),
        Some(MaskRule::Partial(PartialRule { keep_last: 4, ..PartialRule::default() }))
    );
    assert_eq!(mask("{ round: 1000 }"), Some(MaskRule::Round("1000".into())));
    assert_eq!(mask("{ round: 0.50 }"), Some(MaskRule::Round("0.50".into())));
    assert_eq!(
        mask("{ truncate: { unit: month } }"),
        Some(MaskRule::Truncate(GrainRule { unit: Some("month".into()), step: None }))
    );
    assert_eq!(
        mask("{ bucket: { width: 10 } }"),
        Some(MaskRule::Bucket(GrainRule { unit: None, step: Some("10".into()) }))
    );
    assert_eq!(mask("{ expression: \"left(c, 1)\" }"), Some(MaskRule::Expression("left(c, 1)".into())));
}

#[test]
fn a_field_that_is_left_empty_is_refused_where_leaving_it_out_opens_more() {
    for field in ["rows", "time_travel"] {
        for empty in ["", " ~", " null", " # later"] {
            let file = format!(
                "version: 1\nroles:\n  r:\n    tables:\n      t:\n        columns: '*'\n        {field}:{empty}\n"
            );
            let refused = parse(&file).unwrap_err();
            assert_eq!(refused.line, 7, "{field}:{empty}: {refused}");
        }
    }
}

#[test]
fn columns_are_a_word_or_a_list() {
    let columns = |text: &str| {
        let file = format!("version: 1\nroles: {{ r: {{ tables: {{ t: {{ columns: {text} }} }} }} }}\n");
        let file = parse(&file).unwrap();
        let (_, role) = file.roles.iter().next().unwrap();
        let (_, table) = role.tables.iter().next().unwrap();
        table.columns.clone()
    };
    assert_eq!(columns("'*'").value, ColumnsRule::Word("*".into()));
    assert_eq!(columns("all").value, ColumnsRule::Word("all".into()));
    assert_eq!(columns("[a, b]").value, ColumnsRule::List(vec!["a".into(), "b".into()]));
    assert_eq!(columns("[a]").referenced.line(), 2);
}

#[test]
fn keys_and_values_know_their_place() {
    let file = parse(
        "version: 1\nroles:\n  r:\n    tables:\n      t:\n        columns: '*'\n        rows: \"a = 1\"\n        masks:\n          x: { round: 5 }\n",
    )
    .unwrap();
    let (name, role) = file.roles.iter().next().unwrap();
    assert_eq!((name.referenced.line(), name.referenced.column()), (3, 3));
    let (_, table) = role.tables.iter().next().unwrap();
    let rows = table.rows.as_ref().unwrap();
    assert_eq!((rows.referenced.line(), rows.referenced.column()), (7, 15));
    let (path, mask) = table.masks.iter().next().unwrap();
    assert_eq!((path.value.as_str(), path.referenced.line()), ("x", 9));
    assert_eq!(mask.referenced.line(), 9);
}

#[test]
fn what_is_unknown_is_refused_with_its_line() {
    for (text, line) in [
        ("version: 2\nroles: {}\n", 1),
        ("roles: {}\n", 1),
        ("version: 1\nroles:\n  r: { tables: {}, tabels: {} }\n", 3),
        ("version: 1\nroles:\n  r: {}\n  r: {}\n", 4),
        (
            "version: 1\nroles:\n  r:\n    tables:\n      t: { columns: '*', masks: { c: { rot13: {} } } }\n",
            5,
        ),
        (
            "version: 1\nroles:\n  r:\n    tables:\n      t: { columns: '*', masks: { c: { hash: { salt: 1 } } } }\n",
            5,
        ),
        ("version: 1\nroles:\n  r:\n    tables:\n      t: { rows: 'a = 1' }\n", 5),
        ("version: 1\nroles: [\n", 2),
    ] {
        let problem = parse(text).err().unwrap_or_else(|| panic!("accepted: {text}"));
        assert!(problem.line.abs_diff(line) <= 1, "{problem} in {text}");
        assert!(!problem.message.contains('\n') && !problem.message.ends_with('.'), "{problem}");
    }
}
