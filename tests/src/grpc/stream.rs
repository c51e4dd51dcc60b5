//! Reading a stream of rows: owns putting its messages together. Does not judge the rows.

use arrow::array::RecordBatch;
use arrow::ipc::reader::StreamReader;
use serde_json::Value;
use sluice_proto::v1::{
    Row, RowSet, StreamHead, StreamRowsRequest, StreamRowsResponse, StreamSqlRequest, StreamSqlResponse,
    stream_rows_response, stream_sql_response,
};
use tonic::{Status, Streaming};

use super::GrpcCaller;
use super::rows::rows;
use crate::json;

/// What came of a stream.
#[derive(Debug, Default)]
pub struct Streamed {
    /// The first message.
    pub head: StreamHead,
    /// Rows, where they came as values.
    pub rows: Vec<Row>,
    /// Bytes, where they came as Arrow IPC.
    pub arrow_ipc: Vec<u8>,
    /// Messages after the head.
    pub messages: usize,
    /// What it ended with, unless with OK.
    pub failure: Option<Status>,
}

enum Part {
    Head(StreamHead),
    Values(RowSet),
    ArrowIpc(Vec<u8>),
}

impl Streamed {
    /// The rows of Arrow IPC as the REST door writes them.
    ///
    /// # Panics
    ///
    /// When they did not come so.
    pub fn arrow_rows(&self) -> Vec<Value> {
        let reader = StreamReader::try_new(self.arrow_ipc.as_slice(), None).expect("a stream");
        let batches: Vec<RecordBatch> = reader.map(|batch| batch.expect("a batch")).collect();
        json::rows(&batches)
    }

    /// The rows of values as the REST door writes them for readers whose numbers are doubles.
    pub fn safe_rows(&self) -> Vec<Value> {
        rows(self.head.schema.as_ref().expect("a schema"), &self.rows)
    }

    fn take(&mut self, part: Part) {
        match part {
            Part::Head(head) => {
                assert_eq!(self.messages, 0, "the head comes first");
                assert!(self.head.schema.is_none(), "the head comes once");
                self.head = head;
                return;
            }
            Part::Values(set) => self.rows.extend(set.rows),
            Part::ArrowIpc(bytes) => self.arrow_ipc.extend(bytes),
        }
        assert!(self.head.schema.is_some(), "the head comes first");
        self.messages += 1;
    }

    async fn read<M>(mut messages: Streaming<M>, part: impl Fn(M) -> Part) -> Self {
        let mut streamed = Self::default();
        loop {
            match messages.message().await {
                Ok(Some(message)) => streamed.take(part(message)),
                Ok(None) => return streamed,
                Err(failure) => return Self { failure: Some(failure), ..streamed },
            }
        }
    }
}

/// Reads messages of `StreamRows` to their end.
pub async fn rest_of_rows(messages: Streaming<StreamRowsResponse>) -> Streamed {
    let part = |message: StreamRowsResponse| match message.part.expect("a part") {
        stream_rows_response::Part::Head(head) => Part::Head(head),
        stream_rows_response::Part::Values(set) => Part::Values(set),
        stream_rows_response::Part::ArrowIpc(bytes) => Part::ArrowIpc(bytes.into()),
    };
    Streamed::read(messages, part).await
}

/// All that comes of `StreamRows`.
///
/// # Errors
/// The refusal before the first message.
pub async fn stream_rows(caller: &GrpcCaller, asked: StreamRowsRequest) -> Result<Streamed, Status> {
    let messages = caller.query().stream_rows(caller.request(asked)).await?;
    Ok(rest_of_rows(messages.into_inner()).await)
}

/// All that comes of `StreamSql`.
///
/// # Errors
/// The refusal before the first message.
pub async fn stream_sql(caller: &GrpcCaller, asked: StreamSqlRequest) -> Result<Streamed, Status> {
    let messages = caller.query().stream_sql(caller.request(asked)).await?.into_inner();
    let part = |message: StreamSqlResponse| match message.part.expect("a part") {
        stream_sql_response::Part::Head(head) => Part::Head(head),
        stream_sql_response::Part::Values(set) => Part::Values(set),
        stream_sql_response::Part::ArrowIpc(bytes) => Part::ArrowIpc(bytes.into()),
    };
    Ok(Streamed::read(messages, part).await)
}
