//! Giving way: owns the points at which a running plan returns to the scheduler, so that an
//! abandoned query stops and a short one gets its turn. DataFusion gives way where data enters a
//! plan; a join can work for minutes on one batch that entered. Does not bound total time.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::joins::{CrossJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};
use futures::{Stream, StreamExt};

/// Longest run between two points, as far as operators come back at all.
const RUN_MAX: Duration = Duration::from_millis(5);

/// Rows of a batch in plans that pair every row with every other: such an operator comes back
/// once a batch of its right side, after going over the whole left side.
pub(super) const PAIRING_BATCH_ROWS: usize = 64;

/// The plan with a point above every operator that has inputs.
pub(super) fn everywhere(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        if node.children().is_empty() {
            return Ok(Transformed::no(node));
        }
        Ok(Transformed::yes(Arc::new(PreemptExec { input: node }) as Arc<dyn ExecutionPlan>))
    })
    .data()
}

/// Some operator pairs every row of one side with every row of the other.
pub(super) fn pairs_rows(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.downcast_ref::<NestedLoopJoinExec>().is_some()
        || plan.downcast_ref::<CrossJoinExec>().is_some()
        || plan.children().into_iter().any(pairs_rows)
}

/// `stream`, returning to the scheduler when it has run too long at a stretch.
pub(super) fn giving_way(stream: SendableRecordBatchStream) -> SendableRecordBatchStream {
    let schema = stream.schema();
    let patient = GivingWay { inner: stream, since: None };
    Box::pin(RecordBatchStreamAdapter::new(schema, patient))
}

struct GivingWay {
    inner: SendableRecordBatchStream,
    /// When the present stretch began.
    since: Option<Instant>,
}

impl Stream for GivingWay {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() >= RUN_MAX {
            self.since = None;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let polled = self.inner.poll_next_unpin(context);
        if polled.is_pending() {
            self.since = None;
        }
        polled
    }
}

/// Passes its input through, giving way.
#[derive(Debug)]
struct PreemptExec {
    input: Arc<dyn ExecutionPlan>,
}

impl DisplayAs for PreemptExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PreemptExec")
    }
}

impl ExecutionPlan for PreemptExec {
    fn name(&self) -> &'static str {
        "PreemptExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match children.into_iter().next() {
            Some(input) => Ok(Arc::new(Self { input })),
            None => Ok(self),
        }
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match children.into_iter().next() {
            Some(input) => Ok(Arc::new(Self { input })),
            None => Ok(self),
        }
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        Ok(giving_way(self.input.execute(partition, context)?))
    }
}
