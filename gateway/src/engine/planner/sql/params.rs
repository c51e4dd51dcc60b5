//! Parameters of a query: owns the check that each has a value and each value a parameter, and the
//! type of each value. Values never become text.

use std::collections::{BTreeMap, HashMap};

use datafusion::common::metadata::ScalarAndMetadata;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{ParamValues, ScalarValue};
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::{Expr, LogicalPlan};

use arrow::datatypes::DataType;

use crate::config::limits::StatementLimits;
use crate::engine::error::{Complaint, EngineError};
use crate::engine::expression::long_numbers::LongNumbers;
use crate::engine::expression::scalar;
use crate::engine::statement::Literal;

/// `plan` with its parameters, and the long numbers that travel as such, replaced.
///
/// # Errors
/// A parameter without a value, a value without a parameter, or one that does not fit.
pub(super) fn bind(
    plan: LogicalPlan,
    params: &[Literal],
    numbers: LongNumbers,
    limits: &StatementLimits,
) -> Result<LogicalPlan, EngineError> {
    let mut given = numbers;
    given.extend((1..).map(|number: usize| format!("${number}")).zip(params.iter().cloned()));
    let named = named(&plan)?;
    // Each place gets a copy.
    let texts: usize = named.iter().map(|(name, place)| text_bytes(given.get(name)) * place.count).sum();
    let most = limits.parameter_bytes_max;
    if texts > most {
        return Err(EngineError::TooLarge(format!(
            "parameters, wherever they stand, are more than {most} bytes together"
        )));
    }
    if let Some(missing) = named.keys().find(|name| !given.contains_key(*name)) {
        return Err(invalid(format!("parameter \"{missing}\" has no value")));
    }
    if let Some(spare) = given.keys().find(|name| !named.contains_key(*name)) {
        return Err(invalid(format!("the statement has no parameter \"{spare}\" for its value")));
    }
    if given.is_empty() {
        return Ok(plan);
    }
    let mut values = HashMap::with_capacity(given.len());
    for (name, literal) in &given {
        let meets = named.get(name).map_or(&DataType::Null, |place| &place.meets);
        let key = name.trim_start_matches('$').to_owned();
        values.insert(key, ScalarAndMetadata::from(value(name, literal, meets)?));
    }
    plan.with_param_values(ParamValues::Map(values)).map_err(EngineError::planning)
}

/// Where a parameter stands.
struct Places {
    /// The type that it meets wherever it stands; null where that is not one type.
    meets: DataType,
    count: usize,
}

fn text_bytes(literal: Option<&Literal>) -> usize {
    match literal {
        Some(Literal::Text(text) | Literal::Number(text)) => text.len(),
        _ => 0,
    }
}

fn named(plan: &LogicalPlan) -> Result<BTreeMap<String, Places>, EngineError> {
    let mut named: BTreeMap<String, Places> = BTreeMap::new();
    let walked = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|part| {
                if let Expr::Placeholder(Placeholder { id, field }) = part {
                    let meets = field.as_ref().map_or(DataType::Null, |field| field.data_type().clone());
                    let known =
                        named.entry(id.clone()).or_insert_with(|| Places { meets: meets.clone(), count: 0 });
                    known.count += 1;
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
fn value(name: &str, literal: &Literal, meets: &DataType) -> Result<ScalarValue, EngineError> {
    let stays_text = || match literal {
        Literal::Text(text) => Some(ScalarValue::Utf8(Some(text.clone()))),
        _ => None,
    };
    scalar(literal, meets).or_else(stays_text).ok_or_else(|| {
        invalid(format!("the value of parameter \"{name}\" has more digits than can be compared"))
    })
}

fn invalid(message: String) -> EngineError {
    EngineError::InvalidRequest(Complaint::new(message))
}
