//! Giving way: owns the points at which a running plan returns to the scheduler, so that an
//! abandoned query stops and a short one gets its turn, and the look at the memory of the process there.
//! DataFusion gives way where data enters a plan; a join can work for minutes on one batch that entered.
//! Does not bound total time.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::joins::NestedLoopJoinExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::{Stream, StreamExt};

use super::kept::{Kept, KeptRows};

/// Longest run between two points, as far as operators come back at all.
const RUN_MAX: Duration = Duration::from_millis(5);

/// Rows of a batch in plans that pair every row with every other: such an operator comes back
/// once a batch of its right side, after going over the whole left side.
pub(super) const PAIRING_BATCH_ROWS: usize = 256;

/// Time between two looks at the memory of the process, for one operator.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// The plan with a point above every operator that has inputs. At each point it fails when the
/// process holds more than `resident_bytes_max` (0: never): not every operator asks the pool.
pub(super) fn everywhere(
    plan: Arc<dyn ExecutionPlan>,
    resident_bytes_max: u64,
) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        if node.children().is_empty() {
            return Ok(Transformed::no(node));
        }
        let point = |input, counts| PreemptExec::over(input, resident_bytes_max, counts);
        let Some(kept) = Kept::by(node.as_ref()) else {
            return Ok(Transformed::yes(point(node, Counts::Nothing)));
        };
        let inputs = node.children().into_iter().cloned();
        let counted = inputs.map(|input| point(input, Counts::Rows(Arc::clone(&kept)))).collect();
        let same = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep);
        let node = node.replace_children(counted, same)?;
        Ok(Transformed::yes(point(node, Counts::Output(kept))))
    })
    .data()
}

/// Some operator pairs every row of one side with every row of the other.
pub(super) fn pairs_rows(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.downcast_ref::<NestedLoopJoinExec>().is_some() || plan.children().into_iter().any(pairs_rows)
}

/// `stream`, returning to the scheduler when it has run too long at a stretch.
pub(super) fn giving_way(stream: SendableRecordBatchStream) -> SendableRecordBatchStream {
    let schema = stream.schema();
    let patient = GivingWay {
        inner: stream,
        batch_rows: usize::MAX,
        rest: None,
        since: None,
        resident: None,
        kept: None,
        _held: None,
    };
    Box::pin(RecordBatchStreamAdapter::new(schema, patient))
}

struct GivingWay {
    inner: SendableRecordBatchStream,
    /// Rows of a batch at most: a window gives all rows of a partition as one, and whatever is computed on
    /// it takes as much memory at once.
    batch_rows: usize,
    /// What is left of a larger one.
    rest: Option<RecordBatch>,
    /// When the present stretch began.
    since: Option<Instant>,
    resident: Option<Resident>,
    /// What the operator above keeps.
    kept: Option<KeptRows>,
    /// The count of what the operator below has kept.
    _held: Option<Arc<MemoryReservation>>,
}

/// The most that the process may hold, and when it was last looked at.
struct Resident {
    bytes_max: u64,
    looked_at: Instant,
}

impl Resident {
    fn is_over(&mut self) -> bool {
        if self.looked_at.elapsed() < LOOK_INTERVAL {
            return false;
        }
        self.looked_at = Instant::now();
        memory_stats::memory_stats().is_some_and(|now| now.physical_mem as u64 > self.bytes_max)
    }
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
        if self.resident.as_mut().is_some_and(Resident::is_over) {
            let message = "the process holds more memory than it may".to_owned();
            return Poll::Ready(Some(Err(DataFusionError::ResourcesExhausted(message))));
        }
        if let Some(rest) = self.rest.take() {
            return Poll::Ready(Some(Ok(self.first_of(rest))));
        }
        let polled = self.inner.poll_next_unpin(context);
        if polled.is_pending() {
            self.since = None;
        }
        if let (Poll::Ready(Some(Ok(batch))), Some(kept)) = (&polled, &mut self.kept)
            && let Err(full) = kept.add(batch)
        {
            return Poll::Ready(Some(Err(full)));
        }
        polled.map_ok(|batch| self.first_of(batch))
    }
}

impl GivingWay {
    /// The first rows of `batch`; the others are left for later.
    fn first_of(&mut self, batch: RecordBatch) -> RecordBatch {
        if batch.num_rows() <= self.batch_rows {
            return batch;
        }
        self.rest = Some(batch.slice(self.batch_rows, batch.num_rows() - self.batch_rows));
        batch.slice(0, self.batch_rows)
    }
}

/// Passes its input through, giving way.
#[derive(Debug)]
struct PreemptExec {
    input: Arc<dyn ExecutionPlan>,
    resident_bytes_max: u64,
    counts: Counts,
}

/// What is counted of the rows that pass.
#[derive(Debug, Clone)]
enum Counts {
    Nothing,
    /// The operator above keeps them.
    Rows(Arc<Kept>),
    /// They come from an operator that has kept others.
    Output(Arc<Kept>),
}

impl PreemptExec {
    fn over(
        input: Arc<dyn ExecutionPlan>,
        resident_bytes_max: u64,
        counts: Counts,
    ) -> Arc<dyn ExecutionPlan> {
        Arc::new(Self { input, resident_bytes_max, counts })
    }
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
            Some(input) => Ok(Self::over(input, self.resident_bytes_max, self.counts.clone())),
            None => Ok(self),
        }
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match children.into_iter().next() {
            Some(input) => Ok(Self::over(input, self.resident_bytes_max, self.counts.clone())),
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
        let batch_rows = context.session_config().batch_size();
        let kept = match &self.counts {
            Counts::Rows(kept) => Some(kept.begin(partition, &context)),
            _ => None,
        };
        let inner = self.input.execute(partition, context)?;
        let held = match &self.counts {
            Counts::Output(kept) => kept.held(partition),
            _ => None,
        };
        let schema = inner.schema();
        let bytes_max = self.resident_bytes_max;
        let resident = (bytes_max > 0).then(|| Resident { bytes_max, looked_at: Instant::now() });
        let patient = GivingWay { inner, batch_rows, rest: None, since: None, resident, kept, _held: held };
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, patient)))
    }
}
