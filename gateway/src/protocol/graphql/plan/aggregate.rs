//! Groups of a table: owns the way from a field that groups to its statement and the form of its answer. Only what the
//! document names is computed. Does not name columns of the answer.

use super::outputs::{Measured, Outputs};
use super::{GroupsPlan, Planner, TYPE_NAME, arguments, having};
use crate::engine::statement::Aggregate;
use crate::protocol::graphql::condition::condition;
use crate::protocol::graphql::errors::DoorError;
use crate::protocol::graphql::output::{ConnectionMember, Object, PageMember, RowMember, Value};
use crate::protocol::graphql::schema::groups::FUNCTIONS;
use crate::protocol::graphql::schema::tables::DoorTable;
use crate::protocol::graphql::selection::Selected;
use crate::query::error::QueryError;

/// How deep in a document the fields of a group stand.
const GROUP_DEPTH: usize = 3;

impl<'d> Planner<'d> {
    /// A root field that groups the rows of a table.
    pub(super) fn groups(&self, table: &'d DoorTable, field: &Selected<'d>) -> Result<GroupsPlan, DoorError> {
        let (given, limits) = (&field.arguments, &self.limits.statements);
        let blame = |error: QueryError| self.blame(field, error);
        let version = arguments::version(given).map_err(blame)?;
        let page = arguments::page(given).map_err(blame)?;
        let mut outputs = Outputs::new(table, given.get("groupBy")).map_err(blame)?;
        let filter = condition(table, given.get("where"), limits).map_err(blame)?;
        let output = self.group_pages(field, &mut outputs)?;
        let having = having::condition(&mut outputs, given.get("having"), limits).map_err(blame)?;
        let order = having::order(&mut outputs, given.get("orderBy"), limits).map_err(blame)?;
        let most = if outputs.has_keys() { self.limits.result_rows_max } else { 1 };
        let limit = page.rows.unwrap_or(self.limits.page_rows_max.min(most));
        // More than may be answered is refused once the groups are asked for.
        self.spend_rows(field, limit.min(most), 1)?;
        let (group_by, measures) = outputs.into_statement();
        let statement = Aggregate {
            table: table.name.clone(),
            group_by,
            measures,
            filter,
            having,
            order,
            limit: Some(limit),
            cursor: page.cursor,
        };
        Ok(GroupsPlan { statement, version, output })
    }

    fn group_pages(
        &self,
        field: &Selected<'d>,
        outputs: &mut Outputs<'d>,
    ) -> Result<Object<ConnectionMember>, DoorError> {
        let of = format!("{}AggregateConnection", outputs.table().type_name);
        self.object(&of, &field.below, GROUP_DEPTH - 1, |field| match field.name() {
            TYPE_NAME => Ok(ConnectionMember::TypeName),
            "nodes" => Ok(ConnectionMember::Nodes(self.group(field, outputs)?)),
            "pageInfo" => Ok(ConnectionMember::PageInfo(self.group_page_info(field)?)),
            _ => Err(self.unplanned(field)),
        })
    }

    /// Groups have no cursors of their own: a page leads on, and not back.
    fn group_page_info(&self, field: &Selected<'d>) -> Result<Object<PageMember>, DoorError> {
        let mut page = self.page_info(&field.below, GROUP_DEPTH)?;
        for (_, member) in &mut page.members {
            *member = match *member {
                PageMember::StartCursor => PageMember::NoCursor,
                PageMember::EndCursor => PageMember::NextCursor,
                other => other,
            };
        }
        Ok(page)
    }

    fn group(&self, field: &Selected<'d>, outputs: &mut Outputs<'d>) -> Result<Object<RowMember>, DoorError> {
        let of = format!("{}Aggregate", outputs.table().type_name);
        self.object(&of, &field.below, GROUP_DEPTH, |field| match field.name() {
            TYPE_NAME => Ok(RowMember::TypeName),
            "key" => Ok(RowMember::Inside(self.key(field, outputs)?)),
            "count" => Ok(RowMember::Column(outputs.measure(Measured::Rows), Value::Whole)),
            name => match FUNCTIONS.iter().position(|function| function.field == name) {
                Some(function) => Ok(RowMember::Inside(self.measures(function, field, outputs)?)),
                None => Err(self.unplanned(field)),
            },
        })
    }

    fn key(&self, field: &Selected<'d>, outputs: &Outputs<'d>) -> Result<Object<RowMember>, DoorError> {
        let of = format!("{}Key", outputs.table().type_name);
        self.object(&of, &field.below, GROUP_DEPTH + 1, |field| match field.name() {
            TYPE_NAME => Ok(RowMember::TypeName),
            name => {
                let output = outputs.key(name).map_err(|error| self.blame(field, error))?;
                Ok(RowMember::Column(output, Value::Whole))
            }
        })
    }

    fn measures(
        &self,
        function: usize,
        field: &Selected<'d>,
        outputs: &mut Outputs<'d>,
    ) -> Result<Object<RowMember>, DoorError> {
        let of = format!("{}{}", outputs.table().type_name, FUNCTIONS[function].results);
        self.object(&of, &field.below, GROUP_DEPTH + 1, |field| match field.name() {
            TYPE_NAME => Ok(RowMember::TypeName),
            name => match outputs.table().column_place(name) {
                Some(column) => {
                    let output = outputs.measure(Measured::Column { function, column });
                    Ok(RowMember::Column(output, Value::Whole))
                }
                None => Err(self.unplanned(field)),
            },
        })
    }
}

#[cfg(test)]
mod tests;
