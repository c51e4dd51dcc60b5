//! Expressions before constants are folded: owns putting the functions of ours in the place of operators and
//! casts, in one expression or in a whole plan. Which ones, `arithmetic` and `opaque` know.

use datafusion::common::DFSchema;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult};
use datafusion::error::Result;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

use super::arithmetic::checked;
use super::opaque::opaque;

/// `expr`, with types coerced already, over rows of `schema`.
pub(in crate::engine) fn guarded(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    checked(expr, schema).and_then(|expr| opaque(expr, schema))
}

/// The same for every expression of a plan.
#[derive(Debug)]
pub(in crate::engine) struct Guarded;

impl AnalyzerRule for Guarded {
    fn name(&self) -> &'static str {
        "guarded"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| {
            let mut schema = DFSchema::empty();
            node.inputs().iter().for_each(|input| schema.merge(input.schema()));
            // Nodes above refer to outputs by the names that these have so far.
            let names = NamePreserver::new(&node);
            node.map_expressions(|expr| {
                let name = names.save(&expr);
                Ok(Transformed::yes(name.restore(guarded(expr, &schema)?)))
            })?
            .map_data(LogicalPlan::recompute_schema)
        })
        .data()
    }
}
