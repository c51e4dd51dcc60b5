//! Orders of structs, lists and maps: owns keeping plans from the places where DataFusion has two of
//! them. It sorts nulls inside such a value last, as pages do, and compares two of them with those
//! nulls first.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::expr::WindowFunctionDefinition;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::limit::LocalLimitExec;
use datafusion::physical_plan::sorts::sort::SortExec;

use crate::engine::error::{Complaint, EngineError};

/// Refuses the least and the greatest of nested values: batches would be compared in one order and
/// what came of them in the other.
pub(super) fn check(plan: &LogicalPlan) -> std::result::Result<(), EngineError> {
    let mut found = None;
    plan.apply_with_subqueries(|node| {
        let schema = merge_schema(&node.inputs());
        let nested = |args: &[Expr]| args.iter().any(|e| e.get_type(&schema).is_ok_and(|t| is_nested(&t)));
        node.apply_expressions(|expr| {
            expr.apply(|part| {
                let (name, args) = match part {
                    Expr::AggregateFunction(f) => (f.func.name(), &f.params.args),
                    Expr::WindowFunction(f) => match &f.fun {
                        WindowFunctionDefinition::AggregateUDF(function) => (function.name(), &f.params.args),
                        WindowFunctionDefinition::WindowUDF(_) => return Ok(TreeNodeRecursion::Continue),
                    },
                    _ => return Ok(TreeNodeRecursion::Continue),
                };
                if matches!(name, "min" | "max") && nested(args) {
                    found = Some(name.to_owned());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })
    .map_err(EngineError::planning)?;
    match found {
        Some(name) => Err(EngineError::InvalidExpression(
            Complaint::new(format!("\"{name}\" takes no structs, lists or maps"))
                .with_hint(Some("take it of a field".to_owned())),
        )),
        None => Ok(()),
    }
}

/// The plan with sorts that keep all rows where they would keep the first few by a nested key: those
/// drop a row by comparing it with the last that they keep.
pub(super) fn whole_sorts(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        let Some(sort) = node.downcast_ref::<SortExec>() else { return Ok(Transformed::no(node)) };
        let Some(rows) = sort.fetch() else { return Ok(Transformed::no(node)) };
        let schema = sort.input().schema();
        let mut nested = false;
        for key in sort.expr() {
            nested |= is_nested(&key.expr.data_type(&schema)?);
        }
        if !nested {
            return Ok(Transformed::no(node));
        }
        let whole: Arc<dyn ExecutionPlan> = Arc::new(sort.with_fetch(None));
        Ok(Transformed::yes(Arc::new(LocalLimitExec::new(whole, rows))))
    })
    .data()
}

fn is_nested(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => values.is_nested(),
        other => other.is_nested(),
    }
}
