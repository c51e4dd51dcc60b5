//! What of a caller's condition crosses the barrier: owns the choice of the conjuncts that cannot
//! fail, and of those by which data may be skipped. They are applied by `transform`.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::DFSchema;
use datafusion::execution::SessionState;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, ExprSchemable, Operator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::BinaryExpr;
use datafusion::physical_expr::utils::collect_columns;

use super::compile::raw_schema;
use super::{Masking, SecuredTable, VisibleRows};
use crate::engine::error::EngineError;
use crate::engine::expression::infallible::{is_infallible, is_safe_comparison, proves};

/// The part of a caller's condition that crosses the barrier.
#[derive(Debug)]
pub(in crate::engine) struct Crossing {
    /// It, over the visible columns.
    pub(super) condition: Option<Arc<dyn PhysicalExpr>>,
    /// Visible columns that it reads, ascending.
    pub(super) used: Vec<usize>,
    /// What data may be skipped by, over the raw columns.
    pub(super) pruning: Option<Arc<dyn PhysicalExpr>>,
}

impl SecuredTable {
    pub(in crate::engine) fn is_clear(&self, name: &str) -> bool {
        self.column(name).is_some_and(|c| matches!(c.mask, Masking::Clear))
    }

    /// A visible column is the raw one, and its statistics prove something.
    pub(in crate::engine) fn can_skip(&self, name: &str) -> bool {
        self.column(name).is_some_and(|c| matches!(c.mask, Masking::Clear) && proves(&c.data_type))
    }

    /// All of `conditions`, which cannot fail: those for which [`Self::crosses`] holds, or what the
    /// optimizer has made of them. Rows are chosen by them, on visible values, before anything that
    /// can fail runs. Those on columns that the caller sees as they are, and the policy's own, are
    /// what data is skipped by.
    ///
    /// # Errors
    /// One of them can fail. None is ever left out.
    pub(in crate::engine) fn crossing(
        &self,
        state: &SessionState,
        conditions: &[Expr],
    ) -> Result<Crossing, EngineError> {
        self.crossing_by(state, conditions, conditions)
    }

    /// The same, with data skipped by `skips` instead of the conditions: each of them follows from those.
    ///
    /// # Errors
    /// As for [`Self::crossing`].
    pub(in crate::engine) fn crossing_by(
        &self,
        state: &SessionState,
        conditions: &[Expr],
        skips: &[Expr],
    ) -> Result<Crossing, EngineError> {
        let visible = DFSchema::try_from(Arc::clone(&self.schema)).map_err(EngineError::planning)?;
        let type_of = |expr: &Expr| expr.get_type(&visible).ok();
        if !conditions.iter().all(|condition| is_infallible(condition, &type_of)) {
            return Err(EngineError::Internal("a condition that can fail would cross the barrier".into()));
        }
        let physical = |expr: Option<Expr>, schema: SchemaRef| match expr {
            Some(expr) => {
                let schema = DFSchema::try_from(schema).map_err(EngineError::planning)?;
                state.create_physical_expr(expr, &schema).map(Some).map_err(EngineError::planning)
            }
            None => Ok(None),
        };
        let condition = physical(conjunction(conditions.iter().cloned()), Arc::clone(&self.schema))?;
        let columns = condition.iter().flat_map(collect_columns);
        let used: BTreeSet<usize> = columns.map(|column| column.index()).collect();
        let can_skip = |name: &str| self.can_skip(name);
        let skips = skips.iter().filter(|filter| is_safe_comparison(filter, &can_skip)).cloned();
        let callers = physical(conjunction(skips), raw_schema(&self.snapshot))?;
        let pruning = match (&self.rows, callers) {
            (VisibleRows::Where { skipping: Some(policy), .. }, Some(callers)) => {
                Some(and(Arc::clone(policy), callers))
            }
            (VisibleRows::Where { skipping: Some(policy), .. }, None) => Some(Arc::clone(policy)),
            (_, callers) => callers,
        };
        Ok(Crossing { condition, used: used.into_iter().collect(), pruning })
    }

    /// The filter may cross the barrier.
    pub(in crate::engine) fn crosses(&self, filter: &Expr) -> bool {
        is_safe_comparison(filter, &|name: &str| self.column(name).is_some())
    }
}

fn and(left: Arc<dyn PhysicalExpr>, right: Arc<dyn PhysicalExpr>) -> Arc<dyn PhysicalExpr> {
    Arc::new(BinaryExpr::new(left, Operator::And, right))
}
