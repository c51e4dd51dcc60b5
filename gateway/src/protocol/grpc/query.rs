//! `sluice.v1.Query`: owns which question each of its calls asks, and the form of its answer. Does not read
//! questions and does not encode rows.

use std::sync::Arc;

use sluice_proto::v1::query_server::Query;
use sluice_proto::v1::{
    AggregateRequest, AggregateResponse, LookupRequest, LookupResponse, RowSet, RowsRequest, RowsResponse,
    SqlRequest, SqlResponse, StreamRowsRequest, StreamRowsResponse, StreamSqlRequest, StreamSqlResponse,
    aggregate_response, rows_response, sql_response, stream_rows_response, stream_sql_response,
};
use tonic::{Request, Response, Status};

use super::GrpcDoor;
use super::answer::{Parts, Rows, answer};
use super::call::Call;
use super::statement;
use super::stream::{Messages, Part, stream};

/// The service.
#[derive(Debug)]
pub(super) struct QueryDoor(pub(super) Arc<GrpcDoor>);

#[tonic::async_trait]
impl Query for QueryDoor {
    async fn rows(&self, request: Request<RowsRequest>) -> Result<Response<RowsResponse>, Status> {
        let (call, asked) = Call::open(request)?;
        let question = asked.read(&call, |message| statement::rows(message, &self.0.limits))?;
        let assemble = |parts: Parts| RowsResponse {
            schema: Some(parts.schema),
            rows: Some(match parts.rows {
                Rows::Values(rows) => rows_response::Rows::Values(RowSet { rows }),
                Rows::ArrowIpc(bytes) => rows_response::Rows::ArrowIpc(bytes),
            }),
            page: parts.page,
            meta: Some(parts.meta),
        };
        answer(&self.0, &call, question, assemble).await
    }

    async fn aggregate(
        &self,
        request: Request<AggregateRequest>,
    ) -> Result<Response<AggregateResponse>, Status> {
        let (call, asked) = Call::open(request)?;
        let question = asked.read(&call, |message| statement::aggregate(message, &self.0.limits))?;
        let assemble = |parts: Parts| AggregateResponse {
            schema: Some(parts.schema),
            rows: Some(match parts.rows {
                Rows::Values(rows) => aggregate_response::Rows::Values(RowSet { rows }),
                Rows::ArrowIpc(bytes) => aggregate_response::Rows::ArrowIpc(bytes),
            }),
            meta: Some(parts.meta),
            page: parts.page,
        };
        answer(&self.0, &call, question, assemble).await
    }

    async fn lookup(&self, request: Request<LookupRequest>) -> Result<Response<LookupResponse>, Status> {
        let (call, asked) = Call::open(request)?;
        let question = asked.read(&call, statement::lookup)?;
        let assemble = |parts: Parts| LookupResponse {
            schema: Some(parts.schema),
            row: match parts.rows {
                Rows::Values(rows) => rows.into_iter().next(),
                Rows::ArrowIpc(_) => None,
            },
            meta: Some(parts.meta),
        };
        answer(&self.0, &call, question, assemble).await
    }

    async fn sql(&self, request: Request<SqlRequest>) -> Result<Response<SqlResponse>, Status> {
        let (call, asked) = Call::open(request)?;
        let question = asked.read(&call, statement::sql)?;
        let assemble = |parts: Parts| SqlResponse {
            schema: Some(parts.schema),
            rows: Some(match parts.rows {
                Rows::Values(rows) => sql_response::Rows::Values(RowSet { rows }),
                Rows::ArrowIpc(bytes) => sql_response::Rows::ArrowIpc(bytes),
            }),
            meta: Some(parts.meta),
        };
        answer(&self.0, &call, question, assemble).await
    }

    type StreamRowsStream = Messages<StreamRowsResponse>;

    async fn stream_rows(
        &self,
        request: Request<StreamRowsRequest>,
    ) -> Result<Response<Self::StreamRowsStream>, Status> {
        let (call, asked) = Call::open(request)?;
        let question = asked.read(&call, |message| statement::stream_rows(message, &self.0.limits))?;
        let assemble = |part: Part| StreamRowsResponse {
            part: Some(match part {
                Part::Head(head) => stream_rows_response::Part::Head(head),
                Part::Rows(Rows::Values(rows)) => stream_rows_response::Part::Values(RowSet { rows }),
                Part::Rows(Rows::ArrowIpc(bytes)) => stream_rows_response::Part::ArrowIpc(bytes),
            }),
        };
        stream(&self.0, call, question, assemble).await
    }

    type StreamSqlStream = Messages<StreamSqlResponse>;

    async fn stream_sql(
        &self,
        request: Request<StreamSqlRequest>,
    ) -> Result<Response<Self::StreamSqlStream>, Status> {
        let (call, asked) = Call::open(request)?;
        let question = asked.read(&call, statement::stream_sql)?;
        let assemble = |part: Part| StreamSqlResponse {
            part: Some(match part {
                Part::Head(head) => stream_sql_response::Part::Head(head),
                Part::Rows(Rows::Values(rows)) => stream_sql_response::Part::Values(RowSet { rows }),
                Part::Rows(Rows::ArrowIpc(bytes)) => stream_sql_response::Part::ArrowIpc(bytes),
            }),
        };
        stream(&self.0, call, question, assemble).await
    }
}
