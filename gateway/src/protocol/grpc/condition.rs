//! Conditions and orders: owns turning them into the engine's, under the expression limits. Does not know columns
//! or types.
//!
//! Decoders of protobuf go 100 messages deep, so that what arrives here may be walked by recursion.

use sluice_proto::v1::condition::Form;
use sluice_proto::v1::filter::Kind;
use sluice_proto::v1::{
    Comparison, ComparisonOperator, Condition, Filter as FilterMessage, FilterList, Order,
};

use super::literal::literal;
use super::refusal::Refusal;
use crate::config::limits::StatementLimits;
use crate::engine::statement::{CompareOp, Filter, FilterNode, Literal, Operand, OrderKey};
use crate::protocol::names::parse_order;
use crate::query::error::{ErrorCode, QueryError};

/// A condition in either form.
///
/// # Errors
/// `invalid_request`: a part that is not set or not known. `invalid_expression`: values that are none, or do not suit
/// their operator. `expression_too_large`.
pub(super) fn filter(condition: Condition, limits: &StatementLimits) -> Result<Filter, Refusal> {
    match condition.form {
        Some(Form::Text(text)) => Ok(Filter::Text(text)),
        Some(Form::Filter(tree)) => {
            let mut budget = Budget { nodes_left: limits.nodes_max, limits };
            let node = budget.node(tree, limits.depth_max);
            node.map(Filter::Tree).map_err(|refusal| refusal.inside("filter"))
        }
        None => Err(unknown("a condition has neither \"filter\" nor \"text\"").into()),
    }
}

struct Budget<'a> {
    nodes_left: usize,
    limits: &'a StatementLimits,
}

impl Budget<'_> {
    fn node(&mut self, filter: FilterMessage, depth_left: usize) -> Result<FilterNode, Refusal> {
        self.spend()?;
        let inner = depth_left.checked_sub(1).ok_or_else(|| self.too_large())?;
        match filter.kind {
            Some(Kind::All(list)) => {
                let nodes = self.list(list, inner).map_err(|refusal| refusal.inside("all"))?;
                Ok(FilterNode::And(nodes))
            }
            Some(Kind::Any(list)) => {
                let nodes = self.list(list, inner).map_err(|refusal| refusal.inside("any"))?;
                Ok(FilterNode::Or(nodes))
            }
            Some(Kind::Not(part)) => {
                let node = self.node(*part, inner).map_err(|refusal| refusal.inside("not"))?;
                Ok(FilterNode::Not(Box::new(node)))
            }
            Some(Kind::Comparison(comparison)) => {
                self.comparison(comparison).map_err(|refusal| refusal.inside("comparison"))
            }
            None => Err(unknown("a part of the condition has no kind that this server knows").into()),
        }
    }

    fn list(&mut self, list: FilterList, depth_left: usize) -> Result<Vec<FilterNode>, Refusal> {
        let parts = list.filters.into_iter().enumerate();
        parts
            .map(|(at, part)| {
                self.node(part, depth_left).map_err(|refusal| refusal.inside(&format!("filters[{at}]")))
            })
            .collect()
    }

    fn comparison(&mut self, comparison: Comparison) -> Result<FilterNode, Refusal> {
        let op = operator(comparison.operator).ok_or_else(|| {
            Refusal::of_field(unknown("a comparison has no operator that this server knows"), "operator")
        })?;
        let is_list = matches!(op, CompareOp::In | CompareOp::NotIn | CompareOp::Between);
        let mut values: Vec<Literal> = Vec::new();
        for (at, value) in comparison.values.into_iter().enumerate() {
            if is_list {
                self.spend()?;
            }
            let value = literal(value, ErrorCode::InvalidExpression);
            values.push(value.map_err(|refusal| refusal.inside(&format!("values[{at}]")))?);
        }
        let value = operand(op, values).map_err(|fault| {
            Refusal::of_field(QueryError::new(ErrorCode::InvalidExpression, fault), "values")
        })?;
        Ok(FilterNode::Compare { column: comparison.column, op, value })
    }

    fn spend(&mut self) -> Result<(), Refusal> {
        self.nodes_left = self.nodes_left.checked_sub(1).ok_or_else(|| self.too_large())?;
        Ok(())
    }

    fn too_large(&self) -> Refusal {
        let StatementLimits { nodes_max, depth_max, .. } = self.limits;
        let message = format!("the filter has more than {nodes_max} parts or {depth_max} levels");
        QueryError::new(ErrorCode::ExpressionTooLarge, message).into()
    }
}

fn operand(op: CompareOp, mut values: Vec<Literal>) -> Result<Operand, &'static str> {
    match op {
        CompareOp::IsNull | CompareOp::IsNotNull if values.is_empty() => Ok(Operand::None),
        CompareOp::IsNull | CompareOp::IsNotNull => Err("IS_NULL and IS_NOT_NULL take no value"),
        CompareOp::In | CompareOp::NotIn => Ok(Operand::Many(values)),
        CompareOp::Between if values.len() == 2 => Ok(Operand::Many(values)),
        CompareOp::Between => Err("BETWEEN takes two values"),
        CompareOp::Like if !matches!(values.as_slice(), [Literal::Text(_)]) => {
            Err("LIKE takes a pattern as text")
        }
        CompareOp::Like
        | CompareOp::Eq
        | CompareOp::Ne
        | CompareOp::Lt
        | CompareOp::Le
        | CompareOp::Gt
        | CompareOp::Ge => match (values.pop(), values.is_empty()) {
            (Some(only), true) => Ok(Operand::One(only)),
            _ => Err("a comparison takes one value"),
        },
    }
}

fn operator(number: i32) -> Option<CompareOp> {
    match ComparisonOperator::try_from(number).ok()? {
        ComparisonOperator::Unspecified => None,
        ComparisonOperator::Eq => Some(CompareOp::Eq),
        ComparisonOperator::Ne => Some(CompareOp::Ne),
        ComparisonOperator::Lt => Some(CompareOp::Lt),
        ComparisonOperator::Le => Some(CompareOp::Le),
        ComparisonOperator::Gt => Some(CompareOp::Gt),
        ComparisonOperator::Ge => Some(CompareOp::Ge),
        ComparisonOperator::In => Some(CompareOp::In),
        ComparisonOperator::NotIn => Some(CompareOp::NotIn),
        ComparisonOperator::Between => Some(CompareOp::Between),
        ComparisonOperator::Like => Some(CompareOp::Like),
        ComparisonOperator::IsNull => Some(CompareOp::IsNull),
        ComparisonOperator::IsNotNull => Some(CompareOp::IsNotNull),
    }
}

/// Sort keys in either form; none is none.
///
/// # Errors
/// `invalid_request`: both forms at once, or a text that is no list of sort keys.
pub(super) fn order(order: Option<Order>) -> Result<Vec<OrderKey>, Refusal> {
    let Some(Order { keys, text }) = order else { return Ok(Vec::new()) };
    if text.is_empty() {
        let key = |key: sluice_proto::v1::OrderKey| OrderKey {
            column: key.column,
            descending: key.descending,
            nulls_first: key.nulls_first,
        };
        return Ok(keys.into_iter().map(key).collect());
    }
    if !keys.is_empty() {
        return Err(unknown("\"keys\" and \"text\" exclude each other").into());
    }
    parse_order(&text).map_err(|error| Refusal::of_field(error, "text"))
}

fn unknown(message: &str) -> QueryError {
    QueryError::new(ErrorCode::InvalidRequest, message)
}

#[cfg(test)]
mod tests;
