//! From a valid operation to statements and the form of their answer: owns the root fields, and what one operation may
//! cost before any of it runs. Does not run anything. Planning takes processor time: call it on a thread that may
//! block.

mod aggregate;
mod arguments;
mod changes;
mod connection;
mod having;
mod outputs;
mod relation;
mod row;

use std::cell::Cell;
use std::collections::BTreeSet;

use apollo_compiler::ast::OperationType;
use apollo_compiler::executable::{Operation, SelectionSet};

use super::document::too_many;
use super::errors::DoorError;
use super::introspection;
use super::output::{ChangeMember, ConnectionMember, Object, RowMember};
use super::schema::tables::DoorTable;
use super::schema::{DoorSchema, Root};
use super::selection::{Selected, Selections};
use crate::config::graphql::GraphqlConfig;
use crate::config::limits::LimitsConfig;
use crate::engine::statement::{Aggregate, Lookup, Select};
use crate::query::error::{ErrorCode, QueryError};
use crate::query::request::VersionSelector;

/// What one operation asks: an answer, or to be told of changes.
#[derive(Debug)]
pub(super) enum Planned {
    /// One answer.
    Answer(Plan),
    /// An event for each change.
    Subscription(Box<ChangesPlan>),
}

/// What one query asks.
#[derive(Debug)]
pub(super) struct Plan {
    /// Its root fields, each under its key, in the order of the answer.
    pub roots: Vec<(String, RootPlan)>,
    /// The schema is told.
    pub introspects: bool,
}

impl Plan {
    /// Names of all tables that are asked, some more than once.
    pub(super) fn tables(&self) -> Vec<&str> {
        let mut tables: Vec<&str> = Vec::new();
        for (_, root) in &self.roots {
            match root {
                RootPlan::Written(_) => {}
                RootPlan::Rows(rows) => {
                    tables.push(&rows.statement.table);
                    rows.below.iter().for_each(|below| below.tables(&mut tables));
                }
                RootPlan::Groups(groups) => tables.push(&groups.statement.table),
                RootPlan::Row(row) => {
                    tables.push(&row.statement.table);
                    row.below.iter().for_each(|below| below.tables(&mut tables));
                }
            }
        }
        tables
    }
}

/// What one root field asks.
#[derive(Debug)]
pub(super) enum RootPlan {
    /// What is known already, as JSON.
    Written(Vec<u8>),
    /// A page of rows.
    Rows(RowsPlan),
    /// Groups of rows, all or a page of them.
    Groups(GroupsPlan),
    /// One row, or null.
    Row(RowPlan),
}

/// A page of rows.
#[derive(Debug)]
pub(super) struct RowsPlan {
    /// The question.
    pub statement: Select,
    /// Of which version.
    pub version: VersionSelector,
    /// What is told of the page.
    pub output: Object<ConnectionMember>,
    /// What is asked of other tables for its rows.
    pub below: Vec<BelowPlan>,
}

/// Groups of rows, all or a page of them.
#[derive(Debug)]
pub(super) struct GroupsPlan {
    /// The question.
    pub statement: Aggregate,
    /// Of which version.
    pub version: VersionSelector,
    /// What is told of the groups: members of theirs are columns of the answer.
    pub output: Object<ConnectionMember>,
}

/// One row by its key.
#[derive(Debug)]
pub(super) struct RowPlan {
    /// The question.
    pub statement: Lookup,
    /// Of which version.
    pub version: VersionSelector,
    /// What is told of the row.
    pub output: Object<RowMember>,
    /// What is asked of other tables for it.
    pub below: Vec<BelowPlan>,
}

/// Rows that commits add to a table.
#[derive(Debug, Clone)]
pub(super) struct ChangesPlan {
    /// Key of the field in each event.
    pub key: String,
    /// Which rows: columns and a condition.
    pub statement: Select,
    /// What is told of each change.
    pub output: Object<ChangeMember>,
    /// What is asked of other tables for its rows.
    pub below: Vec<BelowPlan>,
}

impl ChangesPlan {
    /// Names of all tables that are asked besides the one that is followed, some more than once.
    pub(super) fn tables_below(&self) -> Vec<&str> {
        let mut tables: Vec<&str> = Vec::new();
        self.below.iter().for_each(|below| below.tables(&mut tables));
        tables
    }
}

/// Rows of another table that belong to rows which are found first.
#[derive(Debug, Clone)]
pub(super) struct BelowPlan {
    /// Keys in the answer that lead there, with dots between them.
    pub path: String,
    /// Columns of the rows above that name the key.
    pub columns: Vec<String>,
    /// Columns of the key, in table order; each is named by that one of `columns`.
    pub key: Vec<String>,
    /// The question, as far as it does not depend on the key.
    pub statement: Select,
    /// What is asked of other tables for its rows.
    pub below: Vec<Self>,
}

impl BelowPlan {
    fn tables<'p>(&'p self, tables: &mut Vec<&'p str>) {
        tables.push(&self.statement.table);
        self.below.iter().for_each(|below| below.tables(tables));
    }
}

/// What plans are made with.
#[derive(Debug)]
pub(super) struct Planner<'d> {
    door: &'d DoorSchema,
    selections: &'d Selections<'d>,
    config: &'d GraphqlConfig,
    limits: &'d LimitsConfig,
    rows_left: Cell<usize>,
}

impl<'d> Planner<'d> {
    /// For operations on one schema.
    pub(super) fn new(
        door: &'d DoorSchema,
        selections: &'d Selections<'d>,
        config: &'d GraphqlConfig,
        limits: &'d LimitsConfig,
    ) -> Self {
        let rows_left = Cell::new(config.operation_rows_max);
        Self { door, selections, config, limits, rows_left }
    }

    /// Plans an operation.
    ///
    /// # Errors
    /// `document_too_large`: more fields, levels or rows than one operation may ask for; `invalid_document`,
    /// `invalid_request`, `invalid_expression` and `expression_too_large`: what arguments ask for cannot be.
    pub(super) fn plan(&self, operation: &'d Operation) -> Result<Planned, DoorError> {
        match operation.operation_type {
            OperationType::Subscription => {
                self.subscription(operation).map(Box::new).map(Planned::Subscription)
            }
            // There are no mutations in any schema.
            OperationType::Query | OperationType::Mutation => self.query(operation).map(Planned::Answer),
        }
    }

    fn query(&self, operation: &'d Operation) -> Result<Plan, DoorError> {
        let root = &operation.selection_set.ty;
        let fields = self.selections.of(root, &[&operation.selection_set])?;
        if fields.len() > self.config.root_fields_max {
            return Err(too_many(self.config.root_fields_max, "root fields"));
        }
        introspection::check(&fields, self.selections, self.config)?;
        let introspects = fields.iter().any(introspection::is_introspection);
        let roots = fields
            .iter()
            .map(|field| Ok((field.key.to_owned(), self.root(root, field)?)))
            .collect::<Result<_, DoorError>>()?;
        Ok(Plan { roots, introspects })
    }

    fn root(&self, root: &str, field: &Selected<'d>) -> Result<RootPlan, DoorError> {
        if introspection::is_introspection(field) {
            let mut written = Vec::new();
            let bytes_max = self.limits.answer_bytes_max;
            introspection::write(self.door, self.selections, field, bytes_max, &mut written)?;
            return Ok(RootPlan::Written(written));
        }
        match self.door.root(field.name()) {
            Some(Root::Rows(place)) => Ok(RootPlan::Rows(self.rows(&self.door.tables()[place], field)?)),
            Some(Root::Groups(place)) => {
                Ok(RootPlan::Groups(self.groups(&self.door.tables()[place], field)?))
            }
            Some(Root::ByPk(place)) => Ok(RootPlan::Row(self.row_by_key(&self.door.tables()[place], field)?)),
            Some(Root::Nothing) => Ok(RootPlan::Written(b"null".to_vec())),
            None if field.name() == TYPE_NAME => Ok(RootPlan::Written(format!("\"{root}\"").into_bytes())),
            Some(Root::Changes(_)) | None => {
                Err(self.blame(field, QueryError::internal("the schema has a root field without a table")))
            }
        }
    }

    /// The members of an object of the answer, each made by `member`.
    fn object<M>(
        &self,
        of: &str,
        below: &[&'d SelectionSet],
        depth: usize,
        mut member: impl FnMut(&Selected<'d>) -> Result<M, DoorError>,
    ) -> Result<Object<M>, DoorError> {
        let depth_max = self.config.depth_max;
        if depth > depth_max {
            let message = format!("the document asks for fields more than {depth_max} levels deep");
            return Err(QueryError::new(ErrorCode::DocumentTooLarge, message).into());
        }
        let mut members: Vec<(String, M)> = Vec::new();
        for field in self.selections.of(of, below)? {
            members.push((field.key.to_owned(), member(&field)?));
        }
        Ok(Object { type_name: of.to_owned(), members })
    }

    /// Takes the rows of one page from what an operation may ask for, once for each row that it stands in.
    fn spend_rows(&self, field: &Selected<'d>, rows: usize, times: usize) -> Result<(), DoorError> {
        let left = self.rows_left.get().checked_sub(rows.saturating_mul(times)).ok_or_else(|| {
            let most = self.config.operation_rows_max;
            let message = format!("the pages of this operation have more than {most} rows together");
            let error = QueryError::new(ErrorCode::DocumentTooLarge, message);
            self.blame(field, error.with_hint("ask for smaller pages with \"first\""))
        })?;
        self.rows_left.set(left);
        Ok(())
    }

    fn blame(&self, field: &Selected<'d>, error: QueryError) -> DoorError {
        self.selections.blame(field.field, error)
    }

    /// What the schema has and no plan is made for: a fault of ours.
    fn unplanned(&self, field: &Selected<'d>) -> DoorError {
        self.blame(field, QueryError::internal(format!("no plan for the field \"{}\"", field.name())))
    }
}

/// What is found out about a level of rows while its fields are walked through.
#[derive(Debug)]
struct Level<'d> {
    table: &'d DoorTable,
    /// Keys that lead to its rows, with dots between them.
    path: String,
    /// Levels of the document above its rows.
    depth: usize,
    /// Most rows that it has, in all pages together.
    rows: usize,
    /// Columns that are read, by their places.
    columns: BTreeSet<usize>,
    below: Vec<BelowPlan>,
}

/// The field that every object has.
const TYPE_NAME: &str = "__typename";

#[cfg(test)]
mod tests;
