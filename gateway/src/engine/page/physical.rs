//! Pages in file order: owns seeking to a position and reading files from there, forwards or
//! backwards, no further than the page needs.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;

use super::position::{place, places};
use super::{Bound, Boundary, Page, Place, Places, Position};
use crate::engine::error::EngineError;
use crate::engine::row_size::{row_bytes, rows_within};
use crate::engine::scan::ScanFile;
use crate::engine::scan::prune::num_records;

/// Most files that are opened for one step.
const FILES_PER_STEP_MAX: usize = 64;

/// The first rows after the position.
pub(super) async fn forward(bound: &Bound<'_>) -> Result<Page, EngineError> {
    let start = start(bound)?;
    let first = start.map_or(0, |place| place.file as usize);
    let ordinals = (first..bound.table.snapshot.files().len()).collect();
    let files = bound.table.candidates(&bound.crossing, ordinals)?;
    let mut found = Found::new(bound, End::First);
    let (mut next, mut step) = (0, 1);
    while next < files.len() && !found.is_enough() {
        let until = (next + step).min(files.len());
        let group = files[next..until]
            .iter()
            .map(|ordinal| match start {
                Some(Place { file, row }) if file as usize == *ordinal => {
                    ScanFile { ordinal: *ordinal, from_row: row.unsigned_abs() + 1, to_row: None }
                }
                _ => ScanFile::whole(*ordinal),
            })
            .collect();
        read_into(bound, group, start.map(Edge::After), &mut found).await?;
        next = until;
        step = (step * 2).min(FILES_PER_STEP_MAX);
    }
    let rows = found.concat()?;
    let wanted = rows.num_rows().min(bound.query.rows_max);
    let sizes = row_bytes(&rows.slice(0, wanted));
    let fit = rows_within(sizes.into_iter(), bound.query.bytes_max).min(wanted);
    let more_after = rows.num_rows() > fit;
    bound.answer_for(&rows.slice(0, fit + usize::from(more_after)))?;
    page(bound, &rows.slice(0, fit), start.is_some(), more_after)
}

/// The last rows before the position, or of the table.
pub(super) async fn backward(bound: &Bound<'_>) -> Result<Page, EngineError> {
    let start = start(bound)?;
    let until = start.map_or(bound.table.snapshot.files().len(), |place| place.file as usize + 1);
    let files = bound.table.candidates(&bound.crossing, (0..until).collect())?;
    // Found from the position towards the start, a window at a time; each window in file order.
    let mut windows = Found::new(bound, End::Last);
    let mut window_rows = (windows.rows_max as u64).saturating_mul(2);
    for ordinal in files.into_iter().rev() {
        let data_file = &bound.table.snapshot.files()[ordinal];
        let mut to_row = match start {
            Some(Place { file, row }) if file as usize == ordinal => Some(row.unsigned_abs()),
            _ => num_records(data_file),
        };
        loop {
            let from_row = to_row.map_or(0, |to| to.saturating_sub(window_rows));
            let mut found = Found::new(bound, End::Last);
            let edge = Edge::Window { file: ordinal, from: from_row, to: to_row };
            let scan = ScanFile { ordinal, from_row, to_row };
            read_into(bound, vec![scan], Some(edge), &mut found).await?;
            windows.prepend(found);
            if from_row == 0 || windows.is_enough() {
                break;
            }
            to_row = Some(from_row);
            window_rows = window_rows.saturating_mul(2);
        }
        if windows.is_enough() {
            break;
        }
    }
    let rows = windows.concat()?;
    let wanted = rows.num_rows().min(bound.query.rows_max);
    let nearest = rows.slice(rows.num_rows() - wanted, wanted);
    let fit = rows_within(row_bytes(&nearest).into_iter().rev(), bound.query.bytes_max).min(wanted);
    let more_before = rows.num_rows() > fit;
    let relied_on = fit + usize::from(more_before);
    bound.answer_for(&rows.slice(rows.num_rows() - relied_on, relied_on))?;
    page(bound, &nearest.slice(wanted - fit, fit), more_before, start.is_some())
}

fn page(
    bound: &Bound<'_>,
    rows: &RecordBatch,
    more_before: bool,
    more_after: bool,
) -> Result<Page, EngineError> {
    let last = rows.num_rows().checked_sub(1);
    let boundary = |at: usize| Ok::<_, EngineError>(Boundary { place: place(rows, at)?, key: None });
    Ok(Page {
        before: last.map(|_| boundary(0)).transpose()?,
        after: last.map(boundary).transpose()?,
        rows: bound.project(rows)?,
        places: Places::of(rows)?,
        in_file_order: true,
        more_before,
        more_after,
    })
}

fn start(bound: &Bound<'_>) -> Result<Option<Place>, EngineError> {
    match &bound.query.from {
        None => Ok(None),
        Some(Position::Row(place)) => bound.check(*place).map(|()| Some(*place)),
        Some(Position::Key(_) | Position::KeyOf(_)) => Err(EngineError::OtherOrder),
    }
}

/// Rows to leave out although their file is read: exact whatever the reader could skip.
#[derive(Clone, Copy)]
enum Edge {
    After(Place),
    Window { file: usize, from: u64, to: Option<u64> },
}

impl Edge {
    fn admits(self, file: u32, row: i64) -> bool {
        match self {
            Self::After(start) => Place { file, row } > start,
            Self::Window { file: only, from, to } => {
                let row = row.unsigned_abs();
                file as usize == only && row >= from && to.is_none_or(|to| row < to)
            }
        }
    }
}

/// Which rows are kept of those that are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    First,
    Last,
}

/// Rows at one end of a stretch of the table: as many as a page may have, in rows and in bytes, and
/// those of one more batch at most.
struct Found {
    schema: SchemaRef,
    batches: VecDeque<(RecordBatch, usize)>,
    rows: usize,
    bytes: usize,
    rows_max: usize,
    bytes_max: usize,
    end: End,
}

impl Found {
    fn new(bound: &Bound<'_>, end: End) -> Self {
        Self {
            schema: bound.held_schema(),
            batches: VecDeque::new(),
            rows: 0,
            bytes: 0,
            // One more tells whether there are more.
            rows_max: bound.query.rows_max.saturating_add(1),
            bytes_max: bound.query.bytes_max,
            end,
        }
    }

    fn is_enough(&self) -> bool {
        self.suffices(self.rows, self.bytes)
    }

    fn suffices(&self, rows: usize, bytes: usize) -> bool {
        rows >= self.rows_max || (bytes > self.bytes_max && rows > 1)
    }

    fn push(&mut self, batch: RecordBatch) {
        let bytes = row_bytes(&batch).into_iter().fold(0, usize::saturating_add);
        self.rows += batch.num_rows();
        self.bytes = self.bytes.saturating_add(bytes);
        self.batches.push_back((batch, bytes));
        while self.end == End::Last
            && let Some((first, bytes)) = self.batches.front()
            && self.suffices(self.rows - first.num_rows(), self.bytes - bytes)
        {
            self.rows -= first.num_rows();
            self.bytes -= bytes;
            self.batches.pop_front();
        }
    }

    /// Takes over rows that lie before those here.
    fn prepend(&mut self, earlier: Self) {
        self.rows += earlier.rows;
        self.bytes = self.bytes.saturating_add(earlier.bytes);
        earlier.batches.into_iter().rev().for_each(|batch| self.batches.push_front(batch));
    }

    fn concat(&self) -> Result<RecordBatch, EngineError> {
        concat_batches(&self.schema, self.batches.iter().map(|(batch, _)| batch))
            .map_err(|e| EngineError::Internal(Box::new(e)))
    }
}

async fn read_into(
    bound: &Bound<'_>,
    group: Vec<ScanFile>,
    edge: Option<Edge>,
    found: &mut Found,
) -> Result<(), EngineError> {
    let plan: Arc<dyn ExecutionPlan> = bound
        .table
        .secured_scan(bound.engine, &bound.state, &bound.show, &[group], bound.positions, &bound.crossing)
        .await?;
    let mut stream = execute_stream(plan, bound.state.task_ctx()).map_err(EngineError::execution)?;
    while let Some(batch) = stream.next().await {
        let batch = within_edge(batch.map_err(EngineError::execution)?, edge)?;
        let batch = bound.matching(batch).await?;
        if batch.num_rows() == 0 {
            continue;
        }
        found.push(batch);
        if found.end == End::First && found.is_enough() {
            break;
        }
    }
    Ok(())
}

fn within_edge(batch: RecordBatch, edge: Option<Edge>) -> Result<RecordBatch, EngineError> {
    let Some(edge) = edge else { return Ok(batch) };
    let (files, numbers) = places(&batch)?;
    let keep: arrow::array::BooleanArray = files
        .values()
        .iter()
        .zip(numbers.values())
        .map(|(file, row)| Some(edge.admits(*file, *row)))
        .collect();
    if keep.true_count() == keep.len() {
        return Ok(batch);
    }
    arrow::compute::filter_record_batch(&batch, &keep).map_err(|e| EngineError::Internal(Box::new(e)))
}
