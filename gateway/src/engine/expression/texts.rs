//! Texts that a caller's expressions may make rows of: owns their count and its limit. A text of a megabyte
//! beside a column is gigabytes in a batch, and in a window more. Does not count what is only compared with
//! something, of which no row is made.

use std::collections::HashMap;

use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator};

use crate::config::limits::StatementLimits;
use crate::engine::error::EngineError;

/// What joining two texts counts as: a thousand of them make a thousand of a column's text.
const JOINED_BYTES: usize = 64;

/// What an operator may make of a statement's own texts at once, in bytes.
const AT_ONCE_BYTES: usize = 8 * 1024 * 1024;

/// Fewer rows cost more than they spare.
const ROWS_AT_ONCE_MIN: usize = 64;

/// Bytes of patterns of `LIKE` that may be matched with as many texts as are let in at most: matching costs the
/// product of both.
const MATCHED_BYTES: usize = 64;

/// Refuses an expression whose texts are too long.
pub(super) fn check(expr: &Expr, limits: &StatementLimits) -> std::result::Result<(), EngineError> {
    let counted = bytes(expr).and_then(|bytes| Ok((bytes, pattern_bytes(expr)?)));
    let (texts, patterns) = counted.map_err(EngineError::planning)?;
    refuse_over(limits, texts, patterns)
}

/// Refuses a plan whose expressions' texts are too long.
pub(in crate::engine) fn check_plan(
    plan: &LogicalPlan,
    limits: &StatementLimits,
) -> std::result::Result<(), EngineError> {
    let (mut texts, mut patterns) = (0_usize, 0_usize);
    let mut in_windows: HashMap<Expr, usize> = HashMap::new();
    let walked = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            texts = texts.saturating_add(bytes(expr)?);
            patterns = patterns.saturating_add(pattern_bytes(expr)?);
            if let LogicalPlan::Window(_) = node {
                parts_of_windows(expr, &mut in_windows)?;
            }
            Ok(TreeNodeRecursion::Continue)
        })
    });
    walked.map_err(EngineError::planning)?;
    if in_windows.into_values().sum::<usize>() > limits.window_text_bytes_max {
        return Err(EngineError::TooLarge(format!(
            "the texts in window functions are more than {} bytes together",
            limits.window_text_bytes_max
        )));
    }
    refuse_over(limits, texts, patterns)
}

/// What is evaluated for window functions, each once however many share it.
fn parts_of_windows(expr: &Expr, parts: &mut HashMap<Expr, usize>) -> Result<()> {
    expr.apply_children(|part| {
        parts.insert(part.clone(), bytes(part)?);
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
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
    /// How often all of the texts may be written at once.
    times: usize,
}

impl Work {
    fn add(&mut self, expr: &Expr) -> Result<()> {
        self.bytes = self.bytes.saturating_add(bytes(expr)?);
        // These share what is there.
        let shares = matches!(expr.clone().unalias(), Expr::Column(_) | Expr::Literal(..));
        self.times = self.times.saturating_add(usize::from(!shares));
        Ok(())
    }

    fn rows(&self) -> usize {
        let row_bytes = self.bytes.saturating_mul(self.times).max(1);
        (AT_ONCE_BYTES / row_bytes).max(ROWS_AT_ONCE_MIN)
    }
}

fn refuse_over(
    limits: &StatementLimits,
    texts: usize,
    patterns: usize,
) -> std::result::Result<(), EngineError> {
    let most = limits.text_bytes_max;
    let refused = |what| Err(EngineError::TooLarge(format!("{what} are more than {most} bytes together")));
    if texts > most {
        return refused("texts that are not just compared with something");
    }
    if texts.saturating_mul(patterns) / MATCHED_BYTES > most {
        return refused("texts, as often as patterns may be matched with them,");
    }
    Ok(())
}

fn pattern_bytes(expr: &Expr) -> Result<usize> {
    let mut bytes = 0_usize;
    expr.apply(|node| {
        if let Expr::Like(like) = node {
            bytes = bytes.saturating_add(literal_bytes(&like.pattern));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(bytes)
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
            // A list holds what its parts are on each row.
            Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == "make_array" => {
                let computed = args.iter().filter(|arg| !matches!(arg, Expr::Literal(..))).count();
                all = all.saturating_add(computed * JOINED_BYTES);
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

    #[test]
    fn patterns_count_as_often_as_texts_are_matched() {
        let limits = StatementLimits { text_bytes_max: 100, ..Default::default() };
        let matched = |texts| refuse_over(&limits, texts, 100).is_ok();
        assert!(matched(64) && !matched(65));
        assert_eq!(pattern_bytes(&col("a").like(lit("x%")).and(col("a").ilike(lit("%y")))).unwrap(), 4);
    }

    #[test]
    fn batches_are_small_where_texts_are_long_and_written_often() {
        let text = |bytes: usize| lit("x".repeat(bytes)).alias("t");
        let computed = binary_expr(col("a"), Operator::StringConcat, lit("x".repeat(16_320)));
        assert!(rows_at_once(&[text(16_384), col("a")]).unwrap() > 8_192);
        assert_eq!(rows_at_once([&computed]).unwrap(), AT_ONCE_BYTES / 16_384);
        assert_eq!(rows_at_once([&computed, &computed]).unwrap(), AT_ONCE_BYTES / 16_384 / 4);
        assert_eq!(rows_at_once(vec![&computed; 100]).unwrap(), ROWS_AT_ONCE_MIN);
    }
}
