//! Texts that a caller's expressions may make rows of: owns their count and its limit. A text of a megabyte
//! beside a column is gigabytes in a batch, and in a window more. Does not count what is only compared with
//! something, of which no row is made.

use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator};

use crate::config::limits::StatementLimits;
use crate::engine::error::EngineError;

/// What joining two texts counts as: a thousand of them make a thousand of a column's text.
const JOINED_BYTES: usize = 64;

/// What an operator may make of a statement's own texts at once, in bytes.
const AT_ONCE_BYTES: usize = 2 * 1024 * 1024;

/// Bytes of a pattern for which a text costs as much again: matching costs the product of both.
const PATTERN_BYTES: usize = 16;

/// Refuses an expression whose texts are too long.
pub(super) fn check(expr: &Expr, limits: &StatementLimits) -> std::result::Result<(), EngineError> {
    refuse_over(limits.text_bytes_max, bytes(expr).map_err(EngineError::planning)?)
}

/// Refuses a plan whose expressions' texts are too long.
pub(in crate::engine) fn check_plan(
    plan: &LogicalPlan,
    limits: &StatementLimits,
) -> std::result::Result<(), EngineError> {
    let (mut all, mut in_windows) = (0_usize, 0_usize);
    let walked = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            let bytes = bytes(expr)?;
            all = all.saturating_add(bytes);
            if matches!(node, LogicalPlan::Window(_)) {
                in_windows = in_windows.saturating_add(bytes);
            }
            Ok(TreeNodeRecursion::Continue)
        })
    });
    walked.map_err(EngineError::planning)?;
    if in_windows > limits.window_text_bytes_max {
        return Err(EngineError::TooLarge(format!(
            "the texts in window functions are more than {} bytes together",
            limits.window_text_bytes_max
        )));
    }
    refuse_over(limits.text_bytes_max, all)
}

/// Rows of a batch at most when these expressions are evaluated on it at once. An operator does not come back
/// before it is through with a batch.
pub(in crate::engine) fn rows_at_once<'e>(exprs: impl IntoIterator<Item = &'e Expr>) -> Result<usize> {
    let mut work = Work::default();
    exprs.into_iter().try_for_each(|expr| work.add(expr))?;
    Ok(work.rows())
}

/// The same for the operators of a plan.
pub(in crate::engine) fn plan_rows_at_once(plan: &LogicalPlan) -> Result<usize> {
    let mut all = Work::default();
    plan.apply_with_subqueries(|node| {
        let mut work = Work::default();
        node.apply_expressions(|expr| work.add(expr).map(|()| TreeNodeRecursion::Continue))?;
        // Texts come from any operator below.
        all.bytes = all.bytes.saturating_add(work.bytes);
        all.times = all.times.max(work.times);
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(all.rows())
}

#[derive(Default)]
struct Work {
    bytes: usize,
    /// How often all of the texts may be gone through.
    times: usize,
}

impl Work {
    fn add(&mut self, expr: &Expr) -> Result<()> {
        self.bytes = self.bytes.saturating_add(bytes(expr)?);
        let mut pattern_bytes = 0;
        expr.apply(|node| {
            if let Expr::Like(like) = node {
                pattern_bytes += literal_bytes(&like.pattern);
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        self.times = self.times.saturating_add(1 + pattern_bytes / PATTERN_BYTES);
        Ok(())
    }

    fn rows(&self) -> usize {
        let row_bytes = self.bytes.saturating_mul(self.times).max(1);
        (AT_ONCE_BYTES / row_bytes).max(1)
    }
}

fn refuse_over(bytes_max: usize, bytes: usize) -> std::result::Result<(), EngineError> {
    if bytes <= bytes_max {
        return Ok(());
    }
    Err(EngineError::TooLarge(format!(
        "texts that are not just compared with something are more than {bytes_max} bytes together"
    )))
}

fn bytes(expr: &Expr) -> Result<usize> {
    let (mut all, mut compared) = (0_usize, 0_usize);
    expr.apply(|node| {
        match node {
            Expr::Literal(value, _) => all = all.saturating_add(text_bytes(value)),
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                if *op == Operator::StringConcat {
                    all = all.saturating_add(JOINED_BYTES);
                } else if is_comparison(*op) {
                    compared = compared.saturating_add(literal_bytes(left) + literal_bytes(right));
                }
            }
            Expr::Like(like) => compared = compared.saturating_add(literal_bytes(&like.pattern)),
            Expr::Between(between) => {
                compared =
                    compared.saturating_add(literal_bytes(&between.low) + literal_bytes(&between.high));
            }
            Expr::InList(list) => {
                let items: usize = list.list.iter().map(literal_bytes).sum();
                compared = compared.saturating_add(items);
            }
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(all.saturating_sub(compared))
}

const fn is_comparison(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

fn literal_bytes(expr: &Expr) -> usize {
    match expr {
        Expr::Literal(value, _) => text_bytes(value),
        _ => 0,
    }
}

/// Bytes of a value that may be long; numbers and their like are as narrow as columns.
fn text_bytes(value: &ScalarValue) -> usize {
    match value {
        ScalarValue::Utf8(Some(text))
        | ScalarValue::LargeUtf8(Some(text))
        | ScalarValue::Utf8View(Some(text)) => text.len(),
        ScalarValue::Binary(Some(bytes))
        | ScalarValue::LargeBinary(Some(bytes))
        | ScalarValue::BinaryView(Some(bytes)) => bytes.len(),
        other if other.data_type().is_nested() => other.size(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use datafusion::logical_expr::{binary_expr, col, lit};

    use super::*;

    #[test]
    fn texts_count_where_rows_can_be_made_of_them() {
        let long = || lit("x".repeat(1_000));
        let joined = |right: Expr| binary_expr(col("a"), Operator::StringConcat, right);
        for (expr, expected) in [
            (col("a").eq(long()), 0),
            (col("a").in_list(vec![long(), long()], true), 0),
            (col("a").like(long()).and(col("a").between(long(), long())), 0),
            (col("a").gt(lit(1_i64)), 0),
            (long(), 1_000),
            (joined(long()).eq(long()), 1_000 + JOINED_BYTES),
            (joined(joined(col("a"))), 2 * JOINED_BYTES),
        ] {
            assert_eq!(bytes(&expr).unwrap(), expected, "{expr}");
        }
    }
}
