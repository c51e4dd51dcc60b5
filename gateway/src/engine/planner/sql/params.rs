//! Parameters of a query: owns the check that each has a value and each value a parameter, and the
//! type of each value. Values never become text.

use std::collections::BTreeMap;

use datafusion::common::metadata::ScalarAndMetadata;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{ParamValues, ScalarValue};
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::{Expr, LogicalPlan};

use arrow::datatypes::DataType;

use crate::engine::error::{Complaint, EngineError};
use crate::engine::expression::scalar;
use crate::engine::statement::Literal;

/// `plan` with its parameters replaced.
///
/// # Errors
/// A parameter without a value, a value without a parameter, or one that does not fit.
pub(super) fn bind(plan: LogicalPlan, params: &[Literal]) -> Result<LogicalPlan, EngineError> {
    let named = named(&plan)?;
    if let Some(missing) = named.values().find(|one| one.number == 0 || one.number > params.len()) {
        return Err(invalid(format!("parameter \"{}\" has no value", missing.name)));
    }
    if let Some(spare) = (1..=params.len()).find(|number| !named.contains_key(number)) {
        return Err(invalid(format!("the statement has no parameter \"${spare}\" for its value")));
    }
    if params.is_empty() {
        return Ok(plan);
    }
    let mut values = Vec::with_capacity(params.len());
    for (at, literal) in params.iter().enumerate() {
        let meets = named.get(&(at + 1)).map_or(&DataType::Null, |one| &one.meets);
        values.push(ScalarAndMetadata::from(value(at + 1, literal, meets)?));
    }
    plan.with_param_values(ParamValues::List(values)).map_err(EngineError::planning)
}

/// A parameter of the statement.
struct Named {
    name: String,
    number: usize,
    /// The type that it meets wherever it stands; null where that is not one type.
    meets: DataType,
}

/// By number; a name that is no number is number zero.
fn named(plan: &LogicalPlan) -> Result<BTreeMap<usize, Named>, EngineError> {
    let mut named: BTreeMap<usize, Named> = BTreeMap::new();
    let walked = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|part| {
                if let Expr::Placeholder(Placeholder { id, field }) = part {
                    let meets = field.as_ref().map_or(DataType::Null, |field| field.data_type().clone());
                    let number = id.trim_start_matches('$').parse().unwrap_or(0);
                    let known = named.entry(number).or_insert_with(|| Named {
                        name: id.clone(),
                        number,
                        meets: meets.clone(),
                    });
                    if known.meets != meets {
                        known.meets = DataType::Null;
                    }
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    walked.map_err(EngineError::planning)?;
    Ok(named)
}

/// The value as the type that it meets has it; a text that is no number there stays a text.
fn value(number: usize, literal: &Literal, meets: &DataType) -> Result<ScalarValue, EngineError> {
    let stays_text = || match literal {
        Literal::Text(text) => Some(ScalarValue::Utf8(Some(text.clone()))),
        _ => None,
    };
    scalar(literal, meets).or_else(stays_text).ok_or_else(|| {
        invalid(format!("the value of parameter \"${number}\" has more digits than can be compared"))
    })
}

fn invalid(message: String) -> EngineError {
    EngineError::InvalidRequest(Complaint::new(message))
}
