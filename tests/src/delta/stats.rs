//! File statistics as a careful writer gives them: owns which columns get bounds. Columns whose
//! bounds could mislead (floats with NaN, nested types) get none.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::{max, max_string, min, min_string};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type};
use serde_json::{Map, Value, json};

/// The `stats` object of a file of these rows.
pub(super) fn of(rows: &RecordBatch) -> Value {
    let mut lowest = Map::new();
    let mut highest = Map::new();
    let mut nulls = Map::new();
    for (field, column) in rows.schema().fields().iter().zip(rows.columns()) {
        if field.data_type().is_nested() {
            continue;
        }
        nulls.insert(field.name().clone(), json!(column.null_count()));
        if let Some((low, high)) = bounds(column.as_ref()) {
            lowest.insert(field.name().clone(), low);
            highest.insert(field.name().clone(), high);
        }
    }
    json!({ "numRecords": rows.num_rows(), "minValues": lowest, "maxValues": highest, "nullCount": nulls })
}

/// The same where rows were deleted meanwhile: what is left lies within the bounds, and need not reach them.
pub(super) fn loosened(stats: &str) -> String {
    let mut stats: Value = serde_json::from_str(stats).expect("statistics as they were written");
    stats["tightBounds"] = json!(false);
    stats.to_string()
}

fn bounds(column: &dyn Array) -> Option<(Value, Value)> {
    match column.data_type() {
        DataType::Int32 => {
            let values = column.as_primitive::<Int32Type>();
            Some((json!(min(values)?), json!(max(values)?)))
        }
        DataType::Int64 => {
            let values = column.as_primitive::<Int64Type>();
            Some((json!(min(values)?), json!(max(values)?)))
        }
        DataType::Float64 => {
            let values = column.as_primitive::<Float64Type>();
            if values.iter().flatten().any(|value| !value.is_finite()) {
                return None;
            }
            Some((json!(min(values)?), json!(max(values)?)))
        }
        DataType::Utf8 => {
            let values = column.as_string::<i32>();
            Some((json!(min_string(values)?), json!(max_string(values)?)))
        }
        _ => None,
    }
}
