//! Where a plan puts the rows of an answer that is streamed: owns their cutting into pieces, and the wait for
//! whoever takes them. Does not know what becomes of a piece.
//!
//! A piece ends where its rows say, never where a batch does: where batches end can depend on rows that the
//! caller may not see, or on the layout of files.

use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use tokio::sync::{mpsc, oneshot};

use super::error::EngineError;
use super::row_size::row_bytes;

/// Most rows of a piece.
pub const PIECE_ROWS_MAX: usize = 8_192;
/// Most bytes of a piece, as pages count them; one row is a piece whatever its size.
pub const PIECE_BYTES_MAX: usize = 512 * 1024;
/// Pieces that wait to be taken.
const WAITING_PIECES: usize = 2;

/// The side that a plan sees.
#[derive(Debug)]
pub struct Sink {
    head: Option<oneshot::Sender<SchemaRef>>,
    pieces: mpsc::Sender<RecordBatch>,
    stall_max: Duration,
    /// The piece in the making.
    parts: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
}

/// The other side.
#[derive(Debug)]
pub struct Pieces {
    /// The schema of all pieces, once the plan is known.
    pub head: oneshot::Receiver<SchemaRef>,
    /// The rows; shut when there are no more, or the plan has failed.
    pub pieces: mpsc::Receiver<RecordBatch>,
}

/// Both sides. A reader that takes no piece for `stall_max` while one waits ends the plan.
pub fn sink(stall_max: Duration) -> (Sink, Pieces) {
    let (head, begun) = oneshot::channel();
    let (pieces, waiting) = mpsc::channel(WAITING_PIECES);
    let sink = Sink { head: Some(head), pieces, stall_max, parts: Vec::new(), rows: 0, bytes: 0 };
    (sink, Pieces { head: begun, pieces: waiting })
}

impl Sink {
    /// Says what rows will come.
    pub(super) fn begin(&mut self, schema: SchemaRef) {
        if let Some(head) = self.head.take() {
            // Whoever is gone has aborted the plan.
            let _gone = head.send(schema);
        }
    }

    /// Takes rows, and waits while enough are on their way.
    ///
    /// # Errors
    /// A reader that has stalled or gone.
    pub(super) async fn put(&mut self, batch: &RecordBatch) -> Result<(), EngineError> {
        let mut from = 0;
        for (row, bytes) in row_bytes(batch).into_iter().enumerate() {
            let full = self.rows == PIECE_ROWS_MAX || self.bytes.saturating_add(bytes) > PIECE_BYTES_MAX;
            if full && self.rows > 0 {
                self.parts.push(batch.slice(from, row - from));
                from = row;
                self.flush().await?;
            }
            self.rows += 1;
            self.bytes = self.bytes.saturating_add(bytes);
        }
        if from < batch.num_rows() {
            self.parts.push(batch.slice(from, batch.num_rows() - from));
        }
        Ok(())
    }

    /// Lets go of the last piece.
    ///
    /// # Errors
    /// A reader that has stalled or gone.
    pub(super) async fn finish(mut self) -> Result<(), EngineError> {
        if self.rows > 0 { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), EngineError> {
        let parts = std::mem::take(&mut self.parts);
        (self.rows, self.bytes) = (0, 0);
        let Some(first) = parts.first() else { return Ok(()) };
        let piece =
            concat_batches(&first.schema(), &parts).map_err(|e| EngineError::Internal(Box::new(e)))?;
        drop(parts);
        match tokio::time::timeout(self.stall_max, self.pieces.send(piece)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(EngineError::Internal("nobody reads the stream".into())),
            Err(_) => Err(EngineError::Stalled(self.stall_max)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::sync::Arc;

    use arrow::array::{ArrayRef, AsArray, Int64Array, StringArray};
    use arrow::datatypes::Int64Type;

    use super::*;

    fn numbers(range: std::ops::Range<i64>) -> RecordBatch {
        let numbers: ArrayRef = Arc::new(range.collect::<Int64Array>());
        RecordBatch::try_from_iter([("n", numbers)]).unwrap()
    }

    fn texts(lengths: &[usize]) -> RecordBatch {
        let texts: ArrayRef =
            Arc::new(StringArray::from_iter_values(lengths.iter().map(|length| "x".repeat(*length))));
        RecordBatch::try_from_iter([("s", texts)]).unwrap()
    }

    async fn pieces(batches: Vec<RecordBatch>) -> Vec<RecordBatch> {
        let (mut sink, mut pieces) = sink(Duration::from_secs(60));
        let putting = tokio::spawn(async move {
            for batch in &batches {
                sink.put(batch).await.unwrap();
            }
            sink.finish().await.unwrap();
        });
        let mut all = Vec::new();
        while let Some(piece) = pieces.pieces.recv().await {
            all.push(piece);
        }
        putting.await.unwrap();
        all
    }

    #[tokio::test]
    async fn pieces_do_not_tell_where_batches_ended() {
        let whole = pieces(vec![numbers(0..20_000)]).await;
        let parts =
            pieces(vec![numbers(0..1), numbers(1..1), numbers(1..9_000), numbers(9_000..20_000)]).await;
        assert_eq!(whole, parts);
        let rows: Vec<usize> = whole.iter().map(RecordBatch::num_rows).collect();
        assert_eq!(rows, [PIECE_ROWS_MAX, PIECE_ROWS_MAX, 20_000 - 2 * PIECE_ROWS_MAX]);
        let values: Vec<i64> =
            whole.iter().flat_map(|p| p.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
        assert!(values.into_iter().eq(0..20_000));
    }

    #[tokio::test]
    async fn pieces_are_cut_by_bytes_and_a_row_is_never_lost() {
        let large = PIECE_BYTES_MAX / 2;
        let cut = pieces(vec![texts(&[large, 1, large, PIECE_BYTES_MAX * 2, 1])]).await;
        let rows: Vec<usize> = cut.iter().map(RecordBatch::num_rows).collect();
        assert_eq!(rows, [2, 1, 1, 1]);
        assert!(pieces(vec![numbers(0..0)]).await.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_stalls_ends_the_plan() {
        let (mut sink, pieces) = sink(Duration::from_secs(5));
        let pieces_that_wait = i64::try_from(PIECE_ROWS_MAX * WAITING_PIECES).unwrap();
        sink.put(&numbers(0..pieces_that_wait + 1)).await.unwrap();
        let stalled = sink.finish().await.unwrap_err();
        assert!(matches!(stalled, EngineError::Stalled(_)), "{stalled}");
        drop(pieces);
    }
}
