//! Grouped results over one secured table: owns the plan of an `Aggregate` statement. Does not run it.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
use datafusion::common::DFSchema;
use datafusion::datasource::provider_as_source;
use datafusion::functions::expr_fn::isnan;
use datafusion::functions_aggregate::expr_fn::{avg, count, count_distinct};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, SortExpr, lit};

use super::splitting::partitions;
use super::{Rows, run};
use crate::engine::error::{Complaint, EngineError};
use crate::engine::expression::names::{Names, find, unknown_column};
use crate::engine::expression::{column, condition};
use crate::engine::functions::calendar::date_trunc;
use crate::engine::functions::extremes::{max, min};
use crate::engine::functions::sums::sum;
use crate::engine::secured::SecuredTable;
use crate::engine::secured::provider::SecuredProvider;
use crate::engine::session::Engine;
use crate::engine::statement::{Aggregate, GroupKey, Measure, MeasureFunction, OrderKey};

/// Units of `date_trunc`.
const UNITS: &[&str] = &["year", "quarter", "month", "week", "day", "hour", "minute", "second"];

/// Runs an aggregate over `table`.
///
/// # Errors
/// A name, filter or measure that is wrong for this caller, or more groups than the limit.
pub async fn aggregate(
    engine: &Arc<Engine>,
    table: Arc<SecuredTable>,
    statement: &Aggregate,
) -> Result<Rows, EngineError> {
    check_size(engine, statement)?;
    let state = engine.session(engine.config.partitions);
    let visible = Arc::clone(&table.schema);
    let names = Names::new(&visible, engine.function_names());
    let provider = Arc::new(SecuredProvider::new(Arc::clone(engine), Arc::clone(&table)));
    let mut plan =
        LogicalPlanBuilder::scan("t", provider_as_source(provider), None).map_err(EngineError::planning)?;
    if let Some(filter) = &statement.filter {
        let schema = DFSchema::try_from(Arc::clone(&visible)).map_err(EngineError::planning)?;
        let filter = condition(engine, &state, filter, &schema)?;
        plan = plan.filter(filter).map_err(EngineError::planning)?;
    }
    let groups = statement.group_by.iter().map(|g| group(g, &names)).collect::<Result<Vec<_>, _>>()?;
    let measures = statement.measures.iter().map(|m| measure(m, &names)).collect::<Result<Vec<_>, _>>()?;
    let outputs: Vec<String> = groups.iter().chain(&measures).map(|e| e.schema_name().to_string()).collect();
    check_outputs(&outputs)?;
    let plan = plan.aggregate(groups.clone(), measures).map_err(EngineError::planning)?;
    let plan = plan.project(outputs.iter().map(|name| column(name))).map_err(EngineError::planning)?;
    let plan = finish(engine, &state, plan, statement, groups.len())?;
    let state = engine.session(partitions(engine, &plan, [&table])?);
    run(engine, &state, &plan).await
}

fn finish(
    engine: &Engine,
    state: &datafusion::execution::SessionState,
    mut plan: LogicalPlanBuilder,
    statement: &Aggregate,
    groups: usize,
) -> Result<LogicalPlan, EngineError> {
    let output = Arc::new(Schema::new(plan.schema().fields().clone()));
    if let Some(having) = &statement.having {
        let schema = DFSchema::try_from(Arc::clone(&output)).map_err(EngineError::planning)?;
        let having = condition(engine, state, having, &schema)?;
        plan = plan.filter(having).map_err(EngineError::planning)?;
    }
    let mut keys = Vec::new();
    for key in &statement.order {
        let field = find(output.fields(), &key.column)
            .ok_or_else(|| unknown_column(&key.column, output.fields(), None))?;
        sort_keys(&mut keys, field.name(), field.data_type(), key);
    }
    for field in output.fields().iter().take(groups) {
        let key = OrderKey { column: field.name().clone(), descending: false, nulls_first: false };
        sort_keys(&mut keys, field.name(), field.data_type(), &key);
    }
    if !keys.is_empty() {
        plan = plan.sort(keys).map_err(EngineError::planning)?;
    }
    if let Some(limit) = statement.limit {
        plan = plan.limit(0, Some(limit)).map_err(EngineError::planning)?;
    }
    plan.build().map_err(EngineError::planning)
}

/// Nulls and NaN last, or first when asked, in either direction.
fn sort_keys(keys: &mut Vec<SortExpr>, name: &str, data_type: &DataType, key: &OrderKey) {
    keys.push(column(name).is_null().sort(!key.nulls_first, false));
    if data_type.is_floating() {
        keys.push(isnan(column(name)).sort(!key.nulls_first, false));
    }
    keys.push(column(name).sort(!key.descending, false));
}

fn group(key: &GroupKey, names: &Names<'_>) -> Result<Expr, EngineError> {
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

fn measure(measure: &Measure, names: &Names<'_>) -> Result<Expr, EngineError> {
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

/// Lists are counted as the parts of an expression are: planning goes over each for all the others.
fn check_size(engine: &Engine, statement: &Aggregate) -> Result<(), EngineError> {
    let parts = statement.group_by.len() + statement.measures.len() + statement.order.len();
    if parts > engine.config.statements.nodes_max {
        return Err(EngineError::TooLarge(format!(
            "group keys, measures and order are more than {} together",
            engine.config.statements.nodes_max
        )));
    }
    Ok(())
}

fn check_outputs(outputs: &[String]) -> Result<(), EngineError> {
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
