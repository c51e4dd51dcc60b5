//! Rows and the values in them: owns the form of a row, the columns that are read for it, and rows that are looked up by
//! their key. Does not know pages.

use apollo_compiler::executable::SelectionSet;

use super::{Level, Planner, RowPlan, TYPE_NAME, arguments};
use crate::engine::statement::Lookup;
use crate::protocol::graphql::errors::DoorError;
use crate::protocol::graphql::output::{Object, RowMember, StructMember, Value};
use crate::protocol::graphql::schema::scalars::{Kind, StructType};
use crate::protocol::graphql::schema::tables::{DoorTable, RowField};
use crate::protocol::graphql::selection::Selected;

impl<'d> Planner<'d> {
    /// A root field that looks a row up.
    pub(super) fn row_by_key(
        &self,
        table: &'d DoorTable,
        field: &Selected<'d>,
    ) -> Result<RowPlan, DoorError> {
        let key = table
            .key
            .iter()
            .map(|part| arguments::key_part(&field.arguments, &part.argument))
            .collect::<Result<_, _>>()
            .map_err(|error| self.blame(field, error))?;
        let version = arguments::version(&field.arguments).map_err(|error| self.blame(field, error))?;
        self.spend_rows(field, 1, 1)?;
        let mut level = Level::new(table, field.key.to_owned(), 1, 1);
        let output = self.row(field, 2, &mut level)?;
        let columns = Some(level.column_names());
        let statement = Lookup { table: table.name.clone(), columns, key };
        Ok(RowPlan { statement, version, output, below: level.below })
    }

    /// A row, whose fields stand `depth` levels deep. What it takes is noted in the level of its rows.
    pub(super) fn row(
        &self,
        row: &Selected<'d>,
        depth: usize,
        level: &mut Level<'d>,
    ) -> Result<Object<RowMember>, DoorError> {
        let table = level.table;
        self.object(&table.type_name, &row.below, depth, |field| {
            if field.name() == TYPE_NAME {
                return Ok(RowMember::TypeName);
            }
            match table.row_field(field.name()) {
                Some(RowField::Column(place)) => {
                    let column = &table.columns[place];
                    level.columns.insert(place);
                    let value = self.value(&column.kind, &field.below, depth + 1)?;
                    Ok(RowMember::Column(column.name.clone(), value))
                }
                Some(RowField::Relation(place)) => {
                    self.relation(&table.relations[place], field, depth, level)
                }
                None => Err(self.unplanned(field)),
            }
        })
    }

    fn value(&self, kind: &'d Kind, below: &[&'d SelectionSet], depth: usize) -> Result<Value, DoorError> {
        match kind {
            Kind::Struct(of) => self.fields(of, below, depth).map(Value::Struct),
            Kind::List(item) => Ok(match self.value(item, below, depth)? {
                Value::Whole => Value::Whole,
                inner => Value::List(Box::new(inner)),
            }),
            _ => Ok(Value::Whole),
        }
    }

    fn fields(
        &self,
        of: &'d StructType,
        below: &[&'d SelectionSet],
        depth: usize,
    ) -> Result<Object<StructMember>, DoorError> {
        self.object(&of.name, below, depth, |selected| {
            if selected.name() == TYPE_NAME {
                return Ok(StructMember::TypeName);
            }
            let known = of.fields.iter().find(|known| known.field == selected.name());
            let known = known.ok_or_else(|| self.unplanned(selected))?;
            let value = self.value(&known.kind, &selected.below, depth + 1)?;
            Ok(StructMember::Field(known.name.clone(), value))
        })
    }
}
