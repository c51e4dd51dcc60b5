//! Names in a caller's syntax tree: owns the matching of columns and functions to what is
//! visible, and the hints. A hint never names what the caller cannot see, because nothing else
//! is known here.

use std::ops::ControlFlow;
use std::sync::LazyLock;

use arrow::datatypes::{DataType, FieldRef, Fields, Schema};
use datafusion::sql::sqlparser::ast::{self, Ident, Spanned, VisitMut, VisitorMut};

use super::distinct_from::{SWALLOWING, swallows};
use crate::engine::error::{Complaint, EngineError, TextPosition};

static NO_FIELDS: LazyLock<Fields> = LazyLock::new(Fields::empty);

/// The names that exist for one caller.
pub(in crate::engine) struct Names<'a> {
    columns: &'a Fields,
    functions: &'a [String],
}

impl<'a> Names<'a> {
    pub(in crate::engine) fn new(schema: &'a Schema, functions: &'a [String]) -> Self {
        Self { columns: schema.fields(), functions }
    }

    /// Rewrites every name in `tree` to its exact spelling.
    ///
    /// # Errors
    /// A column or function that does not exist for the caller, or a subquery.
    pub(in crate::engine) fn resolve(&self, tree: &mut ast::Expr) -> Result<(), EngineError> {
        struct Resolver<'a, 'n>(&'a Names<'n>);
        impl VisitorMut for Resolver<'_, '_> {
            type Break = EngineError;
            fn pre_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<EngineError> {
                if swallows(expr) {
                    let complaint = Complaint::new(format!("{SWALLOWING} is not supported"));
                    return ControlFlow::Break(EngineError::InvalidExpression(complaint));
                }
                match self.0.resolve_node(expr) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(error) => ControlFlow::Break(error),
                }
            }
            fn pre_visit_query(&mut self, _: &mut ast::Query) -> ControlFlow<EngineError> {
                ControlFlow::Break(EngineError::InvalidExpression(Complaint::new(
                    "subqueries are not allowed in a filter",
                )))
            }
        }
        match tree.visit(&mut Resolver(self)) {
            ControlFlow::Break(error) => Err(error),
            ControlFlow::Continue(()) => Ok(()),
        }
    }

    fn resolve_node(&self, expr: &mut ast::Expr) -> Result<(), EngineError> {
        match expr {
            ast::Expr::Identifier(ident) => {
                let field = self.column_at(&ident.value, Some(place(ident)))?;
                *ident = exact(ident, field.name());
            }
            ast::Expr::CompoundIdentifier(parts) => {
                let mut fields = self.columns;
                for (depth, ident) in parts.iter_mut().enumerate() {
                    let field = if depth == 0 {
                        self.column_at(&ident.value, Some(place(ident)))?
                    } else {
                        find(fields, &ident.value)
                            .ok_or_else(|| unknown_column(&ident.value, fields, Some(place(ident))))?
                    };
                    *ident = exact(ident, field.name());
                    fields = match field.data_type() {
                        DataType::Struct(inner) => inner,
                        _ => &NO_FIELDS,
                    };
                }
            }
            ast::Expr::Function(function) => {
                let name = function.name.to_string();
                let position = function.name.0.first().and_then(|p| p.as_ident()).map(place);
                let spelled = self.function(&name, position)?;
                rename(function, spelled);
            }
            _ => {}
        }
        Ok(())
    }

    /// The visible column of that name: exact case first, then a unique match without case.
    pub(in crate::engine) fn column_at(
        &self,
        name: &str,
        position: Option<TextPosition>,
    ) -> Result<&'a FieldRef, EngineError> {
        find(self.columns, name).ok_or_else(|| unknown_column(name, self.columns, position))
    }

    /// The allow-listed function of that name.
    pub(in crate::engine) fn function(
        &self,
        name: &str,
        position: Option<TextPosition>,
    ) -> Result<&'a str, EngineError> {
        let lower = name.to_ascii_lowercase();
        if let Ok(index) = self.functions.binary_search(&lower) {
            return Ok(&self.functions[index]);
        }
        let hint = nearest(&lower, self.functions.iter().map(String::as_str));
        Err(EngineError::UnknownFunction(
            Complaint::new(format!("function \"{name}\" does not exist"))
                .with_hint(hint.map(did_you_mean))
                .at(position),
        ))
    }
}

/// Exact case first, then a unique match without case.
pub(in crate::engine) fn find<'f>(fields: &'f Fields, name: &str) -> Option<&'f FieldRef> {
    if let Some(field) = fields.iter().find(|f| f.name() == name) {
        return Some(field);
    }
    let mut alike = fields.iter().filter(|f| f.name().eq_ignore_ascii_case(name));
    match (alike.next(), alike.next()) {
        (Some(field), None) => Some(field),
        _ => None,
    }
}

/// The error for a column that does not exist among `fields`.
pub(in crate::engine) fn unknown_column(
    name: &str,
    fields: &Fields,
    position: Option<TextPosition>,
) -> EngineError {
    let hint = nearest(name, fields.iter().map(|f| f.name().as_str()));
    EngineError::UnknownColumn(
        Complaint::new(format!("column \"{name}\" not found")).with_hint(hint.map(did_you_mean)).at(position),
    )
}

/// The candidate that `name` most likely meant, if any is close.
pub(crate) fn nearest<'c>(name: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    // Suggestions help with slips, not with other words.
    const CLOSE: f64 = 0.72;
    // Comparing costs the product of both lengths, and nobody mistypes a name this long.
    const NAME_BYTES_MAX: usize = 128;
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let lower = name.to_lowercase();
    candidates
        .map(|c| (strsim::normalized_damerau_levenshtein(&lower, &c.to_lowercase()), c))
        .filter(|(score, _)| *score >= CLOSE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, c)| c)
}

pub(crate) fn did_you_mean(name: &str) -> String {
    format!("did you mean \"{name}\"?")
}

/// Where a name stands in its text.
pub(in crate::engine) fn place(ident: &Ident) -> TextPosition {
    TextPosition { line: ident.span.start.line, column: ident.span.start.column }
}

/// Gives the function its exact name, which stands where the caller's stood.
pub(in crate::engine) fn rename(function: &mut ast::Function, name: &str) {
    let span = function.name.span();
    function.name = ast::ObjectName::from(vec![Ident::with_span(span, name)]);
}

fn exact(ident: &Ident, name: &str) -> Ident {
    Ident { value: name.to_owned(), quote_style: Some('"'), span: ident.span }
}
