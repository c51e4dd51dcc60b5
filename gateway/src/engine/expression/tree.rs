//! Structured conditions: owns the way from a tree with JSON operands to an expression. The
//! same names, limits and coercions hold as for text.

use arrow::datatypes::{DataType, Schema};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, Like, lit};
use serde_json::Value;

use super::column;
use super::measure::Budget;
use super::names::Names;
use crate::engine::error::{Complaint, EngineError};
use crate::engine::statement::{CompareOp, FilterNode};

/// The tree as an expression, within the budget.
pub(super) fn to_expr(
    node: &FilterNode,
    schema: &Schema,
    names: &Names<'_>,
    budget: Budget,
) -> Result<Expr, EngineError> {
    let mut builder = Builder { schema, names, budget, nodes: 0 };
    builder.node(node, 1)
}

struct Builder<'a> {
    schema: &'a Schema,
    names: &'a Names<'a>,
    budget: Budget,
    nodes: usize,
}

impl Builder<'_> {
    fn count(&mut self, nodes: usize) -> Result<(), EngineError> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > self.budget.nodes_max { Err(self.budget.too_many()) } else { Ok(()) }
    }

    fn node(&mut self, node: &FilterNode, depth: usize) -> Result<Expr, EngineError> {
        if depth > self.budget.depth_max {
            return Err(self.budget.too_deep());
        }
        self.count(1)?;
        match node {
            FilterNode::And(parts) => self.all(parts, depth, Expr::and, true),
            FilterNode::Or(parts) => self.all(parts, depth, Expr::or, false),
            FilterNode::Not(part) => Ok(Expr::Not(Box::new(self.node(part, depth + 1)?))),
            FilterNode::Compare { column, op, value } => self.compare(column, *op, value),
        }
    }

    fn all(
        &mut self,
        parts: &[FilterNode],
        depth: usize,
        join: fn(Expr, Expr) -> Expr,
        empty: bool,
    ) -> Result<Expr, EngineError> {
        let mut joined: Option<Expr> = None;
        for part in parts {
            let next = self.node(part, depth + 1)?;
            joined = Some(match joined {
                Some(left) => join(left, next),
                None => next,
            });
        }
        Ok(joined.unwrap_or_else(|| lit(empty)))
    }

    fn compare(&mut self, name: &str, op: CompareOp, value: &Value) -> Result<Expr, EngineError> {
        let (operand, data_type) = self.operand(name)?;
        let scalar = |v: &Value| literal(name, v, &data_type);
        Ok(match op {
            CompareOp::Eq => operand.eq(scalar(value)?),
            CompareOp::Ne => operand.not_eq(scalar(value)?),
            CompareOp::Lt => operand.lt(scalar(value)?),
            CompareOp::Le => operand.lt_eq(scalar(value)?),
            CompareOp::Gt => operand.gt(scalar(value)?),
            CompareOp::Ge => operand.gt_eq(scalar(value)?),
            CompareOp::IsNull => operand.is_null(),
            CompareOp::IsNotNull => operand.is_not_null(),
            CompareOp::Like => {
                Expr::Like(Like::new(false, Box::new(operand), Box::new(scalar(value)?), None, false))
            }
            CompareOp::In | CompareOp::NotIn => {
                let items = array(name, value)?;
                self.count(items.len())?;
                let items = items.iter().map(scalar).collect::<Result<Vec<_>, _>>()?;
                operand.in_list(items, op == CompareOp::NotIn)
            }
            CompareOp::Between => match array(name, value)?.as_slice() {
                [low, high] => operand.between(scalar(low)?, scalar(high)?),
                _ => return Err(invalid(format!("between on \"{name}\" takes an array of two values"))),
            },
        })
    }

    /// A column, or a dotted path into a struct when no column has the dotted name.
    fn operand(&self, name: &str) -> Result<(Expr, DataType), EngineError> {
        if let Ok(field) = self.names.column_at(name, None) {
            return Ok((column(field.name()), field.data_type().clone()));
        }
        let mut parts = name.split('.');
        let first = parts.next().unwrap_or(name);
        let whole = self.names.column_at(name, None);
        let field = match self.names.column_at(first, None) {
            Ok(field) if first != name => field,
            _ => return whole.map(|f| (column(f.name()), f.data_type().clone())),
        };
        let mut expr = column(field.name());
        let mut data_type = field.data_type().clone();
        for part in parts {
            let DataType::Struct(fields) = &data_type else {
                return Err(whole.err().unwrap_or_else(|| invalid(format!("column \"{name}\" not found"))));
            };
            let inner = super::names::find(fields, part)
                .ok_or_else(|| super::names::unknown_column(name, self.schema.fields(), None))?;
            expr = datafusion::functions::core::expr_ext::FieldAccessor::field(expr, inner.name().as_str());
            data_type = inner.data_type().clone();
        }
        Ok((expr, data_type))
    }
}

/// A JSON scalar as a literal that fits the column, keeping every digit of a decimal.
fn literal(name: &str, value: &Value, data_type: &DataType) -> Result<Expr, EngineError> {
    let scalar = match value {
        Value::Null => ScalarValue::Null,
        Value::Bool(b) => ScalarValue::Boolean(Some(*b)),
        Value::Number(n) => match (n.as_i64(), n.as_u64(), data_type) {
            (_, _, DataType::Decimal128(_, _) | DataType::Decimal256(_, _)) => {
                return decimal(name, &n.to_string(), data_type);
            }
            (Some(i), _, _) => ScalarValue::Int64(Some(i)),
            (None, Some(u), _) => ScalarValue::UInt64(Some(u)),
            (None, None, _) => ScalarValue::Float64(n.as_f64()),
        },
        Value::String(s) => match data_type {
            DataType::Decimal128(_, _) | DataType::Decimal256(_, _) => return decimal(name, s, data_type),
            _ => ScalarValue::Utf8(Some(s.clone())),
        },
        Value::Array(_) | Value::Object(_) => {
            return Err(invalid(format!("the value for \"{name}\" must be a scalar")));
        }
    };
    Ok(lit(scalar))
}

/// A decimal literal of its own precision and scale, so that comparing never rounds it.
fn decimal(name: &str, text: &str, column_type: &DataType) -> Result<Expr, EngineError> {
    let digits = text.trim_start_matches('-');
    let scale = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let wide = match (column_type, i8::try_from(scale)) {
        (DataType::Decimal256(_, _), Ok(scale)) => DataType::Decimal256(76, scale),
        (_, Ok(scale)) => DataType::Decimal128(38, scale),
        (_, Err(_)) => return Err(invalid(format!("the value for \"{name}\" has too many digits"))),
    };
    ScalarValue::try_from_string(text.to_owned(), &wide)
        .map(lit)
        .map_err(|_| invalid(format!("the value for \"{name}\" is not a decimal number")))
}

fn array<'v>(name: &str, value: &'v Value) -> Result<&'v Vec<Value>, EngineError> {
    value.as_array().ok_or_else(|| invalid(format!("the value for \"{name}\" must be an array")))
}

fn invalid(message: String) -> EngineError {
    EngineError::InvalidExpression(Complaint::new(message))
}
