//! Batches of one size: owns putting visible rows together so that where a batch ends depends on
//! the rows in it alone. An operator that stops early has evaluated whole batches; with the ends
//! as they were read, which of the rows behind its last one it has looked at would depend on how
//! many hidden rows lay between.

use arrow::array::RecordBatch;
use arrow::compute::BatchCoalescer;
use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;

/// `rows` in batches of `batch_rows`; the last may be smaller.
pub(super) fn batches(rows: SendableRecordBatchStream, batch_rows: usize) -> SendableRecordBatchStream {
    let schema = rows.schema();
    let gathered = BatchCoalescer::new(schema.clone(), batch_rows);
    let even = Even { rows: Some(rows), gathered };
    Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::try_unfold(even, Even::next)))
}

struct Even {
    /// `None` once they have come to their end.
    rows: Option<SendableRecordBatchStream>,
    gathered: BatchCoalescer,
}

impl Even {
    async fn next(mut self) -> Result<Option<(RecordBatch, Self)>> {
        loop {
            if let Some(batch) = self.gathered.next_completed_batch() {
                return Ok(Some((batch, self)));
            }
            let Some(rows) = &mut self.rows else { return Ok(None) };
            match rows.next().await.transpose()? {
                Some(batch) => self.gathered.push_batch(batch)?,
                None => {
                    self.rows = None;
                    self.gathered.finish_buffered_batch()?;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::sync::Arc;

    use arrow::array::{Array, AsArray, Int64Array};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};
    use futures::TryStreamExt;

    use super::*;

    async fn sizes_and_rows(lengths: &[usize], batch_rows: usize) -> (Vec<usize>, Vec<i64>) {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
        let mut number = 0..;
        let read: Vec<_> = lengths
            .iter()
            .map(|length| {
                let values: Int64Array = number.by_ref().take(*length).map(Some).collect();
                RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(values)]).map_err(Into::into)
            })
            .collect();
        let read = Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::iter(read)));
        let even: Vec<RecordBatch> = batches(read, batch_rows).try_collect().await.unwrap();
        let values = even.iter().flat_map(|b| b.column(0).as_primitive::<Int64Type>().values().to_vec());
        (even.iter().map(|b| b.column(0).len()).collect(), values.collect())
    }

    #[tokio::test]
    async fn the_ends_of_batches_do_not_tell_how_they_were_read() {
        for lengths in [&[10][..], &[1; 10], &[3, 4, 3], &[9, 1], &[2, 0, 8]] {
            let (sizes, rows) = sizes_and_rows(lengths, 4).await;
            assert_eq!((sizes, rows), (vec![4, 4, 2], (0..10).collect()), "{lengths:?}");
        }
        assert_eq!(sizes_and_rows(&[4, 4], 4).await.0, [4, 4]);
        assert_eq!(sizes_and_rows(&[], 4).await.0, [0; 0]);
    }
}
