//! Names in a query: owns their correction to the exact case of what is visible, the check of
//! function names, and the hint for a column that the planner did not find.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::{FieldRef, Schema};
use datafusion::sql::sqlparser::ast::{
    ExcludeSelectItem, Expr, Ident, JoinConstraint, ObjectName, ObjectNamePart, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, Visit, VisitMut, Visitor, VisitorMut,
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

    fn relations(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().chain(&self.given.relations).map(String::as_str)
    }

    fn relation(&self, name: &mut ObjectName) {
        for ident in idents(name) {
            correct(ident, self.relations());
        }
    }

    fn column(&self, ident: &mut Ident) {
        let own = self.given.columns.iter().map(String::as_str);
        correct(ident, self.fields().map(|field| field.name().as_str()).chain(own));
    }

    /// `relation.column...` or `column...`. Fields inside a column are the planner's to find, which knows its type.
    fn path(&self, parts: &mut [Ident]) {
        let Some((first, rest)) = parts.split_first_mut() else { return };
        let Some(second) = rest.first_mut().filter(|_| self.begins_with_relation(first)) else {
            return self.column(first);
        };
        let found = match self.table(&first.value) {
            Some(table) => correct(second, table.schema.fields().iter().map(|field| field.name().as_str())),
            None => !self.is_column(second) && correct(second, self.given.columns.iter().map(String::as_str)),
        };
        if !found {
            self.column(second);
        }
    }

    /// Corrects the first part of a path where it is a relation: a column of exactly this name comes before a
    /// relation in another case.
    fn begins_with_relation(&self, first: &mut Ident) -> bool {
        let is_exact = self.relations().any(|name| name == first.value);
        is_exact || (!self.is_column(first) && correct(first, self.relations()))
    }

    fn is_column(&self, ident: &Ident) -> bool {
        self.fields().any(|field| *field.name() == ident.value)
    }

    /// The table that a name or an alias of the query stands for, if it is one.
    fn table(&self, relation: &str) -> Option<&SecuredTable> {
        let name = self.given.table_of(relation)?;
        self.tables.get(name).map(Arc::as_ref)
    }
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
        self.0.relation(relation);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for item in &mut select.projection {
            if let SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) = item
            {
                self.0.relation(name);
            }
            left_out(item).into_iter().for_each(|ident| self.0.column(ident));
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
