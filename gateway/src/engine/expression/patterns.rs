//! Patterns that texts are matched against, of `LIKE` and of regular expressions: owns which are let in, and
//! their limits. Matches nothing.

use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator};

use crate::config::limits::StatementLimits;
use crate::engine::error::{Complaint, EngineError};
use crate::engine::functions::matching::compile;

/// Refuses patterns that are not literals, which would be compiled for each row, long ones, those that
/// compile to something large, and the operators, whose patterns nothing looks at.
pub(super) fn check(expr: &Expr, limits: &StatementLimits) -> Result<(), EngineError> {
    let mut verdict = Ok(());
    let walked = expr.apply(|node| {
        verdict = check_node(node, limits);
        Ok(if verdict.is_ok() { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    walked.map_err(EngineError::planning).and(verdict)
}

/// The same for a plan.
pub(in crate::engine) fn check_plan(plan: &LogicalPlan, limits: &StatementLimits) -> Result<(), EngineError> {
    let mut verdict = Ok(());
    let walked = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            verdict = check(expr, limits);
            Ok(if verdict.is_ok() { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
        })
    });
    walked.map_err(EngineError::planning).and(verdict)
}

fn check_node(expr: &Expr, limits: &StatementLimits) -> Result<(), EngineError> {
    match expr {
        Expr::Like(like) => {
            let name = if like.case_insensitive { "ILIKE" } else { "LIKE" };
            pattern(name, &like.pattern, limits).map(drop)
        }
        Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == "regexp_like" => {
            let Some(text) = args.get(1).map(|arg| pattern(func.name(), arg, limits)).transpose()?.flatten()
            else {
                return Ok(());
            };
            let flags = match args.get(2) {
                Some(flags) => flags_of(flags)?,
                None => "",
            };
            regular(text, flags, limits)
        }
        Expr::BinaryExpr(BinaryExpr { op, .. }) if is_regex_operator(*op) => Err(operator()),
        Expr::SimilarTo(_) => Err(operator()),
        _ => Ok(()),
    }
}

/// The text of a pattern; `None` where it is null or no text at all.
fn pattern<'e>(name: &str, expr: &'e Expr, limits: &StatementLimits) -> Result<Option<&'e str>, EngineError> {
    let Expr::Literal(value, _) = expr else {
        return Err(invalid(format!("the pattern of {name} must be a literal or a parameter")));
    };
    let text = value.try_as_str().flatten();
    let most = limits.pattern_bytes_max;
    if text.is_some_and(|text| text.len() > most) {
        return Err(EngineError::TooLarge(format!("the pattern of {name} is longer than {most} bytes")));
    }
    Ok(text)
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
