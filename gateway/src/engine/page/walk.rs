//! All rows of a question at once, in the order in which pages bring them: owns reading them in file order, and
//! ending a walk at the row on which its condition fails. Does not cut them into pieces.

use std::ops::ControlFlow;

use arrow::array::RecordBatch;
use datafusion::physical_plan::execute_stream;
use futures::StreamExt;

use super::condition::Condition;
use super::{Bound, PageQuery, sorted};
use crate::engine::error::EngineError;
use crate::engine::scan::ScanFile;
use crate::engine::secured::SecuredTable;
use crate::engine::session::Engine;
use crate::engine::sink::Sink;

/// Most files that are opened for one step.
const FILES_PER_STEP_MAX: usize = 64;

/// Puts every row of `query` into `sink`, `rows_max` at most. Its limit on bytes and its position do not matter.
///
/// # Errors
/// As for [`super::read`], and a reader that has stalled or gone. A condition that fails on a row fails once the
/// rows before it are put.
pub async fn walk(
    engine: &Engine,
    table: &SecuredTable,
    query: &PageQuery<'_>,
    mut sink: Sink,
) -> Result<(), EngineError> {
    let bound = Bound::new(engine, table, query)?;
    sink.begin(bound.output_schema()?);
    let mut feed = Feed { bound: &bound, sink, left: query.rows_max };
    if bound.is_by_place() {
        in_file_order(&bound, &mut feed).await?;
    } else {
        sorted::walk(&bound, &mut feed).await?;
    }
    feed.sink.finish().await
}

/// The way of matching rows, in order, to the sink.
pub(super) struct Feed<'a> {
    bound: &'a Bound<'a>,
    sink: Sink,
    left: usize,
}

impl Feed<'_> {
    /// Takes further rows. Breaks once no more are wanted.
    ///
    /// # Errors
    /// The condition failed on one of them; those before it are put.
    pub(super) async fn take(&mut self, rows: &RecordBatch) -> Result<ControlFlow<()>, EngineError> {
        let rows = rows.slice(0, rows.num_rows().min(self.left));
        let sound = Condition::first_marked(&rows)?.unwrap_or(rows.num_rows());
        self.sink.put(&self.bound.project(&rows.slice(0, sound))?).await?;
        self.bound.answer_for(&rows)?;
        self.left -= rows.num_rows();
        Ok(if self.left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}

async fn in_file_order(bound: &Bound<'_>, feed: &mut Feed<'_>) -> Result<(), EngineError> {
    let all = (0..bound.table.snapshot.files().len()).collect();
    for ordinals in bound.table.candidates(&bound.crossing, all)?.chunks(FILES_PER_STEP_MAX) {
        let files = [ordinals.iter().map(|ordinal| ScanFile::whole(*ordinal)).collect()];
        let plan = bound
            .table
            .secured_scan(bound.engine, &bound.state, &bound.show, &files, bound.positions, &bound.crossing)
            .await?;
        let mut stream = execute_stream(plan, bound.state.task_ctx()).map_err(EngineError::execution)?;
        while let Some(batch) = stream.next().await {
            let rows = bound.matching(batch.map_err(EngineError::execution)?).await?;
            if feed.take(&rows).await?.is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}
