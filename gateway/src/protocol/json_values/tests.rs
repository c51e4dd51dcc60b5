//! Tests of the documented JSON of every type and choice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array,
    Int32Array, Int32Builder, Int64Array, ListArray, MapBuilder, StringArray, StringBuilder, StructArray,
    Time64MicrosecondArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow::datatypes::{DataType, Field, FieldRef, Int32Type};
use arrow_json::writer::make_encoder;

use super::*;

/// Each value as the only column of a row.
fn one(array: impl Array + 'static, options: JsonOptions) -> String {
    let column = Field::new("c", array.data_type().clone(), true);
    let rows = StructArray::from(vec![(Arc::new(column), Arc::new(array) as ArrayRef)]);
    let row: FieldRef = Arc::new(Field::new("row", rows.data_type().clone(), false));
    let options = encoder_options(options);
    let mut encoder = make_encoder(&row, &rows, &options).unwrap();
    let encode = |at| {
        let mut out = Vec::new();
        encoder.encode(at, &mut out);
        String::from_utf8(out).unwrap()
    };
    (0..rows.len()).map(encode).collect::<Vec<String>>().join(",")
}

const PLAIN: JsonOptions = JsonOptions { safe: false, nan_as_string: false };
const SAFE: JsonOptions = JsonOptions { safe: true, nan_as_string: false };
const NAN: JsonOptions = JsonOptions { safe: false, nan_as_string: true };

#[test]
fn wide_integers_are_numbers_or_safe_strings() {
    let wide = || Int64Array::from(vec![Some(i64::MIN), None]);
    assert_eq!(one(wide(), PLAIN), r#"{"c":-9223372036854775808},{"c":null}"#);
    assert_eq!(one(wide(), SAFE), r#"{"c":"-9223372036854775808"},{"c":null}"#);
    assert_eq!(one(UInt64Array::from(vec![u64::MAX]), SAFE), r#"{"c":"18446744073709551615"}"#);
    assert_eq!(one(Int32Array::from(vec![7]), SAFE), r#"{"c":7}"#);
}

#[test]
fn decimals_keep_every_digit() {
    let value = || {
        Decimal128Array::from(vec![12_345_678_901_234_567_890, -5]).with_precision_and_scale(38, 2).unwrap()
    };
    assert_eq!(one(value(), PLAIN), r#"{"c":123456789012345678.90},{"c":-0.05}"#);
    assert_eq!(one(value(), SAFE), r#"{"c":"123456789012345678.90"},{"c":"-0.05"}"#);
}

#[test]
fn floats_that_json_cannot_say_are_null_or_named() {
    let odd = || Float64Array::from(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.5]);
    assert_eq!(one(odd(), PLAIN), r#"{"c":null},{"c":null},{"c":null},{"c":1.5}"#);
    assert_eq!(one(odd(), NAN), r#"{"c":"NaN"},{"c":"Infinity"},{"c":"-Infinity"},{"c":1.5}"#);
    assert_eq!(one(Float32Array::from(vec![0.1]), NAN), r#"{"c":0.1}"#);
}

#[test]
fn dates_and_times_are_iso_8601() {
    assert_eq!(one(Date32Array::from(vec![15_736]), PLAIN), r#"{"c":"2013-01-31"}"#);
    let zoned =
        TimestampMicrosecondArray::from(vec![1_359_608_400_000_000]).with_timezone("America/New_York");
    assert_eq!(one(zoned, PLAIN), r#"{"c":"2013-01-31T05:00:00Z"}"#);
    let local = TimestampMicrosecondArray::from(vec![1_359_608_400_120_000]);
    assert_eq!(one(local, PLAIN), r#"{"c":"2013-01-31T05:00:00.120"}"#);
    assert_eq!(one(Time64MicrosecondArray::from(vec![1_500_000]), PLAIN), r#"{"c":"00:00:01.500"}"#);
}

#[test]
fn binary_is_base64_and_text_is_escaped() {
    assert_eq!(one(BinaryArray::from(vec![&b"\x00\xff"[..]]), PLAIN), r#"{"c":"AP8="}"#);
    assert_eq!(one(StringArray::from(vec!["a\"\n\u{1}é"]), PLAIN), "{\"c\":\"a\\\"\\n\\u0001é\"}");
}

#[test]
fn nested_values_follow_the_switches_too() {
    let list = ListArray::from_iter_primitive::<arrow::datatypes::Int64Type, _, _>(vec![
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
    ]);
    assert_eq!(one(list, SAFE), r#"{"c":["1",null]},{"c":null},{"c":[]}"#);
    let inner: ArrayRef = Arc::new(BooleanArray::from(vec![Some(true), None]));
    let object = StructArray::from(vec![(Arc::new(Field::new("b", DataType::Boolean, true)), inner)]);
    assert_eq!(one(object, PLAIN), r#"{"c":{"b":true}},{"c":{"b":null}}"#);
}

#[test]
fn maps_are_objects_only_when_keys_are_strings() {
    let mut named = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    named.keys().append_value("a");
    named.values().append_null();
    named.append(true).unwrap();
    assert_eq!(one(named.finish(), PLAIN), r#"{"c":{"a":null}}"#);
    let mut numbered = MapBuilder::new(None, Int32Builder::new(), Int32Builder::new());
    numbered.keys().append_value(1);
    numbered.values().append_value(2);
    numbered.keys().append_value(3);
    numbered.values().append_null();
    numbered.append(true).unwrap();
    assert_eq!(one(numbered.finish(), PLAIN), r#"{"c":[{"key":1,"value":2},{"key":3,"value":null}]}"#);
}

#[test]
fn dictionaries_read_as_their_values() {
    let words: arrow::array::DictionaryArray<Int32Type> = vec!["a", "b", "a"].into_iter().collect();
    assert_eq!(one(words, PLAIN), r#"{"c":"a"},{"c":"b"},{"c":"a"}"#);
}
