//! Tests of what leaves the server in plain layouts: the rows, and nothing that was around them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;

use arrow::array::{
    BinaryViewArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array, DictionaryArray,
    FixedSizeBinaryArray, Float64Array, Int64Array, IntervalMonthDayNanoArray, LargeStringArray, ListArray,
    MapBuilder, NullArray, StringArray, StringBuilder, StringViewArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{Int32Type, IntervalMonthDayNano, i256};
use arrow::ipc::writer::StreamEncoder;

use super::*;

fn batch(array: ArrayRef) -> RecordBatch {
    let field = Field::new("a", array.data_type().clone(), true);
    RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![array]).unwrap()
}

fn plain(batch: &RecordBatch) -> RecordBatch {
    rebuilt(batch, &plain_schema(&batch.schema()).unwrap()).unwrap()
}

fn wire(batch: &RecordBatch) -> Vec<u8> {
    let mut encoder = StreamEncoder::try_new(&batch.schema()).unwrap();
    encoder.encode(batch).unwrap().iter().flat_map(|piece| piece.to_vec()).collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn plain_types_come_back_as_they_were() {
    let maps = {
        let mut maps = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
        maps.keys().append_value("k");
        maps.values().append_null();
        maps.append(true).unwrap();
        maps.append(false).unwrap();
        maps.finish()
    };
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1), None]), None]);
    let interval = IntervalMonthDayNano::new(1, -2, 3);
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(NullArray::new(2)),
        Arc::new(BooleanArray::from(vec![Some(true), None])),
        Arc::new(Int64Array::from(vec![Some(i64::MIN), None])),
        Arc::new(Float64Array::from(vec![Some(-0.0), None, Some(f64::INFINITY)])),
        Arc::new(StringArray::from(vec![Some("\u{e9}"), Some(""), None])),
        Arc::new(LargeStringArray::from(vec![Some("x"), None])),
        Arc::new(Date32Array::from(vec![Some(-5), None])),
        Arc::new(TimestampMicrosecondArray::from(vec![Some(-1), None]).with_timezone("UTC")),
        Arc::new(Decimal128Array::from(vec![Some(-125), None]).with_precision_and_scale(12, 2).unwrap()),
        Arc::new(Decimal256Array::from(vec![Some(i256::MINUS_ONE), None])),
        Arc::new(FixedSizeBinaryArray::try_from_iter([b"ab", b"cd"].into_iter()).unwrap()),
        Arc::new(IntervalMonthDayNanoArray::from(vec![Some(interval), None])),
        Arc::new(lists),
        Arc::new(maps),
    ];
    for array in arrays {
        let before = batch(array);
        assert_eq!(plain(&before), before);
    }
}

#[test]
fn views_and_dictionaries_become_plain_and_lose_what_they_were_cut_from() {
    let long = |text: &str| format!("{text}, which is longer than twelve bytes");
    let (shown, hidden) = (long("shown"), long("hidden"));
    let texts = [shown.as_str(), hidden.as_str()];
    let dictionary: DictionaryArray<Int32Type> = texts.into_iter().map(Some).collect();
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(StringViewArray::from_iter_values(texts)),
        Arc::new(BinaryViewArray::from_iter_values(texts)),
        Arc::new(StringArray::from_iter_values(texts)),
        Arc::new(dictionary),
    ];
    for array in arrays {
        let rows = plain(&batch(array.slice(0, 1)));
        let bytes = wire(&rows);
        assert!(matches!(rows.schema().field(0).data_type(), DataType::Utf8 | DataType::Binary));
        assert!(holds(&bytes, &shown) && !holds(&bytes, &hidden), "{:?}", array.data_type());
    }
}

#[test]
fn nothing_is_left_under_a_null() {
    let nulls = || Some(NullBuffer::from(vec![true, false]));
    let texts = StringArray::from(vec!["shown", "hidden"]);
    let (offsets, values, _) = texts.clone().into_parts();
    let under_null: ArrayRef = Arc::new(StringArray::new(offsets, values, nulls()));
    let fields: Fields = vec![Field::new("f", DataType::Utf8, true)].into();
    let in_struct: ArrayRef = Arc::new(StructArray::new(fields, vec![Arc::new(texts.clone())], nulls()));
    let item = Arc::new(Field::new("item", DataType::Utf8, true));
    let one_each = OffsetBuffer::from_lengths([1, 1]);
    let in_list: ArrayRef = Arc::new(ListArray::new(item, one_each, Arc::new(texts), nulls()));
    for array in [under_null, in_struct, in_list] {
        let before = batch(array);
        assert!(holds(&wire(&before), "hidden"), "{:?}", before.schema());
        let rows = plain(&before);
        assert_eq!(rows, before);
        assert!(holds(&wire(&rows), "shown") && !holds(&wire(&rows), "hidden"), "{:?}", before.schema());
    }
}

#[test]
fn no_metadata_is_left_at_any_depth() {
    let secret = || HashMap::from([("physicalName".to_owned(), "secret".to_owned())]);
    let inner = Field::new("f", DataType::Int64, true).with_metadata(secret());
    let values: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let structs: ArrayRef = Arc::new(StructArray::new(vec![inner].into(), vec![values], None));
    let field = Field::new("a", structs.data_type().clone(), true).with_metadata(secret());
    let schema = Arc::new(Schema::new(vec![field]).with_metadata(secret()));
    let before = RecordBatch::try_new(schema, vec![structs]).unwrap();
    assert!(holds(&wire(&before), "secret"));
    assert!(!holds(&wire(&plain(&before)), "secret"));
}

#[test]
fn a_type_without_a_plain_layout_is_refused_by_name() {
    let fields = [(0, Arc::new(Field::new("x", DataType::Int32, true)))].into_iter().collect();
    let union = DataType::Union(fields, arrow::datatypes::UnionMode::Sparse);
    let refused = plain_schema(&Schema::new(vec![Field::new("a", union, true)])).unwrap_err();
    assert_eq!(refused.code, ErrorCode::NotAcceptable);
    assert!(refused.message.contains("\"a\""), "{}", refused.message);
}
