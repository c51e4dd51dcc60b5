//! From a question to its answer: owns the query's life from question to message, what an answer says beside its
//! rows, and how long its memory counts. Does not choose what is asked.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http_body::Frame;
use prost::Message;
use prost_types::Timestamp;
use sluice_proto::v1::{AnswerMeta, CacheTier, PageInfo as PageMessage, Row, RowSchema, TableVersion};
use tonic::{Response as Reply, Status};

use super::GrpcDoor;
use super::arrow_rows;
use super::call::Call;
use super::schema::row_schema;
use super::statement::{Format, Question};
use super::values::{self, Grown};
use crate::protocol::answer::{check_length, held_until_written, millis};
use crate::query::admission::Held;
use crate::query::error::QueryError;
use crate::query::lifecycle::{Door, QueryLife};
use crate::query::response::{Delivery, PageInfo, Response, TableMeta};

/// Longer answers are not compressed: that would hold up the other calls of their connection.
const COMPRESSED_BYTES_MAX: usize = 1024 * 1024;

/// What the answers to all questions are put together from.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) schema: RowSchema,
    pub(super) rows: Rows,
    pub(super) page: Option<PageMessage>,
    pub(super) meta: AnswerMeta,
}

/// The rows in the format that was asked for.
#[derive(Debug)]
pub(super) enum Rows {
    Values(Vec<Row>),
    ArrowIpc(Bytes),
}

/// The memory of an answer on its way out.
#[derive(Debug, Clone)]
pub(super) struct HeldAnswer(Arc<Held>);

impl HeldAnswer {
    /// The frame, holding the memory until it is written.
    pub(super) fn until_written(&self, frame: Frame<Bytes>) -> Frame<Bytes> {
        frame.map_data(|bytes| held_until_written(bytes, Arc::clone(&self.0)))
    }
}

/// Asks and encodes. Dropping the future cancels the query and is recorded as that.
pub(super) async fn answer<M: Message + 'static>(
    door: &GrpcDoor,
    call: &Call,
    question: Question,
    assemble: impl FnOnce(Parts) -> M,
) -> Result<Reply<M>, Status> {
    let Question { statement, version, format, text_field } = question;
    let request = call.request(statement, version);
    let life = QueryLife::begin(&door.metrics, Door::Grpc, &request, call.context.trace_id.as_deref());
    let Delivery { response, mut held } = match door.service.execute(request).await {
        Ok(delivery) => delivery,
        Err(error) => {
            life.failed(&error);
            return Err(call.refused_in(error, text_field));
        }
    };
    let life = life.answered(&response);
    match encode(response, format, door.limits.answer_bytes_max, &mut held, assemble).await {
        Ok((message, wire_bytes)) => {
            life.done();
            let mut reply = Reply::new(message);
            if wire_bytes > COMPRESSED_BYTES_MAX {
                reply.disable_compression();
            }
            reply.extensions_mut().insert(HeldAnswer(Arc::new(held)));
            Ok(reply)
        }
        Err(error) => {
            life.failed(&error);
            Err(call.refused_in(error, text_field))
        }
    }
}

/// Keeps `held` at what there is in memory: the rows and what is made of them; then that and its bytes on the wire,
/// which are written from it.
async fn encode<M: Message + 'static>(
    response: Response,
    format: Format,
    bytes_max: usize,
    held: &mut Held,
    assemble: impl FnOnce(Parts) -> M,
) -> Result<(M, usize), QueryError> {
    let rows_bytes = held.bytes();
    let mut made = Grown::default();
    if format == Format::Row {
        response.require_row()?;
    }
    let rows = match format {
        Format::Values | Format::Row => {
            let encoding = values::rows(&response.batches, |size| {
                made = size;
                check_length(size.wire_bytes, bytes_max)?;
                held.resize(rows_bytes.saturating_add(size.memory_bytes))
            });
            Rows::Values(encoding.await?)
        }
        Format::ArrowIpc => {
            let encoding = arrow_rows::stream(&response.schema, &response.batches, |bytes| {
                made = Grown { memory_bytes: bytes, wire_bytes: bytes };
                check_length(bytes, bytes_max)?;
                held.resize(rows_bytes.saturating_add(bytes))
            });
            Rows::ArrowIpc(encoding.await?)
        }
    };
    let schema = row_schema(&response.schema);
    let page = response.page.as_ref().map(|page| page_message(page, response.total_rows));
    let meta = meta(&response.tables, response.elapsed);
    drop(response);
    let around = schema.encoded_len() + meta.encoded_len() + page.as_ref().map_or(0, Message::encoded_len);
    let wire_bytes = made.wire_bytes.saturating_add(around);
    check_length(wire_bytes, bytes_max)?;
    held.resize(made.memory_bytes.saturating_add(around).saturating_add(wire_bytes))?;
    Ok((assemble(Parts { schema, rows, page, meta }), wire_bytes))
}

fn page_message(page: &PageInfo, total_rows: Option<u64>) -> PageMessage {
    PageMessage {
        next_cursor: page.next_cursor.clone().unwrap_or_default(),
        prev_cursor: page.prev_cursor.clone().unwrap_or_default(),
        has_more: page.has_more,
        has_previous: page.has_previous,
        total_rows,
    }
}

pub(super) fn meta(tables: &[TableMeta], elapsed: Duration) -> AnswerMeta {
    AnswerMeta {
        tables: tables.iter().map(table_version).collect(),
        elapsed_ms: millis(elapsed),
        tier: CacheTier::Engine.into(),
    }
}

/// Version and freshness of a table.
pub(super) fn table_version(table: &TableMeta) -> TableVersion {
    TableVersion {
        table: table.table.clone(),
        version: table.version,
        committed_at: Some(timestamp(table.committed_at)),
        age_ms: millis(table.age),
        stale: table.stale,
    }
}

/// To the millisecond that commits are known to.
fn timestamp(time: DateTime<Utc>) -> Timestamp {
    let nanos = i32::try_from(time.timestamp_subsec_millis().min(999) * 1_000_000).unwrap_or(0);
    Timestamp { seconds: time.timestamp(), nanos }
}
