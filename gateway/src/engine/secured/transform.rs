//! A compiled policy applied to a raw batch, without planning: owns the order of things (deleted
//! rows out, hidden rows out, then masks). The one place where raw values become visible ones.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, FixedSizeBinaryBuilder, Int64Array, RecordBatch, RecordBatchOptions,
    UInt32Array,
};
use arrow::compute::{filter_record_batch, prep_null_mask_filter};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::cast::as_boolean_array;
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::reassign_expr_columns;
use roaring::RoaringTreemap;
use sluice_policies::column_mask::apply_nested;

use super::crossing::Crossing;
use super::floats::canonical;
use super::{Masking, SecuredTable, VisibleRows};
use crate::engine::relabel::{nullable_field, relabel};
use crate::engine::scan::{FILE, ROW};

/// What is appended to each visible row to say where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Positions {
    /// Nothing.
    None,
    /// File ordinal and row number.
    Physical,
    /// A keyed hash of them, for callers whom the physical order would tell too much, then both.
    Hashed([u8; 16]),
}

impl Positions {
    /// The columns that are appended.
    pub(in crate::engine) fn fields(self) -> Vec<FieldRef> {
        let tie = Field::new(TIE, DataType::FixedSizeBinary(16), false);
        let place = [Field::new(FILE, DataType::UInt32, false), Field::new(ROW, DataType::Int64, false)];
        let fields = match self {
            Self::None => Vec::new(),
            Self::Physical => place.into(),
            Self::Hashed(_) => [tie].into_iter().chain(place).collect(),
        };
        fields.into_iter().map(Arc::new).collect()
    }
}

/// Name of the keyed tie-break in output.
pub(in crate::engine) const TIE: &str = "\u{0}tie";

/// A condition over visible values.
struct Condition {
    predicate: Arc<dyn PhysicalExpr>,
    /// How the columns that it reads are made, in the order of `schema`.
    columns: Vec<(usize, Masking)>,
    schema: SchemaRef,
}

/// A policy bound to one scan.
pub(in crate::engine) struct Transform {
    /// Logical fields of the raw columns, in scan order; position columns follow in the batch.
    raw: Arc<Schema>,
    /// Rows that deletion vectors remove, by file ordinal.
    deleted: HashMap<u32, Arc<RoaringTreemap>>,
    rows: VisibleRows,
    /// The part of the caller's condition that cannot fail. It comes first, so that neither data
    /// that was skipped nor a mask on a column decides whether something else fails.
    condition: Option<Condition>,
    outputs: Vec<(usize, Masking)>,
    positions: Positions,
    schema: SchemaRef,
}

impl Transform {
    /// Binds the policy of `table` to a scan of the raw columns `read`, showing the visible
    /// columns `show` (indices into the table's schema).
    pub(in crate::engine) fn bind(
        table: &SecuredTable,
        read: &[usize],
        show: &[usize],
        positions: Positions,
        deleted: HashMap<u32, Arc<RoaringTreemap>>,
        crossing: &Crossing,
    ) -> Result<Self> {
        let all = table.snapshot.columns();
        let raw =
            Arc::new(Schema::new(read.iter().map(|i| nullable_field(&all[*i].field)).collect::<Vec<_>>()));
        let rebind = |expr: &Arc<dyn PhysicalExpr>| reassign_expr_columns(Arc::clone(expr), &raw);
        let rows = match &table.rows {
            VisibleRows::Where { predicate, used, .. } => {
                VisibleRows::Where { predicate: rebind(predicate)?, used: used.clone(), skipping: None }
            }
            other => other.clone(),
        };
        let make = |index: usize| -> Result<(usize, Masking)> {
            let column = &table.columns[index];
            let at = read.iter().position(|i| *i == column.raw).ok_or_else(|| {
                DataFusionError::Internal("a visible column is missing from its scan".to_owned())
            })?;
            let mask = match &column.mask {
                Masking::Expression(expr, used) => Masking::Expression(rebind(expr)?, used.clone()),
                other => other.clone(),
            };
            Ok((at, mask))
        };
        let mut outputs = Vec::with_capacity(show.len());
        let mut fields = Vec::with_capacity(show.len() + 3);
        for index in show {
            outputs.push(make(*index)?);
            fields.push(Arc::clone(&table.schema.fields()[*index]));
        }
        let condition = match &crossing.condition {
            Some(predicate) => {
                let schema = Arc::new(table.schema.project(&crossing.used)?);
                let columns = crossing.used.iter().map(|i| make(*i)).collect::<Result<Vec<_>>>()?;
                let predicate = reassign_expr_columns(Arc::clone(predicate), &schema)?;
                Some(Condition { predicate, columns, schema })
            }
            None => None,
        };
        fields.extend(positions.fields());
        let schema = Arc::new(Schema::new(fields));
        Ok(Self { raw, deleted, rows, condition, outputs, positions, schema })
    }

    /// Schema of what is shown.
    pub(in crate::engine) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The visible part of a raw batch.
    pub(in crate::engine) fn apply(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let live = self.without_deleted(batch)?;
        let (raw, file_and_row) = self.split(&live)?;
        let visible = match &self.rows {
            VisibleRows::All => (raw, file_and_row),
            VisibleRows::Nothing => (raw.slice(0, 0), file_and_row.slice(0, 0)),
            VisibleRows::Where { predicate, .. } => {
                let shown = verdict(predicate, &raw)?;
                (filter_record_batch(&raw, &shown)?, filter_record_batch(&file_and_row, &shown)?)
            }
        };
        let (raw, file_and_row) = match &self.condition {
            Some(condition) => {
                let values = visible_batch(&visible.0, &condition.columns, &condition.schema)?;
                let wanted = verdict(&condition.predicate, &values)?;
                (filter_record_batch(&visible.0, &wanted)?, filter_record_batch(&visible.1, &wanted)?)
            }
            None => visible,
        };
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        for ((at, mask), field) in self.outputs.iter().zip(self.schema.fields()) {
            let visible = apply_mask(mask, &raw, *at)?;
            columns.push(relabel(&visible, field.data_type())?);
        }
        self.append_positions(&file_and_row, &mut columns)?;
        let options = RecordBatchOptions::new().with_row_count(Some(raw.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }

    fn without_deleted(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        if self.deleted.is_empty() {
            return Ok(batch.clone());
        }
        let (files, rows) = position_columns(batch)?;
        let keep: BooleanArray = files
            .values()
            .iter()
            .zip(rows.values())
            .map(|(file, row)| {
                Some(self.deleted.get(file).is_none_or(|deleted| !deleted.contains(row.unsigned_abs())))
            })
            .collect();
        Ok(filter_record_batch(batch, &keep)?)
    }

    /// Logical raw columns, and the position columns where the scan has them.
    fn split(&self, batch: &RecordBatch) -> Result<(RecordBatch, RecordBatch)> {
        let count = self.raw.fields().len();
        let columns = self
            .raw
            .fields()
            .iter()
            .zip(batch.columns())
            .map(|(field, column)| Ok(canonical(relabel(column, field.data_type())?)?))
            .collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let raw = RecordBatch::try_new_with_options(Arc::clone(&self.raw), columns, &options)?;
        let rest: Vec<usize> = (count..batch.num_columns()).collect();
        Ok((raw, batch.project(&rest)?))
    }

    fn append_positions(&self, file_and_row: &RecordBatch, columns: &mut Vec<ArrayRef>) -> Result<()> {
        if let Positions::Hashed(key) = self.positions {
            let (files, rows) = position_columns(file_and_row)?;
            let mut ties = FixedSizeBinaryBuilder::with_capacity(rows.len(), 16);
            for (file, row) in files.values().iter().zip(rows.values()) {
                ties.append_value(tie(&key, *file, *row))?;
            }
            columns.push(Arc::new(ties.finish()));
        }
        if self.positions != Positions::None {
            columns.extend(file_and_row.columns().iter().map(Arc::clone));
        }
        Ok(())
    }
}

/// Keyed pseudo-random place of a row (SipHash-2-4 with 128 bits, a PRF under a secret key).
fn tie(key: &[u8; 16], file: u32, row: i64) -> [u8; 16] {
    use siphasher::sip128::{Hasher128, SipHasher24};
    use std::hash::Hasher;
    let mut hasher = SipHasher24::new_with_key(key);
    hasher.write_u32(file);
    hasher.write_i64(row);
    hasher.finish128().as_bytes()
}

fn apply_mask(mask: &Masking, raw: &RecordBatch, at: usize) -> Result<ArrayRef> {
    let value = raw.column(at);
    Ok(match mask {
        Masking::Clear => Arc::clone(value),
        Masking::Whole(mask) => mask.apply(value)?,
        Masking::Parts(parts) => {
            let mut masked = Arc::clone(value);
            for (path, mask) in parts {
                masked = apply_nested(&masked, path, mask)?;
            }
            masked
        }
        Masking::Expression(expr, _) => expr.evaluate(raw)?.into_array(raw.num_rows())?,
    })
}

/// The rows of the batch for which the predicate is true.
fn verdict(predicate: &Arc<dyn PhysicalExpr>, batch: &RecordBatch) -> Result<BooleanArray> {
    let verdict = predicate.evaluate(batch)?.into_array(batch.num_rows())?;
    Ok(shown_rows(as_boolean_array(&verdict)?))
}

/// Visible values of some columns of a raw batch.
fn visible_batch(raw: &RecordBatch, columns: &[(usize, Masking)], schema: &SchemaRef) -> Result<RecordBatch> {
    let values = columns
        .iter()
        .zip(schema.fields())
        .map(|((at, mask), field)| Ok(relabel(&apply_mask(mask, raw, *at)?, field.data_type())?))
        .collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(raw.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), values, &options)?)
}

/// A NULL verdict hides the row.
fn shown_rows(verdict: &BooleanArray) -> BooleanArray {
    if verdict.null_count() == 0 { verdict.clone() } else { prep_null_mask_filter(verdict) }
}

/// File ordinals and row numbers: the last two columns of a batch that has them.
fn position_columns(batch: &RecordBatch) -> Result<(&UInt32Array, &Int64Array)> {
    let missing = || DataFusionError::Internal("a scan lacks its position columns".to_owned());
    let files = batch.column_by_name(FILE).and_then(|c| c.as_any().downcast_ref());
    let rows = batch.column_by_name(ROW).and_then(|c| c.as_any().downcast_ref());
    Ok((files.ok_or_else(missing)?, rows.ok_or_else(missing)?))
}
