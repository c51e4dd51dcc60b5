//! The copy that the leak tests compare with: owns filtering and masking by hand, written against
//! docs/policies.md and sharing no code with the policies.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray,
    new_null_array,
};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Date32Type, Field, Int64Type, Schema};
use chrono::{Datelike, NaiveDate};

/// The rows and values that a tenant's role may see; every masked column may be null.
pub(crate) fn visible(raw: &RecordBatch, tenant: &str) -> RecordBatch {
    let tenants = raw.column_by_name("tenant").unwrap().as_string::<i32>();
    let own: BooleanArray = tenants.iter().map(|one| Some(one == Some(tenant))).collect();
    let rows = filter_record_batch(raw, &own).unwrap();
    let mut fields: Vec<Field> = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (field, column) in rows.schema().fields().iter().zip(rows.columns()) {
        let masked: Option<ArrayRef> = match field.name().as_str() {
            "secret" => continue,
            "ssn" => Some(text(column, |_| "7".to_owned())),
            "email" => Some(text(column, email)),
            "salary" => Some(Arc::new(
                column.as_primitive::<Int64Type>().iter().map(|v| v.map(round)).collect::<Int64Array>(),
            )),
            "born" => Some(Arc::new(
                column.as_primitive::<Date32Type>().iter().map(|v| v.map(year)).collect::<Date32Array>(),
            )),
            "note" | "rate" => Some(new_null_array(field.data_type(), column.len())),
            _ => None,
        };
        let nullable = field.is_nullable() || masked.is_some();
        fields.push(Field::new(field.name(), field.data_type().clone(), nullable));
        columns.push(masked.unwrap_or_else(|| Arc::clone(column)));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

fn text(column: &ArrayRef, mask: impl Fn(&str) -> String) -> ArrayRef {
    Arc::new(column.as_string::<i32>().iter().map(|value| value.map(&mask)).collect::<StringArray>())
}

fn email(value: &str) -> String {
    format!("****@{}", value.split_once('@').unwrap().1)
}

/// To the nearest thousand, halves away from zero; where that leaves the type, toward zero.
fn round(value: i64) -> i64 {
    let exact = i128::from(value);
    let nearest = (exact.abs() + 500) / 1_000 * 1_000 * exact.signum();
    i64::try_from(nearest).unwrap_or(value / 1_000 * 1_000)
}

fn year(days: i32) -> i32 {
    let date = NaiveDate::from_epoch_days(days).unwrap();
    NaiveDate::from_ymd_opt(date.year(), 1, 1).unwrap().to_epoch_days()
}

#[test]
fn nothing_raw_is_left_in_the_copy() {
    let copy = visible(&super::raw(), "a");
    assert!(copy.num_rows() > 50 && copy.num_rows() < usize::try_from(super::ROWS).unwrap());
    let shown = format!("{copy:?}");
    for raw in ["SECRET", "raw note", "top secret", "person", "no day"] {
        assert!(!shown.contains(raw), "{raw}");
    }
    assert!(
        copy.column_by_name("rate").unwrap().as_any().downcast_ref::<Float64Array>().unwrap().null_count()
            == copy.num_rows()
    );
    assert_eq!(copy.schema().field_with_name("ssn").unwrap().data_type(), &DataType::Utf8);
}
