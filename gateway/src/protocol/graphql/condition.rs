//! `where` and `having` as conditions: owns the way from a coerced input to the tree that every door builds, so that the same
//! question has the same digest, and its cursors, at any of them. Members of an object have no order of their own: they
//! are taken in that of the schema. Does not coerce values or know types.
//!
//! One part of an object is that part itself, none is true, and several hold together.

use apollo_compiler::Name;

use super::input::Input;
use super::schema::scalars::{IS_NULL, Kind, OPERATORS, StructType};
use super::schema::tables::DoorTable;
use crate::config::limits::StatementLimits;
use crate::engine::statement::{CompareOp, Filter, FilterNode, Literal, Operand};
use crate::query::error::{ErrorCode, QueryError};

/// What a condition is on: what its members stand for beside those that join conditions.
pub(super) trait Subject<'k> {
    /// The columns that a member compares; none of an object in which there is nothing.
    ///
    /// # Errors
    /// As for [`condition_on`].
    fn compared<'i>(
        &mut self,
        member: &Name,
        inner: &'i [(Name, Input)],
    ) -> Result<Vec<Compared<'k, 'i>>, QueryError>;
}

/// A column, and the operators that it is compared by.
pub(super) struct Compared<'k, 'i> {
    /// Its type.
    pub kind: &'k Kind,
    /// Name that the statement has for it.
    pub column: String,
    /// The operators.
    pub operators: &'i [(Name, Input)],
}

/// The columns of a table.
struct Rows<'k>(&'k DoorTable);

impl<'k> Subject<'k> for Rows<'k> {
    fn compared<'i>(
        &mut self,
        member: &Name,
        inner: &'i [(Name, Input)],
    ) -> Result<Vec<Compared<'k, 'i>>, QueryError> {
        let column = self.0.column(member).ok_or_else(|| unknown(member))?;
        Ok(vec![Compared { kind: &column.kind, column: column.name.clone(), operators: inner }])
    }
}

/// The condition on rows of a table; none where there is no `where`, or it is null.
///
/// # Errors
/// As for [`condition_on`].
pub(super) fn condition(
    table: &DoorTable,
    given: Option<&Input>,
    limits: &StatementLimits,
) -> Result<Option<Filter>, QueryError> {
    condition_on(&mut Rows(table), given, limits)
}

/// The condition on a subject; none where none is given, or it is null.
///
/// # Errors
/// `invalid_expression`: null where a value is compared with, which would silently hold for more rows or none;
/// `expression_too_large`: more parts or levels than `limits` allow.
pub(super) fn condition_on<'k>(
    subject: &mut dyn Subject<'k>,
    given: Option<&Input>,
    limits: &StatementLimits,
) -> Result<Option<Filter>, QueryError> {
    let Some(Input::Object(members)) = given else { return Ok(None) };
    let mut builder = Builder { subject, limits, nodes_left: limits.nodes_max };
    let node = builder.object(members)?;
    if depth(&node) > limits.depth_max {
        return Err(too_large(limits));
    }
    Ok(Some(Filter::Tree(node)))
}

struct Builder<'a, 'k> {
    subject: &'a mut dyn Subject<'k>,
    limits: &'a StatementLimits,
    nodes_left: usize,
}

impl Builder<'_, '_> {
    fn spend(&mut self, nodes: usize) -> Result<(), QueryError> {
        self.nodes_left = self.nodes_left.checked_sub(nodes).ok_or_else(|| too_large(self.limits))?;
        Ok(())
    }

    fn object(&mut self, members: &[(Name, Input)]) -> Result<FilterNode, QueryError> {
        let mut parts: Vec<FilterNode> = Vec::new();
        for (name, value) in members {
            match (name.as_str(), value) {
                (_, Input::Null) => return Err(is_null(name)),
                ("and", Input::List(items)) => parts.push(FilterNode::And(self.list(items)?)),
                ("or", Input::List(items)) => parts.push(FilterNode::Or(self.list(items)?)),
                ("not", Input::Object(inner)) => {
                    self.spend(1)?;
                    parts.push(FilterNode::Not(Box::new(self.object(inner)?)));
                }
                (_, Input::Object(inner)) => {
                    for Compared { kind, column, operators } in self.subject.compared(name, inner)? {
                        self.compared(kind, &column, operators, &mut parts)?;
                    }
                }
                _ => return Err(unknown(name)),
            }
        }
        match parts.len() {
            1 => Ok(parts.swap_remove(0)),
            _ => {
                self.spend(1)?;
                Ok(FilterNode::And(parts))
            }
        }
    }

    fn list(&mut self, items: &[Input]) -> Result<Vec<FilterNode>, QueryError> {
        self.spend(1)?;
        let object = |item: &Input| match item {
            Input::Object(members) => self.object(members),
            _ => Err(QueryError::internal("a condition that is no object")),
        };
        items.iter().map(object).collect()
    }

    /// Adds a comparison for each operator on a column, or on fields inside it.
    fn compared(
        &mut self,
        kind: &Kind,
        column: &str,
        operators: &[(Name, Input)],
        parts: &mut Vec<FilterNode>,
    ) -> Result<(), QueryError> {
        for (name, value) in operators {
            match (kind, value) {
                (_, Input::Null) => return Err(is_null(name)),
                (Kind::Struct(of), Input::Object(inner)) => self.field(of, name, inner, parts)?,
                (_, Input::Bool(wanted)) if name == IS_NULL => {
                    let op = if *wanted { CompareOp::IsNull } else { CompareOp::IsNotNull };
                    parts.push(self.compare(column, op, Operand::None)?);
                }
                (_, value) => {
                    let known = OPERATORS.iter().find(|(known, _)| name == known);
                    let (_, op) = *known.ok_or_else(|| unknown(name))?;
                    let operand = self.operand(op, value)?;
                    parts.push(self.compare(column, op, operand)?);
                }
            }
        }
        Ok(())
    }

    fn field(
        &mut self,
        of: &StructType,
        name: &Name,
        operators: &[(Name, Input)],
        parts: &mut Vec<FilterNode>,
    ) -> Result<(), QueryError> {
        let field = of.reachable().find(|field| name == field.field.as_str());
        let found = field.and_then(|field| Some((&field.kind, field.path.as_deref()?)));
        let (kind, path) = found.ok_or_else(|| unknown(name))?;
        self.compared(kind, path, operators, parts)
    }

    fn compare(&mut self, column: &str, op: CompareOp, value: Operand) -> Result<FilterNode, QueryError> {
        self.spend(1)?;
        Ok(FilterNode::Compare { column: column.to_owned(), op, value })
    }

    fn operand(&mut self, op: CompareOp, value: &Input) -> Result<Operand, QueryError> {
        let Input::List(items) = value else { return literal(value).map(Operand::One) };
        if op == CompareOp::Between && items.len() != 2 {
            let message = "\"between\" takes a list of two values";
            return Err(QueryError::new(ErrorCode::InvalidExpression, message));
        }
        self.spend(items.len())?;
        items.iter().map(literal).collect::<Result<_, _>>().map(Operand::Many)
    }
}

fn literal(value: &Input) -> Result<Literal, QueryError> {
    match value {
        Input::Bool(value) => Ok(Literal::Bool(*value)),
        Input::Number(digits) => Ok(Literal::Number(digits.as_ref().to_owned())),
        Input::Text(text) => Ok(Literal::Text(text.as_ref().to_owned())),
        Input::Null | Input::Enum(_) | Input::List(_) | Input::Object(_) => {
            Err(QueryError::internal("a value of no scalar in a condition"))
        }
    }
}

/// Levels of a tree. Its nesting is bounded by that of documents and of JSON.
fn depth(node: &FilterNode) -> usize {
    let inside = match node {
        FilterNode::And(parts) | FilterNode::Or(parts) => parts.iter().map(depth).max().unwrap_or_default(),
        FilterNode::Not(part) => depth(part),
        FilterNode::Compare { .. } => 0,
    };
    1 + inside
}

fn too_large(limits: &StatementLimits) -> QueryError {
    let (nodes, depth) = (limits.nodes_max, limits.depth_max);
    let message = format!("the filter has more than {nodes} parts or {depth} levels");
    QueryError::new(ErrorCode::ExpressionTooLarge, message)
}

/// A variable that was forgotten must not open the condition.
pub(super) fn is_null(name: &Name) -> QueryError {
    QueryError::new(ErrorCode::InvalidExpression, format!("\"{name}\" is null in a condition"))
        .with_hint(format!("leave it out, or ask for nulls with \"{IS_NULL}\""))
}

/// Coercion lets no other member pass.
pub(super) fn unknown(name: &Name) -> QueryError {
    QueryError::internal(format!(
        "the schema has a member \"{name}\" in a condition that no column stands for"
    ))
}

#[cfg(test)]
mod tests;
