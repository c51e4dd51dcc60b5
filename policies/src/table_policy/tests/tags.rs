//! Tags on names that a version does not have: slips of the pen, columns that came later or were
//! dropped, and columns that took another name.

use super::*;

const RULE: &str = "    masks_by_tag: { pii: null }\n";

fn text(rules: &str) -> String {
    format!("version: 1\nroles:\n  r:\n    tables:\n      t: {{ {rules} }}\n{RULE}")
}

/// What a role with these rules for a table sees; its rule for tags is in line 6.
fn load(rules: &str, known: &TableShape) -> Result<PolicySet, Vec<Diagnostic>> {
    load_with(&text(rules), &BTreeMap::from([("t".to_string(), known.clone())]))
}

/// A role that is granted all columns, of all versions.
fn load_all(known: &TableShape) -> PolicySet {
    let text = text("columns: all").replace("    tables:", "    administrator: true\n    tables:");
    load_with(&text, &BTreeMap::from([("t".to_string(), known.clone())])).unwrap()
}

fn at(set: &PolicySet, shape: &TableShape) -> Option<EffectivePolicy> {
    set.effective(&caller("r", json!({})), "t", shape)
}

fn plain(names: &[&str], tagged: &str) -> TableShape {
    let columns: Vec<(&str, DataType)> = names.iter().map(|name| (*name, DataType::Utf8)).collect();
    shape(&columns, &[(tagged, "pii.x")])
}

/// Columns with column-mapping ids.
fn mapped(columns: &[(&str, i64)], tagged: &str) -> TableShape {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let ids = columns.iter().map(|(name, id)| ((*name).to_string(), *id)).collect();
    TableShape { column_ids: ids, ..plain(&names, tagged) }
}

fn map() -> DataType {
    let entries = structure(&[("key", DataType::Utf8), ("value", DataType::Utf8)]);
    DataType::Map(Arc::new(Field::new("entries", entries, false)), false)
}

#[test]
fn a_misspelled_name_is_refused_where_a_rule_would_mask_it() {
    for (tagged, hint) in
        [("nmae", "did you mean \"name\""), ("Name", "did you mean \"name\""), ("zzz", "masked")]
    {
        for rules in ["columns: '*'", "columns: [name]", "columns: '*', hide: [id]"] {
            let found = problem(load(rules, &plain(&["id", "name"], tagged)));
            assert!(found.contains("policy.yaml:6:"), "{found}");
            assert!(found.contains(&format!("\"{tagged}\" of table \"t\" is tagged \"pii.x\"")), "{found}");
            assert!(found.contains(hint), "{found}");
        }
    }
}

#[test]
fn a_misspelled_name_is_no_matter_where_no_rule_asks_for_it() {
    let known = plain(&["id", "name"], "nmae");
    for text in [text("columns: '*'").replace(RULE, ""), text("columns: '*'").replace("pii", "pii.other")] {
        let set = load_with(&text, &BTreeMap::from([("t".to_string(), known.clone())])).unwrap();
        assert_eq!(names(&at(&set, &known).unwrap()), ["id", "name"]);
    }
}

#[test]
fn names_of_lists_and_fields_are_those_that_tags_are_looked_up_by() {
    let list = DataType::List(Arc::new(Field::new("element", DataType::Utf8, true)));
    let columns = [("l", list), ("p", structure(&[("x", DataType::Utf8)])), ("m", map())];
    for tagged in ["l.element", "p.element.x", "p.y", "p.x.y", "m.value", "m.entries.value"] {
        assert!(load("columns: '*'", &shape(&columns, &[(tagged, "pii")])).is_err(), "{tagged}");
    }
    for tagged in ["l", "p", "p.x", "m"] {
        let known = shape(&columns, &[(tagged, "pii")]);
        let policy = at(&load("columns: '*'", &known).unwrap(), &known).unwrap();
        assert_eq!(policy.columns.iter().filter(|column| column.is_masked()).count(), 1, "{tagged}");
        assert!(known.has_field(tagged) && !known.has_field("q"));
    }
}

#[test]
fn what_is_inside_a_map_that_the_role_does_not_see_needs_no_mask() {
    let columns = [("id", DataType::Int64), ("m", map()), ("p", structure(&[("m", map())]))];
    for (tagged, rules, shown) in [
        ("m.value", "columns: '*', hide: [m]", "columns: '*'"),
        ("m.value", "columns: [id]", "columns: [id, m]"),
        ("p.m.key", "columns: [id]", "columns: [id, p]"),
    ] {
        let known = shape(&columns, &[(tagged, "pii")]);
        assert!(at(&load(rules, &known).unwrap(), &known).is_some(), "{tagged}: {rules}");
        assert!(problem(load(shown, &known)).contains("no field that can be masked"), "{tagged}: {shown}");
    }
    let older = shape(&[("id", DataType::Int64)], &[("m.value", "pii")]);
    let set = load("columns: [id]", &shape(&columns, &[("m.value", "pii")])).unwrap();
    assert!(at(&set, &older).is_some());
}

#[test]
fn versions_from_before_a_column_came_or_after_it_went_are_seen() {
    let known = plain(&["id", "ssn", "note"], "ssn");
    for set in [load("columns: '*'", &known).unwrap(), load_all(&known)] {
        assert_eq!(words(&at(&set, &known).unwrap(), "ssn"), Some("null".into()));
        let lacks = plain(&["id", "note"], "ssn");
        assert_eq!(names(&at(&set, &lacks).unwrap()), ["id", "note"]);
    }
    let known = mapped(&[("id", 1), ("ssn", 2)], "ssn");
    for set in [load("columns: '*'", &known).unwrap(), load_all(&known)] {
        assert_eq!(names(&at(&set, &mapped(&[("id", 1)], "ssn")).unwrap()), ["id"]);
    }
}

#[test]
fn a_new_column_beside_a_tagged_one_that_is_gone_may_be_it() {
    let known = plain(&["id", "ssn"], "ssn");
    let renamed = plain(&["id", "social"], "ssn");
    assert_eq!(names(&at(&load("columns: '*'", &known).unwrap(), &renamed).unwrap()), ["id"]);
    assert!(at(&load_all(&known), &renamed).is_none());
    let nested = |field: &str| shape(&[("p", structure(&[(field, DataType::Utf8)]))], &[("p.ssn", "pii")]);
    assert!(at(&load_all(&nested("ssn")), &nested("social")).is_none());
    // Ids at one end only tell nothing.
    assert!(at(&load_all(&mapped(&[("id", 1), ("ssn", 2)], "ssn")), &renamed).is_none());
    assert!(at(&load_all(&known), &mapped(&[("id", 1), ("social", 2)], "ssn")).is_none());
}

#[test]
fn a_tagged_name_that_something_else_bears_does_not_hide_the_renamed_column() {
    let known = plain(&["id", "ssn"], "ssn");
    let taken = mapped(&[("id", 1), ("social", 2), ("ssn", 3)], "ssn");
    assert!(at(&load_all(&known), &taken).is_none(), "ids at one end");
    let set = load_all(&mapped(&[("id", 1), ("ssn", 2)], "ssn"));
    let policy = at(&set, &taken).unwrap();
    assert_eq!((words(&policy, "social"), words(&policy, "ssn")), (Some("null".into()), Some("null".into())));

    let dotted = shape(&[("a.b", DataType::Utf8)], &[("a.b", "pii")]);
    let field = |renamed: &str| {
        let inner = structure(&[("b", DataType::Utf8), ("c", DataType::Utf8)]);
        shape(&[("a", inner), (renamed, DataType::Utf8)], &[("a.b", "pii")])
    };
    assert!(at(&load_all(&dotted), &field("x")).is_none());
    assert!(at(&load_all(&field("id")), &plain(&["id", "a.b", "x"], "a.b")).is_none());
    assert!(at(&load_all(&field("id")), &field("id")).is_some());
}

#[test]
fn what_held_a_tagged_field_and_has_no_fields_any_more_may_hold_it_still() {
    let items = structure(&[("ssn", DataType::Utf8), ("n", DataType::Utf8)]);
    let list = DataType::List(Arc::new(Field::new("element", items.clone(), true)));
    let with_ids = |data_type: DataType, fields: &[(&str, i64)]| {
        let plain = shape(&[("id", DataType::Int64), ("it", data_type)], &[("it.ssn", "pii")]);
        let ids = [("id", 1), ("it", 2)].iter().chain(fields);
        TableShape { column_ids: ids.map(|(name, id)| ((*name).to_string(), *id)).collect(), ..plain }
    };
    let fields = [("it.ssn", 3), ("it.n", 4)];
    for known in [with_ids(list.clone(), &fields), with_ids(items.clone(), &fields)] {
        let set = load_all(&known);
        assert!(at(&set, &with_ids(map(), &[])).is_none());
        assert!(at(&set, &with_ids(DataType::Utf8, &[])).is_none());
        assert!(at(&set, &with_ids(structure(&[("n", DataType::Utf8)]), &[("it.n", 4)])).is_some());
        assert!(at(&load("columns: '*'", &known).unwrap(), &with_ids(DataType::Utf8, &[])).is_none());
    }
    let without_ids = |data_type| TableShape { column_ids: BTreeMap::new(), ..with_ids(data_type, &[]) };
    for set in [load("columns: '*'", &without_ids(list.clone())).unwrap(), load_all(&without_ids(list))] {
        assert!(at(&set, &without_ids(DataType::Utf8)).is_none());
        assert!(at(&set, &shape(&[("id", DataType::Int64)], &[("it.ssn", "pii")])).is_some());
    }
}

#[test]
fn ids_tell_a_renamed_column_from_a_dropped_one() {
    let set = load_all(&mapped(&[("id", 1), ("ssn", 2)], "ssn"));
    let renamed = at(&set, &mapped(&[("id", 1), ("social", 2)], "ssn")).unwrap();
    assert_eq!(words(&renamed, "social"), Some("null".into()));
    let another = at(&set, &mapped(&[("id", 1), ("social", 3)], "ssn")).unwrap();
    assert_eq!((names(&another), words(&another, "social")), (vec!["id", "social"], None));
    // A column whose path could be read in two ways has no id.
    let mut unknown = mapped(&[("id", 1), ("social", 3)], "ssn");
    unknown.column_ids.remove("social");
    assert!(at(&set, &unknown).is_none());
}

#[test]
fn rules_that_are_loaded_after_a_rename_are_refused() {
    let renamed = mapped(&[("id", 1), ("social", 2)], "ssn");
    assert!(problem(load("columns: '*'", &renamed)).contains("\"ssn\" of table \"t\""));
    let set = load_with(&text("columns: '*'"), &BTreeMap::new()).unwrap();
    assert!(set.rebind(&BTreeMap::from([("t".to_string(), renamed)])).is_err());
}
