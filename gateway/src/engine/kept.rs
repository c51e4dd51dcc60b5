//! Rows that window functions keep: owns their count. The engine's operators keep whole partitions, put them
//! together as one batch, write texts of one row beside all others, and ask the memory pool for none of it.
//! Keeps no rows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::logical_expr::{WindowFrame, WindowFrameBound};
use datafusion::physical_expr::window::WindowExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};

use super::row_size::{batch_bytes, row_bytes};

/// The rows as they came, and as one batch.
const COPIES: usize = 2;

/// Rows before or after the current one for which an operator that streams is taken to keep nothing.
const NEAR_ROWS: u64 = 10_000;

/// What one operator keeps, by partition. Its inputs count, and its output holds the count until it ends: the
/// operator lets go of its inputs before it is done with their rows.
#[derive(Debug)]
pub(super) struct Kept {
    /// Columns that may repeat the longest value on every row.
    texts: usize,
    reservations: Mutex<HashMap<usize, Arc<MemoryReservation>>>,
}

impl Kept {
    /// For an operator that keeps rows.
    pub(super) fn by(node: &dyn ExecutionPlan) -> Option<Arc<Self>> {
        let texts = if let Some(window) = node.downcast_ref::<WindowAggExec>() {
            let exprs = window.window_expr().iter();
            exprs.filter(|expr| expr.field().map_or(true, |field| is_long(field.data_type()))).count()
        } else {
            let window = node.downcast_ref::<BoundedWindowAggExec>()?;
            // These write a batch at a time.
            if window.window_expr().iter().any(is_wide) { 0 } else { return None }
        };
        Some(Arc::new(Self { texts, reservations: Mutex::default() }))
    }

    /// The count of a partition that begins.
    pub(super) fn begin(self: &Arc<Self>, partition: usize, context: &TaskContext) -> KeptRows {
        let reservation = MemoryConsumer::new("rows of windows").register(context.memory_pool());
        let reservation = Arc::new(reservation);
        self.all().insert(partition, Arc::clone(&reservation));
        KeptRows { texts: self.texts, bytes: 0, rows: 0, longest: 0, reservation }
    }

    /// The count of a partition that has begun, for as long as the output lasts.
    pub(super) fn held(&self, partition: usize) -> Option<Arc<MemoryReservation>> {
        self.all().remove(&partition)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<usize, Arc<MemoryReservation>>> {
        self.reservations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rows of one partition that were kept so far.
pub(super) struct KeptRows {
    texts: usize,
    bytes: usize,
    rows: usize,
    longest: usize,
    reservation: Arc<MemoryReservation>,
}

impl KeptRows {
    /// Counts one more batch.
    ///
    /// # Errors
    /// When the pool has no room for what will be made of it.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        self.bytes = self.bytes.saturating_add(batch_bytes(batch));
        self.rows = self.rows.saturating_add(batch.num_rows());
        if self.texts > 0 {
            self.longest = row_bytes(batch).into_iter().fold(self.longest, usize::max);
        }
        let written = self.texts.saturating_mul(self.rows).saturating_mul(self.longest);
        self.reservation.try_resize(self.bytes.saturating_mul(COPIES).saturating_add(written))
    }
}

fn is_long(data_type: &DataType) -> bool {
    data_type.primitive_width().is_none() && !matches!(data_type, DataType::Boolean | DataType::Null)
}

/// Whether rows are kept that are far from the current one.
fn is_wide(expr: &Arc<dyn WindowExpr>) -> bool {
    let WindowFrame { start_bound, end_bound, .. } = expr.get_window_frame().as_ref();
    is_far(start_bound) || is_far(end_bound)
}

/// Nothing is kept for a frame that begins with the partition.
fn is_far(bound: &WindowFrameBound) -> bool {
    match bound {
        WindowFrameBound::CurrentRow => false,
        WindowFrameBound::Preceding(offset) | WindowFrameBound::Following(offset) => match offset {
            ScalarValue::UInt64(Some(rows)) => *rows > NEAR_ROWS,
            offset => !offset.is_null(),
        },
    }
}
