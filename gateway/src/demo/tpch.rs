//! TPC-H customers and orders at scale 0.1: owns their generation and how they become commits.

use std::path::Path;

use arrow::array::RecordBatch;
use tpchgen::generators::{CustomerGenerator, OrderGenerator};
use tpchgen_arrow::{CustomerArrow, OrderArrow, RecordBatchIterator};

use super::DemoError;
use super::progress::Progress;
use super::table_writer::TableWriter;

const SCALE: f64 = 0.1;
/// Orders are generated and committed part by part, so that memory holds one part at a time.
const ORDER_PARTS: i32 = 3;

/// Commits that [`write`] makes, for the progress bar.
pub(super) const STEPS: u64 = 4;

/// Writes the two tables under `lake`.
pub(super) async fn write(lake: &Path, progress: &Progress) -> Result<(), DemoError> {
    progress.begin("customer");
    let customers = CustomerArrow::new(CustomerGenerator::new(SCALE, 1, 1));
    let writer = TableWriter::create(lake, "customer", customers.schema(), &[]).await?;
    writer.commit(customers.collect::<Vec<RecordBatch>>()).await?;
    progress.step();

    let first = OrderArrow::new(OrderGenerator::new(SCALE, 1, ORDER_PARTS));
    let writer = TableWriter::create(lake, "orders", first.schema(), &[]).await?;
    for part in 1..=ORDER_PARTS {
        progress.begin(&format!("orders, part {part} of {ORDER_PARTS}"));
        let orders = OrderArrow::new(OrderGenerator::new(SCALE, part, ORDER_PARTS));
        writer.commit(orders.collect::<Vec<RecordBatch>>()).await?;
        progress.step();
    }
    Ok(())
}
