//! Tests of values: one of each type, with its null.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use arrow::array::{
    BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, DurationSecondArray,
    Float64Array, Int64Array, ListArray, MapBuilder, StringArray, StringBuilder, StringViewArray,
    Time64MicrosecondArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{Field, Int32Type as Index, Int64Type as Number};

use super::*;

fn values(array: impl Array) -> Vec<Option<Kind>> {
    column(&array).unwrap().into_iter().map(|value| value.kind).collect()
}

fn is(kind: Kind) -> Vec<Option<Kind>> {
    vec![Some(kind), Some(Kind::NullValue(0))]
}

#[test]
fn plain_types_have_a_kind_each() {
    assert_eq!(values(BooleanArray::from(vec![Some(true), None])), is(Kind::BoolValue(true)));
    assert_eq!(values(Int64Array::from(vec![Some(i64::MIN), None])), is(Kind::Int64Value(i64::MIN)));
    assert_eq!(values(UInt64Array::from(vec![Some(u64::MAX), None])), is(Kind::Uint64Value(u64::MAX)));
    let infinite = Float64Array::from(vec![Some(f64::NEG_INFINITY), None]);
    assert_eq!(values(infinite), is(Kind::DoubleValue(f64::NEG_INFINITY)));
    let text = Kind::StringValue("a".to_owned());
    assert_eq!(values(StringArray::from(vec![Some("a"), None])), is(text.clone()));
    assert_eq!(values(StringViewArray::from(vec![Some("a"), None])), is(text.clone()));
    let dictionary: DictionaryArray<Index> = vec![Some("a"), None].into_iter().collect();
    assert_eq!(values(dictionary), is(text));
    let bytes = BinaryArray::from(vec![Some(b"\xff".as_slice()), None]);
    assert_eq!(values(bytes), is(Kind::BytesValue(Bytes::from_static(b"\xff"))));
    let prices = Decimal128Array::from(vec![Some(-1250), None]).with_precision_and_scale(12, 2).unwrap();
    assert_eq!(values(prices), is(Kind::DecimalValue("-12.50".to_owned())));
}

#[test]
fn dates_and_times_keep_every_part() {
    assert_eq!(values(Date32Array::from(vec![Some(-1), None])), is(Kind::DateDays(-1)));
    let local = TimestampMicrosecondArray::from(vec![Some(-1), None]);
    let before = LocalTimestamp { seconds: -1, nanos: 999_999_000 };
    assert_eq!(values(local.clone()), is(Kind::LocalTimestampValue(before)));
    let instant = Timestamp { seconds: -1, nanos: 999_999_000 };
    assert_eq!(values(local.with_timezone("UTC")), is(Kind::TimestampValue(instant)));
    assert_eq!(values(Time64MicrosecondArray::from(vec![Some(5), None])), is(Kind::TimeNanos(5_000)));
    let other = values(DurationSecondArray::from(vec![Some(1), None]));
    assert!(matches!(&other[0], Some(Kind::OtherValue(_))), "{other:?}");
    assert_eq!(other[1], Some(Kind::NullValue(0)));
}

#[test]
fn nested_types_have_values_inside() {
    let number = |value| Value { kind: Some(Kind::Int64Value(value)) };
    let lists = ListArray::from_iter_primitive::<Number, _, _>(vec![Some(vec![Some(1), None]), None]);
    let one = Kind::ListValue(ListValue { values: vec![number(1), null()] });
    assert_eq!(values(lists), is(one));
    let fields = vec![Field::new("a", DataType::Int64, true)];
    let inner: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let nulls = NullBuffer::from(vec![true, false]);
    let structs = StructArray::new(fields.into(), vec![inner], Some(nulls));
    assert_eq!(values(structs), is(Kind::StructValue(StructValue { values: vec![number(1)] })));
    let mut maps = MapBuilder::new(None, StringBuilder::new(), arrow::array::Int64Builder::new());
    maps.keys().append_value("k");
    maps.values().append_value(1);
    maps.append(true).unwrap();
    maps.append(false).unwrap();
    let key = Value { kind: Some(Kind::StringValue("k".to_owned())) };
    let entries = vec![MapEntry { key: Some(key), value: Some(number(1)) }];
    assert_eq!(values(maps.finish()), is(Kind::MapValue(MapValue { entries })));
}

#[tokio::test]
async fn rows_are_whole_over_slices_and_what_has_grown_is_told() {
    let count = 2 * SLICE_ROWS + 1;
    let numbers: ArrayRef = Arc::new((0..).take(count).collect::<Int64Array>());
    let batch = RecordBatch::try_from_iter([("n", Arc::clone(&numbers)), ("m", numbers)]).unwrap();
    let mut told: Vec<usize> = Vec::new();
    let rows = rows(std::slice::from_ref(&batch), |size| {
        told.push(size.memory_bytes);
        Ok(())
    });
    let rows = rows.await.unwrap();
    assert_eq!(rows.len(), count);
    let last = i64::try_from(count - 1).unwrap();
    assert_eq!(rows[count - 1].values, vec![Value { kind: Some(Kind::Int64Value(last)) }; 2]);
    assert_eq!(told.len(), 3);
    assert!(told[2] >= count * 2 * size_of::<Value>(), "{told:?}");
}
