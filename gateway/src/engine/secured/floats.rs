//! One NaN and one zero: owns replacing what else writers' processors leave behind, inside structs,
//! lists and maps too. Some patterns of NaN sort and compare before every number and others after; the
//! zero below zero equals the other one, but not wherever the engine counts, ranks and sorts.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, make_array};
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use arrow::error::ArrowError;

/// The array with the NaN that sorts after every number, and the zero without a sign.
pub(super) fn canonical(array: ArrayRef) -> Result<ArrayRef, ArrowError> {
    Ok(replaced(&array)?.unwrap_or(array))
}

/// `None` when nothing is to be replaced.
fn replaced(array: &ArrayRef) -> Result<Option<ArrayRef>, ArrowError> {
    match array.data_type() {
        DataType::Float64 => {
            let floats = array.as_primitive::<Float64Type>();
            let any = floats.values().iter().any(|v| v.is_nan() || (*v == 0.0 && v.is_sign_negative()));
            // Zero is added to take the sign from zero; every other number stays.
            let one = |v: f64| if v.is_nan() { f64::NAN } else { v + 0.0 };
            Ok(any.then(|| Arc::new(floats.unary::<_, Float64Type>(one)) as ArrayRef))
        }
        DataType::Float32 => {
            let floats = array.as_primitive::<Float32Type>();
            let any = floats.values().iter().any(|v| v.is_nan() || (*v == 0.0 && v.is_sign_negative()));
            let one = |v: f32| if v.is_nan() { f32::NAN } else { v + 0.0 };
            Ok(any.then(|| Arc::new(floats.unary::<_, Float32Type>(one)) as ArrayRef))
        }
        nested if nested.is_nested() => {
            let data = array.to_data();
            let mut any = false;
            let mut children = Vec::with_capacity(data.child_data().len());
            for child in data.child_data() {
                let replaced = replaced(&make_array(child.clone()))?;
                any |= replaced.is_some();
                children.push(replaced.map_or_else(|| child.clone(), |array| array.to_data()));
            }
            if !any {
                return Ok(None);
            }
            Ok(Some(make_array(data.into_builder().child_data(children).build()?)))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use arrow::array::{Array, ArrayRef, AsArray, Float64Array, ListArray, StructArray};
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::{DataType, Field, Float64Type};

    use super::canonical;

    fn signs(array: &ArrayRef) -> Vec<bool> {
        array.as_primitive::<Float64Type>().values().iter().map(|v| v.is_sign_negative()).collect()
    }

    #[test]
    fn nan_and_zero_are_one_at_every_depth_and_in_slices() {
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![1.0, -f64::NAN, -2.0, -0.0, f64::NAN]));
        assert_eq!(signs(&canonical(Arc::clone(&floats)).unwrap()), [false, false, true, false, false]);
        let field = Arc::new(Field::new("f", DataType::Float64, true));
        let structs = StructArray::from(vec![(field, floats)]);
        let item = Arc::new(Field::new("element", structs.data_type().clone(), true));
        let offsets = OffsetBuffer::from_lengths([2, 0, 3]);
        let lists: ArrayRef = Arc::new(ListArray::new(item, offsets, Arc::new(structs), None));
        for (from, rows) in [(0, 3), (1, 2), (2, 1)] {
            let slice = lists.slice(from, rows);
            let replaced = canonical(Arc::clone(&slice)).unwrap();
            assert_eq!((replaced.data_type(), replaced.len()), (slice.data_type(), rows));
            let last = replaced.as_list::<i32>().value(rows - 1);
            assert_eq!(signs(last.as_struct().column(0)), [true, false, false]);
        }
        let plain: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 0.0, -1e-300]));
        assert!(Arc::ptr_eq(&canonical(Arc::clone(&plain)).unwrap(), &plain));
    }
}
