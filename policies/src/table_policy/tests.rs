//! Policies as wholes: what each role sees, what is refused at load, and what happens when
//! tables change under their rules.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;

use arrow::array::{ArrayRef, ListArray, new_null_array};
use arrow::buffer::OffsetBuffer;
use arrow_schema::{Fields, Schema};
use serde_json::{Value, json};

use super::*;

mod renames;
mod tags;

const FLIGHTS: [(&str, DataType); 5] = [
    ("flight_id", DataType::Int64),
    ("carrier", DataType::Utf8),
    ("tailnum", DataType::Utf8),
    ("air_time", DataType::Int32),
    ("day", DataType::Date32),
];

fn shape(columns: &[(&str, DataType)], tags: &[(&str, &str)]) -> TableShape {
    let fields: Vec<Field> =
        columns.iter().map(|(name, data_type)| Field::new(*name, data_type.clone(), false)).collect();
    let mut tagged: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (column, tag) in tags {
        tagged.entry((*column).to_string()).or_default().push((*tag).to_string());
    }
    TableShape { schema: Arc::new(Schema::new(fields)), tags: tagged, column_ids: BTreeMap::new() }
}

fn structure(fields: &[(&str, DataType)]) -> DataType {
    let fields: Vec<Field> =
        fields.iter().map(|(name, data_type)| Field::new(*name, data_type.clone(), true)).collect();
    DataType::Struct(Fields::from(fields))
}

fn shapes() -> BTreeMap<String, TableShape> {
    let profile = structure(&[("email", DataType::Utf8), ("age", DataType::Int32)]);
    let item =
        Field::new("element", structure(&[("sku", DataType::Utf8), ("price", DataType::Float64)]), true);
    let people = [
        ("id", DataType::Int64),
        ("name", DataType::Utf8),
        ("balance", DataType::Decimal128(12, 2)),
        ("profile", profile),
        ("items", DataType::List(Arc::new(item))),
    ];
    BTreeMap::from([
        ("flights".to_string(), shape(&FLIGHTS, &[("tailnum", "pii.tail")])),
        ("planes".to_string(), shape(&[("tailnum", DataType::Utf8)], &[("tailnum", "pii.tail")])),
        ("people".to_string(), shape(&people, &[("profile.email", "pii.email"), ("name", "pii.name")])),
    ])
}

fn load_with(text: &str, shapes: &BTreeMap<String, TableShape>) -> Result<PolicySet, Vec<Diagnostic>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.yaml");
    fs::write(&path, text).unwrap();
    PolicySet::load(&[path], Arc::new(KeyRing::generate("k1")), shapes)
}

/// A set with one role `r` whose body is given, indented by four.
fn role(body: &str) -> Result<PolicySet, Vec<Diagnostic>> {
    load_with(&format!("version: 1\nroles:\n  r:\n{body}"), &shapes())
}

fn table(rules: &str) -> Result<PolicySet, Vec<Diagnostic>> {
    role(&format!("    tables:\n      people: {{ {rules} }}\n"))
}

fn caller(role: &str, claims: Value) -> Principal {
    Principal::local(role, serde_json::from_value(claims).unwrap())
}

fn see(set: &PolicySet, table: &str) -> Option<EffectivePolicy> {
    set.effective(&caller("r", json!({})), table, &shapes()[table])
}

fn names(policy: &EffectivePolicy) -> Vec<&str> {
    policy.columns.iter().map(|column| column.name.as_str()).collect()
}

fn words(policy: &EffectivePolicy, column: &str) -> Option<String> {
    let column = policy.columns.iter().find(|known| known.name == column)?;
    column.mask.as_ref().map(ColumnMask::describe)
}

fn problem(set: Result<PolicySet, Vec<Diagnostic>>) -> String {
    let problems = set.err().unwrap_or_else(|| panic!("loaded"));
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_demo_roles_see_what_they_should() {
    let set = load_with(
        "version: 1
roles:
  admin:
    administrator: true
    time_travel: true
    tables: { '*': { columns: all } }
  analyst:
    tables:
      flights: { columns: '*' }
      planes: { columns: '*' }
      people:
        columns: '*'
        masks:
          name: { hash: {} }
          balance: { round: 1000 }
          profile.email: { partial: { email: true } }
    masks_by_tag:
      pii.tail: { hash: {} }
  partner:
    tables:
      flights: { columns: '*', hide: [air_time, tailnum], rows: \"carrier IN (claim('carriers'))\" }
",
        &shapes(),
    )
    .unwrap();
    let shapes = shapes();
    let effective =
        |role: &str, claims: Value, table: &str| set.effective(&caller(role, claims), table, &shapes[table]);
    assert_eq!(set.roles().collect::<Vec<_>>(), ["admin", "analyst", "partner"]);
    assert!(set.is_administrator("admin") && !set.is_administrator("analyst"));
    assert!(set.may_time_travel("admin", "people") && !set.may_time_travel("analyst", "people"));
    assert_eq!(set.granted_tables("admin"), ["flights", "people", "planes"]);
    assert_eq!(set.granted_tables("partner"), ["flights"]);

    let admin = effective("admin", json!({}), "people").unwrap();
    assert!(admin.unfiltered && admin.columns.iter().all(|column| !column.is_masked()));

    let flights = effective("analyst", json!({}), "flights").unwrap();
    let planes = effective("analyst", json!({}), "planes").unwrap();
    assert_eq!(words(&flights, "tailnum"), Some("hash under key name \"pii.tail\"".into()));
    assert_eq!(words(&planes, "tailnum"), words(&flights, "tailnum"));
    let people = effective("analyst", json!({}), "people").unwrap();
    assert_eq!(words(&people, "name"), Some("hash under key name \"people.name\"".into()));
    assert_eq!(people.columns[3].nested[0].0, ["email"]);

    let carriers = json!({"carriers": ["UA", "B6"]});
    let partner = effective("partner", carriers, "flights").unwrap();
    assert_eq!(names(&partner), ["flight_id", "carrier", "day"]);
    assert_eq!(partner.columns[2].index, 4);
    let RowFilter::Expression(filter) = &partner.row_filter else { panic!("no filter") };
    assert_eq!(filter.to_sql(), "(\"carrier\" IN ('B6', 'UA'))");
    assert!(!partner.unfiltered);
    let none = effective("partner", json!({}), "flights").unwrap();
    assert!(matches!(none.row_filter, RowFilter::Nothing) && !none.unfiltered);
    assert!(effective("partner", json!({}), "planes").is_none());
    assert!(effective("nobody", json!({}), "flights").is_none());
    assert_eq!(set.expressions().count(), 1);
}

#[test]
fn column_rules_come_before_tags_and_clear_lifts_them() {
    let with = |table: &str, tags: &str| {
        let body =
            format!("    tables:\n      people: {{ columns: '*'{table} }}\n    masks_by_tag: {{ {tags} }}\n");
        see(&role(&body).unwrap(), "people").unwrap()
    };
    let masked = with("", "pii: null");
    assert_eq!(words(&masked, "name"), Some("null".into()));
    assert_eq!(masked.columns[3].nested.len(), 1);
    let closest = with("", "pii: null, pii.name: { hash: {} }");
    assert_eq!(words(&closest, "name"), Some("hash under key name \"pii.name\"".into()));
    let own = with(", masks: { name: { partial: { keep_last: 2 } } }", "pii: null");
    assert!(words(&own, "name").unwrap().contains("last 2"));
    let clear = with(", clear: [name, profile.email]", "pii: null");
    assert!(clear.columns.iter().all(|column| !column.is_masked()));
    let other = with("", "pi: null, pii.nam: null, pii.name.first: null");
    assert!(other.columns.iter().all(|column| !column.is_masked()));
}

#[test]
fn hidden_columns_and_fields_do_not_exist() {
    let set = table("columns: '*', hide: [name, profile.email, items.price]").unwrap();
    let policy = see(&set, "people").unwrap();
    assert_eq!(names(&policy), ["id", "balance", "profile", "items"]);
    let schema = &shapes()["people"].schema;
    for column in &policy.columns {
        let field = column.output_field(schema.field(column.index)).unwrap();
        let text = format!("{field:?}");
        assert!(!text.contains("email") && !text.contains("price"), "{text}");
    }
    let set = table("columns: [profile, id], hide: [profile.email], masks: { profile: null }").unwrap();
    let policy = see(&set, "people").unwrap();
    let field = policy.columns[1].output_field(schema.field(3)).unwrap();
    assert!(!format!("{field:?}").contains("email") && field.is_nullable());
    let set = table("columns: '*', hide: [items.price], masks: { items: null }").unwrap();
    let items = &see(&set, "people").unwrap().columns[4];
    let field = schema.field(4);
    let DataType::List(item) = field.data_type() else { panic!("no list") };
    let DataType::Struct(fields) = item.data_type() else { panic!("no structs") };
    let two = new_null_array(&DataType::Struct(fields.clone()), 2);
    let offsets = OffsetBuffer::from_lengths([2, 0]);
    let raw: ArrayRef = Arc::new(ListArray::new(Arc::clone(item), offsets, two, None));
    let masked = items.apply(&raw).unwrap();
    assert_eq!(masked.data_type(), items.output_field(field).unwrap().data_type());
    assert_eq!(masked.null_count(), 2, "how many items there are shows");
    let set = table("columns: '*', hide: [profile.email, profile.age]").unwrap();
    assert!(!names(&see(&set, "people").unwrap()).contains(&"profile"));
}

#[test]
fn masked_columns_are_nullable_and_carry_no_metadata() {
    let set = table("columns: '*', masks: { id: { bucket: { width: 10 } } }").unwrap();
    let policy = see(&set, "people").unwrap();
    let raw = Field::new("id", DataType::Int64, false).with_metadata([("k".into(), "v".into())].into());
    let field = policy.columns[0].output_field(&raw).unwrap();
    assert!(field.is_nullable() && field.metadata().is_empty());
    let raw = Field::new("name", DataType::Utf8, false);
    assert!(!policy.columns[1].output_field(&raw).unwrap().is_nullable());
}

#[test]
fn rules_that_do_not_fit_are_refused_with_their_line() {
    for (rules, wanted) in [
        ("columns: [id, nome]", "unknown column \"nome\" (hint: did you mean \"name\"?)"),
        ("columns: [profile.email]", "is a field inside a column"),
        ("columns: []", "empty"),
        ("columns: some", "neither '*', all, nor a list"),
        ("columns: all", "for administrators"),
        ("columns: '*', hide: [nosuch]", "unknown column \"nosuch\""),
        ("columns: '*', clear: [profile.nosuch]", "unknown column"),
        ("columns: '*', masks: { nosuch: null }", "unknown column"),
        ("columns: '*', masks: { id: { partial: { keep_last: 1 } } }", "does not take values of type int64"),
        ("columns: '*', masks: { profile: { hash: {} } }", "does not take values of type"),
        ("columns: '*', masks: { items: { round: 5 } }", "does not take values of type"),
        ("columns: '*', masks: { balance: { round: 0.001 } }", "0.001 is not a step"),
        ("columns: '*', masks: { profile: null, profile.email: null }", "both masked"),
        ("columns: '*', masks: { profile.email: { expression: name } }", "whole columns"),
        ("columns: '*', masks: { name: { expression: profile } }", "cannot give"),
        ("columns: '*', masks: { name: null }, clear: [name]", "both masked and clear"),
        (
            "columns: '*', masks: { id: { expression: \"CASE WHEN id = claim('x') THEN name END\" } }",
            "must keep the type",
        ),
        ("columns: '*', masks: { name: { expression: \"name + 1\" } }", "arithmetic"),
        ("columns: '*', rows: \"nosuch = 1\"", "unknown column \"nosuch\""),
        ("columns: '*', rows: \"1/id > 0\"", "arithmetic"),
        ("columns: '*', rows: \"name\"", "true or false"),
        ("columns: '*', rows: \"items.sku = 'x'\"", "unknown column"),
        ("columns: '*', rows: \"id = claims('x')\"", "\"claims\""),
        ("columns: '*', rows: \"id = \"", "does not parse"),
        ("columns: [id], hide: [id]", "no column is left"),
    ] {
        let found = problem(table(rules));
        assert!(found.contains(wanted), "{rules}: {found}");
        assert!(found.contains("policy.yaml:5:"), "{rules}: {found}");
    }
}

#[test]
fn tags_that_cannot_be_masked_as_asked_are_refused() {
    let tagged = |tags: &[(&str, &str)], rules: &str| {
        let mut shapes = shapes();
        let people = shapes.get_mut("people").unwrap();
        let fields: Vec<Field> = people.schema.fields().iter().map(|field| Field::clone(field)).collect();
        let entries = structure(&[("key", DataType::Utf8), ("value", DataType::Utf8)]);
        let map = DataType::Map(Arc::new(Field::new("entries", entries, false)), false);
        let fields: Vec<Field> = fields.into_iter().chain([Field::new("extra", map, true)]).collect();
        people.schema = Arc::new(Schema::new(fields));
        people.tags = shape(&[], tags).tags;
        let text = format!(
            "version: 1\nroles:\n  r:\n    tables:\n      people: {{ columns: '*' }}\n    masks_by_tag: {{ {rules} }}\n"
        );
        load_with(&text, &shapes)
    };
    let two = [("name", "a"), ("name", "b")];
    assert!(problem(tagged(&two, "a: null, b: { hash: {} }")).contains("tags \"a\" and \"b\""));
    assert!(problem(tagged(&two, "a: { hash: {} }, b: { hash: {} }")).contains("tags \"a\" and \"b\""));
    assert!(tagged(&two, "a: null, b: null").is_ok());
    assert!(tagged(&two, "a: { hash: { key: k } }, b: { hash: { key: k } }").is_ok());
    assert!(problem(tagged(&[("id", "a")], "a: { partial: { keep_last: 1 } }")).contains("does not take"));
    assert!(problem(tagged(&[("extra.value", "a")], "a: null")).contains("no field that can be masked"));
    assert!(problem(tagged(&[("profile.emial", "a")], "a: null")).contains("no field that can be masked"));
    assert!(problem(tagged(&[("profile", "a"), ("profile.email", "a")], "a: null")).contains("both masked"));
    assert!(
        tagged(&[("extra", "a"), ("items.sku", "b"), ("items.element.price", "b")], "a: null, b: null")
            .is_ok()
    );
}

#[test]
fn roles_are_defined_once_and_every_problem_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let one = file("a.yaml", "version: 1\nroles: { r: {} }\n");
    let two = file("b.yaml", "version: 1\nroles: { r: { tables: { '*': { columns: '*' } } } }\n");
    let broken = file("c.yaml", "version: 1\nroles: { s: { tables: 1 } }\n");
    let missing = folder.path().join("d.yaml");
    let keys = Arc::new(KeyRing::generate("k"));
    let problems = PolicySet::load(&[one, two, broken, missing], keys, &shapes()).unwrap_err();
    let text = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert_eq!(problems.len(), 4, "{text}");
    assert!(text.contains("defined twice") && text.contains("only an administrator"), "{text}");
}

#[test]
fn time_travel_is_a_grant_of_the_role_or_of_the_table() {
    let set = role(
        "    time_travel: true\n    tables:\n      people: { columns: '*', time_travel: false }\n      flights: { columns: '*' }\n",
    )
    .unwrap();
    assert!(!set.may_time_travel("r", "people"));
    assert!(set.may_time_travel("r", "flights"));
    assert!(!set.may_time_travel("r", "planes"));
}

#[test]
fn fingerprints_are_equal_for_equal_rights_only() {
    let set = load_with(
        "version: 1
roles:
  a: { tables: { flights: { columns: '*', rows: \"carrier = claim('c')\" } } }
  b: { description: same, tables: { flights: { columns: '*', rows: \"carrier  =  claim('c')\" } } }
  c: { tables: { flights: { columns: '*', rows: \"carrier = claim('d')\" } } }
  d: { tables: { flights: { columns: '*', rows: \"carrier IN (claim('c'))\" } } }
  e: { tables: { flights: { columns: '*', hide: [day], rows: \"carrier = claim('c')\" } } }
  f: { tables: { flights: { columns: '*', masks: { day: null }, rows: \"carrier = claim('c')\" } } }
  g: { tables: { flights: { columns: '*', masks: { carrier: { constant: 'it''s' } } } } }
  h: { tables: { flights: { columns: '*', masks: { carrier: { constant: 'it''''s' } } } } }
  i: { tables: { flights: { columns: '*', rows: \"carrier = 'it''s'\" } } }
  j: { tables: { flights: { columns: '*', rows: \"carrier = 'it''''s'\" } } }
  k: { tables: { flights: { columns: '*' } } }
",
        &shapes(),
    )
    .unwrap();
    let flights = &shapes()["flights"];
    let of = |role: &str, claims: Value| {
        set.effective(&caller(role, claims), "flights", flights).unwrap().fingerprint
    };
    let ua = json!({"c": "UA", "d": "UA"});
    assert_eq!(of("a", ua.clone()), of("b", ua.clone()));
    assert_eq!(of("a", json!({"c": "UA", "unused": 1})), of("a", ua.clone()));
    assert_eq!(of("a", ua.clone()), of("c", ua.clone()), "the claim's name grants nothing");
    let in_list = |carriers: Value| of("d", json!({ "c": carriers }));
    assert_eq!(in_list(json!(["UA", "B6"])), in_list(json!(["B6", "UA", "B6"])), "IN asks of a set");
    assert_eq!(in_list(json!("UA")), in_list(json!(["UA", "UA"])));
    let mut seen: Vec<Fingerprint> =
        ["a", "d", "e", "f", "g", "h", "i", "j", "k"].iter().map(|role| of(role, ua.clone())).collect();
    seen.push(of("a", json!({"c": "B6"})));
    seen.push(of("a", json!({})));
    seen.push(of("d", json!({"c": ["U", "A"]})));
    seen.push(of("d", json!({"c": ["UA", "B6"]})));
    seen.push(of("d", json!({"c": "UA,B6"})));
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count);
}

#[test]
fn an_expression_mask_without_its_claim_is_null() {
    let set = table(
        "columns: '*', masks: { name: { expression: \"CASE WHEN id = claim('id') THEN name ELSE concat(left(name, 1), '...') END\" } }",
    )
    .unwrap();
    let mask = |claims: Value| {
        let policy = set.effective(&caller("r", claims), "people", &shapes()["people"]).unwrap();
        policy.columns[1].mask.clone().unwrap()
    };
    assert!(matches!(mask(json!({"id": 5})), ColumnMask::Expression(_)));
    assert!(matches!(mask(json!({"id": "5"})), ColumnMask::Null));
    assert_eq!(set.expressions().next().unwrap().masked_column.as_deref(), Some("name"));
}
