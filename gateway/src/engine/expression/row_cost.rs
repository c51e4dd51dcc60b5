//! What a caller's texts come to on every row: owns the estimate of the bytes that expressions make of one
//! row, and how many rows are therefore evaluated at once. A text of a megabyte is gigabytes in a batch
//! of thousands. Does not bound results.

use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator};

use crate::engine::error::EngineError;

/// Bytes that expressions may make of one batch.
const BATCH_BYTES: usize = 16 * 1024 * 1024;

/// What joining a column's text to another is taken to add.
const JOINED_BYTES: usize = 256;

/// Longest texts in a window function, which sees all rows of a partition at once.
const WINDOW_BYTES_MAX: usize = 1024;

/// How many rows a condition may be evaluated on at once.
pub(in crate::engine) fn rows_at_once(expr: &Expr) -> Result<usize> {
    Ok(rows(cost(expr)?))
}

/// How many rows the expressions of a plan may be evaluated on at once.
///
/// # Errors
/// A window function over texts for which no batch would be small enough.
pub(in crate::engine) fn rows_of_plan_at_once(plan: &LogicalPlan) -> std::result::Result<usize, EngineError> {
    let (mut all, mut widest) = (0_usize, 0);
    let walked = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            let cost = cost(expr)?;
            all = all.saturating_add(cost);
            if matches!(node, LogicalPlan::Window(_)) {
                widest = widest.max(cost);
            }
            Ok(TreeNodeRecursion::Continue)
        })
    });
    walked.map_err(EngineError::planning)?;
    if widest > WINDOW_BYTES_MAX {
        return Err(EngineError::TooLarge(format!(
            "the texts in a window function are more than {WINDOW_BYTES_MAX} bytes"
        )));
    }
    Ok(rows(all))
}

fn rows(cost: usize) -> usize {
    (BATCH_BYTES / cost.max(1)).max(1)
}

fn cost(expr: &Expr) -> Result<usize> {
    let mut bytes = 0_usize;
    expr.apply(|node| {
        bytes = bytes.saturating_add(match node {
            Expr::Literal(value, _) => text_bytes(value),
            Expr::BinaryExpr(BinaryExpr { op: Operator::StringConcat, .. }) => JOINED_BYTES,
            _ => 0,
        });
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(bytes)
}

/// Bytes of a value that may be long; numbers and their like are as narrow as columns.
fn text_bytes(value: &ScalarValue) -> usize {
    if value.data_type().is_primitive() || value.is_null() {
        return 0;
    }
    value.size()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use datafusion::logical_expr::{binary_expr, col, lit};

    use super::*;

    #[test]
    fn wide_texts_make_small_batches() {
        let rows = |expr: Expr| rows_at_once(&expr).unwrap();
        let joined = |text: String| binary_expr(col("a"), Operator::StringConcat, lit(text));
        assert_eq!(rows(col("a").gt(lit(1_i64))), BATCH_BYTES);
        assert!(rows(joined("x".repeat(100))) > 8_192);
        assert_eq!(rows(joined("x".repeat(1 << 20))), 15);
        assert_eq!(rows(joined("x".repeat(1 << 25))), 1);
        let chained = (0..1_000).fold(col("a"), |all, _| binary_expr(all, Operator::StringConcat, col("a")));
        assert!(rows(chained) < 100);
    }
}
