//! A schema for tests: owns two small tables that belong together, and documents that are asked of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use apollo_compiler::executable::Operation;
use arrow::datatypes::{DataType, Field, TimeUnit};
use serde_json::value::RawValue;

use super::document::{Document, ValidDocument, operation};
use super::errors::DoorError;
use super::input::{Arguments, Coercion};
use super::schema::tables::DoorTable;
use super::schema::{DoorSchema, Root};
use super::selection::Selections;
use super::variables::{self, Given};
use crate::config::graphql::GraphqlConfig;
use crate::query::shape::{ShapeColumn, ShapeRelation, ShapeTable, VisibleShape};

pub(super) fn column(name: &str, data_type: DataType) -> ShapeColumn {
    let name = name.to_owned();
    ShapeColumn { name, data_type, description: None, graphql_name: None, fields: Vec::new() }
}

pub(super) fn table(name: &str, columns: Vec<ShapeColumn>) -> ShapeTable {
    ShapeTable { name: name.to_owned(), columns, ..ShapeTable::default() }
}

/// Airlines and their flights, one column of each kind.
pub(super) fn flights() -> VisibleShape {
    let micros = |zone: Option<&str>| DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
    let list = DataType::List(Arc::new(Field::new("item", DataType::Int32, true)));
    let position =
        vec![Field::new("lat", DataType::Float64, true), Field::new("lon", DataType::Float64, true)];
    let mut airlines =
        table("airlines", vec![column("carrier", DataType::Utf8), column("name", DataType::Utf8)]);
    airlines.lookup_key = vec!["carrier".to_owned()];
    airlines.description = Some("Names of the \"airlines\"\n\u{0} by code".to_owned());
    let mut flights = table(
        "flights",
        vec![
            column("id", DataType::Int64),
            column("carrier", DataType::LargeUtf8),
            column("dep_delay", DataType::Float64),
            column("stops", DataType::Int32),
            column("fare", DataType::Decimal128(12, 2)),
            column("on_time", DataType::Boolean),
            column("day", DataType::Date32),
            column("departs", micros(Some("UTC"))),
            column("local", micros(None)),
            column("position", DataType::Struct(position.into())),
            column("seats", list),
            column("code", DataType::Binary),
            column("odd name", DataType::Utf8),
            column("not", DataType::Utf8),
        ],
    );
    flights.lookup_key = vec!["id".to_owned()];
    flights.columns[0].description = Some("Number of the flight".to_owned());
    let relation = ShapeRelation {
        name: "airline".to_owned(),
        table: "flights".to_owned(),
        columns: vec!["carrier".to_owned()],
        target: "airlines".to_owned(),
        target_columns: vec!["carrier".to_owned()],
        back: Some("flights".to_owned()),
    };
    VisibleShape::new(vec![airlines, flights], vec![relation])
}

/// A document that is valid for a schema, with the values of its variables.
pub(super) struct Asked {
    pub(super) door: DoorSchema,
    pub(super) document: ValidDocument,
    given: Given,
}

/// Texts of all values together, unless a test says otherwise.
pub(super) const BYTES_MAX: usize = 100_000;

impl Asked {
    pub(super) fn of(text: &str) -> Self {
        Self::with(text, "null")
    }

    pub(super) fn with(text: &str, given: &str) -> Self {
        let door = DoorSchema::build(&flights(), &GraphqlConfig::default()).unwrap();
        let parsed = Document::parse(text, &GraphqlConfig::default()).unwrap();
        let document = parsed.validate(&door).unwrap_or_else(|found| panic!("{text}: {found:?}"));
        let given = variables::read(serde_json::from_str::<&RawValue>(given).unwrap()).unwrap();
        Self { door, document, given }
    }

    pub(super) fn operation(&self) -> &Operation {
        operation(&self.document, None).unwrap()
    }

    pub(super) fn coercion(&self, bytes_max: usize) -> Result<Coercion<'_>, DoorError> {
        Coercion::new(&self.door, &self.document, self.operation(), &self.given, bytes_max)
    }

    pub(super) fn selections(&self, fields_max: usize) -> Result<Selections<'_>, DoorError> {
        Ok(Selections::new(&self.document, self.coercion(BYTES_MAX)?, fields_max))
    }

    /// Arguments of the first root field.
    pub(super) fn arguments(&self) -> Result<Arguments, DoorError> {
        let fields = self.selections(1_000)?.of("Query", &[&self.operation().selection_set])?;
        Ok(fields[0].arguments.clone())
    }

    /// Table of the first root field.
    pub(super) fn table(&self) -> &DoorTable {
        let fields = self.selections(1_000).unwrap().of("Query", &[&self.operation().selection_set]).unwrap();
        match self.door.root(fields[0].name()) {
            Some(Root::Rows(place) | Root::ByPk(place) | Root::Groups(place)) => &self.door.tables()[place],
            other => panic!("{other:?}"),
        }
    }
}
