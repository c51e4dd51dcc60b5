//! The flights that left New York City in 2013, with their airlines, airports, planes and weather:
//! owns the embedded files and how they become commits.

use std::path::Path;

use arrow::array::{BooleanArray, Int32Array, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::DemoError;
use super::progress::Progress;
use super::table_writer::TableWriter;

/// Small tables, one commit each.
const DIMENSIONS: [(&str, &[u8]); 4] = [
    ("airlines", include_bytes!("nycflights13/airlines.parquet")),
    ("airports", include_bytes!("nycflights13/airports.parquet")),
    ("planes", include_bytes!("nycflights13/planes.parquet")),
    ("weather", include_bytes!("nycflights13/weather.parquet")),
];
const FLIGHTS: &[u8] = include_bytes!("nycflights13/flights.parquet");
/// First and last month of each commit, so that the table has a history to travel in.
const QUARTERS: [(i32, i32); 4] = [(1, 3), (4, 6), (7, 9), (10, 12)];

/// Commits that [`write`] makes, for the progress bar.
pub(super) const STEPS: u64 = 8;

/// Writes the five tables under `lake`.
pub(super) async fn write(lake: &Path, progress: &Progress) -> Result<(), DemoError> {
    for (table, parquet) in DIMENSIONS {
        progress.begin(table);
        let (schema, batches) = decode(table, parquet)?;
        TableWriter::create(lake, table, &schema, &[]).await?.commit(batches).await?;
        progress.step();
    }
    let (schema, batches) = decode("flights", FLIGHTS)?;
    let writer = TableWriter::create(lake, "flights", &schema, &["month"]).await?;
    for (first, last) in QUARTERS {
        progress.begin(&format!("flights of months {first} to {last}"));
        let quarter: Result<Vec<RecordBatch>, ArrowError> =
            batches.iter().map(|batch| months_between(batch, first, last)).collect();
        writer.commit(quarter.map_err(|source| DemoError::Data { table: "flights", source })?).await?;
        progress.step();
    }
    Ok(())
}

fn decode(table: &'static str, parquet: &'static [u8]) -> Result<(SchemaRef, Vec<RecordBatch>), DemoError> {
    let data = |source: ArrowError| DemoError::Data { table, source };
    let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from_static(parquet))
        .map_err(|error| data(error.into()))?;
    let schema = SchemaRef::clone(builder.schema());
    let reader = builder.build().map_err(|error| data(error.into()))?;
    let batches: Result<Vec<RecordBatch>, ArrowError> = reader.collect();
    Ok((schema, batches.map_err(data)?))
}

fn months_between(batch: &RecordBatch, first: i32, last: i32) -> Result<RecordBatch, ArrowError> {
    let months: &Int32Array = batch
        .column_by_name("month")
        .and_then(|column| column.as_any().downcast_ref())
        .ok_or_else(|| ArrowError::SchemaError("no int32 column \"month\"".to_owned()))?;
    let kept: BooleanArray = months.iter().map(|month| month.map(|m| (first..=last).contains(&m))).collect();
    filter_record_batch(batch, &kept)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn the_quarters_hold_every_flight_once() {
        let (_, batches) = decode("flights", FLIGHTS).unwrap();
        let rows: usize = QUARTERS
            .iter()
            .flat_map(|(first, last)| batches.iter().map(|b| months_between(b, *first, *last).unwrap()))
            .map(|batch| batch.num_rows())
            .sum();
        assert_eq!(rows, 336_776);
    }
}
