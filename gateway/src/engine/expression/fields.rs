//! Fields inside columns, as `column.field.field`: owns giving them the exact names that their types have.
//! The planner resolves the column itself, so that its type is known wherever in a statement the name stands.

use arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, TableReference};
use datafusion::functions::core::planner::CoreFunctionPlanner;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult};

use super::names::find;

/// Has the engine's own planner look for fields by their exact names.
#[derive(Debug, Default)]
pub(in crate::engine) struct ExactFields(CoreFunctionPlanner);

impl ExprPlanner for ExactFields {
    fn plan_compound_identifier(
        &self,
        field: &Field,
        qualifier: Option<&TableReference>,
        nested_names: &[String],
    ) -> Result<PlannerResult<Vec<Expr>>> {
        self.0.plan_compound_identifier(field, qualifier, &exact(field, nested_names))
    }
}

/// Each name as its struct spells it; as it is written where there is none or more than one.
fn exact(column: &Field, names: &[String]) -> Vec<String> {
    let mut within = Some(column);
    let mut exact = Vec::with_capacity(names.len());
    for name in names {
        within = match within.map(Field::data_type) {
            Some(DataType::Struct(fields)) => find(fields, name).map(AsRef::as_ref),
            _ => None,
        };
        exact.push(within.map_or(name, Field::name).clone());
    }
    exact
}
