//! From a question to a stream of messages: owns a streamed query's life from question to last message, and the size
//! of messages. Does not choose what is asked.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Instant;

use bytes::Bytes;
use futures::Stream;
use prost::Message;
use sluice_proto::v1::{Row, StreamHead};
use tonic::{Response as Reply, Status};

use super::GrpcDoor;
use super::answer::{Rows, meta};
use super::arrow_rows::Encoder;
use super::call::Call;
use super::schema::row_schema;
use super::statement::{Format, Question};
use super::values;
use crate::query::error::QueryError;
use crate::query::lifecycle::{Door, QueryLife, Streaming};
use crate::query::stream::RowStream;

/// Longest message, in bytes, unless one row is longer: clients take 4 MiB unless told otherwise.
const MESSAGE_BYTES_MAX: usize = 512 * 1024;

/// One message of a stream.
#[derive(Debug)]
pub(super) enum Part {
    Head(StreamHead),
    Rows(Rows),
}

/// The messages of a stream, as tonic takes them.
pub(super) type Messages<M> = Pin<Box<dyn Stream<Item = Result<M, Status>> + Send>>;

/// Asks, and encodes as rows come. Dropping the messages cancels the query and is recorded as that.
pub(super) async fn stream<M: Send + 'static>(
    door: &GrpcDoor,
    call: Call,
    question: Question,
    assemble: fn(Part) -> M,
) -> Result<Reply<Messages<M>>, Status> {
    let began = Instant::now();
    let Question { statement, version, format, text_field } = question;
    let request = call.request(statement, version);
    let life = QueryLife::begin_stream(&door.metrics, Door::Grpc, &request, call.context.trace_id.as_deref());
    let rows = match door.service.stream(request).await {
        Ok(rows) => rows,
        Err(error) => {
            life.failed(&error);
            return Err(call.refused_in(error, text_field));
        }
    };
    let encoding = match format {
        Format::Values | Format::Row => Encoding::Values,
        Format::ArrowIpc => match Encoder::new(&rows.schema) {
            Ok(encoder) => Encoding::ArrowIpc(Box::new(encoder)),
            Err(error) => {
                life.failed(&error);
                return Err(call.refused_in(error, text_field));
            }
        },
    };
    let head = StreamHead {
        schema: Some(row_schema(&rows.schema)),
        meta: Some(meta(&rows.tables, began.elapsed())),
    };
    let life = life.streaming(&rows.tables);
    let ready = VecDeque::from([Part::Head(head)]);
    let sending = Sending { rows, encoding, ready, life, call, text_field };
    let messages = futures::stream::unfold(Some(sending), move |sending| async move {
        let (part, rest) = sending?.next().await?;
        Some((part.map(assemble), rest))
    });
    Ok(Reply::new(Box::pin(messages)))
}

/// A stream under way.
struct Sending {
    rows: RowStream,
    encoding: Encoding,
    ready: VecDeque<Part>,
    life: QueryLife<Streaming>,
    call: Call,
    text_field: Option<&'static str>,
}

enum Encoding {
    Values,
    ArrowIpc(Box<Encoder>),
    Ended,
}

impl Sending {
    /// The next message, and what comes after it.
    async fn next(mut self) -> Option<(Result<Part, Status>, Option<Self>)> {
        loop {
            if let Some(part) = self.ready.pop_front() {
                return Some((Ok(part), Some(self)));
            }
            if matches!(self.encoding, Encoding::Ended) {
                self.life.done();
                return None;
            }
            if let Err(error) = self.encode_more().await {
                self.life.failed(&error);
                return Some((Err(self.call.refused_in(error, self.text_field)), None));
            }
        }
    }

    async fn encode_more(&mut self) -> Result<(), QueryError> {
        let Some(batch) = self.rows.next().await? else {
            if let Encoding::ArrowIpc(encoder) = std::mem::replace(&mut self.encoding, Encoding::Ended) {
                self.push_bytes(encoder.finish()?);
            }
            return Ok(());
        };
        // Before the first byte of them leaves: what a caller may have read is never counted short.
        self.life.sent(batch.num_rows());
        match std::mem::replace(&mut self.encoding, Encoding::Ended) {
            Encoding::Values => {
                self.push_rows(values::rows(&[batch], |_| Ok(())).await?);
                self.encoding = Encoding::Values;
            }
            Encoding::ArrowIpc(encoder) => {
                let (encoder, bytes) = encoder.encode(batch).await?;
                self.push_bytes(bytes);
                self.encoding = Encoding::ArrowIpc(Box::new(encoder));
            }
            Encoding::Ended => {}
        }
        Ok(())
    }

    /// Rows that are small in memory may be long as values.
    fn push_rows(&mut self, rows: Vec<Row>) {
        let (mut message, mut bytes) = (Vec::new(), 0);
        for row in rows {
            let more = row.encoded_len();
            if bytes + more > MESSAGE_BYTES_MAX && !message.is_empty() {
                self.ready.push_back(Part::Rows(Rows::Values(std::mem::take(&mut message))));
                bytes = 0;
            }
            bytes += more;
            message.push(row);
        }
        if !message.is_empty() {
            self.ready.push_back(Part::Rows(Rows::Values(message)));
        }
    }

    fn push_bytes(&mut self, bytes: Vec<u8>) {
        let mut bytes = Bytes::from(bytes);
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(MESSAGE_BYTES_MAX));
            self.ready.push_back(Part::Rows(Rows::ArrowIpc(piece)));
        }
    }
}
