//! Which groups, and in which order: owns that no two of them share a place in it. Does not cut pages.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
use datafusion::common::{Column, DFSchema};
use datafusion::execution::SessionState;
use datafusion::functions::expr_fn::isnan;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, SortExpr, when};

use crate::engine::error::EngineError;
use crate::engine::expression::names::{find, unknown_column};
use crate::engine::expression::{column, condition};
use crate::engine::session::Engine;
use crate::engine::statement::{Aggregate, OrderKey};

/// The groups that satisfy `having`, in order; and the outputs that either of the two looks at. The first `groups`
/// outputs are the group keys.
pub(super) fn ordered(
    engine: &Engine,
    state: &SessionState,
    mut plan: LogicalPlanBuilder,
    statement: &Aggregate,
    groups: usize,
) -> Result<(LogicalPlan, HashSet<String>), EngineError> {
    let output = Arc::new(Schema::new(plan.schema().fields().clone()));
    let mut used = HashSet::new();
    if let Some(having) = &statement.having {
        let schema = DFSchema::try_from(Arc::clone(&output)).map_err(EngineError::planning)?;
        let having = condition(engine, state, having, &schema)?;
        used.extend(having.column_refs().into_iter().map(|Column { name, .. }| name.clone()));
        plan = plan.filter(having).map_err(EngineError::planning)?;
    }
    let mut keys = Vec::new();
    for key in &statement.order {
        let field = find(output.fields(), &key.column)
            .ok_or_else(|| unknown_column(&key.column, output.fields(), None))?;
        used.insert(field.name().clone());
        sort_keys(&mut keys, field.name(), field.data_type(), key)?;
    }
    for field in output.fields().iter().take(groups) {
        let key = OrderKey { column: field.name().clone(), descending: false, nulls_first: false };
        sort_keys(&mut keys, field.name(), field.data_type(), &key)?;
    }
    if !keys.is_empty() {
        plan = plan.sort(keys).map_err(EngineError::planning)?;
    }
    Ok((plan.build().map_err(EngineError::planning)?, used))
}

/// Nulls and NaN last, or first when asked, in either direction. There is one NaN, whatever its sign: adding up makes
/// one of its own.
fn sort_keys(
    keys: &mut Vec<SortExpr>,
    name: &str,
    data_type: &DataType,
    key: &OrderKey,
) -> Result<(), EngineError> {
    let mut value = column(name);
    keys.push(column(name).is_null().sort(!key.nulls_first, false));
    if data_type.is_floating() {
        keys.push(isnan(column(name)).sort(!key.nulls_first, false));
        value = when(isnan(column(name)).is_not_true(), value).end().map_err(EngineError::planning)?;
    }
    keys.push(value.sort(!key.descending, false));
    Ok(())
}
