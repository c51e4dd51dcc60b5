//! Tests of schemas: their text, what stands behind their names, and who is left out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, TimeUnit};

use super::tables::{LeftOut, Part, RowField};
use super::*;
use crate::protocol::graphql::fixture::{column, flights, table};
use crate::query::shape::ShapeTable;

fn build(shape: &VisibleShape) -> DoorSchema {
    DoorSchema::build(shape, &GraphqlConfig::default()).unwrap()
}

fn of_tables(tables: Vec<ShapeTable>) -> DoorSchema {
    build(&VisibleShape::new(tables, Vec::new()))
}

fn named(names: &[&str]) -> Vec<ShapeTable> {
    names.iter().map(|name| table(name, vec![column("a", DataType::Int32)])).collect()
}

#[test]
fn the_text_is_as_documented() {
    let (tables, left_out) = tables::resolve(&flights());
    assert_eq!(left_out, []);
    let text = sdl::text(&tables, true, usize::MAX).unwrap();
    let expected = include_str!("expected.graphql");
    assert_eq!(text, expected, "as written:\n{text}");
}

#[test]
fn descriptions_come_back_as_they_were() {
    let door = build(&flights());
    let airlines = door.schema().get_object("Airlines").unwrap();
    assert_eq!(airlines.description.as_deref(), Some("Names of the \"airlines\"\n\u{0} by code"));
    for text in ["\u{7f} \\u00e9 \"\"\" \u{1f600} \u{2028}", "", "\\", "ends in \\"] {
        let mut shown = named(&["t"]);
        shown[0].description = Some(text.to_owned());
        let door = of_tables(shown);
        assert_eq!(door.schema().get_object("T").unwrap().description.as_deref(), Some(text));
    }
}

#[test]
fn names_lead_to_tables_columns_and_relations() {
    let door = build(&flights());
    assert_eq!(door.root("flights"), Some(Root::Rows(1)));
    assert_eq!(door.root("flightsByPk"), Some(Root::ByPk(1)));
    assert_eq!(door.root("Flights"), None);
    let flights = &door.tables()[1];
    assert_eq!(flights.column("odd_name").unwrap().name, "odd name");
    assert_eq!(flights.column("not_").unwrap().name, "not");
    assert!(flights.column("odd name").is_none());
    let Some(RowField::Relation(airline)) = flights.row_field("airline") else { panic!("no relation") };
    let airline = &flights.relations[airline];
    assert!(!airline.many && airline.target == 0);
    let Some(RowField::Relation(back)) = door.tables()[0].row_field("flights") else { panic!("no way back") };
    let back = &door.tables()[0].relations[back];
    assert!(back.many && back.target == 1 && back.columns == ["carrier"]);
    assert_eq!(door.root("flightsAggregate"), Some(Root::Groups(1)));
    assert_eq!(door.root("flightsChanged"), Some(Root::Changes(1)));
    let of = |type_name: &str, name: &str| door.lacks_column(type_name, name);
    for of_columns in [
        "Flights",
        "FlightsWhere",
        "FlightsColumn",
        "FlightsCounts",
        "Flights_position",
        "Flights_positionWhere",
    ] {
        assert!(of(of_columns, "nope"), "{of_columns}");
    }
    for of_some in OF_SOME_COLUMNS {
        let type_name = format!("Flights{of_some}");
        assert!(door.schema().types.contains_key(type_name.as_str()), "{type_name}");
        assert!(of(&type_name, "nope") && !of(&type_name, "position"), "{type_name}");
    }
    assert!(!of("FlightsConnection", "nope") && !of("FlightsAggregate", "nope") && !of("Query", "nope"));
}

#[test]
fn a_role_without_tables_has_a_schema_all_the_same() {
    let door = of_tables(Vec::new());
    assert_eq!(door.root(NOTHING), Some(Root::Nothing));
    assert!(door.schema().get_object("Query").unwrap().fields.contains_key(NOTHING));
}

#[test]
fn subscriptions_are_there_where_they_are_turned_on_and_there_is_a_table() {
    let with = |shape: VisibleShape, subscriptions: bool| {
        let config = GraphqlConfig { subscriptions, ..GraphqlConfig::default() };
        let door = DoorSchema::build(&shape, &config).unwrap();
        let fields = door.schema().get_object("Subscription").map(|of| of.fields.len());
        (fields, door.schema().types.contains_key("FlightsChange"))
    };
    assert_eq!(with(flights(), true), (Some(2), true));
    assert_eq!(with(flights(), false), (None, false));
    assert_eq!(with(VisibleShape::new(Vec::new(), Vec::new()), true), (None, false));
}

#[test]
fn tables_that_would_share_a_name_do_not() {
    let left_out = |names: &[&str]| {
        let door = of_tables(named(names));
        door.left_out().iter().map(|one| format!("{} {}", one.table, one.taken)).collect::<Vec<_>>()
    };
    assert_eq!(left_out(&["a-b", "a_b"]), ["a-b a_b"]);
    assert_eq!(left_out(&["Flights", "flights"]), ["flights Flights"]);
    assert_eq!(left_out(&["flights", "flightsByPk"]), ["flightsByPk flightsByPk"]);
    assert_eq!(left_out(&["string", "query"]), ["string String", "query Query"]);
    let said = super::left_out(&VisibleShape::new(named(&["a-b", "a_b"]), Vec::new()))[0].to_string();
    assert_eq!(
        said,
        "table \"a-b\" has no place in GraphQL: \"a_b\" is taken; give it another \"graphql_name\""
    );
    let mut declared = named(&["a-b", "a_b"]);
    declared[0].graphql_name = Some("other".to_owned());
    assert_eq!(of_tables(declared).left_out(), []);
}

#[test]
fn columns_win_over_relations_and_as_they_are_over_changed_ones() {
    let mut shape = flights();
    shape.tables[1].columns.push(column("airline", DataType::Int32));
    shape.tables[1].columns.push(column("odd_name", DataType::Int32));
    let door = build(&VisibleShape::new(shape.tables, shape.relations));
    let left_out =
        |part: Part, taken: &str| LeftOut { table: "flights".to_owned(), part, taken: taken.to_owned() };
    let column = left_out(Part::Column("odd name".to_owned()), "odd_name");
    assert_eq!(door.left_out(), [column, left_out(Part::Relation("airline".to_owned()), "airline")]);
    assert_eq!(door.tables()[1].column("odd_name").unwrap().name, "odd_name");
}

#[test]
fn columns_keep_their_names_against_units_of_others() {
    let instant = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let door = of_tables(vec![table("t", vec![column("at", instant()), column("at_day", DataType::Utf8)])]);
    let keys = &door.tables()[0].group_keys;
    let at_day = &keys[door.tables()[0].group_key_place("at_day").unwrap()];
    assert_eq!((at_day.column, at_day.unit), (1, None));
    assert_eq!(keys.len(), 1 + 7 + 1);
    let bare = of_tables(vec![table("t", vec![column("_", instant())])]);
    assert!(bare.tables()[0].group_key_place("_day").is_some());
    let said: Vec<String> = door.left_out().iter().map(ToString::to_string).collect();
    let expected = "the day of column \"at\" of table \"t\" has no place in GraphQL: \"at_day\" is taken; \
                    give the column another \"graphql_name\"";
    assert_eq!(said, [expected]);
}

#[test]
fn what_no_column_is_for_is_not_there() {
    let list = || DataType::List(Arc::new(Field::new("item", DataType::Int32, true)));
    let door =
        of_tables(vec![table("t", vec![column("l", list())]), table("u", vec![column("s", DataType::Utf8)])]);
    let of = |type_name: &str| {
        let of = door.schema().get_object(type_name).unwrap();
        of.fields.keys().map(|name| name.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(of("TAggregate"), ["count", "countOf", "countDistinct"]);
    assert_eq!(of("UAggregate"), ["key", "count", "countOf", "countDistinct", "min", "max"]);
    for absent in ["TGroupBy", "TKey", "TValues", "TValueColumn", "USums", "UNumbersHaving", "UNumberColumn"]
    {
        assert!(!door.schema().types.contains_key(absent), "{absent}");
    }
}

#[test]
fn keys_are_arguments_beside_those_that_every_root_field_has() {
    let mut keyed = table("t", vec![column("version", DataType::Int64), column("b", DataType::Utf8)]);
    keyed.lookup_key = vec!["b".to_owned(), "version".to_owned()];
    let door = of_tables(vec![keyed.clone()]);
    let arguments: Vec<&str> = door.tables()[0].key.iter().map(|part| part.argument.as_str()).collect();
    assert_eq!(arguments, ["b", "version_"]);
    keyed.columns[1].data_type = DataType::Binary;
    assert_eq!(of_tables(vec![keyed]).root("tByPk"), None);
}

#[test]
fn a_hidden_name_does_not_show_in_the_absence_of_another() {
    let whole = of_tables(named(&["a-b", "a_b"]));
    assert_eq!(whole.tables()[0].name, "a_b");
    let narrow = of_tables(named(&["a-b"]));
    assert_eq!((narrow.tables()[0].name.as_str(), narrow.tables()[0].field.as_str()), ("a-b", "a_b"));
    assert_eq!(narrow.left_out(), []);
}
