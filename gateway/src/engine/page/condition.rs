//! The part of a caller's condition that can fail, over the rows of a page in the making: owns
//! keeping the rows that satisfy it, and the rule for those on which it fails. Such a row is held
//! like one that matches, and the page fails only if it comes to show it: what else was read,
//! which statistics of hidden rows have a part in, must not decide whether there is a page.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, BooleanBufferBuilder, RecordBatch};
use arrow::compute::{filter, filter_record_batch, prep_null_mask_filter};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::cast::as_boolean_array;
use datafusion::physical_expr::PhysicalExpr;

use crate::engine::error::EngineError;

/// Name of the column that marks rows on which the condition failed.
const FAILED: &str = "\u{0}failed";

/// Rows that are judged one by one before the query gives way.
const JUDGED_ROWS: usize = 16;

pub(super) fn failed_field() -> FieldRef {
    Arc::new(Field::new(FAILED, DataType::Boolean, false))
}

/// A condition over the shown columns, evaluated row by row.
#[derive(Clone)]
pub(super) struct Condition(Arc<dyn PhysicalExpr>);

impl Condition {
    pub(super) fn new(predicate: Arc<dyn PhysicalExpr>) -> Self {
        Self(predicate)
    }

    /// The rows for which it is true, none of them marked.
    ///
    /// # Errors
    /// It fails on some row.
    pub(super) fn keep(&self, batch: &RecordBatch) -> Result<RecordBatch, EngineError> {
        let keep = self.verdict(batch)?;
        let rows = filter_record_batch(batch, &keep).map_err(internal)?;
        let failed = BooleanArray::from(vec![false; rows.num_rows()]);
        marked(&rows, Arc::new(failed))
    }

    /// The rows for which it is true or on which it fails, the latter marked.
    pub(super) async fn keep_failing(&self, batch: &RecordBatch) -> Result<RecordBatch, EngineError> {
        let (mut keep, mut failed) = (BooleanBufferBuilder::new(0), BooleanBufferBuilder::new(0));
        let mut judged = 0;
        while judged < batch.num_rows() {
            let until = (judged + JUDGED_ROWS).min(batch.num_rows());
            self.judge(batch, judged..until, &mut keep, &mut failed)?;
            judged = until;
            // Row by row this can take long, and the caller may be gone.
            tokio::task::yield_now().await;
        }
        let keep = BooleanArray::new(keep.finish(), None);
        let failed = BooleanArray::new(failed.finish(), None);
        let rows = filter_record_batch(batch, &keep).map_err(internal)?;
        marked(&rows, filter(&failed, &keep).map_err(internal)?)
    }

    /// The rows for which it is true or on which it fails, the latter marked. At once where it fails on none.
    pub(super) async fn matching(&self, batch: &RecordBatch) -> Result<RecordBatch, EngineError> {
        match self.keep(batch) {
            Ok(kept) => Ok(kept),
            Err(_) => self.keep_failing(batch).await,
        }
    }

    /// The marked ones of `rows`.
    pub(super) fn marked(rows: &RecordBatch) -> Result<RecordBatch, EngineError> {
        let failed = rows.column_by_name(FAILED).map(|column| as_boolean_array(column));
        match failed.transpose().map_err(EngineError::execution)? {
            Some(failed) => filter_record_batch(rows, failed).map_err(internal),
            None => Ok(rows.slice(0, 0)),
        }
    }

    /// The index of the first marked one of `rows`.
    pub(super) fn first_marked(rows: &RecordBatch) -> Result<Option<usize>, EngineError> {
        let failed = rows.column_by_name(FAILED).map(|column| as_boolean_array(column));
        let failed = failed.transpose().map_err(EngineError::execution)?;
        Ok(failed.and_then(|failed| failed.values().set_indices().next()))
    }

    /// Fails as it does on the first marked one of `rows`.
    pub(super) fn answer_for(&self, rows: &RecordBatch) -> Result<(), EngineError> {
        match Self::first_marked(rows)? {
            Some(row) => self.verdict(&rows.slice(row, 1)).map(drop),
            None => Ok(()),
        }
    }

    /// Appends a verdict for each row of the range; a part without failures is one evaluation.
    fn judge(
        &self,
        batch: &RecordBatch,
        rows: Range<usize>,
        keep: &mut BooleanBufferBuilder,
        failed: &mut BooleanBufferBuilder,
    ) -> Result<(), EngineError> {
        match self.verdict(&batch.slice(rows.start, rows.len())) {
            Ok(verdict) => {
                keep.append_buffer(verdict.values());
                failed.append_n(rows.len(), false);
                Ok(())
            }
            Err(error @ EngineError::Memory(_)) => Err(error),
            Err(_) if rows.len() == 1 => {
                keep.append(true);
                failed.append(true);
                Ok(())
            }
            Err(_) => {
                let middle = rows.start + rows.len() / 2;
                self.judge(batch, rows.start..middle, keep, failed)?;
                self.judge(batch, middle..rows.end, keep, failed)
            }
        }
    }

    /// TRUE where the condition is, FALSE where it is FALSE or NULL.
    fn verdict(&self, batch: &RecordBatch) -> Result<BooleanArray, EngineError> {
        let verdict = self
            .0
            .evaluate(batch)
            .and_then(|v| v.into_array(batch.num_rows()))
            .map_err(EngineError::execution)?;
        if verdict.data_type() == &DataType::Null {
            return Ok(BooleanArray::from(vec![false; batch.num_rows()]));
        }
        let verdict = as_boolean_array(&verdict).map_err(EngineError::execution)?;
        Ok(if verdict.null_count() == 0 { verdict.clone() } else { prep_null_mask_filter(verdict) })
    }
}

fn marked(rows: &RecordBatch, failed: ArrayRef) -> Result<RecordBatch, EngineError> {
    let mut fields: Vec<FieldRef> = rows.schema().fields().to_vec();
    fields.push(failed_field());
    let mut columns = rows.columns().to_vec();
    columns.push(failed);
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(internal)
}

fn internal(error: arrow::error::ArrowError) -> EngineError {
    EngineError::Internal(Box::new(error))
}
