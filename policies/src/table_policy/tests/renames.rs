//! Tables that change under their rules: renames, new columns, dropped columns, reused names,
//! and tables that appear later.

use super::*;

/// Columns with ids, and ids of fields inside structs by dotted path.
fn with_ids(columns: &[(&str, i64, DataType)], inner: &[(&str, i64)], tags: &[(&str, &str)]) -> TableShape {
    let plain: Vec<(&str, DataType)> =
        columns.iter().map(|(name, _, data_type)| (*name, data_type.clone())).collect();
    let mut shape = shape(&plain, tags);
    for (name, id, _) in columns {
        shape.column_ids.insert((*name).to_string(), *id);
    }
    for (path, id) in inner {
        shape.column_ids.insert((*path).to_string(), *id);
    }
    shape
}

fn loaded(rules: &str, known: TableShape) -> PolicySet {
    let text = format!(
        "version: 1\nroles:\n  r:\n    tables:\n      t: {{ {rules} }}\n    masks_by_tag: {{ pii: null }}\n"
    );
    load_with(&text, &BTreeMap::from([("t".to_string(), known)])).unwrap()
}

fn at(set: &PolicySet, shape: &TableShape) -> Option<EffectivePolicy> {
    set.effective(&caller("r", json!({})), "t", shape)
}

fn two(a: &str, b: &str) -> TableShape {
    with_ids(&[(a, 1, DataType::Int64), (b, 2, DataType::Utf8)], &[], &[])
}

#[test]
fn rules_follow_a_renamed_column() {
    let set = loaded("columns: '*', rows: \"a > 5 AND b = 'x'\", masks: { b: { hash: {} } }", two("a", "b"));
    let policy = at(&set, &two("alpha", "beta")).unwrap();
    assert_eq!(names(&policy), ["alpha", "beta"]);
    let RowFilter::Expression(filter) = &policy.row_filter else { panic!("no filter") };
    assert_eq!(filter.to_sql(), "((\"alpha\" > 5) AND (\"beta\" = 'x'))");
    // The key stays the one of the rule, so that digests stay the same.
    assert_eq!(words(&policy, "beta"), Some("hash under key name \"t.b\"".into()));
}

#[test]
fn swapped_names_take_their_rules_along() {
    let same = |a: &str, b: &str| with_ids(&[(a, 1, DataType::Utf8), (b, 2, DataType::Utf8)], &[], &[]);
    let set = loaded("columns: '*', hide: [a], masks: { b: null }", same("a", "b"));
    let policy = at(&set, &same("b", "a")).unwrap();
    assert_eq!(names(&policy), ["a"]);
    assert_eq!(words(&policy, "a"), Some("null".into()));
}

#[test]
fn a_name_that_another_column_took_is_another_column() {
    let set = loaded("columns: '*'", two("a", "b"));
    let reused = with_ids(&[("a", 1, DataType::Int64), ("b", 3, DataType::Utf8)], &[], &[]);
    assert_eq!(names(&at(&set, &reused).unwrap()), ["a"]);
    let set = loaded("columns: [a, b]", two("a", "b"));
    assert!(at(&set, &reused).is_none());
}

#[test]
fn a_rule_whose_column_is_gone_makes_the_version_not_found() {
    let gone = with_ids(&[("a", 1, DataType::Int64)], &[], &[]);
    for rules in [
        "columns: [a, b]",
        "columns: '*', hide: [b]",
        "columns: '*', masks: { b: null }",
        "columns: '*', clear: [b]",
        "columns: '*', rows: \"b = 'x'\"",
        "columns: '*', masks: { a: { expression: \"CASE WHEN b = 'x' THEN a END\" } }",
    ] {
        let set = loaded(rules, two("a", "b"));
        assert!(at(&set, &two("a", "b")).is_some(), "{rules}");
        assert!(at(&set, &gone).is_none(), "{rules}");
    }
    assert_eq!(names(&at(&loaded("columns: '*'", two("a", "b")), &gone).unwrap()), ["a"]);
}

#[test]
fn a_rule_whose_column_changed_type_makes_the_version_not_found() {
    let set = loaded("columns: '*', rows: \"a > 5\"", shape(&[("a", DataType::Int64)], &[]));
    assert!(at(&set, &shape(&[("a", DataType::Int32)], &[])).is_some());
    assert!(at(&set, &shape(&[("a", DataType::Utf8)], &[])).is_none());
    let set = loaded("columns: '*', masks: { a: { round: 10 } }", shape(&[("a", DataType::Int64)], &[]));
    assert!(at(&set, &shape(&[("a", DataType::Utf8)], &[])).is_none());
}

#[test]
fn new_columns_are_for_those_who_are_granted_all() {
    let known = shape(&[("a", DataType::Int64)], &[]);
    let grown = shape(&[("a", DataType::Int64), ("ssn", DataType::Utf8)], &[]);
    assert_eq!(names(&at(&loaded("columns: '*'", known.clone()), &grown).unwrap()), ["a"]);
    let text = "version: 1\nroles: { r: { administrator: true, tables: { t: { columns: all } } } }\n";
    let set = load_with(text, &BTreeMap::from([("t".to_string(), known)])).unwrap();
    assert_eq!(names(&at(&set, &grown).unwrap()), ["a", "ssn"]);
}

#[test]
fn new_fields_inside_a_known_column_stay_away() {
    let nested = |fields: &[(&str, DataType)]| shape(&[("p", structure(fields))], &[]);
    let set = loaded("columns: '*'", nested(&[("x", DataType::Utf8)]));
    let grown = nested(&[("x", DataType::Utf8), ("ssn", DataType::Utf8)]);
    let policy = at(&set, &grown).unwrap();
    let field = policy.columns[0].output_field(grown.schema.field(0)).unwrap();
    assert!(!format!("{field:?}").contains("ssn"), "{field:?}");
    // Nothing can be left out inside a map: the whole column stays away.
    let map = |fields: &[(&str, DataType)]| {
        let entries = structure(&[("key", DataType::Utf8), ("value", structure(fields))]);
        let map = DataType::Map(Arc::new(Field::new("entries", entries, false)), false);
        shape(&[("id", DataType::Int64), ("m", map)], &[])
    };
    let set = loaded("columns: '*'", map(&[("x", DataType::Utf8)]));
    assert_eq!(names(&at(&set, &map(&[("x", DataType::Utf8)])).unwrap()), ["id", "m"]);
    assert_eq!(names(&at(&set, &map(&[("x", DataType::Utf8), ("ssn", DataType::Utf8)])).unwrap()), ["id"]);
}

#[test]
fn fields_inside_structs_and_lists_are_followed_by_id() {
    let table = |field: &str| {
        let item = Field::new("element", structure(&[(field, DataType::Utf8)]), true);
        let path = format!("items.element.{field}");
        with_ids(
            &[("items", 1, DataType::List(Arc::new(item))), ("n", 9, DataType::Int64)],
            &[(&path, 3)],
            &[],
        )
    };
    let set = loaded("columns: '*', masks: { items.sku: { hash: {} } }", table("sku"));
    let policy = at(&set, &table("code")).unwrap();
    assert_eq!(policy.columns[0].nested[0].0, ["code"]);
}

#[test]
fn a_rename_does_not_take_a_tag_off() {
    let known = with_ids(&[("a", 1, DataType::Int64), ("b", 2, DataType::Utf8)], &[], &[("b", "pii.x")]);
    let set = loaded("columns: '*'", known);
    // The catalog still tags "b", which is no longer there.
    let renamed = with_ids(&[("a", 1, DataType::Int64), ("c", 2, DataType::Utf8)], &[], &[("b", "pii.x")]);
    assert_eq!(words(&at(&set, &renamed).unwrap(), "c"), Some("null".into()));
    let newly = with_ids(&[("a", 1, DataType::Int64), ("b", 2, DataType::Utf8)], &[], &[("a", "pii")]);
    assert_eq!(words(&at(&set, &newly).unwrap(), "a"), Some("null".into()));
}

#[test]
fn ids_at_one_end_only_match_nothing() {
    let set = loaded("columns: '*'", two("a", "b"));
    assert!(at(&set, &shape(&[("a", DataType::Int64), ("b", DataType::Utf8)], &[])).is_none());
    let set = loaded("columns: '*'", shape(&[("a", DataType::Int64), ("b", DataType::Utf8)], &[]));
    assert!(at(&set, &two("a", "b")).is_none());
}

#[test]
fn names_match_by_exact_case_without_ids() {
    let set = loaded("columns: '*'", shape(&[("a", DataType::Int64), ("b", DataType::Utf8)], &[]));
    let other = shape(&[("A", DataType::Int64), ("b", DataType::Utf8)], &[]);
    assert_eq!(names(&at(&set, &other).unwrap()), ["b"]);
}

#[test]
fn tables_that_appear_later_are_bound_once_and_then_keep_their_columns() {
    let text = "version: 1\nroles: { r: { tables: { t: { columns: '*', rows: 'a > 1' } } } }\n";
    let set = load_with(text, &BTreeMap::new()).unwrap();
    let first = shape(&[("a", DataType::Int64)], &[]);
    let grown = shape(&[("a", DataType::Int64), ("b", DataType::Utf8)], &[]);
    assert!(set.grants("r", "t") && !set.is_bound("t"));
    assert!(at(&set, &first).is_none());
    let bound = set.rebind(&BTreeMap::from([("t".to_string(), first.clone())])).unwrap();
    assert_eq!(bound.expressions().count(), 1);
    let again = bound.rebind(&BTreeMap::from([("t".to_string(), grown.clone())])).unwrap();
    assert_eq!(names(&at(&again, &grown).unwrap()), ["a"]);
    assert_eq!(again.expressions().count(), 1);
    let unfit = shape(&[("x", DataType::Int64)], &[]);
    assert!(set.rebind(&BTreeMap::from([("t".to_string(), unfit)])).is_err());
}

#[test]
fn a_column_whose_name_has_dots_comes_before_a_field() {
    let table = shape(
        &[("a", structure(&[("b", DataType::Utf8), ("c", DataType::Utf8)])), ("a.b", DataType::Utf8)],
        &[],
    );
    let set = loaded("columns: '*', masks: { a.b: null }", table.clone());
    let policy = at(&set, &table).unwrap();
    assert!(policy.columns[0].nested.is_empty());
    assert_eq!(words(&policy, "a.b"), Some("null".into()));
}
