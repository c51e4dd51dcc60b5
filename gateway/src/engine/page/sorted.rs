//! All rows of a question in an asked order: owns the plan that sorts them by the keys that pages compare, on disk
//! where they do not fit memory. Does not make keys.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, execute_stream};
use futures::{StreamExt, TryFutureExt, TryStreamExt};

use super::Bound;
use super::condition::Condition;
use super::ordered::{encoder, plan};
use super::walk::Feed;
use crate::engine::error::EngineError;
use crate::engine::keyset::KeyEncoder;
use crate::engine::preempt;

/// Name of the column that holds the keys.
const KEY: &str = "\u{0}key";

/// Most rows of a stream that are kept instead of sorting all: what is kept cannot go to disk.
const KEPT_ROWS_MAX: usize = 10_000;

/// Feeds every row, in order.
pub(super) async fn walk(bound: &Bound<'_>, feed: &mut Feed<'_>) -> Result<(), EngineError> {
    let plan = sorting(bound).await?;
    let mut stream = execute_stream(plan, bound.state.task_ctx()).map_err(EngineError::execution)?;
    while let Some(batch) = stream.next().await {
        if feed.take(&batch.map_err(EngineError::execution)?).await?.is_break() {
            break;
        }
    }
    Ok(())
}

async fn sorting(bound: &Bound<'_>) -> Result<Arc<dyn ExecutionPlan>, EngineError> {
    let all = (0..bound.table.snapshot.files().len()).collect();
    let files = bound.table.candidates(&bound.crossing, all)?;
    let scan = plan(bound, &files, bound.positions).await?;
    let held = bound.held_schema();
    let mut fields: Vec<FieldRef> = held.fields().to_vec();
    fields.push(Arc::new(Field::new(KEY, DataType::Binary, false)));
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let encoder = Arc::new(encoder(bound, &held, false)?);
    let partitions = (0..scan.output_partitioning().partition_count()).map(|partition| {
        let keyed = Keyed {
            scan: Arc::clone(&scan),
            partition,
            schema: Arc::clone(&schema),
            condition: bound.condition.clone(),
            encoder: Arc::clone(&encoder),
        };
        Arc::new(keyed) as Arc<dyn PartitionStream>
    });
    let key = Arc::new(Column::new(KEY, held.fields().len()));
    let options = SortOptions { descending: false, nulls_first: false };
    let order = LexOrdering::new([PhysicalSortExpr { expr: key, options }])
        .ok_or_else(|| EngineError::Internal("an order without keys".into()))?;
    let rows = StreamingTableExec::try_new(Arc::clone(&schema), partitions.collect(), None, [], false, None)
        .map_err(EngineError::planning)?;
    let fetch = Some(bound.query.rows_max).filter(|rows| *rows <= KEPT_ROWS_MAX);
    let sorted = SortExec::new(order.clone(), Arc::new(rows)).with_preserve_partitioning(true);
    let merged = SortPreservingMergeExec::new(order, Arc::new(sorted.with_fetch(fetch)));
    preempt::everywhere(Arc::new(merged), bound.engine.config.resident_bytes_max)
        .map_err(EngineError::planning)
}

/// The matching rows of one partition of a scan, each with its key.
struct Keyed {
    scan: Arc<dyn ExecutionPlan>,
    partition: usize,
    schema: SchemaRef,
    condition: Option<Condition>,
    encoder: Arc<KeyEncoder>,
}

impl std::fmt::Debug for Keyed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyed").field("partition", &self.partition).finish_non_exhaustive()
    }
}

impl PartitionStream for Keyed {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let scanned = futures::future::ready(self.scan.execute(self.partition, context)).try_flatten_stream();
        let (condition, encoder) = (self.condition.clone(), Arc::clone(&self.encoder));
        let schema = Arc::clone(&self.schema);
        let keyed = scanned.and_then(move |batch| {
            let (condition, encoder) = (condition.clone(), Arc::clone(&encoder));
            let schema = Arc::clone(&schema);
            async move {
                let batch = match &condition {
                    None => batch,
                    Some(condition) => condition.matching(&batch).await.map_err(passed_on)?,
                };
                Ok(with_keys(&encoder, &schema, &batch)?)
            }
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), keyed))
    }
}

/// The only failures of a condition that are not a row's.
fn passed_on(error: EngineError) -> DataFusionError {
    match error {
        EngineError::Memory(error) => error,
        other => DataFusionError::External(Box::new(other)),
    }
}

fn with_keys(
    encoder: &KeyEncoder,
    schema: &SchemaRef,
    batch: &RecordBatch,
) -> Result<RecordBatch, ArrowError> {
    let keys = encoder.encode(batch)?.try_into_binary()?;
    let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
    columns.push(Arc::new(keys));
    RecordBatch::try_new(Arc::clone(schema), columns)
}
