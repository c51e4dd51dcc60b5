//! Tests of tables in GraphQL over many shapes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use arrow::datatypes::{DataType, Field, Fields};
use proptest::prelude::*;

use crate::config::graphql::GraphqlConfig;
use crate::protocol::graphql::fixture::{column, table};
use crate::protocol::graphql::schema::DoorSchema;
use crate::query::shape::{ShapeTable, VisibleShape};

fn data_type() -> impl Strategy<Value = DataType> {
    let leaf = prop_oneof![
        Just(DataType::Int32),
        Just(DataType::Int64),
        Just(DataType::Utf8),
        Just(DataType::Binary),
        Just(DataType::Float64),
        Just(DataType::Date32)
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop::collection::btree_map(name(), inner, 0..3).prop_map(|fields| {
            let field = |(name, data_type)| Field::new(name, data_type, true);
            DataType::Struct(fields.into_iter().map(field).collect::<Fields>())
        })
    })
}

/// Few letters, so that names meet.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-b_ .-]{1,3}",
        Just("isNull".to_owned()),
        Just("and".to_owned()),
        Just("version".to_owned()),
        Just("aWhere".to_owned()),
        Just("A_a".to_owned()),
        Just("a_day".to_owned()),
        any::<String>()
    ]
}

fn shown() -> impl Strategy<Value = ShapeTable> {
    (name(), prop::collection::btree_map(name(), data_type(), 1..5)).prop_map(|(name, columns)| {
        let mut made = table(&name, columns.into_iter().map(|(name, of)| column(&name, of)).collect());
        made.lookup_key = made.columns.iter().take(2).map(|column| column.name.clone()).collect();
        made
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn every_shape_makes_a_schema(tables in prop::collection::vec(shown(), 0..6)) {
        let shape = VisibleShape::new(tables, Vec::new());
        let door = DoorSchema::build(&shape, &GraphqlConfig::default());
        prop_assert!(door.is_ok(), "{:?}", door.unwrap_err().source);
    }
}
