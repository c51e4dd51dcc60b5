//! Patterns that texts are matched against, of `LIKE` and of regular expressions: owns which are let in, and
//! their limits. Matches nothing.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::execution::SessionState;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator};

use super::settle;
use crate::config::limits::StatementLimits;
use crate::engine::error::{Complaint, EngineError};
use crate::engine::functions::matching::compile;

/// Refuses patterns that are not constant, which would be compiled for each row, long ones, those that
/// compile to something large, and the operators, whose patterns nothing looks at.
pub(super) fn check(expr: &Expr, limits: &StatementLimits, state: &SessionState) -> Result<(), EngineError> {
    let mut verdict = Ok(());
    let walked = expr.apply(|node| {
        verdict = check_node(node, limits, state);
        Ok(if verdict.is_ok() { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    walked.map_err(EngineError::planning).and(verdict)
}

/// The same for a plan.
pub(in crate::engine) fn check_plan(
    plan: &LogicalPlan,
    limits: &StatementLimits,
    state: &SessionState,
) -> Result<(), EngineError> {
    let mut verdict = Ok(());
    let walked = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            verdict = check(expr, limits, state);
            Ok(if verdict.is_ok() { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
        })
    });
    walked.map_err(EngineError::planning).and(verdict)
}

fn check_node(expr: &Expr, limits: &StatementLimits, state: &SessionState) -> Result<(), EngineError> {
    match expr {
        Expr::Like(like) => {
            let name = if like.case_insensitive { "ILIKE" } else { "LIKE" };
            pattern(name, &like.pattern, limits, state).map(drop)
        }
        Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == "regexp_like" => {
            let Some(arg) = args.get(1) else { return Ok(()) };
            let Some(text) = pattern(func.name(), arg, limits, state)? else { return Ok(()) };
            let flags = match args.get(2) {
                Some(flags) => flags_of(flags)?,
                None => "",
            };
            regular(&text, flags, limits)
        }
        Expr::BinaryExpr(BinaryExpr { op, .. }) if is_regex_operator(*op) => Err(operator()),
        Expr::SimilarTo(_) => Err(operator()),
        _ => Ok(()),
    }
}

/// The text of a pattern; `None` where it is null.
fn pattern(
    name: &str,
    expr: &Expr,
    limits: &StatementLimits,
    state: &SessionState,
) -> Result<Option<String>, EngineError> {
    let literal = match expr {
        Expr::Literal(value, _) => Some(value.clone()),
        computed => constant(computed, state)?,
    };
    let Some(value) = literal else {
        return Err(invalid(format!("the pattern of {name} must be a literal or a parameter")));
    };
    if value.is_null() {
        return Ok(None);
    }
    let Some(text) = value.try_as_str().flatten() else {
        return Err(invalid(format!("the pattern of {name} must be a text")));
    };
    let most = limits.pattern_bytes_max;
    if text.len() > most {
        return Err(EngineError::TooLarge(format!("the pattern of {name} is longer than {most} bytes")));
    }
    Ok(Some(text.to_owned()))
}

/// The value of what is computed from literals alone.
fn constant(expr: &Expr, state: &SessionState) -> Result<Option<ScalarValue>, EngineError> {
    if expr.any_column_refs() || expr.is_volatile() || has_subquery(expr)? {
        return Ok(None);
    }
    match settle(state, expr.clone(), &DFSchema::empty())? {
        Expr::Literal(value, _) => Ok(Some(value)),
        _ => Ok(None),
    }
}

fn has_subquery(expr: &Expr) -> Result<bool, EngineError> {
    let is_query = |node: &Expr| {
        Ok(matches!(
            node,
            Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::SetComparison(_)
        ))
    };
    expr.exists(is_query).map_err(EngineError::planning)
}

fn flags_of(expr: &Expr) -> Result<&str, EngineError> {
    let text = match expr {
        Expr::Literal(ScalarValue::Null, _) => Some(""),
        Expr::Literal(value, _) => value.try_as_str().map(Option::unwrap_or_default),
        _ => None,
    };
    match text {
        Some(flags) if flags.chars().all(|flag| "imsUx".contains(flag)) => Ok(flags),
        _ => Err(invalid("the flags of regexp_like must be some of i, m, s, U and x".to_owned())),
    }
}

fn regular(text: &str, flags: &str, limits: &StatementLimits) -> Result<(), EngineError> {
    let most = limits.pattern_compiled_bytes_max;
    match compile(text, flags, most) {
        Ok(_) => Ok(()),
        Err(regex::Error::Syntax(text)) => {
            // The last line says what is wrong; those before it draw where.
            let last = text.lines().last().unwrap_or_default();
            let fault = last.trim_start_matches("error: ");
            Err(invalid(format!("the pattern of regexp_like is not a regular expression: {fault}")))
        }
        Err(_) => Err(EngineError::TooLarge(format!(
            "the pattern of regexp_like needs more than {most} bytes once it is compiled"
        ))),
    }
}

fn is_regex_operator(op: Operator) -> bool {
    use Operator::{RegexIMatch, RegexMatch, RegexNotIMatch, RegexNotMatch};
    matches!(op, RegexMatch | RegexIMatch | RegexNotMatch | RegexNotIMatch)
}

fn operator() -> EngineError {
    let complaint = Complaint::new("regular expression operators are not supported");
    EngineError::InvalidExpression(complaint.with_hint(Some("use regexp_like(column, 'pattern')".to_owned())))
}

fn invalid(message: String) -> EngineError {
    EngineError::InvalidExpression(Complaint::new(message))
}
