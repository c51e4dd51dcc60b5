//! Tests of the conversions from files to tables.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;

use arrow::array::{
    BinaryArray, Decimal128Array, DictionaryArray, FixedSizeBinaryArray, Float32Array, Float64Array,
    Int8Array, Int32Array, LargeListArray, StringArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{Field, Int8Type};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use super::*;

fn int(name: &str) -> Field {
    Field::new(name, DataType::Int32, true)
}

fn numbered(name: &str, id: &str) -> Field {
    let metadata = HashMap::from([(PARQUET_FIELD_ID_META_KEY.to_owned(), id.to_owned())]);
    int(name).with_metadata(metadata)
}

fn pair(fields: Vec<Field>) -> StructArray {
    let columns: Vec<ArrayRef> =
        vec![Arc::new(Int32Array::from(vec![1, 2, 3])), Arc::new(Int32Array::from(vec![10, 20, 30]))];
    let nulls = NullBuffer::from(vec![true, false, true]);
    StructArray::new(fields.into(), columns, Some(nulls))
}

fn child(array: &ArrayRef, place: usize) -> Vec<Option<i32>> {
    array.as_struct().column(place).as_primitive::<arrow::datatypes::Int32Type>().iter().collect()
}

#[test]
fn struct_fields_are_found_by_name_and_missing_ones_are_null() {
    let source: ArrayRef = Arc::new(pair(vec![int("a"), int("b")]));
    let target = DataType::Struct(vec![int("new"), int("b"), int("A")].into());
    let read = conform(&source, &target, Matching::Name).unwrap();
    assert_eq!(read.data_type(), &target);
    assert!(read.is_null(1) && read.is_valid(0));
    assert_eq!(child(&read, 0), [None, None, None]);
    assert_eq!(child(&read, 1), [Some(10), Some(20), Some(30)]);
    assert_eq!(child(&read, 2), [Some(1), Some(2), Some(3)]);
    let strict = conform(&source, &target, Matching::PhysicalName).unwrap();
    assert_eq!(child(&strict, 2), [None, None, None]);
}

#[test]
fn struct_fields_are_found_by_id_whatever_their_names() {
    let source: ArrayRef = Arc::new(pair(vec![numbered("x", "8"), numbered("y", "7")]));
    let target = DataType::Struct(vec![numbered("y", "8"), numbered("z", "9")].into());
    let read = conform(&source, &target, Matching::FieldId).unwrap();
    assert_eq!(read.data_type(), &target);
    assert_eq!(child(&read, 0), [Some(1), Some(2), Some(3)]);
    assert_eq!(child(&read, 1), [None, None, None]);
}

#[test]
fn structs_in_lists_and_maps_gain_their_missing_fields() {
    let structs = pair(vec![int("a"), int("b")]);
    let wanted = Field::new("element", DataType::Struct(vec![int("b"), int("c")].into()), true);
    let offsets = OffsetBuffer::from_lengths([2, 1]);
    let item = Arc::new(Field::new("item", structs.data_type().clone(), true));
    let source: ArrayRef = Arc::new(ListArray::new(item, offsets.clone(), Arc::new(structs.clone()), None));
    let target = DataType::List(Arc::new(wanted.clone()));
    let read = conform(&source, &target, Matching::Name).unwrap();
    assert_eq!(read.data_type(), &target);
    assert_eq!(child(read.as_list::<i32>().values(), 0), [Some(10), Some(20), Some(30)]);
    assert_eq!(child(read.as_list::<i32>().values(), 1), [None, None, None]);

    let entries = |key: &str, value: &Field| {
        let fields = vec![
            Field::new(key, DataType::Utf8, false),
            value.clone().with_name("value").with_nullable(true),
        ];
        Arc::new(Field::new("entries", DataType::Struct(fields.into()), false))
    };
    let stored = entries("k", &Field::new("v", structs.data_type().clone(), true));
    let DataType::Struct(fields) = stored.data_type() else { unreachable!() };
    let keys: ArrayRef = Arc::new(StringArray::from(vec!["x", "y", "z"]));
    let pairs = StructArray::new(fields.clone(), vec![keys, Arc::new(structs)], None);
    let source: ArrayRef = Arc::new(MapArray::new(Arc::clone(&stored), offsets, pairs, None, false));
    let target = DataType::Map(entries("key", &wanted), false);
    let read = conform(&source, &target, Matching::Name).unwrap();
    assert_eq!(read.data_type(), &target);
    assert_eq!(child(read.as_map().values(), 0), [Some(10), Some(20), Some(30)]);
    assert_eq!(child(read.as_map().values(), 1), [None, None, None]);
}

#[test]
fn other_forms_of_the_same_values_are_read() {
    let cases: Vec<(ArrayRef, ArrayRef)> = vec![
        (Arc::new(Int32Array::from(vec![-128, 127])), Arc::new(Int8Array::from(vec![-128, 127]))),
        (Arc::new(Float32Array::from(vec![1.5])), Arc::new(Float64Array::from(vec![1.5]))),
        (Arc::new(BinaryArray::from(vec!["é".as_bytes()])), Arc::new(StringArray::from(vec!["é"]))),
        (
            Arc::new(FixedSizeBinaryArray::try_from_iter([b"ab"].iter()).unwrap()),
            Arc::new(BinaryArray::from(vec![b"ab".as_slice()])),
        ),
        (
            Arc::new(["a", "b"].into_iter().collect::<DictionaryArray<Int8Type>>()),
            Arc::new(StringArray::from(vec!["a", "b"])),
        ),
        (
            Arc::new(Decimal128Array::from(vec![15]).with_precision_and_scale(3, 1).unwrap()),
            Arc::new(Decimal128Array::from(vec![150]).with_precision_and_scale(5, 2).unwrap()),
        ),
        (Arc::new(NullArray::new(2)), Arc::new(Int32Array::from(vec![None, None]))),
        (
            Arc::new(TimestampMillisecondArray::from(vec![-1])),
            Arc::new(TimestampMicrosecondArray::from(vec![-1_000]).with_timezone("UTC")),
        ),
        (
            Arc::new(TimestampNanosecondArray::from(vec![-2_000])),
            Arc::new(TimestampMicrosecondArray::from(vec![-2])),
        ),
        (
            Arc::new(TimestampMicrosecondArray::from(vec![7]).with_timezone("+05:00")),
            Arc::new(TimestampMicrosecondArray::from(vec![7])),
        ),
    ];
    for (stored, right) in cases {
        let read = conform(&stored, right.data_type(), Matching::Name).unwrap();
        assert_eq!(&read, &right, "{}", stored.data_type());
    }
    let values: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    let item = Arc::new(int("item"));
    let large: ArrayRef =
        Arc::new(LargeListArray::new(item, OffsetBuffer::from_lengths([2]), Arc::clone(&values), None));
    let read = conform(&large, &DataType::List(Arc::new(int("element"))), Matching::Name).unwrap();
    assert_eq!(read.as_list::<i32>().values(), &values);
}

#[test]
fn values_that_would_change_are_errors() {
    let utc = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let cases: Vec<(ArrayRef, DataType)> = vec![
        (Arc::new(Int32Array::from(vec![128])), DataType::Int8),
        (Arc::new(Int32Array::from(vec![1])), DataType::Utf8),
        (Arc::new(Int32Array::from(vec![1])), DataType::Null),
        (Arc::new(StringArray::from(vec!["1"])), DataType::Int32),
        (Arc::new(Float64Array::from(vec![1.5])), DataType::Float32),
        (Arc::new(Float64Array::from(vec![1.5])), DataType::Int64),
        (Arc::new(BinaryArray::from(vec![b"\xff".as_slice()])), DataType::Utf8),
        (
            Arc::new(Decimal128Array::from(vec![155]).with_precision_and_scale(3, 2).unwrap()),
            DataType::Decimal128(3, 1),
        ),
        (
            Arc::new(Decimal128Array::from(vec![999]).with_precision_and_scale(3, 0).unwrap()),
            DataType::Decimal128(3, 1),
        ),
        (Arc::new(TimestampNanosecondArray::from(vec![1_001])), utc()),
        (Arc::new(TimestampMillisecondArray::from(vec![i64::MAX])), utc()),
        (Arc::new(pair(vec![int("a"), int("b")])), DataType::Int32),
    ];
    for (stored, target) in cases {
        assert!(conform(&stored, &target, Matching::Name).is_err(), "{} as {target}", stored.data_type());
    }
}
