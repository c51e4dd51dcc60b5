//! `sluice.v1.Catalog`: owns the form of tables and columns as messages. Does not choose which are there.

use std::sync::Arc;
use std::time::Instant;

use sluice_proto::v1::catalog_server::Catalog;
use sluice_proto::v1::{
    Column, DeclaredField, GetTableRequest, GetTableResponse, ListTablesRequest, ListTablesResponse, Table,
    TableSummary as SummaryMessage,
};
use tonic::{Request, Response, Status};

use super::GrpcDoor;
use super::answer::table_version;
use super::call::Call;
use super::schema::type_message;
use super::statement::version;
use crate::protocol::answer::millis;
use crate::query::lifecycle::{Asked, Door, QueryKind, QueryLife, TableRead};
use crate::query::response::{ColumnDescription, FieldDescription, TableDescription, TableSummary};

/// The service.
#[derive(Debug)]
pub(super) struct CatalogService(pub(super) Arc<GrpcDoor>);

#[tonic::async_trait]
impl Catalog for CatalogService {
    async fn list_tables(
        &self,
        request: Request<ListTablesRequest>,
    ) -> Result<Response<ListTablesResponse>, Status> {
        let began = Instant::now();
        let (call, asked) = Call::open(request)?;
        drop(asked);
        let life = self.begin(QueryKind::ListTables, &call, None);
        let tables = match self.0.service.list_tables(&call.caller, call.deadline).await {
            Ok(tables) => tables,
            Err(error) => {
                life.failed(&error);
                return Err(call.refused(error));
            }
        };
        let life = life.answered_other(Vec::new(), tables.len() as u64);
        let answer = ListTablesResponse {
            tables: tables.into_iter().map(summary).collect(),
            elapsed_ms: millis(began.elapsed()),
        };
        life.done();
        Ok(Response::new(answer))
    }

    async fn get_table(
        &self,
        request: Request<GetTableRequest>,
    ) -> Result<Response<GetTableResponse>, Status> {
        let (call, asked) = Call::open(request)?;
        let (name, version) = asked.read(&call, |message| Ok((message.table, version(message.version)?)))?;
        let life = self.begin(QueryKind::DescribeTable, &call, Some(&name));
        let described = self.0.service.describe_table(&call.caller, &name, version, call.deadline).await;
        let description = match described {
            Ok(description) => description,
            Err(error) => {
                life.failed(&error);
                return Err(call.refused(error));
            }
        };
        let read = description.summary.meta.as_ref().map(TableRead::of);
        let read = read.unwrap_or_else(|| TableRead::unread(&description.summary.name));
        let life = life.answered_other(vec![read], 1);
        let answer = GetTableResponse { table: Some(table(description)) };
        life.done();
        Ok(Response::new(answer))
    }
}

impl CatalogService {
    fn begin(&self, kind: QueryKind, call: &Call, table: Option<&str>) -> QueryLife<Asked> {
        let (metrics, context) = (&self.0.metrics, &call.context);
        let trace_id = context.trace_id.as_deref();
        QueryLife::begin_other(metrics, Door::Grpc, kind, &call.caller, &context.request_id, table, trace_id)
    }
}

fn summary(table: TableSummary) -> SummaryMessage {
    SummaryMessage {
        version: table.meta.as_ref().map(table_version),
        name: table.name,
        description: table.description.unwrap_or_default(),
        rows: table.rows,
        bytes: table.bytes,
        unavailable: table.unavailable,
    }
}

fn table(table: TableDescription) -> Table {
    Table {
        summary: Some(summary(table.summary)),
        columns: table.columns.into_iter().map(column).collect(),
        primary_key: table.primary_key,
        key_lookup: table.key_lookup,
        page_rows_max: table.max_page_rows as u64,
    }
}

fn column(column: ColumnDescription) -> Column {
    Column {
        r#type: Some(type_message(&column.arrow_type)),
        name: column.name,
        nullable: column.nullable,
        description: column.description.unwrap_or_default(),
        tags: column.tags,
        masked: column.masked,
        partition: column.partition,
        fields: column.fields.into_iter().map(declared_field).collect(),
    }
}

fn declared_field(field: FieldDescription) -> DeclaredField {
    DeclaredField { path: field.path, description: field.description.unwrap_or_default(), tags: field.tags }
}
