//! Which files of a snapshot can hold rows that matter: owns file skipping by partition values
//! and statistics. Proves only that a file is useless, never that its rows match.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, UInt64Array};
use arrow::datatypes::SchemaRef;
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, ScalarValue};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use sluice_catalog::snapshot::Snapshot;

pub(in crate::engine) use super::bounds::{Bounds, bounds, num_records};
use crate::engine::error::EngineError;

/// The files among `ordinals` that `predicate` (over the raw columns) does not rule out.
pub(in crate::engine) fn candidates(
    snapshot: &Snapshot,
    raw_schema: &SchemaRef,
    predicate: &Arc<dyn PhysicalExpr>,
    ordinals: Vec<usize>,
) -> Result<Vec<usize>, EngineError> {
    let pruning = PruningPredicateBuilder::new()
        .with_file_schema(Arc::clone(raw_schema))
        .try_build(Arc::clone(predicate))
        .map_err(EngineError::planning)?;
    if pruning.always_true() || ordinals.is_empty() {
        return Ok(ordinals);
    }
    let statistics = FileStatistics { snapshot, ordinals: &ordinals };
    let keep = pruning.prune(&statistics).map_err(EngineError::planning)?;
    Ok(ordinals.into_iter().zip(keep).filter_map(|(ordinal, keep)| keep.then_some(ordinal)).collect())
}

struct FileStatistics<'a> {
    snapshot: &'a Snapshot,
    ordinals: &'a [usize],
}

impl FileStatistics<'_> {
    fn bounds(&self, column: &Column) -> Option<Bounds> {
        let index = self.snapshot.columns().iter().position(|c| c.name == column.name)?;
        bounds(self.snapshot, index, self.ordinals).ok()
    }
}

impl PruningStatistics for FileStatistics<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        Some(self.bounds(column)?.min)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        Some(self.bounds(column)?.max)
    }

    fn num_containers(&self) -> usize {
        self.ordinals.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        Some(self.bounds(column)?.nulls)
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let rows = self.ordinals.iter().map(|o| num_records(&self.snapshot.files()[*o]));
        Some(Arc::new(rows.collect::<UInt64Array>()))
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
