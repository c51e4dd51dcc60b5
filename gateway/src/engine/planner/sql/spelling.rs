//! What is said of names that do not exist: owns the check of function names, and the hint and the position for
//! a column that the planner did not find.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::sql::sqlparser::ast::{Expr, Query, Visit, VisitMut, Visitor, VisitorMut};

use crate::engine::error::{Complaint, EngineError, TextPosition};
use crate::engine::expression::names::{Names, did_you_mean, nearest, place, rename};
use crate::engine::secured::SecuredTable;

/// Gives functions their exact names.
///
/// # Errors
/// One that does not exist.
pub(super) fn correct_functions(query: &mut Query, functions: &[String]) -> Result<(), EngineError> {
    match query.visit(&mut Functions(functions)) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// Adds to an unknown column where it stands and what was meant.
pub(super) fn explain(
    error: EngineError,
    query: &Query,
    tables: &BTreeMap<String, Arc<SecuredTable>>,
) -> EngineError {
    let EngineError::UnknownColumn(complaint) = error else { return error };
    if complaint.position.is_some() {
        return EngineError::UnknownColumn(complaint);
    }
    let name = complaint.message.split('"').nth(1).unwrap_or_default().to_owned();
    let columns = tables.values().flat_map(|table| table.schema.fields());
    let hint = nearest(&name, columns.map(|field| field.name().as_str()).filter(|known| *known != name));
    let mut finder = Finder { name: &name, found: None };
    let _ = query.visit(&mut finder);
    let complaint = Complaint::new(complaint.message).with_hint(hint.map(did_you_mean));
    EngineError::UnknownColumn(complaint.at(finder.found))
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
