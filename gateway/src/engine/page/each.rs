//! The first rows of each of many keys: owns reading them in one pass over the files that can hold any. Each key's
//! rows are those of a page that is asked for with that key alone, cut where it would be cut.

mod gathering;

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{BooleanArray, BooleanBufferBuilder, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::error::ArrowError;
use datafusion::physical_plan::ExecutionPlanProperties;
use tokio::task::JoinSet;

use self::gathering::{Found, Gathering};
use super::keys::Keys;
use super::{Bound, PageQuery, Places};
use crate::engine::error::EngineError;
use crate::engine::keyset::each::{Group, Size};
use crate::engine::row_size::rows_within;
use crate::engine::secured::SecuredTable;
use crate::engine::secured::provider::spread;
use crate::engine::session::Engine;
use crate::engine::statement::PerKey;

/// Most files that are opened for one step.
const FILES_PER_STEP_MAX: usize = 64;

/// The first rows of each key.
#[derive(Debug)]
pub struct KeyRows {
    /// The rows, key by key.
    pub rows: RecordBatch,
    /// Where each of them stands.
    pub places: Places,
    /// The rows of a key come in file order: a place alone says what comes after it.
    pub in_file_order: bool,
    /// What there is of each key.
    pub keys: Vec<EachKey>,
}

/// What there is of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EachKey {
    /// Its rows among all.
    pub rows: Range<usize>,
    /// There are rows of it after the last of them.
    pub more_after: bool,
    /// Rows of it in all, where they were to be counted.
    pub count: Option<u64>,
}

/// Reads the first rows of each key, of a query that starts at its first row and whose limits are those of one key.
///
/// # Errors
/// As for [`super::read`] with any of the keys, and for [`super::count`] if `counts`; keys of other types than their
/// columns; and more rows than an answer that does not page may have.
pub async fn each(
    engine: &Engine,
    table: &SecuredTable,
    query: &PageQuery<'_>,
    per_key: &PerKey,
    counts: bool,
) -> Result<KeyRows, EngineError> {
    let keys = Keys::bind(engine, table, per_key)?;
    let bound = Bound::with_keys(engine, table, query, Some(&keys))?;
    let all = (0..table.snapshot.files().len()).collect();
    let files = if keys.possible() == 0 { Vec::new() } else { table.candidates(&bound.crossing, all)? };
    let files = keys.files(table, files)?;
    let possible = keys.possible();
    let gathering = Arc::new(Gathering::new(&bound, keys, counts)?);
    // In file order nothing is wanted of a later file once every key has its rows.
    let may_end = bound.is_by_place() && !counts;
    let (mut next, mut step) = (0, if may_end { 1 } else { usize::MAX });
    while next < files.len() && !(may_end && gathering.found().first.full() == possible) {
        let until = next.saturating_add(step).min(files.len());
        gather(&bound, &files[next..until], &gathering).await?;
        next = until;
        step = step.saturating_mul(2).min(FILES_PER_STEP_MAX);
    }
    answer(&bound, gathering, counts)
}

/// Reads the files in as many ways as the engine has partitions.
async fn gather(bound: &Bound<'_>, files: &[usize], gathering: &Arc<Gathering>) -> Result<(), EngineError> {
    let groups = spread(files, bound.engine.config.partitions);
    let plan = bound
        .table
        .secured_scan(bound.engine, &bound.state, &gathering.show, &groups, bound.positions, &bound.crossing)
        .await?;
    let mut tasks = JoinSet::new();
    for partition in 0..plan.output_partitioning().partition_count() {
        let stream = plan.execute(partition, bound.state.task_ctx()).map_err(EngineError::execution)?;
        let gathering = Arc::clone(gathering);
        tasks.spawn(async move { gathering.take_all(stream).await });
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(|e| EngineError::Internal(Box::new(e)))??;
    }
    Ok(())
}

/// Cuts what was found as a page of each key would be cut.
fn answer(bound: &Bound<'_>, gathering: Arc<Gathering>, counts: bool) -> Result<KeyRows, EngineError> {
    let gathering =
        Arc::into_inner(gathering).ok_or_else(|| EngineError::Internal("still reading".into()))?;
    let limits = gathering.limits;
    let Found { first, failing } = gathering.into_found();
    let (rows, groups) = first.finish().map_err(internal)?;
    let mut shown = BooleanBufferBuilder::new(rows.num_rows());
    let mut size = Size::default();
    let mut keys = Vec::with_capacity(groups.len());
    for (number, Group { rows: held, bytes, seen }) in (0..).zip(groups) {
        let wanted = held.len().min(bound.query.rows_max);
        let fit = rows_within(bytes[..wanted].iter().copied(), bound.query.bytes_max).min(wanted);
        let more_after = held.len() > fit;
        bound.answer_for(&rows.slice(held.start, fit + usize::from(more_after)))?;
        if let Some(failing) = failing.as_ref().filter(|failing| failing.number == number) {
            bound.answer_for(&failing.row)?;
        }
        shown.append_n(fit, true);
        shown.append_n(held.len() - fit, false);
        let begin = size.rows;
        bytes[..fit].iter().for_each(|bytes| size.add(*bytes));
        keys.push(EachKey { rows: begin..size.rows, more_after, count: counts.then_some(seen) });
    }
    limits.check(size)?;
    let rows = filter_record_batch(&rows, &BooleanArray::new(shown.finish(), None)).map_err(internal)?;
    let (places, in_file_order) = (Places::of(&rows)?, bound.is_by_place());
    Ok(KeyRows { rows: bound.project(&rows)?, places, in_file_order, keys })
}

fn internal(error: ArrowError) -> EngineError {
    EngineError::Internal(Box::new(error))
}
