//! Pages in an asked order: owns finding the first rows after a key over all files in parallel.
//! Where the leading column's statistics order the files, the files are read best first and the
//! reading stops when no later file can hold a row of the page.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use datafusion::common::ScalarValue;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, execute_stream};
use futures::StreamExt;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use super::condition::Condition;
use super::position::{place, places};
use super::{Bound, Boundary, Page, Place, Places, Position};
use crate::engine::error::EngineError;
use crate::engine::expression::infallible::proves;
use crate::engine::keyset::{First, KeyEncoder, Wanted};
use crate::engine::row_size::{row_bytes, rows_within};
use crate::engine::scan::ScanFile;
use crate::engine::scan::prune::bounds;
use crate::engine::secured::provider::spread;
use crate::engine::secured::transform::{Positions, TIE};

/// Files of the first step when they are read best first; each step doubles.
const FIRST_STEP_FILES: usize = 4;

/// One page in key order.
pub(super) async fn read(bound: &Bound<'_>) -> Result<Page, EngineError> {
    let schema = bound.held_schema();
    let backward = bound.query.backward;
    let encoder = Arc::new(encoder(bound, &schema, backward)?);
    let after = match &bound.query.from {
        None => None,
        Some(Position::Key(key)) => Some(Arc::from(key.as_slice())),
        Some(Position::KeyOf(place)) => Some(Arc::from(read_key(bound, &encoder, *place).await?)),
        Some(Position::Row(_)) => return Err(EngineError::OtherOrder),
    };
    let wanted = Wanted { rows: bound.query.rows_max.saturating_add(1), bytes: bound.query.bytes_max, after };
    let mut best = First::new(Arc::clone(&encoder), Arc::clone(&schema), wanted.clone());
    let all = (0..bound.table.snapshot.files().len()).collect();
    let files = bound.table.candidates(&bound.crossing, all)?;
    let schedule = Schedule::new(bound, files)?;
    let (mut next, mut step) = (0, schedule.first_step());
    while next < schedule.files.len() && !schedule.is_done(next, &mut best)? {
        let until = (next + step).min(schedule.files.len());
        let files = &schedule.files[next..until];
        for found in scan_first(bound, files, &encoder, &schema, &wanted).await? {
            best.push(found).map_err(internal)?;
        }
        next = until;
        step = step.saturating_mul(2);
    }
    let rows = best.finish().map_err(internal)?;
    page(bound, &schema, &rows)
}

/// Counts the matching rows of every file. It fails as on the first row in file order on which the
/// condition fails, or in the order that stands for it where file order is secret: where batches and
/// partitions end depends on rows that the caller may not see.
pub(super) async fn count(bound: &Bound<'_>) -> Result<u64, EngineError> {
    let all = (0..bound.table.snapshot.files().len()).collect();
    let files = bound.table.candidates(&bound.crossing, all)?;
    let secret = bound.table.order_is_secret;
    let positions = match secret {
        true => Positions::Hashed(bound.engine.config.order_key_of(bound.table.snapshot.table_id())),
        false => Positions::None,
    };
    let plan = plan(bound, &files, positions).await?;
    let mut tasks = Vec::new();
    for partition in 0..plan.output_partitioning().partition_count() {
        let stream = plan.execute(partition, bound.state.task_ctx()).map_err(EngineError::execution)?;
        let counting = count_matching(stream, bound.condition.clone(), secret);
        tasks.push(AbortOnDropHandle::new(tokio::spawn(counting)));
    }
    let mut total = 0;
    let mut failing: Option<RecordBatch> = None;
    for task in tasks {
        let counted = task.await.map_err(|e| EngineError::Internal(Box::new(e)))??;
        total += counted.rows;
        if let Some(row) = counted.failing {
            failing = first_by_tie(failing.into_iter().chain([row]))?;
        }
    }
    match (failing, &bound.condition) {
        (Some(row), Some(condition)) => condition.answer_for(&row).map(|()| total),
        _ => Ok(total),
    }
}

/// What one partition gives to a count.
struct Counted {
    rows: u64,
    /// The row on which the condition fails that comes first by its tie.
    failing: Option<RecordBatch>,
}

async fn count_matching(
    mut stream: SendableRecordBatchStream,
    condition: Option<Condition>,
    secret: bool,
) -> Result<Counted, EngineError> {
    let mut counted = Counted { rows: 0, failing: None };
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(EngineError::execution)?;
        let batch = match &condition {
            None => batch,
            Some(condition) => match condition.keep(&batch) {
                Ok(kept) => kept,
                Err(_) => {
                    let kept = condition.keep_failing(&batch).await?;
                    if secret {
                        let marked = Condition::marked(&kept)?;
                        counted.failing = first_by_tie(counted.failing.into_iter().chain([marked]))?;
                    } else {
                        condition.answer_for(&kept)?;
                    }
                    kept
                }
            },
        };
        counted.rows += batch.num_rows() as u64;
    }
    Ok(counted)
}

/// The one row whose tie is the least.
fn first_by_tie(batches: impl Iterator<Item = RecordBatch>) -> Result<Option<RecordBatch>, EngineError> {
    let mut first: Option<(Vec<u8>, RecordBatch)> = None;
    for batch in batches {
        let ties = batch.column_by_name(TIE).and_then(|column| column.as_fixed_size_binary_opt());
        let Some(ties) = ties else { return Err(EngineError::Internal("a count lacks its ties".into())) };
        let least = ties.iter().enumerate().filter_map(|(row, tie)| Some((tie?, row))).min();
        if let Some((tie, row)) = least
            && first.as_ref().is_none_or(|(known, _)| tie < known.as_slice())
        {
            first = Some((tie.to_vec(), batch.slice(row, 1)));
        }
    }
    Ok(first.map(|(_, row)| row))
}

fn page(bound: &Bound<'_>, schema: &SchemaRef, found: &RecordBatch) -> Result<Page, EngineError> {
    let wanted = found.num_rows().min(bound.query.rows_max);
    let sizes = row_bytes(&found.slice(0, wanted));
    let fit = rows_within(sizes.into_iter(), bound.query.bytes_max).min(wanted);
    let more = found.num_rows() > fit;
    bound.answer_for(&found.slice(0, fit + usize::from(more)))?;
    let rows = if bound.query.backward { reverse(&found.slice(0, fit))? } else { found.slice(0, fit) };
    // The row that the page continues at is on its other side.
    let continues = bound.query.from.is_some();
    let (more_before, more_after) = if bound.query.backward { (more, continues) } else { (continues, more) };
    let last = rows.num_rows().checked_sub(1);
    let (mut before, mut after) = (None, None);
    if let Some(last) = last {
        if more_before {
            before = Some(boundary(&encoder(bound, schema, true)?, &rows, 0)?);
        }
        if more_after {
            after = Some(boundary(&encoder(bound, schema, false)?, &rows, last)?);
        }
    }
    let (places, in_file_order) = (Places::of(&rows)?, false);
    Ok(Page { rows: bound.project(&rows)?, places, in_file_order, before, after, more_before, more_after })
}

fn boundary(encoder: &KeyEncoder, rows: &RecordBatch, at: usize) -> Result<Boundary, EngineError> {
    Ok(Boundary { place: place(rows, at)?, key: Some(key_at(encoder, rows, at)?) })
}

fn key_at(encoder: &KeyEncoder, rows: &RecordBatch, at: usize) -> Result<Vec<u8>, EngineError> {
    let keys = encoder.encode(&rows.slice(at, 1)).map_err(internal)?;
    Ok(keys.row(0).as_ref().to_vec())
}

/// The key of a row that a page ended at. It is visible in this version for ever; whether it still
/// satisfies a condition that asks what time it is does not matter to what comes after it.
async fn read_key(bound: &Bound<'_>, encoder: &KeyEncoder, place: Place) -> Result<Vec<u8>, EngineError> {
    bound.check(place)?;
    let unconditional = bound.table.crossing(&bound.state, &[])?;
    let row = place.row.unsigned_abs();
    let scan = [vec![ScanFile { ordinal: place.file as usize, from_row: row, to_row: Some(row + 1) }]];
    let plan = bound
        .table
        .secured_scan(bound.engine, &bound.state, &bound.show, &scan, bound.positions, &unconditional)
        .await?;
    let mut rows = execute_stream(plan, bound.state.task_ctx()).map_err(EngineError::execution)?;
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(EngineError::execution)?;
        // The reader need not skip all that it was told to.
        let (files, numbers) = places(&batch)?;
        let found = (0..batch.num_rows())
            .find(|at| Place { file: files.value(*at), row: numbers.value(*at) } == place);
        if let Some(at) = found {
            return key_at(encoder, &batch, at);
        }
    }
    // Only files that were written anew under their names can have lost it.
    Err(EngineError::Expired)
}

fn reverse(rows: &RecordBatch) -> Result<RecordBatch, EngineError> {
    let order = arrow::array::UInt64Array::from_iter_values((0..rows.num_rows() as u64).rev());
    arrow::compute::take_record_batch(rows, &order).map_err(internal)
}

pub(super) fn encoder(
    bound: &Bound<'_>,
    schema: &SchemaRef,
    reversed: bool,
) -> Result<KeyEncoder, EngineError> {
    KeyEncoder::new(schema, bound.keys.clone(), reversed).map_err(internal)
}

pub(super) async fn plan(
    bound: &Bound<'_>,
    files: &[usize],
    positions: Positions,
) -> Result<Arc<dyn ExecutionPlan>, EngineError> {
    let groups: Vec<Vec<ScanFile>> = spread(files, bound.engine.config.partitions);
    bound
        .table
        .secured_scan(bound.engine, &bound.state, &bound.show, &groups, positions, &bound.crossing)
        .await
}

/// The first wanted rows of each partition of `files`.
async fn scan_first(
    bound: &Bound<'_>,
    files: &[usize],
    encoder: &Arc<KeyEncoder>,
    schema: &SchemaRef,
    wanted: &Wanted,
) -> Result<Vec<RecordBatch>, EngineError> {
    let plan = plan(bound, files, bound.positions).await?;
    let mut tasks = JoinSet::new();
    for partition in 0..plan.output_partitioning().partition_count() {
        let mut stream = plan.execute(partition, bound.state.task_ctx()).map_err(EngineError::execution)?;
        let condition = bound.condition.clone();
        let mut first = First::new(Arc::clone(encoder), Arc::clone(schema), wanted.clone());
        tasks.spawn(async move {
            while let Some(batch) = stream.next().await {
                let batch = batch.map_err(EngineError::execution)?;
                let batch = match &condition {
                    None => batch,
                    Some(condition) => match condition.keep(&batch) {
                        Ok(kept) => kept,
                        Err(_) => {
                            let contenders = first.contenders(&batch).map_err(internal)?;
                            condition.keep_failing(&contenders).await?
                        }
                    },
                };
                first.push(batch).map_err(internal)?;
            }
            first.finish().map_err(internal)
        });
    }
    let mut found = Vec::new();
    while let Some(done) = tasks.join_next().await {
        found.push(done.map_err(|e| EngineError::Internal(Box::new(e)))??);
    }
    Ok(found)
}

/// The order in which files are read, and what each of them can hold at best.
struct Schedule {
    files: Vec<usize>,
    /// The best leading value of each file, when files are in that order.
    best: Option<Vec<ScalarValue>>,
    column: usize,
    descending: bool,
}

impl Schedule {
    fn new(bound: &Bound<'_>, files: Vec<usize>) -> Result<Self, EngineError> {
        let plain = |files| Self { files, best: None, column: 0, descending: false };
        let Some(key) = bound.keys.first() else { return Ok(plain(files)) };
        let descending = key.descending != bound.query.backward;
        // Nulls would have to be known absent to come first; read everything then.
        let nulls_lead = key.nulls_first != bound.query.backward;
        let column = &bound.table.columns[bound.show[key.column]];
        let data_type = bound.table.schema.field(bound.show[key.column]).data_type();
        if nulls_lead || !proves(data_type) || !bound.table.is_clear(&column.name) {
            return Ok(plain(files));
        }
        let bounds = bounds(&bound.table.snapshot, column.raw, &files).map_err(EngineError::planning)?;
        let values = if descending { &bounds.max } else { &bounds.min };
        let mut known = Vec::with_capacity(files.len());
        for (at, file) in files.iter().enumerate() {
            let value = ScalarValue::try_from_array(values, at).map_err(EngineError::planning)?;
            if value.is_null() {
                return Ok(plain(files));
            }
            known.push((value, *file));
        }
        known.sort_by(|(a, f), (b, g)| {
            let order = a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal);
            (if descending { order.reverse() } else { order }).then(f.cmp(g))
        });
        let (best, files) = known.into_iter().unzip();
        Ok(Self { files, best: Some(best), column: key.column, descending })
    }

    fn first_step(&self) -> usize {
        if self.best.is_some() { FIRST_STEP_FILES } else { usize::MAX }
    }

    /// No file from `next` on can hold a row that belongs before the rows found.
    fn is_done(&self, next: usize, found: &mut First) -> Result<bool, EngineError> {
        let Some(best) = &self.best else { return Ok(false) };
        let Some((rows, row)) = found.last_row().map_err(internal)? else { return Ok(false) };
        let values = rows.column(self.column);
        if values.is_null(row) {
            return Ok(false);
        }
        let worst = ScalarValue::try_from_array(values, row).map_err(EngineError::planning)?;
        let order = best[next].partial_cmp(&worst);
        Ok(order
            == Some(if self.descending { std::cmp::Ordering::Less } else { std::cmp::Ordering::Greater }))
    }
}

fn internal(error: ArrowError) -> EngineError {
    EngineError::Internal(Box::new(error))
}
