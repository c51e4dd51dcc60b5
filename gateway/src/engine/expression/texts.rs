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

/// Refuses an expression whose texts are too long.
pub(super) fn check(expr: &Expr, limits: &StatementLimits) -> std::result::Result<(), EngineError> {
    refuse_over(limits.text_bytes_max, bytes(expr).map_err(EngineError::planning)?)
}

/// Refuses a plan whose expressions' texts are too long.
pub(in crate::engine) fn check_plan(
    plan: &LogicalPlan,
    limits: &StatementLimits,
) -> std::result::Result<(), EngineError> {
    let (mut all, mut in_windows) = (0_usize, 0);
    let walked = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            let bytes = bytes(expr)?;
            all = all.saturating_add(bytes);
            if matches!(node, LogicalPlan::Window(_)) {
                in_windows = in_windows.max(bytes);
            }
            Ok(TreeNodeRecursion::Continue)
        })
    });
    walked.map_err(EngineError::planning)?;
    if in_windows > limits.window_text_bytes_max {
        return Err(EngineError::TooLarge(format!(
            "the texts in a window function are more than {} bytes",
            limits.window_text_bytes_max
        )));
    }
    refuse_over(limits.text_bytes_max, all)
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
