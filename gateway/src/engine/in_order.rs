//! Partitions one after the other: owns reading the inputs of a plan that stops early, or whose answer
//! depends on which rows come first, in one order. DataFusion takes rows from whichever partition has some,
//! and a `UNION` has one for each branch however few were asked for. Does not choose which plans need it.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::{StreamExt, TryStreamExt};

/// The plan as one partition, with every merge of partitions in their order.
pub(super) fn merged(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    // Whoever runs a plan of several partitions merges them; here it is done first, to be seen below.
    let plan: Arc<dyn ExecutionPlan> = match partition_count(&plan) {
        1 => plan,
        _ => Arc::new(CoalescePartitionsExec::new(plan)),
    };
    plan.transform_up(|node| {
        if let Some(merge) = node.downcast_ref::<CoalescePartitionsExec>() {
            let ordered = in_order(Arc::clone(merge.input()));
            return Ok(Transformed::yes(match merge.fetch() {
                Some(rows) => Arc::new(GlobalLimitExec::new(ordered, 0, Some(rows))),
                None => ordered,
            }));
        }
        match node.downcast_ref::<SortPreservingMergeExec>() {
            Some(merge) => Ok(Transformed::yes(sorted(merge))),
            None => Ok(Transformed::no(node)),
        }
    })
    .data()
}

/// A merge of sorted partitions as one sort: the merge has all of them sorted at once, and the first to fail is
/// told.
fn sorted(merge: &SortPreservingMergeExec) -> Arc<dyn ExecutionPlan> {
    let input = match merge.input().downcast_ref::<SortExec>() {
        Some(sort) if sort.fetch().is_none() => sort.input(),
        _ => merge.input(),
    };
    let sort = SortExec::new(merge.expr().clone(), in_order(Arc::clone(input)));
    Arc::new(sort.with_fetch(merge.fetch()))
}

fn in_order(input: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    // Those of a merge that keeps no order.
    let properties = Arc::clone(CoalescePartitionsExec::new(Arc::clone(&input)).properties());
    Arc::new(InOrderExec { input, properties })
}

fn partition_count(plan: &Arc<dyn ExecutionPlan>) -> usize {
    plan.output_partitioning().partition_count()
}

#[derive(Debug)]
struct InOrderExec {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl InOrderExec {
    fn over(&self, children: Vec<Arc<dyn ExecutionPlan>>) -> Arc<dyn ExecutionPlan> {
        let input = children.into_iter().next().unwrap_or_else(|| Arc::clone(&self.input));
        Arc::new(Self { input, properties: Arc::clone(&self.properties) })
    }
}

impl DisplayAs for InOrderExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InOrderExec")
    }
}

impl ExecutionPlan for InOrderExec {
    fn name(&self) -> &'static str {
        "InOrderExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self.over(children))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self.over(children))
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let partitions = 0..partition_count(&self.input);
        let input = Arc::clone(&self.input);
        // A partition begins once the one before it has ended: what nobody comes to is not evaluated.
        let rows = futures::stream::iter(partitions)
            .map(move |partition| input.execute(partition, Arc::clone(&context)))
            .try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
    use arrow::datatypes::Int64Type;
    use datafusion::datasource::memory::MemorySourceConfig;
    use datafusion::physical_expr::expressions::col;
    use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
    use datafusion::physical_plan::{collect, displayable};

    use super::*;

    /// A plan of one partition a value.
    fn partitions(values: &[i64]) -> Arc<dyn ExecutionPlan> {
        let batch = |value: &i64| {
            let column: ArrayRef = Arc::new(Int64Array::from(vec![*value]));
            vec![RecordBatch::try_from_iter([("n", column)]).unwrap()]
        };
        let batches: Vec<Vec<RecordBatch>> = values.iter().map(batch).collect();
        let schema = batches[0][0].schema();
        MemorySourceConfig::try_new_exec(&batches, schema, None).unwrap()
    }

    /// How the plan reads in one line, and its rows.
    async fn ran(plan: Arc<dyn ExecutionPlan>) -> (String, Vec<i64>) {
        let merged = merged(plan).unwrap();
        let shown = displayable(merged.as_ref()).indent(false).to_string();
        let batches = collect(merged, Arc::default()).await.unwrap();
        let values = batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values());
        (shown, values.copied().collect())
    }

    #[tokio::test]
    async fn partitions_of_the_root_are_read_one_after_the_other() {
        let (shown, rows) = ran(partitions(&[3, 1, 2])).await;
        assert!(shown.starts_with("InOrderExec"), "{shown}");
        assert_eq!(rows, [3, 1, 2]);
    }

    #[tokio::test]
    async fn sorted_partitions_are_sorted_as_one() {
        let input = partitions(&[3, 1, 2]);
        let key = PhysicalSortExpr::new_default(col("n", &input.schema()).unwrap());
        let order = LexOrdering::new([key]).unwrap();
        let sorted = SortExec::new(order.clone(), input).with_preserve_partitioning(true);
        let merge = SortPreservingMergeExec::new(order, Arc::new(sorted)).with_fetch(Some(2));
        let (shown, rows) = ran(Arc::new(merge)).await;
        assert!(!shown.contains("SortPreservingMergeExec") && shown.contains("InOrderExec"), "{shown}");
        assert_eq!(rows, [1, 2]);
    }
}
