//! Every mask on every type: the declared type comes out, nulls stay null, nothing fails, and
//! masks that hide values whole show none.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod documented;
mod naive;

use std::sync::Arc;

use arrow::array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampNanosecondType,
};
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryArray, BooleanArray, LargeStringArray, ListArray,
    PrimitiveArray, StringArray, StringViewArray, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::util::display::array_value_to_string;
use arrow_schema::{Field, Fields};
use proptest::prelude::*;

use super::*;
use crate::keys::KeyRing;
use crate::rule::MaskRule;

fn ring() -> KeyRing {
    KeyRing::generate("k1")
}

fn utc() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")))
}

fn primitive<T: ArrowPrimitiveType>(
    data_type: DataType,
    value: impl Strategy<Value = T::Native> + 'static,
) -> BoxedStrategy<ArrayRef>
where
    T::Native: std::fmt::Debug,
{
    proptest::collection::vec(proptest::option::of(value), 0..20)
        .prop_map(move |values| {
            let array: PrimitiveArray<T> = values.into_iter().collect();
            Arc::new(array.with_data_type(data_type.clone())) as ArrayRef
        })
        .boxed()
}

fn text() -> impl Strategy<Value = Vec<Option<String>>> {
    let value = prop_oneof![".{0,30}", "[a-z]{1,8}@[a-z]{1,8}\\.org", "[0-9-]{15}"];
    proptest::collection::vec(proptest::option::of(value), 0..20)
}

/// Integers with their extremes.
fn wide() -> BoxedStrategy<i64> {
    prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), Just(0), -50i64..50].boxed()
}

fn decimals() -> BoxedStrategy<i128> {
    let most = 10i128.pow(38) - 1;
    prop_oneof![-most..=most, Just(most), Just(-most), -50i128..50].boxed()
}

fn arrays() -> impl Strategy<Value = ArrayRef> {
    prop_oneof![
        primitive::<Int8Type>(DataType::Int8, any::<i8>()),
        primitive::<Int16Type>(DataType::Int16, any::<i16>()),
        primitive::<Int32Type>(DataType::Int32, any::<i32>()),
        primitive::<Int64Type>(DataType::Int64, wide()),
        primitive::<Float32Type>(DataType::Float32, proptest::num::f32::ANY),
        primitive::<Float64Type>(DataType::Float64, proptest::num::f64::ANY),
        primitive::<Decimal128Type>(DataType::Decimal128(38, 2), decimals()),
        primitive::<Date32Type>(DataType::Date32, any::<i32>()),
        primitive::<TimestampMicrosecondType>(utc(), wide()),
        primitive::<TimestampNanosecondType>(DataType::Timestamp(TimeUnit::Nanosecond, None), wide()),
        text().prop_map(|values| Arc::new(StringArray::from(values)) as ArrayRef),
        text().prop_map(|values| Arc::new(LargeStringArray::from(values)) as ArrayRef),
        text().prop_map(|values| Arc::new(values.into_iter().collect::<StringViewArray>()) as ArrayRef),
        proptest::collection::vec(proptest::option::of(any::<bool>()), 0..20)
            .prop_map(|values| Arc::new(BooleanArray::from(values)) as ArrayRef),
        proptest::collection::vec(proptest::option::of(any::<Vec<u8>>()), 0..10)
            .prop_map(|values| Arc::new(values.into_iter().collect::<BinaryArray>()) as ArrayRef),
    ]
}

fn rule(text: &str) -> MaskRule {
    serde_saphyr::from_str(text).expect("a mask")
}

/// Every mask, as policy files write it; those that do not take the type are left out.
fn masks_for(data_type: &DataType) -> Vec<ColumnMask> {
    let mut rules = vec![
        "null: {}".to_string(),
        "hash: {}".into(),
        "partial: { keep_last: 4 }".into(),
        "partial: { keep_first: 2, keep_last: 1 }".into(),
        "partial: { email: true }".into(),
        "constant: 7".into(),
        "constant: 'true'".into(),
        "constant: '2024-01-01'".into(),
        "constant: '2024-01-01T00:00:00Z'".into(),
    ];
    for step in ["1", "7", "1000", "0.5", "99999999999999999999"] {
        rules.push(format!("round: {step}"));
        rules.push(format!("truncate: {{ step: {step} }}"));
        rules.push(format!("bucket: {{ width: {step} }}"));
    }
    for unit in CalendarUnit::ALL {
        rules.push(format!("truncate: {{ unit: {unit} }}"));
        rules.push(format!("bucket: {{ unit: {unit} }}"));
    }
    let built = rules.iter().filter_map(|text| mask_from_rule(&rule(text), data_type, &ring(), "t.c").ok());
    built.filter(|mask| mask.output_type(data_type).is_ok()).collect()
}

fn shown(array: &ArrayRef, row: usize) -> String {
    array_value_to_string(array, row).unwrap_or_else(|error| error.to_string())
}

proptest! {
    #[test]
    fn every_mask_is_total_and_keeps_nulls(array in arrays(), skip in 0usize..3) {
        let array = array.slice(skip.min(array.len()), array.len().saturating_sub(skip));
        for mask in masks_for(array.data_type()) {
            let masked = mask.apply(&array).unwrap();
            prop_assert_eq!(masked.data_type(), &mask.output_type(array.data_type()).unwrap());
            prop_assert_eq!(masked.len(), array.len());
            for row in 0..array.len() {
                let hides_presence = matches!(mask, ColumnMask::Null);
                prop_assert_eq!(masked.is_null(row), array.is_null(row) || hides_presence);
                if array.is_null(row) {
                    continue;
                }
                match &mask {
                    ColumnMask::Hash(_) => prop_assert_ne!(shown(&masked, row), shown(&array, row)),
                    ColumnMask::Constant(_) => prop_assert_eq!(shown(&masked, row), {
                        let first = (0..array.len()).find(|row| array.is_valid(*row)).unwrap();
                        shown(&masked, first)
                    }),
                    ColumnMask::Partial(partial) => {
                        prop_assert!(hides_enough(partial, &shown(&array, row), &shown(&masked, row)));
                    }
                    _ => {}
                }
            }
            // What is masked already masks to itself, or the mask would tell raw from masked.
            if !matches!(mask, ColumnMask::Hash(_) | ColumnMask::Partial(_)) && !is_float(&array) {
                prop_assert_eq!(&mask.apply(&masked).unwrap(), &masked);
            }
        }
    }

    #[test]
    fn equal_values_hash_equal_and_others_do_not(left in any::<i32>(), right in any::<i32>()) {
        let mask = HashMask::new(ring().current(), "tag").map(ColumnMask::Hash).unwrap();
        let narrow: ArrayRef = Arc::new(PrimitiveArray::<Int32Type>::from(vec![left, right]));
        let wide: ArrayRef = Arc::new(PrimitiveArray::<Int64Type>::from(vec![i64::from(left), i64::from(right)]));
        let narrow = mask.apply(&narrow).unwrap();
        prop_assert_eq!(&narrow, &mask.apply(&wide).unwrap());
        let narrow = narrow.as_string::<i32>();
        prop_assert_eq!(narrow.value(0) == narrow.value(1), left == right);
    }
}

fn is_float(array: &ArrayRef) -> bool {
    array.data_type().is_floating()
}

fn hides_enough(mask: &PartialMask, raw: &str, masked: &str) -> bool {
    match mask {
        PartialMask::Ends { first, last } => {
            let length = raw.chars().count();
            masked == "****" || (masked.chars().count() == first + last + 4 && length >= 2 * (first + last))
        }
        PartialMask::EmailDomain => {
            masked == "****"
                || raw.rsplit_once('@').is_some_and(|(_, domain)| masked == format!("****@{domain}"))
        }
    }
}

#[test]
fn pairs_outside_the_table_are_refused() {
    let refused =
        |text: &str, data_type: &DataType| match mask_from_rule(&rule(text), data_type, &ring(), "t.c") {
            Ok(mask) => {
                let array = arrow::array::new_null_array(data_type, 2);
                assert_eq!(mask.apply(&array).is_err(), mask.output_type(data_type).is_err());
                mask.output_type(data_type).is_err()
            }
            Err(_) => true,
        };
    let list = DataType::List(Arc::new(Field::new("item", DataType::Utf8, true)));
    for (text, data_type) in [
        ("partial: { keep_last: 4 }", DataType::Int64),
        ("partial: {}", DataType::Utf8),
        ("partial: { email: true, keep_last: 1 }", DataType::Utf8),
        ("hash: {}", list.clone()),
        ("hash: { key: '' }", DataType::Utf8),
        ("constant: x", DataType::Int64),
        ("constant: 300", DataType::Int8),
        ("constant: x", list.clone()),
        ("round: 10", DataType::Utf8),
        ("round: 10", DataType::Date32),
        ("round: 0.5", DataType::Int64),
        ("round: 0", DataType::Int64),
        ("round: -5", DataType::Int64),
        ("truncate: { unit: hour }", DataType::Date32),
        ("truncate: { unit: fortnight }", DataType::Date32),
        ("truncate: { unit: day }", DataType::Int64),
        ("truncate: { step: 5 }", utc()),
        ("truncate: {}", DataType::Int64),
        ("truncate: { unit: day, step: 5 }", DataType::Int64),
        ("bucket: { width: 5 }", DataType::Boolean),
        ("expression: 'x'", DataType::Utf8),
    ] {
        assert!(refused(text, &data_type), "{text} on {data_type}");
    }
    assert!(!refused("null: {}", &list));
}

#[test]
fn hashes_join_across_tables_and_differ_by_key_name() {
    let ring = ring();
    let of = |tag: &str, array: ArrayRef| {
        let mask = HashMask::new(ring.current(), tag).map(ColumnMask::Hash).unwrap();
        shown(&mask.apply(&array).unwrap(), 0)
    };
    let utf8 = of("pii.tail", Arc::new(StringArray::from(vec!["N14228"])));
    let view = of("pii.tail", Arc::new(StringViewArray::from(vec!["N14228"])));
    assert_eq!(utf8, view);
    assert_eq!(utf8.len(), 32);
    assert_ne!(utf8, of("pii.other", Arc::new(StringArray::from(vec!["N14228"]))));
    assert_ne!(utf8, of("pii.tail", Arc::new(BinaryArray::from_vec(vec![b"N14228"]))));
    let decimal = |unscaled: i128, scale: i8| -> ArrayRef {
        let array = PrimitiveArray::<Decimal128Type>::from(vec![unscaled]);
        Arc::new(array.with_precision_and_scale(20, scale).unwrap())
    };
    assert_eq!(of("t", decimal(150, 2)), of("t", decimal(15, 1)));
    let zeros = |value: f64| -> ArrayRef { Arc::new(PrimitiveArray::<Float64Type>::from(vec![value])) };
    assert_eq!(of("t", zeros(0.0)), of("t", zeros(-0.0)));
    let other_ring = KeyRing::generate("k1");
    let other = HashMask::new(other_ring.current(), "pii.tail").map(ColumnMask::Hash).unwrap();
    let array: ArrayRef = Arc::new(StringArray::from(vec!["N14228"]));
    assert_ne!(utf8, shown(&other.apply(&array).unwrap(), 0));
}

fn items() -> ArrayRef {
    let fields = Fields::from(vec![
        Field::new("email", DataType::Utf8, false),
        Field::new("age", DataType::Int32, true),
    ]);
    let email: ArrayRef = Arc::new(StringArray::from(vec!["ann@x.org", "bob@y.org", "eve@z.org"]));
    let age: ArrayRef = Arc::new(PrimitiveArray::<Int32Type>::from(vec![Some(41), None, Some(29)]));
    let people =
        StructArray::new(fields.clone(), vec![email, age], Some(NullBuffer::from(vec![true, true, false])));
    let item = Arc::new(Field::new("element", DataType::Struct(fields), true));
    let offsets = OffsetBuffer::new(vec![0, 2, 2, 3].into());
    let nulls = Some(NullBuffer::from(vec![true, false, true]));
    Arc::new(ListArray::new(item, offsets, Arc::new(people), nulls))
}

#[test]
fn fields_inside_lists_of_structs_are_masked_in_place() {
    let array = items();
    let path = |name: &str| vec![name.to_string()];
    let hash = HashMask::new(ring().current(), "t").map(ColumnMask::Hash).unwrap();
    for mask in [ColumnMask::Null, hash, ColumnMask::Partial(PartialMask::EmailDomain)] {
        let masked = apply_nested(&array, &path("email"), &mask).unwrap();
        assert_eq!(
            masked.data_type(),
            &nested_output_type(array.data_type(), &path("email"), &mask).unwrap()
        );
        let text: String = (0..3).map(|row| shown(&masked, row)).collect();
        assert!(!text.contains("ann@") && text.contains("41"), "{text}");
        assert!(masked.is_null(1) && masked.len() == 3);
    }
}

#[test]
fn absent_fields_leave_type_and_values() {
    let array = items();
    let first = apply_nested(&array, &["email".to_string()], &ColumnMask::Absent).unwrap();
    let expected =
        nested_output_type(array.data_type(), &["email".to_string()], &ColumnMask::Absent).unwrap();
    assert_eq!(first.data_type(), &expected);
    assert!(!format!("{:?} {}", expected, shown(&first, 0)).contains("email"));
    let both = apply_nested(&first, &["age".to_string()], &ColumnMask::Absent).unwrap();
    assert_eq!(both.len(), 3);
}

#[test]
fn paths_that_lead_nowhere_are_refused() {
    let array = items();
    for path in [vec!["nosuch"], vec!["email", "x"], vec!["element", "email"]] {
        let path: Vec<String> = path.into_iter().map(str::to_string).collect();
        assert!(nested_output_type(array.data_type(), &path, &ColumnMask::Null).is_err());
        assert!(apply_nested(&array, &path, &ColumnMask::Null).is_err());
    }
}

#[test]
fn debug_and_words_show_no_key() {
    let ring = ring();
    let mask = HashMask::new(ring.current(), "pii.x").map(ColumnMask::Hash).unwrap();
    let text = format!("{mask:?} {}", mask.describe());
    assert!(text.contains("pii.x") && text.contains("k1") && !text.contains("keyed"), "{text}");
}
