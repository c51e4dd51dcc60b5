//! The keys of which a question wants some rows each: owns telling to which of them a row belongs, by its visible
//! values, and which files and rows cannot belong to any. Does not read.

use std::cmp::Ordering;
use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array};
use arrow::compute::{CastOptions, cast_with_options, filter, partition, sort};
use arrow::datatypes::{DataType, Field, TimeUnit};
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use datafusion::common::ScalarValue;
use datafusion::execution::SessionState;
use datafusion::logical_expr::utils::disjunction;
use datafusion::logical_expr::{Expr, lit};

use super::columns::index;
use crate::engine::error::wording::types_in_words;
use crate::engine::error::{Complaint, EngineError};
use crate::engine::expression::column;
use crate::engine::expression::names::Names;
use crate::engine::scan::prune::bounds;
use crate::engine::secured::SecuredTable;
use crate::engine::secured::crossing::Crossing;
use crate::engine::session::Engine;
use crate::engine::statement::PerKey;

/// Most ranges of one column by which data inside of files is skipped: each costs a comparison with the statistics
/// of every row group and page.
const RANGES_MAX: usize = 16;

/// Keys bound to their table.
#[derive(Debug)]
pub(super) struct Keys {
    columns: Vec<KeyColumn>,
    converter: RowConverter,
    /// Number of each key that rows can have, by its comparable form.
    numbers: HashMap<Box<[u8]>, u32>,
    count: usize,
}

#[derive(Debug)]
struct KeyColumn {
    /// Among the visible columns.
    index: usize,
    /// Its values in the keys that rows can have, ascending, each once.
    values: Vec<ScalarValue>,
}

impl Keys {
    /// The keys as values of visible columns.
    ///
    /// # Errors
    /// A column that is none of this caller's, or of a type that the keys are not of.
    pub(super) fn bind(engine: &Engine, table: &SecuredTable, per_key: &PerKey) -> Result<Self, EngineError> {
        let PerKey { columns: wanted, keys } = per_key;
        if wanted.is_empty() || wanted.len() != keys.num_columns() {
            return Err(EngineError::Internal("keys of other columns than they name".into()));
        }
        let names = Names::new(&table.schema, engine.function_names());
        let mut indices = Vec::with_capacity(wanted.len());
        let mut values = Vec::with_capacity(wanted.len());
        for (name, keys) in wanted.iter().zip(keys.columns()) {
            let index = index(table, &names, name)?;
            values.push(of_column(keys, table.schema.field(index))?);
            indices.push(index);
        }
        let fields = values.iter().map(|values| SortField::new(values.data_type().clone())).collect();
        let converter = RowConverter::new(fields).map_err(internal)?;
        let mut numbers = HashMap::with_capacity(keys.num_rows());
        let whole = |row: usize| values.iter().all(|values| values.is_valid(row));
        for (row, key) in converter.convert_columns(&values).map_err(internal)?.iter().enumerate() {
            let number = u32::try_from(row).map_err(|e| EngineError::Internal(Box::new(e)))?;
            if whole(row) && numbers.insert(Box::from(key.as_ref()), number).is_some() {
                return Err(EngineError::Internal("a key is there twice".into()));
            }
        }
        let mask: BooleanArray = (0..keys.num_rows()).map(|row| Some(whole(row))).collect();
        let column = |(index, values): (usize, &ArrayRef)| {
            let values = each_once(&filter(values, &mask).map_err(internal)?)?;
            Ok(KeyColumn { index, values })
        };
        let columns = indices.into_iter().zip(&values).map(column).collect::<Result<_, EngineError>>()?;
        Ok(Self { columns, converter, numbers, count: keys.num_rows() })
    }

    /// How many there are.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// How many of them rows can have.
    pub(super) fn possible(&self) -> usize {
        self.numbers.len()
    }

    /// Their columns among the visible ones.
    pub(super) fn columns(&self) -> impl Iterator<Item = usize> {
        self.columns.iter().map(|column| column.index)
    }

    /// The number of each row's key, given the values of its columns; null where it is none of these.
    pub(super) fn numbers(&self, values: &[ArrayRef]) -> Result<UInt32Array, ArrowError> {
        let rows = self.converter.convert_columns(values)?;
        Ok(rows.iter().map(|row| self.numbers.get(row.as_ref()).copied()).collect())
    }

    /// What crosses the barrier: the caller's own `conditions`, and that a row's values occur in the keys. Data is
    /// skipped by ranges of those values, as long lists of them skip none.
    pub(super) fn crossing(
        &self,
        table: &SecuredTable,
        state: &SessionState,
        conditions: Vec<Expr>,
    ) -> Result<Crossing, EngineError> {
        let named = |key: &KeyColumn| column(table.schema.field(key.index).name());
        let occurs = self.columns.iter().map(|key| {
            let values = key.values.iter().cloned().map(lit).collect();
            if self.numbers.is_empty() { lit(false) } else { named(key).in_list(values, false) }
        });
        let ranges = self.columns.iter().filter_map(|key| {
            let size = key.values.len().div_ceil(RANGES_MAX).max(1);
            let range = |values: &[ScalarValue]| {
                let (low, high) = (values.first()?, values.last()?);
                Some(named(key).between(lit(low.clone()), lit(high.clone())))
            };
            disjunction(key.values.chunks(size).filter_map(range))
        });
        let skips: Vec<Expr> = ranges.chain(conditions.iter().cloned()).collect();
        let conditions: Vec<Expr> = occurs.chain(conditions).collect();
        table.crossing_by(state, &conditions, &skips)
    }

    /// Those of the files `ordinals` whose bounds do not exclude every key.
    pub(super) fn files(
        &self,
        table: &SecuredTable,
        mut ordinals: Vec<usize>,
    ) -> Result<Vec<usize>, EngineError> {
        for key in &self.columns {
            let visible = &table.columns[key.index];
            if !table.can_skip(&visible.name) {
                continue;
            }
            let bounds = bounds(&table.snapshot, visible.raw, &ordinals).map_err(EngineError::planning)?;
            let mut left = Vec::with_capacity(ordinals.len());
            for (at, ordinal) in ordinals.into_iter().enumerate() {
                let of_file = |values| ScalarValue::try_from_array(values, at).map_err(EngineError::planning);
                if any_within(&key.values, &of_file(&bounds.min)?, &of_file(&bounds.max)?) {
                    left.push(ordinal);
                }
            }
            ordinals = left;
        }
        Ok(ordinals)
    }
}

/// Some value may lie between the bounds; null is no bound.
fn any_within(ascending: &[ScalarValue], min: &ScalarValue, max: &ScalarValue) -> bool {
    let is_below = |value: &ScalarValue| value.partial_cmp(min) == Some(Ordering::Less);
    let first = if min.is_null() { 0 } else { ascending.partition_point(is_below) };
    let is_above = |value: &ScalarValue| !max.is_null() && value.partial_cmp(max) == Some(Ordering::Greater);
    ascending.get(first).is_some_and(|value| !is_above(value))
}

/// The keys' values as the column has them; null for a number that it does not hold.
fn of_column(keys: &ArrayRef, field: &Field) -> Result<ArrayRef, EngineError> {
    let (given, wanted) = (keys.data_type(), field.data_type());
    let alike = given == wanted
        || (given.is_integer() && wanted.is_integer())
        || (given.is_string() && wanted.is_string());
    if !alike || !is_key_type(wanted) {
        let words = |data_type: &DataType| types_in_words(&data_type.to_string());
        return Err(EngineError::InvalidRequest(Complaint::new(format!(
            "keys of type {} cannot be found by \"{}\" of type {}",
            words(given),
            field.name(),
            words(wanted)
        ))));
    }
    let options = CastOptions { safe: true, ..CastOptions::default() };
    cast_with_options(keys, wanted, &options).map_err(internal)
}

/// Types whose equal values are alike in every byte.
const fn is_key_type(data_type: &DataType) -> bool {
    use DataType::{Boolean, Date32, Decimal128, Int8, Int16, Int32, Int64, Timestamp, Utf8};
    matches!(
        data_type,
        Boolean
            | Int8
            | Int16
            | Int32
            | Int64
            | Utf8
            | Decimal128(..)
            | Date32
            | Timestamp(TimeUnit::Microsecond, _)
    )
}

fn each_once(values: &dyn Array) -> Result<Vec<ScalarValue>, EngineError> {
    let ascending = sort(values, None).map_err(internal)?;
    let runs = partition(std::slice::from_ref(&ascending)).map_err(internal)?.ranges();
    let value = |at| ScalarValue::try_from_array(&ascending, at).map_err(EngineError::planning);
    runs.into_iter().map(|run| value(run.start)).collect()
}

fn internal(error: ArrowError) -> EngineError {
    EngineError::Internal(Box::new(error))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use arrow::array::{AsArray, Int16Array, Int64Array, StringArray};
    use arrow::datatypes::Int16Type;

    use super::*;

    #[test]
    fn keys_take_the_type_of_their_column_or_are_nobodys() {
        let wide: ArrayRef = Arc::new(Int64Array::from(vec![Some(-32_768), Some(32_768), None, Some(7)]));
        let cast = of_column(&wide, &Field::new("k", DataType::Int16, true)).unwrap();
        let cast: Vec<Option<i16>> = cast.as_primitive::<Int16Type>().iter().collect();
        assert_eq!(cast, [Some(-32_768), None, None, Some(7)]);
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["7"]));
        for (keys, column) in [(&texts, DataType::Int64), (&wide, DataType::Utf8), (&wide, DataType::Float64)]
        {
            assert!(of_column(keys, &Field::new("k", column, true)).is_err());
        }
        let float: ArrayRef = Arc::new(arrow::array::Float64Array::from(vec![1.0]));
        assert!(of_column(&float, &Field::new("k", DataType::Float64, true)).is_err());
    }

    #[test]
    fn values_are_in_order_and_none_is_there_twice() {
        let int = |value| ScalarValue::Int16(Some(value));
        let values = Int16Array::from(vec![3, -1, 3, 2, -1]);
        assert_eq!(each_once(&values).unwrap(), [int(-1), int(2), int(3)]);
        assert_eq!(each_once(&values.slice(0, 1)).unwrap(), [int(3)]);
        assert_eq!(each_once(&values.slice(0, 0)).unwrap(), []);
    }

    #[test]
    fn a_file_is_left_out_only_where_no_key_lies_within_its_bounds() {
        let int = |value: Option<i64>| ScalarValue::Int64(value);
        let keys: Vec<ScalarValue> = [10, 20, 30].map(|value| int(Some(value))).into();
        for (min, max, may_hold) in [
            (Some(10), Some(10), true),
            (Some(11), Some(19), false),
            (Some(19), Some(20), true),
            (Some(0), Some(9), false),
            (Some(31), Some(99), false),
            (None, Some(9), false),
            (None, Some(10), true),
            (Some(31), None, false),
            (Some(30), None, true),
            (None, None, true),
        ] {
            assert_eq!(any_within(&keys, &int(min), &int(max)), may_hold, "{min:?}..{max:?}");
        }
        assert!(any_within(&keys, &ScalarValue::Int32(Some(99)), &ScalarValue::Int32(Some(99))));
        assert!(!any_within(&[], &int(None), &int(None)));
    }
}
