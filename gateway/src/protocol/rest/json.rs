//! Rows as JSON: owns the switches that a caller has and the encoding of record batches, a slice at a time. Does
//! not frame the rows, and does not own the form of values.
//!
//! The switches come in the header `Sluice-Json`, separated by commas.

use std::sync::Arc;

use arrow::array::{RecordBatch, StructArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use arrow::error::ArrowError;
use arrow_json::writer::make_encoder;
use axum::http::{HeaderMap, HeaderName};

use crate::protocol::json_values::{JsonOptions, encoder_options};
use crate::protocol::suggest::{did_you_mean, listed};
use crate::query::error::{ErrorCode, QueryError};

const SLUICE_JSON: HeaderName = HeaderName::from_static("sluice-json");
const SWITCHES: [&str; 3] = ["safe", "nan=string", "nan=null"];
/// Most rows, and about as many bytes, that are encoded in one go. Between two slices a caller that went away
/// is noticed, and what has grown is counted.
const SLICE_ROWS: usize = 1_024;
const SLICE_BYTES: usize = 4 * 1024 * 1024;

/// Reads `Sluice-Json`; an unknown switch is an error.
pub(super) fn json_options(headers: &HeaderMap) -> Result<JsonOptions, QueryError> {
    let mut options = JsonOptions::default();
    for value in headers.get_all(SLUICE_JSON) {
        let text = value.to_str().map_err(|_| unknown_switch("(not text)"))?;
        for switch in text.split(',').map(str::trim).filter(|switch| !switch.is_empty()) {
            match switch {
                "safe" => options.safe = true,
                "nan=string" => options.nan_as_string = true,
                "nan=null" => options.nan_as_string = false,
                other => return Err(unknown_switch(other)),
            }
        }
    }
    Ok(options)
}

fn unknown_switch(switch: &str) -> QueryError {
    let error = QueryError::new(
        ErrorCode::InvalidRequest,
        format!("header \"Sluice-Json\" has no switch \"{switch}\""),
    );
    let hint = did_you_mean(switch, &SWITCHES).unwrap_or_else(|| format!("it takes {}", listed(&SWITCHES)));
    error.with_hint(hint)
}

/// Appends the rows, separated by commas, each an object. Runs off the connection threads, a slice
/// at a time, and stops with the slice at hand when the future is dropped.
///
/// # Errors
/// Those of `grown`, which is told the length after each slice.
pub(super) async fn append_rows(
    mut out: Vec<u8>,
    batches: &[RecordBatch],
    options: JsonOptions,
    mut grown: impl FnMut(usize) -> Result<(), QueryError>,
) -> Result<Vec<u8>, QueryError> {
    let mut first = true;
    for batch in batches {
        let mut done = 0;
        while done < batch.num_rows() {
            let slice = batch.slice(done, SLICE_ROWS.min(batch.num_rows() - done));
            let separated = !std::mem::take(&mut first);
            let encoding = tokio::task::spawn_blocking(move || append_slice(out, &slice, options, separated));
            let rows;
            (out, rows) = encoding.await.map_err(QueryError::internal)?.map_err(QueryError::internal)?;
            done += rows;
            grown(out.len())?;
        }
    }
    Ok(out)
}

/// Appends the first rows of `slice`, at least one, and says how many: callers choose the names that each row
/// repeats, so that few rows may be long.
fn append_slice(
    mut out: Vec<u8>,
    slice: &RecordBatch,
    options: JsonOptions,
    mut separated: bool,
) -> Result<(Vec<u8>, usize), ArrowError> {
    let rows = StructArray::from(slice.clone());
    let field: FieldRef =
        Arc::new(Field::new("row", DataType::Struct(slice.schema().fields().clone()), false));
    let encoder_options = encoder_options(options);
    let mut encoder = make_encoder(&field, &rows, &encoder_options)?;
    let enough = out.len().saturating_add(SLICE_BYTES);
    let mut done = 0;
    while done < slice.num_rows() && (done == 0 || out.len() < enough) {
        if separated {
            out.push(b',');
        }
        separated = true;
        encoder.encode(done, &mut out);
        done += 1;
    }
    Ok((out, done))
}

#[cfg(test)]
mod tests;
