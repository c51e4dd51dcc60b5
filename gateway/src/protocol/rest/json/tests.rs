//! Tests of how rows follow each other, and of the switches.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use arrow::array::{ArrayRef, BooleanArray, Int32Array};
use arrow::datatypes::Schema;

use super::*;

const PLAIN: JsonOptions = JsonOptions { safe: false, nan_as_string: false };

#[tokio::test]
async fn columns_keep_their_order_and_slices_join_without_a_seam() {
    let many = usize::try_from(i32::try_from(SLICE_ROWS).unwrap() + 1).unwrap();
    let numbers: Vec<i32> = (0..i32::try_from(many).unwrap()).collect();
    let z: ArrayRef = Arc::new(Int32Array::from(numbers.clone()));
    let batch = RecordBatch::try_from_iter([("z", Arc::clone(&z)), ("a", z)]).unwrap();
    let text = append_rows(Vec::new(), &[batch], PLAIN, |_| Ok(())).await.unwrap();
    let text = String::from_utf8(text).unwrap();
    let values: Vec<serde_json::Value> = serde_json::from_str(&format!("[{text}]")).unwrap();
    assert_eq!(values.len(), many);
    assert!(text.starts_with(r#"{"z":0,"a":0},{"z":1,"#));
}

#[tokio::test]
async fn an_answer_without_rows_is_empty() {
    let empty = RecordBatch::new_empty(Arc::new(Schema::new(vec![Field::new("c", DataType::Int32, true)])));
    assert_eq!(append_rows(Vec::new(), &[empty], PLAIN, |_| Ok(())).await.unwrap(), b"");
}

#[test]
fn unknown_switches_are_refused() {
    let of = |text: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(SLUICE_JSON, text.parse().unwrap());
        json_options(&headers)
    };
    assert_eq!(of("safe, nan=string").unwrap(), JsonOptions { safe: true, nan_as_string: true });
    assert_eq!(of("saef").unwrap_err().hint.as_deref(), Some("did you mean \"safe\"?"));
}

#[tokio::test]
async fn rows_with_long_names_are_told_as_they_grow() {
    const NAME_BYTES: usize = 1 << 20;
    let nulls: ArrayRef = Arc::new(BooleanArray::from(vec![None; 10]));
    let batch = RecordBatch::try_from_iter_with_nullable([("n".repeat(NAME_BYTES), nulls, true)]).unwrap();
    let mut lengths: Vec<usize> = Vec::new();
    let grown = |bytes| {
        lengths.push(bytes / NAME_BYTES);
        Ok(())
    };
    let whole = append_rows(Vec::new(), std::slice::from_ref(&batch), PLAIN, grown).await.unwrap();
    assert_eq!(
        (lengths.as_slice(), whole.iter().filter(|byte| **byte == b',').count()),
        (&[4, 8, 10][..], 9)
    );
    let refuse = |bytes| match bytes < 5 * NAME_BYTES {
        true => Ok(()),
        false => Err(QueryError::internal("enough")),
    };
    assert!(append_rows(Vec::new(), &[batch], PLAIN, refuse).await.is_err());
}
