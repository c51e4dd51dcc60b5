//! Names in a query: owns their correction to the exact case of what is visible, the check of
//! function names, and the hint for a column that the planner did not find.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::sql::sqlparser::ast::{
    ExcludeSelectItem, Expr, Ident, JoinConstraint, ObjectName, ObjectNamePart, Query, Select, SelectItem,
    Visit, VisitMut, Visitor, VisitorMut,
};

use super::given::{Given, constraints};
use crate::engine::error::{Complaint, EngineError, TextPosition};
use crate::engine::expression::names::{Names, did_you_mean, nearest, place, rename};
use crate::engine::secured::SecuredTable;

/// The names that a query can mean.
pub(super) struct Spelling<'a> {
    tables: &'a BTreeMap<String, Arc<SecuredTable>>,
    given: Given,
    functions: &'a [String],
}

impl<'a> Spelling<'a> {
    pub(super) fn of(
        query: &Query,
        tables: &'a BTreeMap<String, Arc<SecuredTable>>,
        functions: &'a [String],
    ) -> Self {
        Self { tables, given: Given::by(query), functions }
    }

    /// Gives functions their exact names.
    ///
    /// # Errors
    /// One that does not exist.
    pub(super) fn correct_functions(&self, query: &mut Query) -> Result<(), EngineError> {
        match query.visit(&mut Functions(self.functions)) {
            ControlFlow::Break(error) => Err(error),
            ControlFlow::Continue(()) => Ok(()),
        }
    }

    /// Rewrites names of columns and relations that match only without case. For a query that does not plan as it
    /// is written: exact names come first, and only the planner knows which of them are in scope.
    pub(super) fn correct(&self, query: &mut Query) {
        let _ = query.visit(&mut Corrector(self));
    }

    /// Adds to an unknown column where it stands and what was meant.
    pub(super) fn explain(&self, error: EngineError, query: &Query) -> EngineError {
        let EngineError::UnknownColumn(complaint) = error else { return error };
        let name = complaint.message.split('"').nth(1).unwrap_or_default().to_owned();
        let hint = nearest(&name, self.fields().map(|field| field.name().as_str())).map(did_you_mean);
        let mut finder = Finder { name: &name, found: None };
        let _ = query.visit(&mut finder);
        EngineError::UnknownColumn(Complaint::new(complaint.message).with_hint(hint).at(finder.found))
    }

    /// The columns of all tables.
    fn fields(&self) -> impl Iterator<Item = &FieldRef> {
        self.tables.values().flat_map(|table| table.schema.fields())
    }

    fn relation(&self, ident: &mut Ident) -> bool {
        correct(ident, self.tables.keys().chain(&self.given.relations).map(String::as_str))
    }

    fn column(&self, ident: &mut Ident) {
        let own = self.given.columns.iter().map(String::as_str);
        correct(ident, self.fields().map(|field| field.name().as_str()).chain(own));
    }

    /// `relation.column.field...` or `column.field...`.
    fn path(&self, parts: &mut [Ident]) {
        let Some((first, rest)) = parts.split_first_mut() else { return };
        let (column, inner) = match rest.split_first_mut() {
            Some((second, inner)) if self.relation(first) => {
                let is_column = self.fields().any(|field| *field.name() == second.value);
                let found = match self.table(&first.value) {
                    Some(table) => correct(second, table.schema.fields().iter().map(|f| f.name().as_str())),
                    None => !is_column && correct(second, self.given.columns.iter().map(String::as_str)),
                };
                if !found {
                    self.column(second);
                }
                (second, inner)
            }
            _ => {
                self.column(first);
                (first, rest)
            }
        };
        let mut level: Vec<&FieldRef> = self.fields().filter(|field| *field.name() == column.value).collect();
        for ident in inner {
            level = level.into_iter().flat_map(inside).collect();
            correct(ident, level.iter().map(|field| field.name().as_str()));
            level.retain(|field| *field.name() == ident.value);
        }
    }

    /// The table that a name or an alias of the query stands for, if it is one.
    fn table(&self, relation: &str) -> Option<&SecuredTable> {
        let name = self.given.table_of(relation)?;
        self.tables.get(name).map(Arc::as_ref)
    }
}

/// The fields of a struct.
fn inside(field: &FieldRef) -> impl Iterator<Item = &FieldRef> {
    match field.data_type() {
        DataType::Struct(fields) => Some(fields.iter()),
        _ => None,
    }
    .into_iter()
    .flatten()
}

/// Gives a name the case of the one among `known` that it matches; false if there is no single one. An exact
/// match stays.
fn correct<'k>(ident: &mut Ident, known: impl Iterator<Item = &'k str>) -> bool {
    let mut alike: Vec<&str> = known.filter(|name| name.eq_ignore_ascii_case(&ident.value)).collect();
    alike.sort_unstable();
    alike.dedup();
    match alike.as_slice() {
        several if several.contains(&ident.value.as_str()) => true,
        [name] => {
            ident.value = (*name).to_owned();
            true
        }
        _ => false,
    }
}

/// The columns that a wildcard leaves out.
fn left_out(item: &mut SelectItem) -> Vec<&mut Ident> {
    let (SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options)) = item else {
        return Vec::new();
    };
    let mut left_out: Vec<&mut Ident> = Vec::new();
    if let Some(except) = &mut options.opt_except {
        left_out.push(&mut except.first_element);
        left_out.extend(&mut except.additional_elements);
    }
    let names = match &mut options.opt_exclude {
        Some(ExcludeSelectItem::Single(name)) => std::slice::from_mut(name),
        Some(ExcludeSelectItem::Multiple(names)) => names.as_mut_slice(),
        None => &mut [],
    };
    left_out.extend(names.iter_mut().flat_map(idents));
    left_out
}

struct Corrector<'a, 'f>(&'a Spelling<'f>);

impl VisitorMut for Corrector<'_, '_> {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<()> {
        idents(relation).for_each(|ident| {
            self.0.relation(ident);
        });
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for ident in select.projection.iter_mut().flat_map(left_out) {
            self.0.column(ident);
        }
        for constraint in constraints(&mut select.from) {
            if let JoinConstraint::Using(columns) = constraint {
                columns.iter_mut().flat_map(idents).for_each(|ident| self.0.column(ident));
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(ident) => self.0.column(ident),
            Expr::CompoundIdentifier(parts) => self.0.path(parts),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn idents(name: &mut ObjectName) -> impl Iterator<Item = &mut Ident> {
    name.0.iter_mut().filter_map(|part| match part {
        ObjectNamePart::Identifier(ident) => Some(ident),
        ObjectNamePart::Function(_) => None,
    })
}

struct Functions<'a>(&'a [String]);

impl VisitorMut for Functions<'_> {
    type Break = EngineError;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<EngineError> {
        let Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
        let schema = Schema::empty();
        let names = Names::new(&schema, self.0);
        let position = function.name.0.first().and_then(|p| p.as_ident()).map(place);
        match names.function(&function.name.to_string(), position) {
            Ok(spelled) => {
                rename(function, spelled);
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(error),
        }
    }
}

struct Finder<'a> {
    name: &'a str,
    found: Option<TextPosition>,
}

impl Visitor for Finder<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let ident = match expr {
            Expr::Identifier(ident) => Some(ident),
            Expr::CompoundIdentifier(parts) => parts.last(),
            _ => None,
        };
        match ident.filter(|i| i.value == self.name) {
            Some(ident) => {
                self.found = Some(place(ident));
                ControlFlow::Break(())
            }
            None => ControlFlow::Continue(()),
        }
    }
}
