//! Bytes of a row as pages count them: owns the estimate that cuts a page, the same for every door. Widths of
//! fixed types, lengths of the others, whatever the encoding on the wire. Does not cut.

use arrow::array::{
    Array, ArrayRef, BinaryArray, LargeBinaryArray, LargeListArray, LargeStringArray, ListArray, MapArray,
    RecordBatch, StringArray, StructArray,
};
use arrow::datatypes::DataType;

/// What a null, a flag or an offset is taken to cost.
const SMALL_BYTES: usize = 4;

/// Bytes of each row.
pub(super) fn row_bytes(batch: &RecordBatch) -> Vec<usize> {
    let mut sizes = vec![0; batch.num_rows()];
    for column in batch.columns() {
        for (size, more) in sizes.iter_mut().zip(value_bytes(column)) {
            *size += more;
        }
    }
    sizes
}

/// Bytes of all rows in memory: a slice does not answer for the buffers that it shares.
pub(super) fn batch_bytes(batch: &RecordBatch) -> usize {
    let bytes = |column: &ArrayRef| {
        column.to_data().get_slice_memory_size().unwrap_or_else(|_| column.get_array_memory_size())
    };
    batch.columns().iter().map(bytes).sum()
}

/// How many leading rows fit `bytes_max`; at least one.
pub(super) fn rows_within(sizes: impl Iterator<Item = usize>, bytes_max: usize) -> usize {
    let mut total = 0_usize;
    let fit = sizes
        .take_while(|size| {
            total = total.saturating_add(*size);
            total <= bytes_max
        })
        .count();
    fit.max(1)
}

fn value_bytes(array: &ArrayRef) -> Vec<usize> {
    let any = array.as_any();
    let len = array.len();
    match array.data_type() {
        DataType::Utf8 => lengths(any.downcast_ref::<StringArray>().map(|a| a.value_offsets()), len),
        DataType::Binary => lengths(any.downcast_ref::<BinaryArray>().map(|a| a.value_offsets()), len),
        DataType::LargeUtf8 => {
            lengths(any.downcast_ref::<LargeStringArray>().map(|a| a.value_offsets()), len)
        }
        DataType::LargeBinary => {
            lengths(any.downcast_ref::<LargeBinaryArray>().map(|a| a.value_offsets()), len)
        }
        DataType::Struct(_) => match any.downcast_ref::<StructArray>() {
            Some(nested) => {
                let mut sizes = vec![SMALL_BYTES; len];
                for column in nested.columns() {
                    for (size, more) in sizes.iter_mut().zip(value_bytes(column)) {
                        *size += more;
                    }
                }
                sizes
            }
            None => vec![SMALL_BYTES; len],
        },
        DataType::List(_) => match any.downcast_ref::<ListArray>() {
            Some(list) => within(list.value_offsets(), &value_bytes(list.values())),
            None => vec![SMALL_BYTES; len],
        },
        DataType::LargeList(_) => match any.downcast_ref::<LargeListArray>() {
            Some(list) => within(list.value_offsets(), &value_bytes(list.values())),
            None => vec![SMALL_BYTES; len],
        },
        DataType::Map(_, _) => match any.downcast_ref::<MapArray>() {
            Some(map) => {
                let entries: ArrayRef = std::sync::Arc::new(map.entries().clone());
                within(map.value_offsets(), &value_bytes(&entries))
            }
            None => vec![SMALL_BYTES; len],
        },
        other => vec![other.primitive_width().unwrap_or(SMALL_BYTES); len],
    }
}

fn lengths<T: Copy + TryInto<usize>>(offsets: Option<&[T]>, len: usize) -> Vec<usize> {
    let Some(offsets) = offsets else { return vec![SMALL_BYTES; len] };
    let at = |offset: T| offset.try_into().unwrap_or(0);
    offsets.windows(2).map(|pair| SMALL_BYTES + at(pair[1]).saturating_sub(at(pair[0]))).collect()
}

fn within<T: Copy + TryInto<usize>>(offsets: &[T], items: &[usize]) -> Vec<usize> {
    let mut sums = Vec::with_capacity(items.len() + 1);
    sums.push(0_usize);
    for item in items {
        sums.push(sums[sums.len() - 1] + item);
    }
    let at = |offset: T| {
        let index: usize = offset.try_into().unwrap_or(0);
        sums.get(index).copied().unwrap_or(0)
    };
    offsets.windows(2).map(|pair| SMALL_BYTES + at(pair[1]).saturating_sub(at(pair[0]))).collect()
}
