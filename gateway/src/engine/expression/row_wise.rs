//! `AND`, `OR` and `BETWEEN` row by row: owns the form in which a later operand runs on
//! exactly those rows that the earlier ones leave open. DataFusion decides that for a batch at a
//! time, so that how rows lie in batches, which rows that a policy hides have a part in, would
//! decide whether an operand fails. Does not decide what can fail.

use std::cell::Cell;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, plan_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, disjunction};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, lit, when};

use super::infallible::is_infallible;
use crate::config::limits::StatementLimits;
use crate::engine::error::EngineError;

/// `expr`, of which only TRUE matters, over rows of `schema`.
pub(in crate::engine) fn condition(
    expr: Expr,
    schema: &DFSchema,
    limits: &StatementLimits,
) -> std::result::Result<Expr, EngineError> {
    let copies = Copies::new(limits);
    let rewritten = RowWise { schema, copies: &copies }.rewrite(expr, Nulls::AreFalse);
    rewritten.map_err(|error| copies.explain(error))
}

/// Every expression of an optimized plan. It has to be the last rewrite: the optimizer knows the
/// forms made here as `AND` and `OR`.
pub(in crate::engine) fn plan(
    plan: LogicalPlan,
    limits: &StatementLimits,
) -> std::result::Result<LogicalPlan, EngineError> {
    let copies = Copies::new(limits);
    let rewritten =
        plan.transform_up_with_subqueries(|node| node_row_wise(node, &copies).map(Transformed::yes));
    rewritten.data().map_err(|error| copies.explain(error))
}

/// Nodes written twice in one statement: an `AND` in an `OR` in an `AND` doubles them each time.
struct Copies {
    made: Cell<usize>,
    max: usize,
}

impl Copies {
    fn new(limits: &StatementLimits) -> Self {
        Self { made: Cell::new(0), max: limits.expanded_nodes_max }
    }

    fn count(&self, expr: &Expr) -> Result<()> {
        expr.apply(|_| {
            self.made.set(self.made.get() + 1);
            Ok(TreeNodeRecursion::Continue)
        })?;
        if self.made.get() <= self.max { Ok(()) } else { plan_err!("too many operands are written twice") }
    }

    fn explain(&self, error: DataFusionError) -> EngineError {
        if self.made.get() <= self.max {
            return EngineError::planning(error);
        }
        EngineError::TooLarge(format!(
            "AND and OR are nested in each other too often: operands that can fail are more than {} parts, \
             written out",
            self.max
        ))
    }
}

fn node_row_wise(mut node: LogicalPlan, copies: &Copies) -> Result<LogicalPlan> {
    let mut schema = DFSchema::empty();
    node.inputs().iter().for_each(|input| schema.merge(input.schema()));
    let row_wise = RowWise { schema: &schema, copies };
    if let LogicalPlan::Join(join) = &mut node
        && let Some(filter) = join.filter.take()
    {
        join.filter = Some(row_wise.rewrite(filter, Nulls::AreFalse)?);
    }
    let nulls = match node {
        LogicalPlan::Filter(_) => Nulls::AreFalse,
        _ => Nulls::Matter,
    };
    let names = NamePreserver::new(&node);
    node.map_expressions(|expr| {
        let name = names.save(&expr);
        Ok(Transformed::yes(name.restore(row_wise.rewrite(expr, nulls)?)))
    })?
    .data
    .recompute_schema()
}

/// Whether NULL may be answered as FALSE.
#[derive(Clone, Copy)]
enum Nulls {
    Matter,
    AreFalse,
}

struct RowWise<'a> {
    schema: &'a DFSchema,
    copies: &'a Copies,
}

impl RowWise<'_> {
    fn rewrite(&self, expr: Expr, nulls: Nulls) -> Result<Expr> {
        match expr {
            Expr::BinaryExpr(BinaryExpr { op: op @ (Operator::And | Operator::Or), .. }) => {
                let parts = flatten(expr, op);
                let parts: Vec<Expr> =
                    parts.into_iter().map(|part| self.rewrite(part, nulls)).collect::<Result<_>>()?;
                self.chain(parts, op, nulls)
            }
            Expr::Between(between)
                if !self.is_infallible(&between.low) || !self.is_infallible(&between.high) =>
            {
                let above = between.expr.as_ref().clone().gt_eq(*between.low);
                let below = between.expr.lt_eq(*between.high);
                self.rewrite(negated(above.and(below), between.negated), nulls)
            }
            other => other.map_children(|e| self.rewrite(e, Nulls::Matter).map(Transformed::yes)).data(),
        }
    }

    /// The operands joined again: those that cannot fail first, each of the others only where the
    /// ones before it leave the verdict open.
    fn chain(&self, parts: Vec<Expr>, op: Operator, nulls: Nulls) -> Result<Expr> {
        let join = |parts: Vec<Expr>| match op {
            Operator::And => conjunction(parts),
            _ => disjunction(parts),
        };
        let (safe, mut fallible): (Vec<_>, Vec<_>) = parts.into_iter().partition(|e| self.is_infallible(e));
        let mut chained = fallible.pop();
        let earlier = join(safe).into_iter().chain(fallible).collect::<Vec<_>>();
        for first in earlier.into_iter().rev() {
            chained = Some(match chained {
                Some(then) => {
                    if matches!(nulls, Nulls::Matter) {
                        self.copies.count(&first)?;
                    }
                    guarded(first, op, then, nulls)?
                }
                None => first,
            });
        }
        Ok(chained.unwrap_or_else(|| lit(op == Operator::And)))
    }

    fn is_infallible(&self, expr: &Expr) -> bool {
        is_infallible(expr, &|e: &Expr| -> Option<DataType> { e.get_type(self.schema).ok() })
    }
}

/// `first op then`, with `then` evaluated only where `first` does not decide.
fn guarded(first: Expr, op: Operator, then: Expr, nulls: Nulls) -> Result<Expr> {
    match (op, nulls) {
        (Operator::And, Nulls::AreFalse) => when(first, then).otherwise(lit(false)),
        (Operator::And, Nulls::Matter) => {
            when(first.clone().is_not_false(), first.and(then)).otherwise(lit(false))
        }
        (_, Nulls::AreFalse) => when(first, lit(true)).otherwise(then),
        (_, Nulls::Matter) => when(first.clone().is_not_true(), first.or(then)).otherwise(lit(true)),
    }
}

fn negated(expr: Expr, negated: bool) -> Expr {
    if negated { Expr::Not(Box::new(expr)) } else { expr }
}

/// The operands of a chain of one operator, in order. Chains are deep to the left.
fn flatten(expr: Expr, op: Operator) -> Vec<Expr> {
    let mut parts = Vec::new();
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        match expr {
            Expr::BinaryExpr(BinaryExpr { left, op: found, right }) if found == op => {
                open.push(*right);
                open.push(*left);
            }
            other => parts.push(other),
        }
    }
    parts
}

#[cfg(test)]
mod tests;
