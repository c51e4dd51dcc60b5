//! Rows on their way to the first of each key: owns telling them apart, the condition on them, and what is kept of
//! them by all readers together. Does not cut what each key is shown with.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::{filter_record_batch, is_not_null};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use arrow::error::ArrowError;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;

use super::internal;
use crate::engine::error::EngineError;
use crate::engine::keyset::KeyEncoder;
use crate::engine::keyset::each::{FirstOfEach, Size};
use crate::engine::page::Bound;
use crate::engine::page::columns::add;
use crate::engine::page::condition::Condition;
use crate::engine::page::keys::Keys;
use crate::engine::page::ordered::encoder;
use crate::engine::row_size::row_bytes;

/// Name of the column with the number of each row's key.
const NUMBER: &str = "\u{0}number";

/// How many times as much as may be shown is held at most.
const HELD_TIMES: usize = 3;

/// What an answer that does not page may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits(Size);

impl Limits {
    pub(super) fn check(self, size: Size) -> Result<(), EngineError> {
        let Self(most) = self;
        let told = if size.rows > most.rows {
            format!("the keys have more than {} rows together", most.rows)
        } else if size.bytes > most.bytes {
            format!("the rows of all keys are larger than {} bytes", most.bytes)
        } else {
            return Ok(());
        };
        Err(EngineError::ResultTooLarge(told))
    }

    /// The same for what is held while rows are read, which is more than is shown in the end: of each key one row
    /// more, and rows that smaller ones may yet take the place of. So it bounds memory and decides over little else.
    fn check_held(self, held: Size, keys: usize) -> Result<(), EngineError> {
        let (rows, bytes) = (held.rows.saturating_sub(keys) / HELD_TIMES, held.bytes / HELD_TIMES);
        self.check(Size { rows, bytes })
    }
}

/// Rows on their way from batches to the first of each key.
pub(super) struct Gathering {
    keys: Keys,
    /// Visible columns that are read: those of a page, then further ones of the keys.
    pub(super) show: Vec<usize>,
    /// The columns of the keys among what is read.
    key_columns: Vec<usize>,
    /// What rows are held as, among it.
    held: Vec<usize>,
    condition: Option<Condition>,
    encoder: KeyEncoder,
    /// Orders rows by their ties alone.
    ties: KeyEncoder,
    counts: bool,
    pub(super) limits: Limits,
    found: Mutex<Found>,
}

/// What is found so far.
pub(super) struct Found {
    pub(super) first: FirstOfEach,
    /// Where rows are counted: the first on which the condition fails, by its key's number and then by its tie.
    pub(super) failing: Option<Failing>,
}

/// A row on which the condition fails.
pub(super) struct Failing {
    pub(super) number: u32,
    tie: Box<[u8]>,
    pub(super) row: RecordBatch,
}

impl Gathering {
    pub(super) fn new(bound: &Bound<'_>, keys: Keys, counts: bool) -> Result<Self, EngineError> {
        let mut show = bound.show.clone();
        keys.columns().for_each(|column| add(&mut show, column));
        let key_columns = keys.columns().filter_map(|key| show.iter().position(|column| *column == key));
        let key_columns = key_columns.collect();
        let positions = bound.positions.fields().len();
        let held = (0..bound.show.len()).chain(show.len()..show.len() + positions).collect();
        let schema = bound.held_schema();
        let rows_max = bound.query.rows_max.saturating_add(1);
        let first = FirstOfEach::new(Arc::clone(&schema), keys.count(), rows_max, bound.query.bytes_max);
        let config = &bound.engine.config;
        Ok(Self {
            keys,
            show,
            key_columns,
            held,
            condition: bound.condition.clone(),
            encoder: encoder(bound, &schema, false)?,
            ties: KeyEncoder::new(&schema, Vec::new(), false).map_err(internal)?,
            counts,
            limits: Limits(Size { rows: config.result_rows_max, bytes: config.result_bytes_max }),
            found: Mutex::new(Found { first, failing: None }),
        })
    }

    pub(super) fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was found, once all is read.
    pub(super) fn into_found(self) -> Found {
        self.found.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in all batches of a scan.
    pub(super) async fn take_all(&self, mut stream: SendableRecordBatchStream) -> Result<(), EngineError> {
        while let Some(batch) = stream.next().await {
            let rows = self.of_keys(&batch.map_err(EngineError::execution)?).map_err(internal)?;
            if rows.num_rows() > 0 {
                self.take(self.matching(rows).await?)?;
            }
        }
        Ok(())
    }

    /// The rows of some key, as they are held, and the number of that.
    fn of_keys(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let values: Vec<ArrayRef> =
            self.key_columns.iter().map(|column| Arc::clone(batch.column(*column))).collect();
        let numbers = self.keys.numbers(&values)?;
        let of_some = is_not_null(&numbers)?;
        let rows = batch.project(&self.held)?;
        let mut fields: Vec<FieldRef> = rows.schema().fields().to_vec();
        fields.push(Arc::new(Field::new(NUMBER, DataType::UInt32, true)));
        let mut columns = rows.columns().to_vec();
        columns.push(Arc::new(numbers));
        filter_record_batch(&RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?, &of_some)
    }

    /// The rows that satisfy the condition, and those on which it fails, marked.
    async fn matching(&self, rows: RecordBatch) -> Result<RecordBatch, EngineError> {
        let Some(condition) = &self.condition else { return Ok(rows) };
        match condition.keep(&rows) {
            Ok(kept) => Ok(kept),
            Err(_) if self.counts => condition.keep_failing(&rows).await,
            Err(_) => condition.keep_failing(&self.contenders(&rows)?).await,
        }
    }

    /// The rows that could be among the first of their keys.
    fn contenders(&self, rows: &RecordBatch) -> Result<RecordBatch, EngineError> {
        let keys = self.encoder.encode(rows).map_err(internal)?;
        let contend = self.found().first.contend(numbers(rows)?, &keys);
        filter_record_batch(rows, &contend).map_err(internal)
    }

    /// Takes in rows that match.
    fn take(&self, mut rows: RecordBatch) -> Result<(), EngineError> {
        if self.counts {
            self.note(&Condition::marked(&rows)?)?;
        }
        let numbers = numbers(&rows)?.clone();
        let at = rows.schema().index_of(NUMBER).map_err(internal)?;
        rows.remove_column(at);
        let keys = self.encoder.encode(&rows).map_err(internal)?;
        let sizes = row_bytes(&rows);
        let mut found = self.found();
        found.first.push(&rows, &numbers, &keys, &sizes).map_err(internal)?;
        self.limits.check_held(found.first.held(), self.keys.count())
    }

    /// Takes in rows on which the condition fails.
    fn note(&self, rows: &RecordBatch) -> Result<(), EngineError> {
        let ties = self.ties.encode(rows).map_err(internal)?;
        let first = numbers(rows)?.values().iter().zip(ties.iter()).enumerate();
        let Some((row, (number, tie))) = first.min_by_key(|(_, (number, tie))| (**number, *tie)) else {
            return Ok(());
        };
        let mut found = self.found();
        let known = found.failing.as_ref().map(|known| (known.number, known.tie.as_ref()));
        if known.is_none_or(|known| (*number, tie.as_ref()) < known) {
            found.failing =
                Some(Failing { number: *number, tie: tie.as_ref().into(), row: rows.slice(row, 1) });
        }
        Ok(())
    }
}

/// The number of each row's key.
fn numbers(rows: &RecordBatch) -> Result<&UInt32Array, EngineError> {
    let numbers = rows.column_by_name(NUMBER).and_then(|column| column.as_primitive_opt());
    numbers.ok_or_else(|| EngineError::Internal("rows lack the numbers of their keys".into()))
}
