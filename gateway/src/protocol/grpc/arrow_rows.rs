//! Rows as one Arrow IPC stream: owns cutting them into batches and putting the bytes together. What the bytes may
//! hold is settled in [`plain`].

mod plain;

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamEncoder;
use bytes::Bytes;

use self::plain::{plain_schema, rebuilt};
use crate::query::error::QueryError;

/// Most rows of a batch. Between two a caller that went away is noticed, and what has grown is counted.
const BATCH_ROWS: usize = 8_192;

/// A stream in the making.
pub(super) struct Encoder {
    plain: SchemaRef,
    encoder: StreamEncoder,
}

impl Encoder {
    /// # Errors
    /// `not_acceptable` for a type that cannot travel so.
    pub(super) fn new(schema: &Schema) -> Result<Self, QueryError> {
        let plain = plain_schema(schema)?;
        let encoder = StreamEncoder::try_new(&plain).map_err(QueryError::internal)?;
        Ok(Self { plain, encoder })
    }

    /// The bytes of further rows. Runs off the connection threads, and to its end even when the future is dropped.
    pub(super) async fn encode(mut self, rows: RecordBatch) -> Result<(Self, Vec<u8>), QueryError> {
        let encoding = tokio::task::spawn_blocking(move || {
            let pieces = self.encoder.encode(&rebuilt(&rows, &self.plain)?)?;
            Ok::<_, ArrowError>((self, joined(&pieces)))
        });
        encoding.await.map_err(QueryError::internal)?.map_err(QueryError::internal)
    }

    /// The bytes that end the stream.
    pub(super) fn finish(self) -> Result<Vec<u8>, QueryError> {
        self.encoder.finish().map(|pieces| joined(&pieces)).map_err(QueryError::internal)
    }
}

fn joined(pieces: &[Buffer]) -> Vec<u8> {
    let slices: Vec<&[u8]> = pieces.iter().map(Buffer::as_slice).collect();
    slices.concat()
}

/// The whole stream: schema, batches, end; a batch at a time, stopping with the batch at hand when the future is
/// dropped.
///
/// # Errors
/// `not_acceptable` for a type that cannot travel so; those of `grown`, which is told the length after each batch.
pub(super) async fn stream(
    schema: &Schema,
    batches: &[RecordBatch],
    mut grown: impl FnMut(usize) -> Result<(), QueryError>,
) -> Result<Bytes, QueryError> {
    let mut encoder = Encoder::new(schema)?;
    let mut out: Vec<u8> = Vec::new();
    for batch in batches {
        let mut done = 0;
        while done < batch.num_rows() {
            let slice = batch.slice(done, BATCH_ROWS.min(batch.num_rows() - done));
            done += slice.num_rows();
            let (rest, bytes) = encoder.encode(slice).await?;
            encoder = rest;
            out.extend_from_slice(&bytes);
            grown(out.len())?;
        }
    }
    out.extend_from_slice(&encoder.finish()?);
    grown(out.len())?;
    Ok(Bytes::from(out))
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
