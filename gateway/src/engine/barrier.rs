//! The barrier: owns the one plan node through which a table's rows reach a caller's plan. Below
//! it raw rows are read, filtered by the policy, then masked; above it nothing raw exists. It is
//! a leaf to the optimizer, with no ordering, no statistics and no constraints, and it takes no
//! predicate, so that no rewrite can move a caller's expression below it. Which predicates are
//! safe to use for skipping data is decided elsewhere and handed in on purpose.

mod even;

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::SortOptions;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::projection::ProjectionExpr;
use datafusion::physical_expr::{EquivalenceProperties, LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::StreamExt;

use super::error::BelowBarrier;
use super::preempt::giving_way;
use super::scan::guard::guarded;
use super::secured::transform::Transform;

/// Reads raw rows and lets through what the policy shows of them.
pub(super) struct SecuredExec {
    table: String,
    rows: Rows,
    properties: Arc<PlanProperties>,
}

/// Where the rows of a barrier come from.
#[derive(Clone)]
enum Rows {
    /// Raw batches, each shown as it comes.
    Raw { source: Arc<dyn ExecutionPlan>, transform: Arc<Transform> },
    /// Another barrier's, in batches whose size tells nothing of the rows that were left out.
    Even(Arc<dyn ExecutionPlan>),
    /// Another barrier's, in an order of their own, which no rule may undo.
    Sorted(Arc<dyn ExecutionPlan>),
}

impl SecuredExec {
    /// `source` yields raw batches in the layout that `transform` expects.
    pub(super) fn new(table: &str, source: Arc<dyn ExecutionPlan>, transform: Arc<Transform>) -> Self {
        let partitions = source.output_partitioning().partition_count();
        let schema = Arc::clone(transform.schema());
        Self::leaf(table, schema, partitions, Rows::Raw { source, transform })
    }

    /// The rows of `secured` in batches of the session's size, whichever rows were hidden between.
    pub(super) fn even(table: &str, secured: Arc<dyn ExecutionPlan>) -> Self {
        let partitions = secured.output_partitioning().partition_count();
        Self::leaf(table, secured.schema(), partitions, Rows::Even(secured))
    }

    /// The rows of `secured` sorted by its column `tie`, which is left out of the result.
    pub(super) fn sorted_by(table: &str, secured: Arc<dyn ExecutionPlan>, tie: &str) -> Result<Self> {
        let schema = secured.schema();
        let options = SortOptions { descending: false, nulls_first: false };
        let key = PhysicalSortExpr { expr: Arc::new(Column::new_with_schema(tie, &schema)?), options };
        let shown = schema
            .fields()
            .iter()
            .enumerate()
            .take_while(|(_, field)| field.name() != tie)
            .map(|(at, field)| {
                let expr: Arc<dyn PhysicalExpr> = Arc::new(Column::new(field.name(), at));
                ProjectionExpr { expr, alias: field.name().clone() }
            })
            .collect::<Vec<_>>();
        let merged = Arc::new(CoalescePartitionsExec::new(secured));
        let order =
            LexOrdering::new([key]).ok_or_else(|| DataFusionError::Internal("an empty order".to_owned()))?;
        let sorted: Arc<dyn ExecutionPlan> =
            Arc::new(ProjectionExec::try_new(shown, Arc::new(SortExec::new(order, merged)))?);
        Ok(Self::leaf(table, sorted.schema(), 1, Rows::Sorted(sorted)))
    }

    fn leaf(table: &str, schema: SchemaRef, partitions: usize, rows: Rows) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { table: table.to_owned(), rows, properties: Arc::new(properties) }
    }
}

impl fmt::Debug for SecuredExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The source and the policy are raw matter: not even a debug print shows them.
        f.debug_struct("SecuredExec").field("table", &self.table).finish_non_exhaustive()
    }
}

impl DisplayAs for SecuredExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecuredExec: table={}", self.table)
    }
}

impl ExecutionPlan for SecuredExec {
    fn name(&self) -> &'static str {
        "SecuredExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let rows = match &self.rows {
            Rows::Raw { source, transform } => {
                shown(source.execute(partition, context).map_err(below)?, transform)
            }
            Rows::Even(inner) => {
                let batch_rows = context.session_config().batch_size();
                even::batches(inner.execute(partition, context)?, batch_rows)
            }
            Rows::Sorted(plan) => plan.execute(partition, context)?,
        };
        Ok(giving_way(rows))
    }
}

/// What the policy shows of raw batches.
fn shown(raw: SendableRecordBatchStream, transform: &Arc<Transform>) -> SendableRecordBatchStream {
    let transform = Arc::clone(transform);
    let schema = Arc::clone(transform.schema());
    let shown = guarded(raw).filter_map(move |batch| {
        let shown = batch.map_err(below).and_then(|raw| show(&transform, &raw));
        std::future::ready(match shown {
            Ok(batch) if batch.num_rows() == 0 => None,
            other => Some(other),
        })
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, shown))
}

fn show(transform: &Transform, raw: &RecordBatch) -> Result<RecordBatch> {
    transform.apply(raw).map_err(below)
}

fn below(error: DataFusionError) -> DataFusionError {
    if matches!(error.find_root(), DataFusionError::ResourcesExhausted(_)) {
        return error;
    }
    DataFusionError::External(Box::new(BelowBarrier(error)))
}
