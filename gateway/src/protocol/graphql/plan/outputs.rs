//! The columns of an answer of groups: owns their names, which are those that the other doors give, so that the same
//! question has the same digest, and its cursors, at any of them. Computes what it is asked for, once. Does not know
//! who asks.

use std::collections::{BTreeMap, HashSet};

use crate::engine::statement::{GroupKey, Measure, MeasureFunction};
use crate::protocol::graphql::input::Input;
use crate::protocol::graphql::schema::groups::{DoorGroupKey, FUNCTIONS};
use crate::protocol::graphql::schema::tables::DoorTable;
use crate::query::error::{ErrorCode, QueryError};

/// What is computed of a group, in the order of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Measured {
    /// Its rows, counted.
    Rows,
    /// A function of a column, by their places.
    Column {
        /// Among the functions.
        function: usize,
        /// Among the columns of the table.
        column: usize,
    },
}

/// The columns of an answer, while it is found out which there are.
#[derive(Debug)]
pub(super) struct Outputs<'d> {
    table: &'d DoorTable,
    /// Each by its place among the keys of the table, with its name.
    keys: Vec<(usize, String)>,
    measures: BTreeMap<Measured, Measure>,
    taken: HashSet<String>,
}

impl<'d> Outputs<'d> {
    /// Those that `groupBy` asks for.
    ///
    /// # Errors
    /// `invalid_request`: it names a key twice.
    pub(super) fn new(table: &'d DoorTable, group_by: Option<&Input>) -> Result<Self, QueryError> {
        let mut outputs = Self { table, keys: Vec::new(), measures: BTreeMap::new(), taken: HashSet::new() };
        let Some(Input::List(items)) = group_by else { return Ok(outputs) };
        let mut places: Vec<usize> = Vec::new();
        for item in items.iter() {
            let place = match item {
                Input::Enum(field) => table.group_key_place(field).ok_or_else(unknown)?,
                _ => return Err(unknown()),
            };
            if places.contains(&place) {
                let field = &table.group_keys[place].field;
                let message = format!("\"groupBy\" names \"{field}\" twice");
                return Err(QueryError::new(ErrorCode::InvalidRequest, message));
            }
            places.push(place);
        }
        // A column has its own name whatever others have theirs from.
        let whole = places.iter().filter(|place| table.group_keys[**place].unit.is_none());
        outputs.taken.extend(whole.map(|place| column_of(table, *place).to_owned()));
        for place in places {
            let name = match table.group_keys[place].unit {
                None => column_of(table, place).to_owned(),
                Some(unit) => outputs.free(format!("{}_{unit}", column_of(table, place))),
            };
            outputs.keys.push((place, name));
        }
        Ok(outputs)
    }

    /// The table whose rows are grouped.
    pub(super) const fn table(&self) -> &'d DoorTable {
        self.table
    }

    /// There may be more groups than one.
    pub(super) const fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// The column that holds a group key, by the name of the key in GraphQL.
    ///
    /// # Errors
    /// `invalid_request`: rows are not grouped by it.
    pub(super) fn key(&self, field: &str) -> Result<String, QueryError> {
        let place = self.table.group_key_place(field).ok_or_else(unknown)?;
        let found = self.keys.iter().find(|(known, _)| *known == place);
        found.map(|(_, name)| name.clone()).ok_or_else(|| {
            let message = format!("rows are not grouped by \"{field}\"");
            QueryError::new(ErrorCode::InvalidRequest, message).with_hint("name it in \"groupBy\"")
        })
    }

    /// The column that holds what is computed.
    pub(super) fn measure(&mut self, measured: Measured) -> String {
        if let Some(known) = self.measures.get(&measured) {
            return known.alias.clone();
        }
        let mut measure = match measured {
            Measured::Rows => Measure::new(MeasureFunction::Count, None, None),
            Measured::Column { function, column } => {
                let column = self.table.columns[column].name.clone();
                Measure::new(FUNCTIONS[function].function, Some(column), None)
            }
        };
        measure.alias = self.free(measure.alias);
        let name = measure.alias.clone();
        self.measures.insert(measured, measure);
        name
    }

    /// What a statement has for them. There is no answer without a column: rows are counted then.
    pub(super) fn into_statement(mut self) -> (Vec<GroupKey>, Vec<Measure>) {
        if self.keys.is_empty() && self.measures.is_empty() {
            self.measure(Measured::Rows);
        }
        let keys = self.keys.iter().map(|(place, name)| {
            let DoorGroupKey { unit, .. } = &self.table.group_keys[*place];
            let alias = unit.map(|_| name.clone());
            GroupKey::new(column_of(self.table, *place).to_owned(), unit.map(str::to_owned), alias)
        });
        (keys.collect(), self.measures.into_values().collect())
    }

    /// A name that no other column of the answer has.
    fn free(&mut self, mut name: String) -> String {
        while !self.taken.insert(name.clone()) {
            name.push('_');
        }
        name
    }
}

/// The column that a group key is made of, as statements name it.
fn column_of(table: &DoorTable, place: usize) -> &str {
    &table.columns[table.group_keys[place].column].name
}

/// Coercion lets no other key pass.
fn unknown() -> QueryError {
    QueryError::internal("a group key that the schema does not have")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use apollo_compiler::Name;
    use arrow::datatypes::{DataType, TimeUnit};

    use super::*;
    use crate::config::graphql::GraphqlConfig;
    use crate::protocol::graphql::fixture::{column, table};
    use crate::protocol::graphql::schema::DoorSchema;
    use crate::query::shape::VisibleShape;

    /// A table whose columns have the names that outputs have.
    fn door() -> DoorSchema {
        let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let mut shown = table(
            "t",
            vec![
                column("count", DataType::Int32),
                column("x", DataType::Int32),
                column("distinct_x", DataType::Int32),
                column("at", instant),
                column("at_day", DataType::Utf8),
            ],
        );
        shown.columns[4].graphql_name = Some("other".to_owned());
        DoorSchema::build(&VisibleShape::new(vec![shown], Vec::new()), &GraphqlConfig::default()).unwrap()
    }

    fn grouped<'d>(door: &'d DoorSchema, keys: &[&str]) -> Outputs<'d> {
        let keys = keys.iter().map(|key| Input::Enum(Name::new(key).unwrap()));
        Outputs::new(&door.tables()[0], Some(&Input::List(keys.collect()))).unwrap()
    }

    #[test]
    fn no_two_outputs_have_one_name() {
        let door = door();
        let mut outputs = grouped(&door, &["at_day", "other", "count"]);
        let keys = ["at_day", "other", "count"].map(|key| outputs.key(key).unwrap());
        assert_eq!(keys, ["at_day_", "at_day", "count"], "columns have their own names");
        let of = |function: &str, column| {
            let function = FUNCTIONS.iter().position(|known| known.field == function).unwrap();
            Measured::Column { function, column }
        };
        let names = [Measured::Rows, of("countDistinct", 1), of("countOf", 2), of("sum", 2)]
            .map(|measured| outputs.measure(measured));
        assert_eq!(names, ["count_", "count_distinct_x", "count_distinct_x_", "sum_distinct_x"]);
        assert_eq!(outputs.measure(of("countOf", 2)), names[2], "once");
        let (keys, measures) = outputs.into_statement();
        assert!(matches!(&keys[0], GroupKey::DateTrunc { alias, .. } if alias == "at_day_"));
        let aliases: Vec<&str> = measures.iter().map(|measure| measure.alias.as_str()).collect();
        assert_eq!(aliases, ["count_", "count_distinct_x_", "count_distinct_x", "sum_distinct_x"]);
    }

    #[test]
    fn names_are_those_of_every_door_where_they_are_free() {
        let door = door();
        let mut outputs = grouped(&door, &["at_day"]);
        assert_eq!(outputs.key("at_day").unwrap(), "at_day");
        assert_eq!(outputs.measure(Measured::Rows), "count");
        assert_eq!(outputs.key("other").unwrap_err().code, ErrorCode::InvalidRequest);
    }
}
