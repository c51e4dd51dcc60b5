//! The gRPC door: owns asking it and bringing its answers to the common words. What a message cannot say
//! is no statement: a condition with an operator that there is not, an empty list of columns, a null in a key.

use chrono::{DateTime, SecondsFormat};
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use prost::Message;
use prost_types::Timestamp;
use serde_json::{Value, json};
use sluice_proto::v1::{
    AnswerMeta, Column, ListTablesRequest, PageInfo, RowSchema, RowSet, Table, TableSummary, TableVersion,
    aggregate_response, rows_response, sql_response,
};
use tonic::{Response, Status};

use super::outcome::{Cursor, Door, Outcome, Paging, Refusal};
use super::question::{Body, Question};
use crate::grpc::rows::rows;
use crate::grpc::{GrpcCaller, facts, questions};

/// A caller of the door.
#[derive(Debug)]
pub(super) struct Grpc(pub(super) GrpcCaller);

impl Grpc {
    async fn outcome(&self, question: &Question, cursor: Option<&str>) -> Result<Outcome, Status> {
        let caller = &self.0;
        match question {
            Question::Page { table, body, .. } => self.page(table, body, cursor).await,
            Question::Aggregate { table, body, .. } => self.groups(table, body, cursor).await,
            Question::Sql { body } => {
                let asked = caller.request(questions::sql(&body.exact));
                let (answer, raw) = came(caller.query().sql(asked).await?);
                let Some(sql_response::Rows::Values(set)) = &answer.rows else { panic!("{answer:?}") };
                Ok(answered(answer.schema.as_ref(), set, answer.meta.as_ref(), Paging::default())
                    .with_raw(raw))
            }
            Question::Lookup { table, key, options } => {
                let asked = caller.request(questions::lookup(table, key, options));
                let (answer, raw) = came(caller.query().lookup(asked).await?);
                let set = RowSet { rows: answer.row.into_iter().collect() };
                Ok(answered(answer.schema.as_ref(), &set, answer.meta.as_ref(), Paging::default())
                    .with_raw(raw))
            }
            Question::Describe { table, options } => {
                let asked = caller.request(questions::describe(table, options));
                let (answer, raw) = came(caller.catalog().get_table(asked).await?);
                Ok(Outcome::described(described(&answer.table.expect("a table"))).with_raw(raw))
            }
            Question::Tables => {
                let asked = caller.request(ListTablesRequest {});
                let (answer, raw) = came(caller.catalog().list_tables(asked).await?);
                Ok(Outcome::described(answer.tables.iter().map(summary).collect()).with_raw(raw))
            }
        }
    }

    async fn page(&self, table: &str, body: &Body, cursor: Option<&str>) -> Result<Outcome, Status> {
        let mut asked = questions::rows(table, &body.exact);
        if let Some(cursor) = cursor {
            cursor.clone_into(&mut asked.cursor);
        }
        let (answer, raw) = came(self.0.query().rows(self.0.request(asked)).await?);
        let Some(rows_response::Rows::Values(set)) = &answer.rows else { panic!("{answer:?}") };
        let paging = paging(answer.page.clone().expect("a page"));
        Ok(answered(answer.schema.as_ref(), set, answer.meta.as_ref(), paging).with_raw(raw))
    }

    async fn groups(&self, table: &str, body: &Body, cursor: Option<&str>) -> Result<Outcome, Status> {
        let mut asked = questions::aggregate(table, &body.exact);
        if let Some(cursor) = cursor {
            cursor.clone_into(&mut asked.cursor);
        }
        let (answer, raw) = came(self.0.query().aggregate(self.0.request(asked)).await?);
        let Some(aggregate_response::Rows::Values(set)) = &answer.rows else { panic!("{answer:?}") };
        let paging = answer.page.clone().map(paging).unwrap_or_default();
        Ok(answered(answer.schema.as_ref(), set, answer.meta.as_ref(), paging).with_raw(raw))
    }
}

fn paging(page: PageInfo) -> Paging {
    let PageInfo { next_cursor, prev_cursor, has_more, has_previous, total_rows } = page;
    // An empty cursor is none.
    let cursor = |text: String| (!text.is_empty()).then_some(text);
    let (next, prev) = (cursor(next_cursor), cursor(prev_cursor));
    Paging { has_more, has_previous, next, prev, total_rows }
}

impl Door for Grpc {
    fn name(&self) -> &'static str {
        "gRPC"
    }

    fn ask<'a>(
        &'a self,
        question: &'a Question,
        cursor: Option<Cursor<'a>>,
    ) -> LocalBoxFuture<'a, Option<Outcome>> {
        let outcome = self.outcome(question, cursor.map(|cursor| cursor.text));
        outcome.map(|outcome| Some(outcome.unwrap_or_else(|status| refused(&status)))).boxed_local()
    }
}

fn answered(schema: Option<&RowSchema>, set: &RowSet, meta: Option<&AnswerMeta>, paging: Paging) -> Outcome {
    let schema = schema.expect("a schema");
    let tables: Vec<Value> = meta.expect("what it is true of").tables.iter().map(version).collect();
    let columns = schema.fields.iter().map(|field| field.name.clone()).collect();
    let types = schema.fields.iter().map(|field| field.r#type.clone().expect("a type").text).collect();
    Outcome {
        columns: Some(columns),
        types: Some(types),
        ..Outcome::rows(rows(schema, &set.rows), tables, paging)
    }
}

/// A message, and all that came: metadata, trailers and its bytes.
fn came<M: Message>(answer: Response<M>) -> (M, Vec<u8>) {
    let mut raw = format!("{:?}\n", answer.metadata()).into_bytes();
    let message = answer.into_inner();
    raw.extend(message.encode_to_vec());
    (message, raw)
}

fn refused(status: &Status) -> Outcome {
    let mut raw = format!("{:?} {} {:?}\n", status.code(), status.message(), status.metadata()).into_bytes();
    raw.extend(status.details());
    Outcome::refused(refusal(status)).with_raw(raw)
}

fn refusal(status: &Status) -> Refusal {
    let facts = facts(status);
    let number = |name: &str| facts.get(name).map(|text| text.parse().expect("a number"));
    Refusal {
        code: facts["code"].clone(),
        message: status.message().to_owned(),
        hint: facts.get("hint").cloned(),
        line: number("line"),
        column: number("column"),
    }
}

fn version(table: &TableVersion) -> Value {
    json!([table.table, table.version, table.committed_at.as_ref().map(time), table.stale])
}

/// To the millisecond, as REST writes the time of a commit.
fn time(at: &Timestamp) -> String {
    let nanos = u32::try_from(at.nanos).expect("a part of a second");
    let time = DateTime::from_timestamp(at.seconds, nanos).expect("a time that chrono can hold");
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn summary(table: &TableSummary) -> Value {
    let version = table.version.as_ref();
    json!({
        "name": table.name, "description": table.description,
        "version": version.map(|version| version.version),
        "as_of": version.and_then(|version| version.committed_at.as_ref()).map(time),
        "stale": version.is_some_and(|version| version.stale),
        "rows": table.rows, "bytes": table.bytes, "unavailable": table.unavailable,
    })
}

fn described(table: &Table) -> Value {
    let column = |column: &Column| {
        let field = |field: &sluice_proto::v1::DeclaredField| json!({ "path": field.path, "description": field.description, "tags": field.tags });
        json!({
            "name": column.name, "type": column.r#type.as_ref().expect("a type").text,
            "nullable": column.nullable, "description": column.description, "tags": column.tags,
            "masked": column.masked, "partition": column.partition,
            "fields": column.fields.iter().map(field).collect::<Value>(),
        })
    };
    json!({
        "table": summary(table.summary.as_ref().expect("a summary")), "primary_key": table.primary_key,
        "key_lookup": table.key_lookup, "page_rows_max": table.page_rows_max,
        "columns": table.columns.iter().map(column).collect::<Value>(),
    })
}
