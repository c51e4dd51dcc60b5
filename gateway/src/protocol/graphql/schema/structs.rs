//! Columns that hold structs: owns the GraphQL types that are made of them, their names, and the paths by which
//! conditions reach into them. Does not write types down.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Fields};

use super::naming::{Spelled, distinct};
use super::scalars::{Kind, StructField, StructType};
use crate::query::shape::{ShapeColumn, ShapeField, ShapeTable};

/// What stands behind the name of a struct's type in that of its condition.
const WHERE: &str = "Where";

/// Structs and lists inside each other beyond this are shown as one value.
const DEPTH_MAX: usize = 8;

/// Makes the types of one table's columns.
pub(super) struct Structs<'a> {
    table: &'a ShapeTable,
    table_type: &'a str,
    names: BTreeSet<String>,
}

/// Where in a column a type stands.
#[derive(Clone)]
struct Place<'a> {
    /// Name of the type, if it is a struct.
    type_name: String,
    /// Dotted path, by which the catalog knows it: lists are no step.
    path: String,
    /// The same where each list is a step called `element`.
    with_elements: String,
    /// One value a row, of names that a dotted path can spell.
    has_path: bool,
    depth: usize,
    declared: &'a [ShapeField],
}

impl<'a> Structs<'a> {
    pub(super) fn new(table: &'a ShapeTable, table_type: &'a str) -> Self {
        Self { table, table_type, names: BTreeSet::new() }
    }

    /// The names of all struct types that were made.
    pub(super) fn names(self) -> Vec<String> {
        self.names.into_iter().collect()
    }

    /// The type of a column that is called `field` in GraphQL.
    pub(super) fn column(&mut self, column: &'a ShapeColumn, field: &str) -> Kind {
        let place = Place {
            type_name: match self.table_type {
                // Names that start with two underscores are GraphQL's own.
                "_" => format!("_of_{field}"),
                of => format!("{of}_{field}"),
            },
            path: column.name.clone(),
            with_elements: column.name.clone(),
            has_path: !column.name.contains('.'),
            depth: 1,
            declared: &column.fields,
        };
        self.kind(&column.data_type, place)
    }

    fn kind(&mut self, data_type: &DataType, place: Place<'a>) -> Kind {
        match data_type {
            DataType::Struct(_) | DataType::List(_) | DataType::LargeList(_) if place.depth > DEPTH_MAX => {
                Kind::Json
            }
            // A type without a field is none in GraphQL.
            DataType::Struct(fields) if fields.is_empty() => Kind::Json,
            DataType::Struct(fields) => self.of_fields(fields, &place),
            DataType::List(item) | DataType::LargeList(item) => {
                let inside = Place {
                    with_elements: format!("{}.element", place.with_elements),
                    has_path: false,
                    depth: place.depth + 1,
                    ..place
                };
                Kind::List(Box::new(self.kind(item.data_type(), inside)))
            }
            plain => Kind::plain(plain),
        }
    }

    fn of_fields(&mut self, fields: &Fields, place: &Place<'a>) -> Kind {
        let mut name = place.type_name.clone();
        while self.is_taken(&name) {
            name.push('_');
        }
        self.names.insert(name.clone());
        let paths: Vec<Place<'a>> = fields.iter().map(|field| place.below(field.name())).collect();
        let spelled = fields.iter().zip(&paths).map(|(field, below)| {
            let declared = below.declared().and_then(|declared| declared.graphql_name.as_deref());
            Spelled::of(field.name(), declared)
        });
        let given = distinct(spelled.collect());
        let mut made: Vec<StructField> = Vec::new();
        for ((field, below), spelling) in fields.iter().zip(paths).zip(given) {
            let Some(spelling) = spelling else { continue };
            let description = below.declared().and_then(|declared| declared.description.clone());
            let path = self.condition_path(&below);
            let below = Place { type_name: format!("{name}_{spelling}"), ..below };
            made.push(StructField {
                kind: self.kind(field.data_type(), below),
                name: field.name().clone(),
                field: spelling,
                description,
                path,
            });
        }
        Kind::Struct(Arc::new(StructType { name, fields: made }))
    }

    /// Each has a condition too, whose name is longer and may not be that of another.
    fn is_taken(&self, name: &str) -> bool {
        let is_condition = name.strip_suffix(WHERE).is_some_and(|of| self.names.contains(of));
        is_condition || self.names.contains(name) || self.names.contains(&format!("{name}{WHERE}"))
    }

    /// A column of that very name comes first wherever columns are looked for, in any case of letters.
    fn condition_path(&self, place: &Place<'_>) -> Option<String> {
        let is_column = self.table.columns.iter().any(|column| column.name.eq_ignore_ascii_case(&place.path));
        (place.has_path && !is_column).then(|| place.path.clone())
    }
}

impl Place<'_> {
    fn below(&self, name: &str) -> Self {
        Self {
            type_name: String::new(),
            path: format!("{}.{name}", self.path),
            with_elements: format!("{}.{name}", self.with_elements),
            has_path: self.has_path && !name.contains('.'),
            depth: self.depth + 1,
            declared: self.declared,
        }
    }

    fn declared(&self) -> Option<&ShapeField> {
        self.declared.iter().find(|field| field.path == self.path || field.path == self.with_elements)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use arrow::datatypes::Field;

    use super::*;

    fn of(fields: Vec<(&str, DataType)>) -> DataType {
        let field = |(name, data_type): (&str, DataType)| Field::new(name, data_type, true);
        DataType::Struct(fields.into_iter().map(field).collect())
    }

    fn list(item: DataType) -> DataType {
        DataType::List(Arc::new(Field::new("item", item, true)))
    }

    fn table(columns: Vec<(&str, DataType)>) -> ShapeTable {
        let column = |(name, data_type): (&str, DataType)| ShapeColumn {
            name: name.to_owned(),
            data_type,
            description: None,
            graphql_name: None,
            fields: Vec::new(),
        };
        ShapeTable { columns: columns.into_iter().map(column).collect(), ..ShapeTable::default() }
    }

    fn kinds(table: &ShapeTable) -> (Vec<Kind>, Vec<String>) {
        let mut structs = Structs::new(table, "T");
        let kinds = table.columns.iter().map(|column| structs.column(column, &column.name)).collect();
        (kinds, structs.names())
    }

    fn inside(kind: &Kind) -> &[StructField] {
        let Kind::Struct(of) = kind else { panic!("{kind:?} is no struct") };
        &of.fields
    }

    #[test]
    fn fields_have_paths_where_conditions_can_reach_them() {
        let pos = of(vec![("x", DataType::Int32), ("a.b", DataType::Int32), ("on", list(DataType::Int32))]);
        let table = table(vec![("pos", pos.clone()), ("POS.X", DataType::Utf8), ("all", list(pos))]);
        let (kinds, names) = kinds(&table);
        let paths: Vec<Option<&str>> = inside(&kinds[0]).iter().map(|field| field.path.as_deref()).collect();
        assert_eq!(paths, [None, None, Some("pos.on")]);
        let Kind::List(item) = &kinds[2] else { panic!("{kinds:?}") };
        assert!(inside(item).iter().all(|field| field.path.is_none()));
        assert_eq!(names, ["T_all", "T_pos"]);
    }

    #[test]
    fn types_of_one_table_have_names_of_their_own() {
        let leaf = of(vec![("x", DataType::Int32)]);
        let table = table(vec![("a", of(vec![("b", leaf.clone())])), ("a_b", leaf)]);
        let (kinds, names) = kinds(&table);
        assert_eq!(names, ["T_a", "T_a_b", "T_a_b_"]);
        assert_eq!(kinds[1].output(), "T_a_b_");
    }

    #[test]
    fn a_type_has_no_name_of_a_condition() {
        let leaf = of(vec![("x", DataType::Int32)]);
        for columns in [["a", "aWhere"], ["aWhere", "a"]] {
            let table = table(columns.map(|name| (name, leaf.clone())).to_vec());
            let names = kinds(&table).1;
            let conditions: Vec<String> = names.iter().map(|name| format!("{name}Where")).collect();
            assert!(names.len() == 2 && conditions.iter().all(|one| !names.contains(one)), "{names:?}");
        }
    }

    #[test]
    fn the_ninth_level_is_one_value() {
        let nested = |levels: usize| (0..levels).fold(DataType::Int32, |inner, _| of(vec![("n", inner)]));
        let deepest = |levels: usize| {
            let table = table(vec![("c", nested(levels))]);
            let mut last = String::new();
            kinds(&table).0[0].walk(&mut |kind| last = kind.output());
            last
        };
        assert_eq!(deepest(8), "Int");
        assert_eq!(deepest(9), "JSON");
        let empty = table(vec![("c", of(Vec::new()))]);
        assert_eq!(kinds(&empty).0[0].output(), "JSON");
    }

    #[test]
    fn what_the_catalog_says_of_a_field_is_found_by_either_path() {
        let mut table = table(vec![("all", list(of(vec![("x", DataType::Int32), ("y", DataType::Int32)])))]);
        let field = |path: &str, name: &str| ShapeField {
            path: path.to_owned(),
            description: Some(name.to_owned()),
            graphql_name: Some(name.to_owned()),
        };
        table.columns[0].fields = vec![field("all.x", "left"), field("all.element.y", "up")];
        let (kinds, _) = kinds(&table);
        let Kind::List(item) = &kinds[0] else { panic!("{kinds:?}") };
        let fields: Vec<(&str, Option<&str>)> =
            inside(item).iter().map(|one| (one.field.as_str(), one.description.as_deref())).collect();
        assert_eq!(fields, [("left", Some("left")), ("up", Some("up"))]);
    }
}
