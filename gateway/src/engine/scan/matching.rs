//! Which field of a data file holds a column: owns the lookup by name or by Parquet field id.
//! Does not convert values.

use arrow::datatypes::{Field, Fields};
use arrow::error::ArrowError;
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;
use sluice_catalog::schema::ColumnMapping;

/// How files name a table's columns, at every level of nesting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Matching {
    /// By the table's own names. The case is the writer's: no two columns of a Delta table differ
    /// in case alone.
    Name,
    /// By names that were made for the files, as they stand.
    PhysicalName,
    /// By Parquet field ids; a file's names mean nothing.
    FieldId,
}

impl Matching {
    pub(super) fn of(mapping: ColumnMapping) -> Self {
        match mapping {
            ColumnMapping::None => Self::Name,
            ColumnMapping::Name => Self::PhysicalName,
            ColumnMapping::Id => Self::FieldId,
        }
    }

    /// The place of `wanted` among a file's fields; `None` when the file lacks it. Two candidates
    /// are an error, since either may be wrong.
    pub(super) fn find(self, fields: &Fields, wanted: &Field) -> Result<Option<usize>, ArrowError> {
        let exact = || one(fields, |field| field.name() == wanted.name());
        match self {
            Self::PhysicalName => exact(),
            Self::Name => match exact()? {
                Some(place) => Ok(Some(place)),
                None => one(fields, |field| field.name().eq_ignore_ascii_case(wanted.name())),
            },
            Self::FieldId => match id(wanted) {
                Some(id_wanted) => one(fields, |field| id(field) == Some(id_wanted)),
                None => Err(ArrowError::SchemaError("a column of the table has no field id".to_owned())),
            },
        }
    }

    /// Refuses a file that cannot be matched at all.
    pub(super) fn check_file(self, fields: &Fields) -> Result<(), ArrowError> {
        if self == Self::FieldId && !fields.is_empty() && fields.iter().all(|field| id(field).is_none()) {
            return Err(ArrowError::SchemaError(
                "the table maps columns by field id, and the file has no field ids".to_owned(),
            ));
        }
        Ok(())
    }
}

fn one(fields: &Fields, is_it: impl Fn(&Field) -> bool) -> Result<Option<usize>, ArrowError> {
    let mut places = fields.iter().enumerate().filter(|(_, field)| is_it(field)).map(|(place, _)| place);
    match (places.next(), places.next()) {
        (first, None) => Ok(first),
        (_, Some(_)) => Err(ArrowError::SchemaError("a file has two fields for one column".to_owned())),
    }
}

fn id(field: &Field) -> Option<&str> {
    field.metadata().get(PARQUET_FIELD_ID_META_KEY).map(String::as_str)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::collections::HashMap;

    use arrow::datatypes::DataType;

    use super::*;

    fn field(name: &str, id: Option<&str>) -> Field {
        let metadata = id.map(|id| (PARQUET_FIELD_ID_META_KEY.to_owned(), id.to_owned()));
        Field::new(name, DataType::Int32, true).with_metadata(metadata.into_iter().collect::<HashMap<_, _>>())
    }

    #[test]
    fn ids_decide_where_the_table_says_so_and_names_elsewhere() {
        let file = Fields::from(vec![field("a", Some("2")), field("b", Some("1"))]);
        let wanted = field("a", Some("1"));
        assert_eq!(Matching::FieldId.find(&file, &wanted).unwrap(), Some(1));
        assert_eq!(Matching::PhysicalName.find(&file, &wanted).unwrap(), Some(0));
        assert_eq!(Matching::Name.find(&file, &wanted).unwrap(), Some(0));
        assert_eq!(Matching::FieldId.find(&file, &field("a", Some("3"))).unwrap(), None);
        assert!(Matching::FieldId.find(&file, &field("a", None)).is_err());
    }

    #[test]
    fn a_file_without_any_id_is_refused_rather_than_read_as_null() {
        let file = Fields::from(vec![field("a", None)]);
        assert!(Matching::FieldId.check_file(&file).is_err());
        assert!(Matching::FieldId.check_file(&Fields::empty()).is_ok());
        assert!(Matching::Name.check_file(&file).is_ok());
    }

    #[test]
    fn the_case_of_unmapped_names_is_the_writers() {
        let file = Fields::from(vec![field("ID", None), field("x", None), field("X", None)]);
        assert_eq!(Matching::Name.find(&file, &field("id", None)).unwrap(), Some(0));
        assert_eq!(Matching::PhysicalName.find(&file, &field("id", None)).unwrap(), None);
        assert_eq!(Matching::Name.find(&file, &field("X", None)).unwrap(), Some(2));
    }

    #[test]
    fn two_fields_for_one_column_are_an_error() {
        let file = Fields::from(vec![field("a", Some("1")), field("a", Some("1"))]);
        for matching in [Matching::Name, Matching::PhysicalName, Matching::FieldId] {
            assert!(matching.find(&file, &field("a", Some("1"))).is_err(), "{matching:?}");
        }
    }
}
