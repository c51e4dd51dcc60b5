//! Statements that are planned: owns running a logical plan to a bounded result, complete or a page of it, or into a
//! sink. The plans themselves are made in `aggregate` and `sql`.

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
use datafusion::execution::{SendableRecordBatchStream, SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;

use super::error::EngineError;
use super::expression::{row_wise, texts};
use super::in_order;
use super::preempt;
use super::row_size::batch_bytes;
use super::session::Engine;
use super::sink::Sink;

pub use aggregate::{Groups, GroupsQuery, aggregate};

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
    let (stream, _) = started(engine, state, plan).await?;
    let (rows, _) = collect(engine, stream, 0, usize::MAX).await?;
    Ok(rows)
}

/// The rows of `stream` from `skip` on, `rows_max` of them at most, and whether others come after them.
async fn collect(
    engine: &Engine,
    mut stream: SendableRecordBatchStream,
    mut skip: usize,
    rows_max: usize,
) -> Result<(Rows, bool), EngineError> {
    let schema = stream.schema();
    let (mut batches, mut rows, mut bytes, mut more) = (Vec::new(), 0_usize, 0_usize, false);
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(EngineError::execution)?;
        let skipped = skip.min(batch.num_rows());
        let kept = (batch.num_rows() - skipped).min(rows_max - rows);
        skip -= skipped;
        more = skipped + kept < batch.num_rows();
        let batch = batch.slice(skipped, kept);
        rows += kept;
        bytes = bytes.saturating_add(batch_bytes(&batch));
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
        if kept > 0 {
            batches.push(batch);
        }
        if more {
            break;
        }
    }
    Ok((Rows { schema, batches }, more))
}

/// Optimizes and runs `plan`, putting its rows into `sink` as they come.
async fn run_into(
    engine: &Engine,
    state: &SessionState,
    plan: &LogicalPlan,
    mut sink: Sink,
) -> Result<(), EngineError> {
    let (mut stream, _) = started(engine, state, plan).await?;
    sink.begin(stream.schema());
    while let Some(batch) = stream.next().await {
        sink.put(&batch.map_err(EngineError::execution)?).await?;
    }
    sink.finish().await
}

/// Optimizes `plan` and starts it; also returns what runs.
async fn started(
    engine: &Engine,
    state: &SessionState,
    plan: &LogicalPlan,
) -> Result<(SendableRecordBatchStream, Arc<dyn ExecutionPlan>), EngineError> {
    inline::check(plan, &engine.config.statements)?;
    subqueries::check(plan)?;
    nested::check(plan)?;
    let optimized = state.optimize(plan).map_err(EngineError::planning)?;
    let optimized = row_wise::plan(optimized, &engine.config.statements)?;
    tokio::task::yield_now().await;
    let at_once = texts::plan_rows_at_once(plan).map_err(EngineError::planning)?;
    let mut state = with_batches(state, at_once);
    let mut physical = physical_plan(&state, &optimized).await?;
    if preempt::pairs_rows(&physical) && at_once > preempt::PAIRING_BATCH_ROWS {
        state = with_batches(&state, preempt::PAIRING_BATCH_ROWS);
        physical = physical_plan(&state, &optimized).await?;
    }
    if state.config().target_partitions() == 1 {
        physical = in_order::merged(physical).map_err(EngineError::planning)?;
    }
    let physical = nested::whole_sorts(physical).map_err(EngineError::planning)?;
    let physical =
        preempt::everywhere(physical, engine.config.resident_bytes_max).map_err(EngineError::planning)?;
    let stream = execute_stream(Arc::clone(&physical), state.task_ctx()).map_err(EngineError::execution)?;
    Ok((stream, physical))
}

/// `state` with batches of at most `rows` rows.
fn with_batches(state: &SessionState, rows: usize) -> SessionState {
    let usual = state.config().batch_size();
    if rows >= usual {
        return state.clone();
    }
    let mut config = state.config().clone().with_batch_size(rows);
    // What a sort puts together before it makes its keys.
    let together = &mut config.options_mut().execution.sort_in_place_threshold_bytes;
    *together = *together / usual * rows;
    SessionStateBuilder::new_from_existing(state.clone()).with_config(config).build()
}

async fn physical_plan(
    state: &SessionState,
    optimized: &LogicalPlan,
) -> Result<Arc<dyn ExecutionPlan>, EngineError> {
    state.query_planner().create_physical_plan(optimized, state).await.map_err(EngineError::planning)
}
