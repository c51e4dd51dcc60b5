//! Values of keys as a caller writes them in a condition: owns their text, which is that of the same values in JSON.
//! Does not know which columns make a key.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType,
};

use super::calendar::{append_date, append_timestamp, per_second};
use crate::engine::statement::Literal;

/// The values of row `row`; `None` where one of them is null, or of a type that makes no key.
pub fn key_values(keys: &RecordBatch, row: usize) -> Option<Vec<Literal>> {
    keys.columns().iter().map(|values| value(values.as_ref(), row)).collect()
}

fn value(values: &dyn Array, row: usize) -> Option<Literal> {
    if row >= values.len() || values.is_null(row) {
        return None;
    }
    let number = |digits: String| Some(Literal::Number(digits));
    match values.data_type() {
        DataType::Boolean => Some(Literal::Bool(values.as_boolean_opt()?.value(row))),
        DataType::Int8 => number(values.as_primitive_opt::<Int8Type>()?.value(row).to_string()),
        DataType::Int16 => number(values.as_primitive_opt::<Int16Type>()?.value(row).to_string()),
        DataType::Int32 => number(values.as_primitive_opt::<Int32Type>()?.value(row).to_string()),
        DataType::Int64 => number(values.as_primitive_opt::<Int64Type>()?.value(row).to_string()),
        DataType::Decimal128(..) => number(values.as_primitive_opt::<Decimal128Type>()?.value_as_string(row)),
        DataType::Utf8 => Some(Literal::Text(values.as_string_opt::<i32>()?.value(row).to_owned())),
        DataType::Date32 => {
            let days = values.as_primitive_opt::<Date32Type>()?.value(row);
            text(|out| append_date(out, i64::from(days)))
        }
        DataType::Timestamp(unit @ TimeUnit::Microsecond, zone) => {
            let instant = values.as_primitive_opt::<TimestampMicrosecondType>()?.value(row);
            text(|out| {
                append_timestamp(out, instant, per_second(*unit));
                out.extend(zone.is_some().then_some(b'Z'));
            })
        }
        _ => None,
    }
}

fn text(append: impl FnOnce(&mut Vec<u8>)) -> Option<Literal> {
    let mut out = Vec::new();
    append(&mut out);
    String::from_utf8(out).ok().map(Literal::Text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int8Array, Int64Array,
        StringArray, TimestampMicrosecondArray,
    };

    use super::*;

    fn of(values: ArrayRef) -> Option<Literal> {
        let keys = RecordBatch::try_from_iter([("k", values)]).unwrap();
        key_values(&keys, 0).map(|mut values| values.remove(0))
    }

    #[test]
    fn values_are_written_as_json_has_them() {
        let instant = || TimestampMicrosecondArray::from(vec![1_359_608_400_120_000]);
        let decimal = Decimal128Array::from(vec![-750]).with_precision_and_scale(10, 2).unwrap();
        let text = |text: &str| Literal::Text(text.to_owned());
        let number = |digits: &str| Literal::Number(digits.to_owned());
        let cases: [(ArrayRef, Literal); 8] = [
            (Arc::new(BooleanArray::from(vec![true])), Literal::Bool(true)),
            (Arc::new(Int8Array::from(vec![-128])), number("-128")),
            (Arc::new(Int64Array::from(vec![i64::MIN])), number("-9223372036854775808")),
            (Arc::new(decimal), number("-7.50")),
            (Arc::new(StringArray::from(vec!["\u{e4}\""])), text("\u{e4}\"")),
            (Arc::new(Date32Array::from(vec![15_736])), text("2013-01-31")),
            (Arc::new(instant()), text("2013-01-31T05:00:00.120")),
            (Arc::new(instant().with_timezone("UTC")), text("2013-01-31T05:00:00.120Z")),
        ];
        for (values, expected) in cases {
            assert_eq!(of(Arc::clone(&values)), Some(expected), "{:?}", values.data_type());
        }
    }

    #[test]
    fn nulls_and_types_of_no_keys_have_no_value() {
        let whole: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let null: ArrayRef = Arc::new(Int64Array::from(vec![None]));
        let keys = RecordBatch::try_from_iter([("a", whole), ("b", null)]).unwrap();
        assert_eq!(key_values(&keys, 0), None);
        assert_eq!(key_values(&keys, 1), None);
        assert_eq!(of(Arc::new(Float64Array::from(vec![1.0]))), None);
    }
}
