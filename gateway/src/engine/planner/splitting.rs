//! How many ways a plan is split: owns the reasons for one. Splits nothing.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};

use crate::engine::error::EngineError;
use crate::engine::secured::SecuredTable;
use crate::engine::session::Engine;

/// Aggregates that are the same in whatever order they meet their rows.
const EXACT: &[&str] = &["count", "min", "max", "bool_and", "bool_or", "bit_and", "bit_or", "bit_xor"];

/// How many ways to split a plan over `tables`. One where the answer would depend on which partition
/// comes first (float sums, `LIMIT` without a full order), so that the same question at the same
/// version is the same answer; and one where rows are hidden: partitions race for the order of rows and
/// for the row that is told to have failed, and hidden rows slow some of them down.
pub(super) fn partitions<'a>(
    engine: &Engine,
    plan: &LogicalPlan,
    tables: impl IntoIterator<Item = &'a Arc<SecuredTable>>,
) -> std::result::Result<usize, EngineError> {
    let mut one = tables.into_iter().any(|table| table.hides_rows());
    plan.apply_with_subqueries(|node| {
        one |= node_depends_on_order(node)?;
        Ok(if one { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })
    .map_err(EngineError::planning)?;
    Ok(if one { 1 } else { engine.config.partitions })
}

fn node_depends_on_order(node: &LogicalPlan) -> Result<bool> {
    Ok(match node {
        LogicalPlan::Limit(_) | LogicalPlan::Window(_) => true,
        LogicalPlan::Sort(sort) => sort.fetch.is_some(),
        LogicalPlan::Aggregate(aggregate) => {
            let depends = |expr| depends_on_order(expr, aggregate.input.schema());
            aggregate.aggr_expr.iter().map(depends).collect::<Result<Vec<_>>>()?.contains(&true)
        }
        _ => false,
    })
}

/// Whether the value of an expression over groups depends on the order in which rows are added to them.
pub(super) fn depends_on_order(expr: &Expr, rows: &DFSchema) -> Result<bool> {
    expr.exists(|part| Ok(!is_exact(part, rows)))
}

/// Whether no aggregate stands here that depends on the order of its rows.
fn is_exact(expr: &Expr, schema: &DFSchema) -> bool {
    let Expr::AggregateFunction(f) = expr else { return true };
    let of = |ok: fn(&DataType) -> bool| {
        f.params.args.iter().all(|argument| argument.get_type(schema).is_ok_and(|t| ok(&t)))
    };
    match f.func.name() {
        name if EXACT.contains(&name) => true,
        "sum" => of(|t| !t.is_floating()),
        // Means of integers are summed as floats.
        "avg" => of(DataType::is_decimal),
        _ => false,
    }
}
