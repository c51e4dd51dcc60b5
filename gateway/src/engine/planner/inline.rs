//! How large expressions become once the optimizer writes the columns of subqueries out: a filter that is
//! pushed through twenty projections of `a + a` has a million operands. Counted on the plan before it is
//! optimized. Changes no plan.

use std::collections::HashMap;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan};

use crate::config::limits::StatementLimits;
use crate::engine::error::EngineError;

/// Refuses a plan with an expression over the limit, everything that it stands for written out.
pub(super) fn check(plan: &LogicalPlan, limits: &StatementLimits) -> std::result::Result<(), EngineError> {
    let mut largest = 0;
    sizes(plan, &mut largest).map_err(EngineError::planning)?;
    let most = limits.expanded_nodes_max;
    if largest > most as u64 {
        return Err(EngineError::TooLarge(format!(
            "an expression has more than {most} parts, subqueries written out"
        )));
    }
    Ok(())
}

/// Size of each output column of `plan`, by position; `largest` is raised to the largest
/// expression met.
fn sizes(plan: &LogicalPlan, largest: &mut u64) -> Result<Vec<u64>> {
    let mut below = Vec::new();
    for input in plan.inputs() {
        below.push(sizes(input, largest)?);
    }
    let mut known: HashMap<String, u64> = HashMap::new();
    for (input, columns) in plan.inputs().iter().zip(&below) {
        for ((qualifier, field), size) in input.schema().iter().zip(columns) {
            let full = qualifier.map_or_else(|| field.name().clone(), |q| format!("{q}.{}", field.name()));
            for name in [full, field.name().clone()] {
                let held = known.entry(name).or_default();
                *held = (*size).max(*held);
            }
        }
    }
    let mut measured = Vec::new();
    plan.apply_expressions(|expr| {
        let size = size(expr, &known, largest)?;
        *largest = size.max(*largest);
        measured.push(size);
        Ok(TreeNodeRecursion::Continue)
    })?;
    let width = plan.schema().fields().len();
    let outputs = match plan {
        LogicalPlan::Projection(_) => measured,
        LogicalPlan::Aggregate(_) => measured,
        LogicalPlan::Union(_) => {
            let most = |at| below.iter().filter_map(|input| input.get(at)).max().copied().unwrap_or(1);
            (0..width).map(most).collect()
        }
        _ => below.concat(),
    };
    // Whatever a node adds (window columns, scans) counts as one.
    Ok((0..width).map(|at| outputs.get(at).copied().unwrap_or(1)).collect())
}

fn size(expr: &Expr, known: &HashMap<String, u64>, largest: &mut u64) -> Result<u64> {
    let mut total = 0_u64;
    expr.apply(|node| {
        let own = match node {
            Expr::Column(column) => {
                known.get(&column.flat_name()).or_else(|| known.get(&column.name)).copied().unwrap_or(1)
            }
            Expr::ScalarSubquery(subquery) => in_subquery(&subquery.subquery, largest)?,
            Expr::Exists(exists) => in_subquery(&exists.subquery.subquery, largest)?,
            Expr::InSubquery(member) => in_subquery(&member.subquery.subquery, largest)?,
            Expr::SetComparison(comparison) => in_subquery(&comparison.subquery.subquery, largest)?,
            _ => 1,
        };
        total = total.saturating_add(own);
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(total)
}

fn in_subquery(plan: &LogicalPlan, largest: &mut u64) -> Result<u64> {
    Ok(sizes(plan, largest)?.into_iter().fold(1, u64::saturating_add))
}
