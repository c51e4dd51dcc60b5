//! Structured conditions: owns the way from a tree with plain operands to an expression. The same names,
//! limits and coercions hold as for text. Does not read JSON.

use arrow::datatypes::{DataType, Schema};
use datafusion::logical_expr::{Expr, Like, lit};

use super::column;
use super::literals::scalar;
use super::measure::Budget;
use super::names::Names;
use crate::engine::error::{Complaint, EngineError};
use crate::engine::statement::{CompareOp, FilterNode, Literal, Operand};

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

    fn compare(&mut self, name: &str, op: CompareOp, value: &Operand) -> Result<Expr, EngineError> {
        let (operand, data_type) = self.operand(name)?;
        let literal = |value: &Literal| literal(name, value, &data_type);
        let one = || literal(single(name, value)?);
        Ok(match op {
            CompareOp::Eq => operand.eq(one()?),
            CompareOp::Ne => operand.not_eq(one()?),
            CompareOp::Lt => operand.lt(one()?),
            CompareOp::Le => operand.lt_eq(one()?),
            CompareOp::Gt => operand.gt(one()?),
            CompareOp::Ge => operand.gt_eq(one()?),
            CompareOp::IsNull => operand.is_null(),
            CompareOp::IsNotNull => operand.is_not_null(),
            CompareOp::Like => Expr::Like(Like::new(false, Box::new(operand), Box::new(one()?), None, false)),
            CompareOp::In | CompareOp::NotIn => {
                let items = several(name, value)?;
                self.count(items.len())?;
                let items = items.iter().map(literal).collect::<Result<Vec<_>, _>>()?;
                operand.in_list(items, op == CompareOp::NotIn)
            }
            CompareOp::Between => match several(name, value)? {
                [low, high] => operand.between(literal(low)?, literal(high)?),
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

/// A plain value as a literal of the column's type where it has an exact value there.
fn literal(name: &str, value: &Literal, data_type: &DataType) -> Result<Expr, EngineError> {
    match scalar(value, data_type) {
        Some(scalar) => Ok(lit(scalar)),
        None => {
            Err(invalid(format!("the value for \"{name}\" is not a decimal number of at most 76 digits")))
        }
    }
}

fn single<'v>(name: &str, value: &'v Operand) -> Result<&'v Literal, EngineError> {
    match value {
        Operand::One(literal) => Ok(literal),
        Operand::None | Operand::Many(_) => {
            Err(invalid(format!("the value for \"{name}\" must be one plain value")))
        }
    }
}

fn several<'v>(name: &str, value: &'v Operand) -> Result<&'v [Literal], EngineError> {
    match value {
        Operand::Many(items) => Ok(items),
        Operand::None | Operand::One(_) => Err(invalid(format!("the value for \"{name}\" must be an array"))),
    }
}

fn invalid(message: String) -> EngineError {
    EngineError::InvalidExpression(Complaint::new(message))
}
