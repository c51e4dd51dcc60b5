//! Tests of shapes: which relations they have, and what their digests tell apart.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use arrow::datatypes::{Field, Fields, TimeUnit};

use super::*;

fn column(name: &str, data_type: DataType) -> ShapeColumn {
    let name = name.to_owned();
    ShapeColumn { name, data_type, description: None, graphql_name: None, fields: Vec::new() }
}

fn table(name: &str, columns: Vec<ShapeColumn>) -> ShapeTable {
    ShapeTable { name: name.to_owned(), columns, ..ShapeTable::default() }
}

fn tables() -> Vec<ShapeTable> {
    vec![
        table("airlines", vec![column("carrier", DataType::Utf8), column("name", DataType::Utf8)]),
        table("flights", vec![column("id", DataType::Int64), column("carrier", DataType::LargeUtf8)]),
    ]
}

fn airline() -> RelationDefinition {
    serde_json::from_str(
        r#"{"name": "airline", "table": "flights", "columns": ["carrier"],
            "references": {"table": "airlines", "columns": ["carrier"]}, "back": "flights"}"#,
    )
    .unwrap()
}

fn related(tables: &[ShapeTable], key: &str) -> usize {
    relations(&[airline()], tables, |_| vec![key.to_owned()]).len()
}

#[test]
fn a_relation_shows_where_all_of_it_does_and_it_leads_to_a_key() {
    assert_eq!(related(&tables(), "carrier"), 1);
    assert_eq!(related(&tables(), "name"), 0);
    assert_eq!(related(&tables()[..1], "carrier"), 0);
    let mut hidden = tables();
    hidden[1].columns.pop();
    assert_eq!(related(&hidden, "carrier"), 0);
    let mut hashed = tables();
    hashed[1].columns[1].data_type = DataType::Int64;
    assert_eq!(related(&hashed, "carrier"), 0);
}

#[test]
fn only_values_that_look_equal_when_they_are_name_each_other() {
    let micros = |zone: Option<&str>| DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
    assert!(comparable(&DataType::Int32, &DataType::UInt64));
    assert!(comparable(&DataType::Utf8, &DataType::Utf8View));
    assert!(comparable(&DataType::Decimal128(9, 2), &DataType::Decimal128(9, 2)));
    assert!(comparable(&micros(Some("UTC")), &micros(Some("UTC"))));
    assert!(!comparable(&micros(Some("UTC")), &micros(None)));
    assert!(!comparable(&DataType::Int32, &DataType::Decimal128(9, 0)));
    for unfit in [DataType::Float64, DataType::Binary, DataType::Struct(Fields::empty())] {
        assert!(!comparable(&unfit, &unfit), "{unfit}");
    }
}

#[test]
fn digests_tell_every_part_apart() {
    let declared = relations(&[airline()], &tables(), |_| vec!["carrier".to_owned()]);
    let mut seen = vec![*VisibleShape::new(tables(), declared.clone()).digest()];
    assert_eq!(*VisibleShape::new(tables(), declared.clone()).digest(), seen[0]);
    type Change = fn(&mut Vec<ShapeTable>, &mut Vec<ShapeRelation>);
    let changes: [Change; 13] = [
        |t, _| t[0].name.push('x'),
        |t, _| t[0].description = Some(String::new()),
        |t, _| t[0].graphql_name = Some("a".to_owned()),
        |t, _| t[0].lookup_key.push("carrier".to_owned()),
        |t, _| t[0].columns.reverse(),
        |t, _| t.reverse(),
        |t, _| t[1].columns[0].data_type = DataType::Int32,
        |t, _| t[1].columns[0].description = Some("a".to_owned()),
        |t, _| t[1].columns[0].graphql_name = Some("a".to_owned()),
        |_, r| r.clear(),
        |_, r| r[0].back = None,
        |_, r| r[0].target_columns = vec!["name".to_owned()],
        |t, _| {
            let path = "id.a".to_owned();
            t[1].columns[0].fields.push(ShapeField { path, description: None, graphql_name: None });
        },
    ];
    for change in changes {
        let (mut tables, mut relations) = (tables(), declared.clone());
        change(&mut tables, &mut relations);
        let digest = *VisibleShape::new(tables, relations).digest();
        assert!(!seen.contains(&digest), "change {}", seen.len());
        seen.push(digest);
    }
}

#[test]
fn names_of_fields_do_not_pass_for_types() {
    let field = |name: &str, data_type| Field::new(name, data_type, true);
    let of = |fields: Vec<Field>| {
        let nested = column("s", DataType::Struct(Fields::from(fields)));
        *VisibleShape::new(vec![table("t", vec![nested])], Vec::new()).digest()
    };
    let two = of(vec![field("a", DataType::Utf8), field("b", DataType::Utf8)]);
    assert_ne!(two, of(vec![field("a: string, b", DataType::Utf8)]));
}
