//! Positions in an order: owns the sort key of a row (order values, then a tie-break that no two
//! rows share) as comparable bytes, and the selection of the first rows after a position. Nulls
//! and NaN sort last unless asked otherwise; strings by bytes; any sortable type, any direction.

pub(super) mod each;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int8Array, RecordBatch};
use arrow::compute::{SortOptions, concat_batches, filter_record_batch, take_record_batch};
use arrow::datatypes::{DataType, Float32Type, Float64Type, SchemaRef};
use arrow::error::ArrowError;
use arrow::row::{RowConverter, Rows, SortField};

use super::row_size::{row_bytes, rows_within};
use super::scan::{FILE, ROW};
use super::secured::transform::TIE;

/// Rows that are held over the wanted ones before they are put in order.
const COMPACT_ROWS: usize = 8192;

/// One order column of a batch.
#[derive(Debug, Clone)]
pub(super) struct Key {
    /// Index in the batch.
    pub(super) column: usize,
    /// Largest first.
    pub(super) descending: bool,
    /// Nulls, then NaN, before values.
    pub(super) nulls_first: bool,
}

/// Turns rows into comparable keys.
#[derive(Debug)]
pub(super) struct KeyEncoder {
    keys: Vec<Key>,
    ties: Vec<usize>,
    converter: RowConverter,
}

impl KeyEncoder {
    /// An encoder for batches of `schema`, which ends in position columns. `reversed` turns the
    /// whole order around, ties included, for paging backwards.
    pub(super) fn new(schema: &SchemaRef, keys: Vec<Key>, reversed: bool) -> Result<Self, ArrowError> {
        let mut fields = Vec::new();
        for key in &keys {
            // The rank column decides where nulls and NaN go; among equals of it, values decide.
            fields.push(sort_field(DataType::Int8, reversed, reversed));
            let data_type = schema.field(key.column).data_type().clone();
            fields.push(sort_field(data_type, key.descending != reversed, reversed));
        }
        let ties = match schema.index_of(TIE) {
            Ok(tie) => vec![tie],
            Err(_) => vec![schema.index_of(FILE)?, schema.index_of(ROW)?],
        };
        for tie in &ties {
            fields.push(sort_field(schema.field(*tie).data_type().clone(), reversed, reversed));
        }
        Ok(Self { keys, ties, converter: RowConverter::new(fields)? })
    }

    /// Rows of this type can be ordered.
    pub(super) fn is_sortable(data_type: &DataType) -> bool {
        RowConverter::supports_fields(&[SortField::new(data_type.clone())])
    }

    /// The keys of the batch's rows, comparable with each other and across batches.
    pub(super) fn encode(&self, batch: &RecordBatch) -> Result<Rows, ArrowError> {
        let mut columns: Vec<ArrayRef> = Vec::new();
        for key in &self.keys {
            let values = batch.column(key.column);
            columns.push(rank(values, key.nulls_first));
            columns.push(one_zero(values));
        }
        columns.extend(self.ties.iter().map(|tie| Arc::clone(batch.column(*tie))));
        self.converter.convert_columns(&columns)
    }
}

/// The rank column decides over nulls of a whole value; those inside nested values turn around
/// with everything else, so that a reversed key is the exact reverse.
fn sort_field(data_type: DataType, descending: bool, reversed: bool) -> SortField {
    SortField::new_with_options(data_type, SortOptions { descending, nulls_first: reversed })
}

/// The values with one kind of zero: both are equal, so that the next key decides between them.
fn one_zero(values: &ArrayRef) -> ArrayRef {
    if let Some(floats) = values.as_primitive_opt::<Float64Type>() {
        return Arc::new(floats.unary::<_, Float64Type>(|v| if v == 0.0 { 0.0 } else { v }));
    }
    if let Some(floats) = values.as_primitive_opt::<Float32Type>() {
        return Arc::new(floats.unary::<_, Float32Type>(|v| if v == 0.0 { 0.0 } else { v }));
    }
    Arc::clone(values)
}

/// 0 for values, larger for NaN and then null; negative where those come first.
fn rank(values: &ArrayRef, nulls_first: bool) -> ArrayRef {
    let sign: i8 = if nulls_first { -1 } else { 1 };
    let doubles = values.as_primitive_opt::<Float64Type>();
    let singles = values.as_primitive_opt::<Float32Type>();
    let is_nan = |i: usize| {
        doubles.is_some_and(|floats| floats.value(i).is_nan())
            || singles.is_some_and(|floats| floats.value(i).is_nan())
    };
    let ranks = (0..values.len()).map(|i| {
        if values.is_null(i) {
            2 * sign
        } else if is_nan(i) {
            sign
        } else {
            0
        }
    });
    Arc::new(Int8Array::from_iter_values(ranks))
}

/// How much of an order is wanted.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// Most rows.
    pub(super) rows: usize,
    /// Rows past so many bytes are not wanted, but for the first of them.
    pub(super) bytes: usize,
    /// Only rows after this key.
    pub(super) after: Option<Arc<[u8]>>,
}

/// The first wanted rows after a position, in key order, out of any number of batches.
#[derive(Debug)]
pub(super) struct First {
    encoder: Arc<KeyEncoder>,
    schema: SchemaRef,
    wanted: Wanted,
    held: Vec<Held>,
    /// Bytes of the held rows.
    bytes: usize,
    batches: Vec<RecordBatch>,
    /// The held rows are in order and cut to what is wanted.
    sorted: bool,
}

/// A row that is held.
#[derive(Debug)]
struct Held {
    key: Box<[u8]>,
    bytes: usize,
    batch: usize,
    row: usize,
}

impl First {
    pub(super) fn new(encoder: Arc<KeyEncoder>, schema: SchemaRef, wanted: Wanted) -> Self {
        Self { encoder, schema, wanted, held: Vec::new(), bytes: 0, batches: Vec::new(), sorted: true }
    }

    /// Takes in one batch.
    pub(super) fn push(&mut self, batch: RecordBatch) -> Result<(), ArrowError> {
        let (keys, contends) = self.judge(&batch)?;
        if contends.true_count() == 0 {
            return Ok(());
        }
        // Only these rows: a few of each batch must not keep all of them in memory.
        let contenders = filter_record_batch(&batch, &contends)?;
        let places = contends.values().set_indices().zip(row_bytes(&contenders)).enumerate();
        for (row, (place, bytes)) in places {
            let key = keys.row(place).as_ref().into();
            self.held.push(Held { key, bytes, batch: self.batches.len(), row });
            self.bytes = self.bytes.saturating_add(bytes);
        }
        self.batches.push(contenders);
        self.sorted = false;
        let rows_max = self.wanted.rows.saturating_mul(2).saturating_add(COMPACT_ROWS);
        if self.held.len() >= rows_max || self.bytes > self.wanted.bytes.saturating_mul(2) {
            self.compact()?;
        }
        Ok(())
    }

    /// The rows of `batch` that could be among the wanted ones, going by all that is held.
    pub(super) fn contenders(&mut self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        if !self.sorted {
            self.compact()?;
        }
        let (_, contends) = self.judge(batch)?;
        filter_record_batch(batch, &contends)
    }

    /// The keys of a batch's rows, and which of them could be among the wanted ones.
    fn judge(&self, batch: &RecordBatch) -> Result<(Rows, BooleanArray), ArrowError> {
        let keys = self.encoder.encode(batch)?;
        let worst = self.worst();
        let contends = keys.iter().map(|key| {
            let key = key.as_ref();
            let is_after = self.wanted.after.as_ref().is_none_or(|after| key > after.as_ref());
            Some(is_after && worst.is_none_or(|worst| key < worst))
        });
        let contends = contends.collect();
        Ok((keys, contends))
    }

    /// As much is held as wanted. One row is wanted whatever its size, and the next one to know of it.
    fn is_full(&self) -> bool {
        self.held.len() >= self.wanted.rows || (self.bytes > self.wanted.bytes && self.held.len() > 1)
    }

    /// The held rows in key order.
    pub(super) fn finish(mut self) -> Result<RecordBatch, ArrowError> {
        self.compact()?;
        concat_batches(&self.schema, &self.batches)
    }

    /// Cuts down to the wanted rows and the first that is too many; they are one sorted batch after it.
    fn compact(&mut self) -> Result<(), ArrowError> {
        self.held.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        let fit = rows_within(self.held.iter().map(|held| held.bytes), self.wanted.bytes);
        self.held.truncate(self.wanted.rows.min(fit.saturating_add(1)));
        self.bytes = self.held.iter().map(|held| held.bytes).fold(0, usize::saturating_add);
        let offsets: Vec<usize> = self
            .batches
            .iter()
            .scan(0, |at, batch| {
                let start = *at;
                *at += batch.num_rows();
                Some(start)
            })
            .collect();
        let all = concat_batches(&self.schema, &self.batches)?;
        let picks = self.held.iter().map(|held| (offsets[held.batch] + held.row) as u64);
        let picks = arrow::array::UInt64Array::from_iter_values(picks);
        self.batches = vec![take_record_batch(&all, &picks)?];
        for (position, held) in self.held.iter_mut().enumerate() {
            (held.batch, held.row) = (0, position);
        }
        self.sorted = true;
        Ok(())
    }

    /// The last of the wanted rows, once enough is held.
    pub(super) fn last_row(&mut self) -> Result<Option<(&RecordBatch, usize)>, ArrowError> {
        if !self.sorted {
            self.compact()?;
        }
        if !self.is_full() {
            return Ok(None);
        }
        Ok(self.held.last().and_then(|last| Some((self.batches.get(last.batch)?, last.row))))
    }

    /// The key that a further row must beat, once enough is held.
    fn worst(&self) -> Option<&[u8]> {
        if self.sorted && self.is_full() { self.held.last().map(|last| last.key.as_ref()) } else { None }
    }
}
