//! Panics of decoders made errors: owns the boundary around reading data files. Decoders panic on
//! some malformed files, and a file that cannot be read is the table's fault, not the query's.

use std::panic::AssertUnwindSafe;

use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;

/// `stream`, which ends in an error where it would have panicked.
pub(in crate::engine) fn guarded(stream: SendableRecordBatchStream) -> SendableRecordBatchStream {
    let schema = stream.schema();
    // A stream that panicked is never polled again, so that nobody sees a broken state.
    let caught = AssertUnwindSafe(stream).catch_unwind().map(|polled| match polled {
        Ok(batch) => batch,
        Err(_) => Err(DataFusionError::External("a data file is malformed: its decoder panicked".into())),
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, caught))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::sync::Arc;

    use arrow::array::RecordBatch;
    use arrow::datatypes::Schema;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_end() {
        let schema = Arc::new(Schema::empty());
        let batch = RecordBatch::new_empty(Arc::clone(&schema));
        let panicking = futures::stream::iter(0..3).map(move |turn| match turn {
            0 => Ok(batch.clone()),
            _ => panic!("as decoders do"),
        });
        let mut stream = guarded(Box::pin(RecordBatchStreamAdapter::new(schema, panicking)));
        assert!(stream.next().await.unwrap().is_ok());
        assert!(stream.next().await.unwrap().unwrap_err().to_string().contains("malformed"));
        assert!(stream.next().await.is_none());
    }
}
