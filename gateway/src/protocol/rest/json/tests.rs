//! Tests of the documented JSON of every type and switch.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array,
    Int32Array, Int32Builder, Int64Array, ListArray, MapBuilder, StringArray, StringBuilder, StructArray,
    Time64MicrosecondArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow::datatypes::{Int32Type, Schema};

use super::*;

async fn rows(columns: Vec<(&str, ArrayRef)>, options: JsonOptions) -> String {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)).collect::<Vec<_>>(),
    )
    .unwrap();
    String::from_utf8(append_rows(Vec::new(), &[batch], options, |_| Ok(())).await.unwrap()).unwrap()
}

async fn one(array: impl Array + 'static, options: JsonOptions) -> String {
    rows(vec![("c", Arc::new(array))], options).await
}

const PLAIN: JsonOptions = JsonOptions { safe: false, nan_as_string: false };
const SAFE: JsonOptions = JsonOptions { safe: true, nan_as_string: false };
const NAN: JsonOptions = JsonOptions { safe: false, nan_as_string: true };

#[tokio::test]
async fn wide_integers_are_numbers_or_safe_strings() {
    let wide = || Int64Array::from(vec![Some(i64::MIN), None]);
    assert_eq!(one(wide(), PLAIN).await, r#"{"c":-9223372036854775808},{"c":null}"#);
    assert_eq!(one(wide(), SAFE).await, r#"{"c":"-9223372036854775808"},{"c":null}"#);
    assert_eq!(one(UInt64Array::from(vec![u64::MAX]), SAFE).await, r#"{"c":"18446744073709551615"}"#);
    assert_eq!(one(Int32Array::from(vec![7]), SAFE).await, r#"{"c":7}"#);
}

#[tokio::test]
async fn decimals_keep_every_digit() {
    let value = || {
        Decimal128Array::from(vec![12_345_678_901_234_567_890, -5]).with_precision_and_scale(38, 2).unwrap()
    };
    assert_eq!(one(value(), PLAIN).await, r#"{"c":123456789012345678.90},{"c":-0.05}"#);
    assert_eq!(one(value(), SAFE).await, r#"{"c":"123456789012345678.90"},{"c":"-0.05"}"#);
}

#[tokio::test]
async fn floats_that_json_cannot_say_are_null_or_named() {
    let odd = || Float64Array::from(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.5]);
    assert_eq!(one(odd(), PLAIN).await, r#"{"c":null},{"c":null},{"c":null},{"c":1.5}"#);
    assert_eq!(one(odd(), NAN).await, r#"{"c":"NaN"},{"c":"Infinity"},{"c":"-Infinity"},{"c":1.5}"#);
    assert_eq!(one(Float32Array::from(vec![0.1]), NAN).await, r#"{"c":0.1}"#);
}

#[tokio::test]
async fn dates_and_times_are_iso_8601() {
    assert_eq!(one(Date32Array::from(vec![15_736]), PLAIN).await, r#"{"c":"2013-01-31"}"#);
    let zoned =
        TimestampMicrosecondArray::from(vec![1_359_608_400_000_000]).with_timezone("America/New_York");
    assert_eq!(one(zoned, PLAIN).await, r#"{"c":"2013-01-31T05:00:00Z"}"#);
    let local = TimestampMicrosecondArray::from(vec![1_359_608_400_120_000]);
    assert_eq!(one(local, PLAIN).await, r#"{"c":"2013-01-31T05:00:00.120"}"#);
    assert_eq!(one(Time64MicrosecondArray::from(vec![1_500_000]), PLAIN).await, r#"{"c":"00:00:01.500"}"#);
}

#[tokio::test]
async fn binary_is_base64_and_text_is_escaped() {
    assert_eq!(one(BinaryArray::from(vec![&b"\x00\xff"[..]]), PLAIN).await, r#"{"c":"AP8="}"#);
    assert_eq!(one(StringArray::from(vec!["a\"\n\u{1}é"]), PLAIN).await, "{\"c\":\"a\\\"\\n\\u0001é\"}");
}

#[tokio::test]
async fn nested_values_follow_the_switches_too() {
    let list = ListArray::from_iter_primitive::<arrow::datatypes::Int64Type, _, _>(vec![
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
    ]);
    assert_eq!(one(list, SAFE).await, r#"{"c":["1",null]},{"c":null},{"c":[]}"#);
    let inner: ArrayRef = Arc::new(BooleanArray::from(vec![Some(true), None]));
    let object = StructArray::from(vec![(Arc::new(Field::new("b", DataType::Boolean, true)), inner)]);
    assert_eq!(one(object, PLAIN).await, r#"{"c":{"b":true}},{"c":{"b":null}}"#);
}

#[tokio::test]
async fn maps_are_objects_only_when_keys_are_strings() {
    let mut named = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    named.keys().append_value("a");
    named.values().append_null();
    named.append(true).unwrap();
    assert_eq!(one(named.finish(), PLAIN).await, r#"{"c":{"a":null}}"#);
    let mut numbered = MapBuilder::new(None, Int32Builder::new(), Int32Builder::new());
    numbered.keys().append_value(1);
    numbered.values().append_value(2);
    numbered.keys().append_value(3);
    numbered.values().append_null();
    numbered.append(true).unwrap();
    assert_eq!(one(numbered.finish(), PLAIN).await, r#"{"c":[{"key":1,"value":2},{"key":3,"value":null}]}"#);
}

#[tokio::test]
async fn dictionaries_read_as_their_values() {
    let words: arrow::array::DictionaryArray<Int32Type> = vec!["a", "b", "a"].into_iter().collect();
    assert_eq!(one(words, PLAIN).await, r#"{"c":"a"},{"c":"b"},{"c":"a"}"#);
}

#[tokio::test]
async fn columns_keep_their_order_and_slices_join_without_a_seam() {
    let many = usize::try_from(i32::try_from(SLICE_ROWS).unwrap() + 1).unwrap();
    let numbers: Vec<i32> = (0..i32::try_from(many).unwrap()).collect();
    let z: ArrayRef = Arc::new(Int32Array::from(numbers.clone()));
    let text = rows(vec![("z", Arc::clone(&z)), ("a", z)], PLAIN).await;
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
        JsonOptions::of(&headers)
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
