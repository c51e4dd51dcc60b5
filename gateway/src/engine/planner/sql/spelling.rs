//! Names in a query: owns their correction to the exact case of what is visible, the check of
//! function names, and the hint for a column that the planner did not find.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::sql::sqlparser::ast::{
    ExcludeSelectItem, Expr, Ident, ObjectName, ObjectNamePart, Query, Select, SelectItem, TableFactor,
    Visit, VisitMut, Visitor, VisitorMut,
};

use crate::engine::error::{Complaint, EngineError, TextPosition};
use crate::engine::expression::names::{Names, did_you_mean, nearest, place, rename};
use crate::engine::secured::SecuredTable;

/// The names that a query can mean.
pub(super) struct Spelling<'a> {
    columns: BTreeSet<String>,
    /// Names that the query itself gives: aliases and common table expressions.
    own: BTreeSet<String>,
    functions: &'a [String],
}

impl<'a> Spelling<'a> {
    pub(super) fn of(
        query: &Query,
        tables: &BTreeMap<String, Arc<SecuredTable>>,
        functions: &'a [String],
    ) -> Self {
        let columns =
            tables.values().flat_map(|t| t.schema.fields().iter().map(|f| f.name().clone())).collect();
        let mut own = Own(tables.keys().cloned().collect());
        let _ = query.visit(&mut own);
        Self { columns, own: own.0, functions }
    }

    /// Rewrites names that match only without case.
    ///
    /// # Errors
    /// A function that does not exist.
    pub(super) fn correct(&self, query: &mut Query) -> Result<(), EngineError> {
        match query.visit(&mut Corrector(self)) {
            ControlFlow::Break(error) => Err(error),
            ControlFlow::Continue(()) => Ok(()),
        }
    }

    /// Adds to an unknown column where it stands and what was meant.
    pub(super) fn explain(&self, error: EngineError, query: &Query) -> EngineError {
        let EngineError::UnknownColumn(complaint) = error else { return error };
        let name = complaint.message.split('"').nth(1).unwrap_or_default().to_owned();
        let hint = nearest(&name, self.columns.iter().map(String::as_str)).map(did_you_mean);
        let mut finder = Finder { name: &name, found: None };
        let _ = query.visit(&mut finder);
        EngineError::UnknownColumn(Complaint::new(complaint.message).with_hint(hint).at(finder.found))
    }

    fn correct_ident(&self, ident: &mut Ident) {
        if self.columns.contains(&ident.value) || self.own.contains(&ident.value) {
            return;
        }
        let mut alike = self
            .columns
            .iter()
            .chain(self.own.iter().filter(|name| !self.columns.contains(*name)))
            .filter(|name| name.eq_ignore_ascii_case(&ident.value));
        if let (Some(name), None) = (alike.next(), alike.next()) {
            ident.value.clone_from(name);
        }
    }
}

/// The columns that a wildcard leaves out.
fn left_out(item: &mut SelectItem) -> Vec<&mut Ident> {
    let (SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options)) = item else {
        return Vec::new();
    };
    let mut idents: Vec<&mut Ident> = Vec::new();
    if let Some(except) = &mut options.opt_except {
        idents.push(&mut except.first_element);
        idents.extend(&mut except.additional_elements);
    }
    let names = match &mut options.opt_exclude {
        Some(ExcludeSelectItem::Single(name)) => std::slice::from_mut(name),
        Some(ExcludeSelectItem::Multiple(names)) => names.as_mut_slice(),
        None => &mut [],
    };
    for part in names.iter_mut().flat_map(|name| &mut name.0) {
        if let ObjectNamePart::Identifier(ident) = part {
            idents.push(ident);
        }
    }
    idents
}

struct Corrector<'a, 'f>(&'a Spelling<'f>);

impl VisitorMut for Corrector<'_, '_> {
    type Break = EngineError;

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<EngineError> {
        for part in &mut relation.0 {
            if let ObjectNamePart::Identifier(ident) = part {
                self.0.correct_ident(ident);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<EngineError> {
        for ident in select.projection.iter_mut().flat_map(left_out) {
            self.0.correct_ident(ident);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<EngineError> {
        match expr {
            Expr::Identifier(ident) => self.0.correct_ident(ident),
            Expr::CompoundIdentifier(parts) => parts.iter_mut().for_each(|p| self.0.correct_ident(p)),
            Expr::Function(function) => {
                let schema = Schema::empty();
                let names = Names::new(&schema, self.0.functions);
                let position = function.name.0.first().and_then(|p| p.as_ident()).map(place);
                match names.function(&function.name.to_string(), position) {
                    Ok(spelled) => rename(function, spelled),
                    Err(error) => return ControlFlow::Break(error),
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

struct Own(BTreeSet<String>);

impl Visitor for Own {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if let Some(with) = &query.with {
            for cte in &with.cte_tables {
                self.0.insert(cte.alias.name.value.clone());
                self.0.extend(cte.alias.columns.iter().map(|c| c.name.value.clone()));
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        for item in &select.projection {
            if let SelectItem::ExprWithAlias { alias, .. } = item {
                self.0.insert(alias.value.clone());
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. } = factor
        {
            self.0.insert(alias.name.value.clone());
            self.0.extend(alias.columns.iter().map(|c| c.name.value.clone()));
        }
        ControlFlow::Continue(())
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
