//! Rows of other tables: owns the way from a field that leads to them to the statement that finds them for all rows at
//! once. Does not run it.

use super::{BelowPlan, Level, Planner};
use crate::engine::statement::Select;
use crate::protocol::graphql::errors::DoorError;
use crate::protocol::graphql::output::RowMember;
use crate::protocol::graphql::schema::tables::{DoorRelation, DoorTable};
use crate::protocol::graphql::selection::Selected;
use crate::query::error::QueryError;

impl<'d> Planner<'d> {
    /// A field of a row, `depth` levels deep, that leads to rows of another table.
    pub(super) fn relation(
        &self,
        relation: &'d DoorRelation,
        field: &Selected<'d>,
        depth: usize,
        level: &mut Level<'d>,
    ) -> Result<RowMember, DoorError> {
        let target = &self.door.tables()[relation.target];
        let path = format!("{}.{}", level.path, field.key);
        let inner = Level::new(target, path, depth, level.rows);
        let key = Key::of(relation, level.table, target).map_err(|error| self.blame(field, error))?;
        level.columns.extend(&key.from);
        let (statement, member, inner) = match relation.many {
            true => {
                let (statement, output, inner) = self.page(field, inner)?;
                (statement, RowMember::Many(level.below.len(), output), inner)
            }
            false => {
                let mut inner = inner;
                self.spend_rows(field, 1, inner.rows)?;
                let output = self.row(field, depth + 1, &mut inner)?;
                let columns = Some(inner.column_names());
                let statement =
                    Select { table: target.name.clone(), columns, limit: Some(1), ..Select::default() };
                (statement, RowMember::One(level.below.len(), output), inner)
            }
        };
        level.below.push(BelowPlan {
            path: inner.path,
            columns: key.from.iter().map(|place| level.table.columns[*place].name.clone()).collect(),
            key: key.to.iter().map(|place| target.columns[*place].name.clone()).collect(),
            statement,
            below: inner.below,
        });
        Ok(member)
    }
}

/// The columns of a relation by their places, in the order that those of the other table have there.
struct Key {
    from: Vec<usize>,
    to: Vec<usize>,
}

impl Key {
    fn of(relation: &DoorRelation, table: &DoorTable, target: &DoorTable) -> Result<Self, QueryError> {
        let place = |table: &DoorTable, name: &String| {
            let found = table.columns.iter().position(|column| column.name == *name);
            found
                .ok_or_else(|| QueryError::internal("a relation over a column that the schema does not have"))
        };
        let mut pairs: Vec<(usize, usize)> = Vec::new();
        for (from, to) in relation.columns.iter().zip(&relation.target_columns) {
            pairs.push((place(target, to)?, place(table, from)?));
        }
        pairs.sort_unstable();
        let (to, from) = pairs.into_iter().unzip();
        Ok(Self { from, to })
    }
}
