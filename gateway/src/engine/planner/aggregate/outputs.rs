//! What a group answers: owns the expressions of group keys and measures, and the check of their names. Does not plan.

use arrow::datatypes::DataType;
use datafusion::functions_aggregate::expr_fn::{avg, count, count_distinct};
use datafusion::logical_expr::{Expr, lit};

use crate::engine::error::{Complaint, EngineError};
use crate::engine::expression::column;
use crate::engine::expression::names::Names;
use crate::engine::functions::calendar::date_trunc;
use crate::engine::functions::extremes::{max, min};
use crate::engine::functions::sums::sum;
use crate::engine::statement::{GroupKey, Measure, MeasureFunction};

/// Units of `date_trunc`.
const UNITS: &[&str] = &["year", "quarter", "month", "week", "day", "hour", "minute", "second"];

/// A group key under its output name.
pub(super) fn group(key: &GroupKey, names: &Names<'_>) -> Result<Expr, EngineError> {
    match key {
        GroupKey::Column { column: name, alias } => {
            let field = names.column_at(name, None)?;
            let expr = column(field.name());
            Ok(match alias {
                Some(alias) => expr.alias(alias),
                None => expr.alias(field.name()),
            })
        }
        GroupKey::DateTrunc { unit, column: name, alias } => {
            let field = names.column_at(name, None)?;
            let unit = unit.to_ascii_lowercase();
            if !UNITS.contains(&unit.as_str()) {
                return Err(invalid(format!("unit \"{unit}\" does not exist"), UNITS.join(", ")));
            }
            if !matches!(field.data_type(), DataType::Timestamp(_, _) | DataType::Date32) {
                return Err(EngineError::InvalidExpression(Complaint::new(format!(
                    "\"{}\" is not a date or timestamp",
                    field.name()
                ))));
            }
            Ok(date_trunc(&unit, column(field.name())).alias(alias))
        }
    }
}

/// A measure under its output name.
pub(super) fn measure(measure: &Measure, names: &Names<'_>) -> Result<Expr, EngineError> {
    let Some(name) = &measure.column else {
        return match measure.function {
            MeasureFunction::Count => Ok(count(lit(1_i64)).alias(&measure.alias)),
            _ => Err(EngineError::InvalidRequest(Complaint::new(format!(
                "measure \"{}\" needs a column",
                measure.alias
            )))),
        };
    };
    let operand = column(names.column_at(name, None)?.name());
    let expr = match measure.function {
        MeasureFunction::Count => count(operand),
        MeasureFunction::CountDistinct => count_distinct(operand),
        MeasureFunction::Sum => sum(operand),
        MeasureFunction::Min => min(operand),
        MeasureFunction::Max => max(operand),
        MeasureFunction::Avg => avg(operand),
    };
    Ok(expr.alias(&measure.alias))
}

/// Refuses no output at all, and two of one name.
pub(super) fn check_outputs(outputs: &[String]) -> Result<(), EngineError> {
    if outputs.is_empty() {
        return Err(EngineError::InvalidRequest(
            Complaint::new("an aggregate needs a group key or a measure")
                .with_hint(Some("add {\"fn\": \"count\", \"as\": \"n\"} to \"measures\"".to_owned())),
        ));
    }
    for (at, name) in outputs.iter().enumerate() {
        if outputs[..at].contains(name) {
            return Err(EngineError::InvalidRequest(Complaint::new(format!(
                "two outputs are named \"{name}\""
            ))));
        }
    }
    Ok(())
}

fn invalid(message: String, known: String) -> EngineError {
    EngineError::InvalidExpression(Complaint::new(message).with_hint(Some(format!("one of {known}"))))
}
