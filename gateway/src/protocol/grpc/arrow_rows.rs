//! Rows as one Arrow IPC stream: owns cutting them into batches and putting the bytes together. What the bytes may
//! hold is settled in [`plain`].

mod plain;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamEncoder;
use bytes::Bytes;

use self::plain::{plain_schema, rebuilt};
use crate::query::error::QueryError;

/// Most rows of a batch. Between two a caller that went away is noticed, and what has grown is counted.
const BATCH_ROWS: usize = 8_192;

/// The whole stream: schema, batches, end. Runs off the connection threads, a batch at a time, and stops with the
/// batch at hand when the future is dropped.
///
/// # Errors
/// `not_acceptable` for a type that cannot travel so; those of `grown`, which is told the length after each batch.
pub(super) async fn stream(
    schema: &Schema,
    batches: &[RecordBatch],
    mut grown: impl FnMut(usize) -> Result<(), QueryError>,
) -> Result<Bytes, QueryError> {
    let plain = plain_schema(schema)?;
    let mut encoder = StreamEncoder::try_new(&plain).map_err(QueryError::internal)?;
    let mut out: Vec<u8> = Vec::new();
    for batch in batches {
        let mut done = 0;
        while done < batch.num_rows() {
            let slice = batch.slice(done, BATCH_ROWS.min(batch.num_rows() - done));
            done += slice.num_rows();
            let plain = SchemaRef::clone(&plain);
            let encoding = tokio::task::spawn_blocking(move || append(encoder, out, &plain, &slice));
            (encoder, out) = encoding.await.map_err(QueryError::internal)?.map_err(QueryError::internal)?;
            grown(out.len())?;
        }
    }
    for piece in encoder.finish().map_err(QueryError::internal)? {
        out.extend_from_slice(&piece);
    }
    grown(out.len())?;
    Ok(Bytes::from(out))
}

fn append(
    mut encoder: StreamEncoder,
    mut out: Vec<u8>,
    plain: &SchemaRef,
    slice: &RecordBatch,
) -> Result<(StreamEncoder, Vec<u8>), ArrowError> {
    for piece in encoder.encode(&rebuilt(slice, plain)?)? {
        out.extend_from_slice(&piece);
    }
    Ok((encoder, out))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array};
    use arrow::compute::concat_batches;
    use arrow::ipc::reader::StreamReader;

    use super::*;

    async fn read(batch: &RecordBatch) -> RecordBatch {
        let bytes = stream(&batch.schema(), std::slice::from_ref(batch), |_| Ok(())).await.unwrap();
        let reader = StreamReader::try_new(bytes.as_ref(), None).unwrap();
        let schema = reader.schema();
        let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
        concat_batches(&schema, &batches).unwrap()
    }

    #[tokio::test]
    async fn readers_get_every_row_of_every_batch() {
        let numbers: ArrayRef = Arc::new((0..20_000).collect::<Int64Array>());
        let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
        assert_eq!(read(&batch).await, batch);
        let none = batch.slice(0, 0);
        assert_eq!(read(&none).await, none);
    }
}
