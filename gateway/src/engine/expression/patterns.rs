//! Regular expressions in a caller's syntax tree: owns which are let in, and their limits. Matches nothing.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{self, BinaryOperator, Visit, Visitor};

use super::names::place;
use crate::config::limits::StatementLimits;
use crate::engine::error::{Complaint, EngineError};

/// Refuses patterns that are not literals, which would be compiled for each row, long ones, those that
/// compile to something large, and the operators, whose patterns are not looked at.
pub(in crate::engine) fn check(tree: &impl Visit, limits: &StatementLimits) -> Result<(), EngineError> {
    match tree.visit(&mut Patterns(limits)) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Patterns<'a>(&'a StatementLimits);

impl Visitor for Patterns<'_> {
    type Break = EngineError;

    fn pre_visit_expr(&mut self, expr: &ast::Expr) -> ControlFlow<EngineError> {
        let checked = match expr {
            ast::Expr::Function(function) => self.function(function),
            ast::Expr::BinaryOp { op, .. } if is_regex_operator(op) => Err(operator()),
            ast::Expr::RLike { .. } | ast::Expr::SimilarTo { .. } => Err(operator()),
            _ => Ok(()),
        };
        checked.map_or_else(ControlFlow::Break, ControlFlow::Continue)
    }
}

impl Patterns<'_> {
    fn function(&self, function: &ast::Function) -> Result<(), EngineError> {
        let name = function.name.to_string().to_ascii_lowercase();
        if !name.starts_with("regexp_") {
            return Ok(());
        }
        let ast::FunctionArguments::List(list) = &function.args else { return Ok(()) };
        let literal = match list.args.get(1) {
            Some(ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(ast::Expr::Value(value)))) => {
                value.value.clone().into_string()
            }
            _ => None,
        };
        let position = function.name.0.first().and_then(|part| part.as_ident()).map(place);
        let invalid = |fault| {
            let message = format!("the pattern of \"{name}\" {fault}");
            EngineError::InvalidExpression(Complaint::new(message).at(position))
        };
        let too_large = |what| EngineError::TooLarge(format!("the pattern of \"{name}\" {what}"));
        let pattern = literal.ok_or_else(|| invalid("must be a literal".to_owned()))?;
        if pattern.len() > self.0.pattern_bytes_max {
            return Err(too_large(format!("is longer than {} bytes", self.0.pattern_bytes_max)));
        }
        let mut builder = regex::RegexBuilder::new(&pattern);
        match builder.size_limit(self.0.pattern_compiled_bytes_max).build() {
            Ok(_) => Ok(()),
            Err(regex::Error::Syntax(text)) => {
                // The last line says what is wrong; those before it draw where.
                let last = text.lines().last().unwrap_or_default();
                let fault = last.trim_start_matches("error: ");
                Err(invalid(format!("is not a regular expression: {fault}")))
            }
            Err(_) => {
                let most = self.0.pattern_compiled_bytes_max;
                Err(too_large(format!("needs more than {most} bytes once it is compiled")))
            }
        }
    }
}

fn is_regex_operator(op: &BinaryOperator) -> bool {
    use BinaryOperator::{PGRegexIMatch, PGRegexMatch, PGRegexNotIMatch, PGRegexNotMatch, Regexp};
    matches!(op, PGRegexMatch | PGRegexIMatch | PGRegexNotMatch | PGRegexNotIMatch | Regexp)
}

fn operator() -> EngineError {
    EngineError::InvalidExpression(
        Complaint::new("regular expression operators are not supported")
            .with_hint(Some("use regexp_like(column, 'pattern')".to_owned())),
    )
}
