//! `date_trunc` over all dates that there are: owns cutting timestamps and dates to a unit as masks do.
//! The engine's own counts in nanoseconds and fails on the far dates that people write for "never".

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::{ScalarValue, plan_err};
use datafusion::error::Result;
use datafusion::functions::datetime::date_trunc as engines;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility, lit,
};
use sluice_policies::column_mask::{CalendarUnit, ColumnMask, Grain};

static DATE_TRUNC: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    let signature = Signature::user_defined(Volatility::Immutable);
    Arc::new(ScalarUDF::new_from_impl(DateTrunc { signature, inner: engines() }))
});

/// The start of the unit in which each value of `operand` lies.
pub(in crate::engine) fn date_trunc(unit: &str, operand: Expr) -> Expr {
    DATE_TRUNC.call(vec![lit(unit), operand])
}

/// The function itself, or ours in place of the engine's.
pub(super) fn replaced(function: Arc<ScalarUDF>) -> Arc<ScalarUDF> {
    if function.name() == "date_trunc" { Arc::clone(&DATE_TRUNC) } else { function }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct DateTrunc {
    signature: Signature,
    inner: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for DateTrunc {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Dates and texts become timestamps in microseconds.
    fn coerce_types(&self, args: &[DataType]) -> Result<Vec<DataType>> {
        let [unit, value] = args else { return plan_err!("date_trunc takes a unit and a timestamp") };
        if !unit.is_string() {
            return plan_err!("the unit of date_trunc is a text");
        }
        let value = match value {
            DataType::Timestamp(..) | DataType::Time32(_) | DataType::Time64(_) => value.clone(),
            DataType::Date32 | DataType::Null => DataType::Timestamp(TimeUnit::Microsecond, None),
            text if text.is_string() => DataType::Timestamp(TimeUnit::Microsecond, None),
            _ => return plan_err!("date_trunc takes a unit and a timestamp"),
        };
        Ok(vec![DataType::Utf8, value])
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        match args.get(1) {
            Some(value) => Ok(value.clone()),
            None => plan_err!("date_trunc takes a unit and a timestamp"),
        }
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let nullable = args.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(Field::new(self.name(), self.return_type(&types)?, nullable)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(mask) = mask(&args.args) else { return self.inner.invoke_with_args(args) };
        match &args.args[1] {
            ColumnarValue::Array(values) => Ok(ColumnarValue::Array(mask.apply(values)?)),
            ColumnarValue::Scalar(value) => {
                let cut = mask.apply(&value.to_array()?)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&cut, 0)?))
            }
        }
    }
}

/// The mask that cuts to the unit, where it counts in UTC.
fn mask(args: &[ColumnarValue]) -> Option<ColumnMask> {
    let [ColumnarValue::Scalar(unit), value] = args else { return None };
    let in_utc = match value.data_type() {
        DataType::Timestamp(_, zone) => zone.is_none_or(|zone| matches!(&*zone, "UTC" | "+00:00")),
        _ => false,
    };
    let unit: CalendarUnit = unit.try_as_str()??.to_ascii_lowercase().parse().ok()?;
    in_utc.then_some(ColumnMask::Truncate(Grain::Unit(unit)))
}
