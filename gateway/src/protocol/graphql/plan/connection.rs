//! Pages of rows: owns the way from a field that pages to its statement and the form of its answer. Does not read
//! arguments one by one.

use std::collections::BTreeSet;

use apollo_compiler::executable::SelectionSet;

use super::{Level, Planner, RowsPlan, TYPE_NAME, arguments};
use crate::engine::statement::Select;
use crate::protocol::graphql::condition::condition;
use crate::protocol::graphql::errors::DoorError;
use crate::protocol::graphql::order::order;
use crate::protocol::graphql::output::{ConnectionMember, EdgeMember, Object, PageMember};
use crate::protocol::graphql::schema::tables::DoorTable;
use crate::protocol::graphql::selection::Selected;
use crate::query::error::QueryError;

impl<'d> Planner<'d> {
    /// A root field that pages through a table.
    pub(super) fn rows(&self, table: &'d DoorTable, field: &Selected<'d>) -> Result<RowsPlan, DoorError> {
        let version = arguments::version(&field.arguments).map_err(|error| self.blame(field, error))?;
        let level = Level::new(table, field.key.to_owned(), 1, 1);
        let (statement, output, level) = self.page(field, level)?;
        Ok(RowsPlan { statement, version, output, below: level.below })
    }

    /// A field that pages, as its statement and what is told of the page. `level` is that of the rows it stands in, and
    /// comes back as that of its own.
    pub(super) fn page(
        &self,
        field: &Selected<'d>,
        mut level: Level<'d>,
    ) -> Result<(Select, Object<ConnectionMember>, Level<'d>), DoorError> {
        let (table, limits) = (level.table, &self.limits.statements);
        let blame = |error: QueryError| self.blame(field, error);
        let page = arguments::page(&field.arguments).map_err(blame)?;
        let filter = condition(table, field.arguments.get("where"), limits).map_err(blame)?;
        let order = order(table, field.arguments.get("orderBy"), limits).map_err(blame)?;
        // More than a page has is refused once the page is asked for.
        let rows = page.rows.unwrap_or(self.limits.page_rows_default).min(self.limits.page_rows_max);
        let times = level.rows;
        level.rows = times.saturating_mul(rows);
        let output = self.connection(&field.below, &mut level)?;
        let limit = if output.wants_rows() { page.rows } else { Some(1) };
        self.spend_rows(field, if output.wants_rows() { rows } else { 1 }, times)?;
        let statement = Select {
            table: table.name.clone(),
            columns: Some(level.column_names()),
            filter,
            order,
            limit,
            cursor: page.cursor,
            side: Some(page.side),
            count_exact: output.wants_count(),
            row_cursors: output.wants_row_cursors(),
            per_key: None,
        };
        Ok((statement, output, level))
    }

    fn connection(
        &self,
        below: &[&'d SelectionSet],
        level: &mut Level<'d>,
    ) -> Result<Object<ConnectionMember>, DoorError> {
        let (of, depth) = (format!("{}Connection", level.table.type_name), level.depth + 1);
        self.object(&of, below, depth, |field| match field.name() {
            TYPE_NAME => Ok(ConnectionMember::TypeName),
            "edges" => Ok(ConnectionMember::Edges(self.edge(field, level)?)),
            "nodes" => Ok(ConnectionMember::Nodes(self.row(field, depth + 1, level)?)),
            "pageInfo" => Ok(ConnectionMember::PageInfo(self.page_info(&field.below, depth + 1)?)),
            "totalCount" => Ok(ConnectionMember::TotalCount),
            _ => Err(self.unplanned(field)),
        })
    }

    fn edge(&self, edge: &Selected<'d>, level: &mut Level<'d>) -> Result<Object<EdgeMember>, DoorError> {
        let (of, depth) = (format!("{}Edge", level.table.type_name), level.depth + 2);
        self.object(&of, &edge.below, depth, |field| match field.name() {
            TYPE_NAME => Ok(EdgeMember::TypeName),
            "cursor" => Ok(EdgeMember::Cursor),
            "node" => Ok(EdgeMember::Node(self.row(field, depth + 1, level)?)),
            _ => Err(self.unplanned(field)),
        })
    }

    /// What is asked of where a page stands.
    pub(super) fn page_info(
        &self,
        below: &[&'d SelectionSet],
        depth: usize,
    ) -> Result<Object<PageMember>, DoorError> {
        self.object("PageInfo", below, depth, |field| match field.name() {
            TYPE_NAME => Ok(PageMember::TypeName),
            "hasNextPage" => Ok(PageMember::HasNextPage),
            "hasPreviousPage" => Ok(PageMember::HasPreviousPage),
            "startCursor" => Ok(PageMember::StartCursor),
            "endCursor" => Ok(PageMember::EndCursor),
            _ => Err(self.unplanned(field)),
        })
    }
}

impl<'d> Level<'d> {
    /// Nothing is asked of it yet.
    pub(super) fn new(table: &'d DoorTable, path: String, depth: usize, rows: usize) -> Self {
        Self { table, path, depth, rows, columns: BTreeSet::new(), below: Vec::new() }
    }

    /// Names of the columns that are read, in table order.
    pub(super) fn column_names(&self) -> Vec<String> {
        self.columns.iter().map(|place| self.table.columns[*place].name.clone()).collect()
    }
}
