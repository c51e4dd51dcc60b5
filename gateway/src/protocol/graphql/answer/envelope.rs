//! One answer while it is written: owns its envelope, and what becomes of a root field that cannot be told: it is null,
//! with an error that names it, and the others stand. Counts what there is in memory at each moment.

use std::sync::Arc;
use std::time::Instant;

use super::{Told, append_faults};
use crate::protocol::answer::{check_length, millis};
use crate::protocol::graphql::errors::DoorError;
use crate::protocol::graphql::found::{Account, Found, FoundRows, Level, Output};
use crate::protocol::graphql::write::{Place, append};
use crate::protocol::http::table_version::TableVersion;
use crate::query::admission::Held;
use crate::query::error::{ErrorCode, QueryError};
use crate::query::lifecycle::{Answered, QueryLife};
use crate::query::response::TableMeta;

pub(super) struct Envelope<'a> {
    request_id: &'a str,
    bytes_max: usize,
    out: Vec<u8>,
    fields: usize,
    errors: Vec<DoorError>,
    /// By the key of its root field, which tables were read, as JSON.
    tables: Vec<(String, Box<str>)>,
    held: Held,
}

/// Why a root field is not told.
enum Untold {
    /// It was not found.
    Failed(DoorError),
    /// It alone.
    Field(QueryError),
    /// What was written before is lost with it.
    Answer(QueryError),
}

impl From<QueryError> for Untold {
    fn from(error: QueryError) -> Self {
        Self::Field(error)
    }
}

impl<'a> Envelope<'a> {
    /// Without fields yet. `held` counts the answer.
    pub(super) fn new(request_id: &'a str, bytes_max: usize, held: Held) -> Self {
        let out = b"{\"data\":{".to_vec();
        Self { request_id, bytes_max, out, fields: 0, errors: Vec::new(), tables: Vec::new(), held }
    }

    /// Adds a root field.
    pub(super) async fn field(
        &mut self,
        key: &str,
        outcome: Result<Found, DoorError>,
    ) -> Result<(), QueryError> {
        if self.fields > 0 {
            self.out.push(b',');
        }
        self.fields += 1;
        self.out.extend_from_slice(format!("\"{key}\":").as_bytes());
        let start = self.out.len();
        let told = match outcome {
            Ok(Found::Written(json)) => self.written(&json).map_err(Untold::from),
            Ok(Found::Rows(found)) => self.rows(key, *found).await,
            Err(error) => Err(Untold::Failed(error)),
        };
        match told {
            Ok(()) => Ok(()),
            Err(Untold::Answer(error)) => Err(error),
            Err(Untold::Failed(error)) => {
                self.null(start, error);
                Ok(())
            }
            Err(Untold::Field(error)) => {
                self.null(start, DoorError::from(error).of_field(key, None));
                Ok(())
            }
        }
    }

    /// What was written since `start` is null instead.
    fn null(&mut self, start: usize, error: DoorError) {
        self.out.truncate(start);
        self.out.extend_from_slice(b"null");
        self.errors.push(error);
    }

    fn written(&mut self, json: &[u8]) -> Result<(), QueryError> {
        check_length(self.out.len().saturating_add(json.len()), self.bytes_max)?;
        self.out.extend_from_slice(json);
        Ok(())
    }

    async fn rows(&mut self, key: &str, found: FoundRows) -> Result<(), Untold> {
        let FoundRows { level, output, account: Account { mut helds, lives, tables } } = found;
        let told = match helds.pop() {
            Some(held) => self.parts(level, output, held).await,
            None => Err(QueryError::internal("rows that nothing counts").into()),
        };
        if let Err(untold) = told {
            if let Untold::Field(error) | Untold::Answer(error) = &untold {
                lives.into_iter().for_each(|life| life.failed(error));
            }
            return Err(untold);
        }
        lives.into_iter().for_each(QueryLife::<Answered>::done);
        self.tables.push((key.to_owned(), versions(tables)?));
        // What the rows took is free, before what was made of them is counted with the answer.
        drop(helds);
        Ok(self.held.resize(self.out.len())?)
    }

    /// Writes rows, a part at a time. `held` counts what there is of them while that lasts.
    async fn parts(&mut self, level: Level, output: Output, mut held: Held) -> Result<(), Untold> {
        let (start, rows_bytes) = (self.out.len(), held.bytes());
        let found = Arc::new((level, output));
        let mut next = Some(Place::default());
        while let Some(from) = next {
            let (found, mut out) = (Arc::clone(&found), std::mem::take(&mut self.out));
            let part = tokio::task::spawn_blocking(move || {
                let next = append(&found.0, &found.1, from, &mut out);
                (out, next)
            });
            let (out, told) = part.await.map_err(|lost| Untold::Answer(QueryError::internal(lost)))?;
            self.out = out;
            next = told?;
            check_length(self.out.len(), self.bytes_max)?;
            held.resize(rows_bytes.saturating_add(self.out.len() - start))?;
        }
        Ok(())
    }

    /// The whole answer.
    pub(super) fn closed(self, began: Instant) -> Result<Told, QueryError> {
        let Self { request_id, mut out, errors, tables, mut held, .. } = self;
        out.push(b'}');
        if !errors.is_empty() {
            out.extend_from_slice(b",\"errors\":");
            append_faults(&errors, request_id, &mut out);
        }
        out.extend_from_slice(b",\"extensions\":{\"sluice\":{\"fields\":{");
        for (at, (key, tables)) in tables.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            out.extend_from_slice(format!("{comma}\"{key}\":{{\"tables\":{tables}}}").as_bytes());
        }
        let elapsed_ms = millis(began.elapsed());
        out.extend_from_slice(format!("}},\"elapsed_ms\":{elapsed_ms}}}}}}}").as_bytes());
        held.resize(out.len())?;
        let has_errors = !errors.is_empty();
        let overloaded = errors.iter().any(|one| one.error.code == ErrorCode::Overloaded);
        Ok(Told { bytes: out, held, has_errors, overloaded })
    }
}

/// Tables with their versions, each once, as JSON.
fn versions(mut tables: Vec<TableMeta>) -> Result<Box<str>, QueryError> {
    tables.sort_by(|a, b| (&a.table, a.version).cmp(&(&b.table, b.version)));
    tables.dedup_by(|a, b| (&a.table, a.version) == (&b.table, b.version));
    let versions: Vec<TableVersion<'_>> = tables.iter().map(TableVersion::of).collect();
    serde_json::to_string(&versions).map(String::into_boxed_str).map_err(QueryError::internal)
}
