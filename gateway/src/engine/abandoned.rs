//! Whether anybody still waits for a query while it is planned: owns the sign of it, and the points between
//! the optimizer's rules at which planning ends without it. A running plan has points of its own, at which
//! its task is aborted; planning is one stretch of work that never comes to one. Does not decide when to give
//! up.

use std::future::Future;
use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::{Optimizer, OptimizerConfig, OptimizerRule};
use tokio_util::sync::CancellationToken;

tokio::task_local! {
    static ABANDONED: CancellationToken;
}

/// `query`, whose planning ends once `abandoned` is cancelled.
pub fn until<F: Future>(abandoned: CancellationToken, query: F) -> impl Future<Output = F::Output> {
    ABANDONED.scope(abandoned, query)
}

/// The optimizer's own rules with a point before each.
pub(super) fn rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let point: Arc<dyn OptimizerRule + Send + Sync> = Arc::new(Point);
    Optimizer::new().rules.into_iter().flat_map(|rule| [Arc::clone(&point), rule]).collect()
}

/// Whether anybody waits for one query, for work that has no points of its own.
#[derive(Debug, Clone)]
pub(super) struct Waiting(Option<CancellationToken>);

impl Waiting {
    /// For the query that is at work. Policies are compiled outside any: somebody always waits then.
    pub(super) fn for_this() -> Self {
        Self(ABANDONED.try_with(CancellationToken::clone).ok())
    }

    /// Fails once nobody waits.
    pub(super) fn check(&self) -> Result<()> {
        if self.0.as_ref().is_some_and(CancellationToken::is_cancelled) {
            return Err(DataFusionError::Execution("nobody waits for the query".to_owned()));
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Point;

impl OptimizerRule for Point {
    fn name(&self) -> &'static str {
        "abandoned"
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        Waiting::for_this().check()?;
        Ok(Transformed::no(plan))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use datafusion::execution::SessionStateBuilder;
    use datafusion::logical_expr::{LogicalPlanBuilder, lit};

    use super::*;

    #[tokio::test]
    async fn planning_ends_once_nobody_waits() {
        let state = SessionStateBuilder::new().with_default_features().with_optimizer_rules(rules()).build();
        let plan = LogicalPlanBuilder::empty(true).project([lit(1) + lit(2)]).unwrap().build().unwrap();
        let abandoned = CancellationToken::new();
        until(abandoned.clone(), async {
            assert!(state.optimize(&plan).is_ok());
            abandoned.cancel();
            assert!(state.optimize(&plan).is_err());
        })
        .await;
        assert!(state.optimize(&plan).is_ok());
    }
}
