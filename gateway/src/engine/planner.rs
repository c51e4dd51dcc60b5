//! Statements that do not page: owns running a logical plan to a complete, bounded result. The
//! plans themselves are made in `aggregate` and `sql`.

mod aggregate;
mod expand;
mod inline;
mod nested;
mod splitting;
pub mod sql;
mod subqueries;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;

use super::error::EngineError;
use super::expression::{row_wise, texts};
use super::in_order;
use super::preempt;
use super::session::Engine;

pub use aggregate::aggregate;

/// A complete result.
#[derive(Debug)]
pub struct Rows {
    /// Columns of the result.
    pub schema: SchemaRef,
    /// The rows.
    pub batches: Vec<RecordBatch>,
}

/// Optimizes and runs `plan` to its end.
async fn run(engine: &Engine, state: &SessionState, plan: &LogicalPlan) -> Result<Rows, EngineError> {
    inline::check(plan, &engine.config.statements)?;
    subqueries::check(plan)?;
    nested::check(plan)?;
    let optimized = state.optimize(plan).map_err(EngineError::planning)?;
    let optimized = row_wise::plan(optimized, &engine.config.statements)?;
    tokio::task::yield_now().await;
    let mut physical = physical_plan(state, &optimized).await?;
    let mut task = state.task_ctx();
    let pairing = if preempt::pairs_rows(&physical) { preempt::PAIRING_BATCH_ROWS } else { usize::MAX };
    let batch_rows = texts::plan_rows_at_once(plan).map_err(EngineError::planning)?.min(pairing);
    if batch_rows < state.config().batch_size() {
        let mut small = state.config().clone().with_batch_size(batch_rows);
        // A sort would put batches together before it makes its keys.
        small.options_mut().execution.sort_in_place_threshold_bytes = 0;
        let state = SessionStateBuilder::new_from_existing(state.clone()).with_config(small).build();
        physical = physical_plan(&state, &optimized).await?;
        task = state.task_ctx();
    }
    if state.config().target_partitions() == 1 {
        physical = in_order::merged(physical).map_err(EngineError::planning)?;
    }
    let physical = nested::whole_sorts(physical).map_err(EngineError::planning)?;
    let physical =
        preempt::everywhere(physical, engine.config.resident_bytes_max).map_err(EngineError::planning)?;
    let schema = physical.schema();
    let mut stream = execute_stream(physical, task).map_err(EngineError::execution)?;
    let (mut batches, mut rows, mut bytes) = (Vec::new(), 0_usize, 0_usize);
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(EngineError::execution)?;
        rows += batch.num_rows();
        bytes = bytes.saturating_add(sliced_bytes(&batch));
        if rows > engine.config.result_rows_max {
            return Err(EngineError::ResultTooLarge(format!(
                "the result has more than {} rows",
                engine.config.result_rows_max
            )));
        }
        if bytes > engine.config.result_bytes_max {
            return Err(EngineError::ResultTooLarge(format!(
                "the result is larger than {} bytes",
                engine.config.result_bytes_max
            )));
        }
        if batch.num_rows() > 0 {
            batches.push(batch);
        }
    }
    Ok(Rows { schema, batches })
}

async fn physical_plan(
    state: &SessionState,
    optimized: &LogicalPlan,
) -> Result<Arc<dyn ExecutionPlan>, EngineError> {
    state.query_planner().create_physical_plan(optimized, state).await.map_err(EngineError::planning)
}

/// Bytes of the rows themselves: a slice does not answer for the buffers that it shares.
fn sliced_bytes(batch: &RecordBatch) -> usize {
    use arrow::array::Array;
    batch
        .columns()
        .iter()
        .map(|column| {
            column.to_data().get_slice_memory_size().unwrap_or_else(|_| column.get_array_memory_size())
        })
        .sum()
}
