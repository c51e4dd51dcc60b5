//! Conditions in a JSON body: owns reading them, as text or as a tree, under the expression
//! limits. Does not know columns or types.
//!
//! ```json
//! {"and": [{"column": "dep_delay", "op": "gt", "value": 60},
//!          {"not": {"column": "carrier", "op": "in", "value": ["UA", "AA"]}}]}
//! ```
//!
//! Operators: `eq ne lt le gt ge in not_in between like is_null is_not_null`. Nodes and nesting
//! are counted while the text is read, so that nothing larger is ever built.

use std::cell::Cell;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::config::limits::LimitsConfig;
use crate::engine::statement::{CompareOp, Filter, FilterNode, Literal, Operand};
use crate::protocol::http::json_body::{position_in, syntax_error};
use crate::protocol::literal::literal;
use crate::query::error::{ErrorCode, QueryError};

/// Reads a condition that stands at `raw` inside `body`.
pub(super) fn parse_filter(raw: &RawValue, body: &[u8], limits: &LimitsConfig) -> Result<Filter, QueryError> {
    let budget = Budget { nodes_left: Cell::new(limits.statements.nodes_max), exceeded: Cell::new(false) };
    let seed = FilterSeed(Level { budget: &budget, depth_left: limits.statements.depth_max });
    let mut reader = serde_json::Deserializer::from_str(raw.get());
    seed.deserialize(&mut reader).map_err(|error| {
        if budget.exceeded.get() {
            let message = format!(
                "the filter has more than {} parts or {} levels",
                limits.statements.nodes_max, limits.statements.depth_max
            );
            return QueryError::new(ErrorCode::ExpressionTooLarge, message);
        }
        syntax_error(&error, ErrorCode::InvalidExpression).at(position_in(
            body,
            raw.get(),
            error.line(),
            error.column(),
        ))
    })
}

struct Budget {
    nodes_left: Cell<usize>,
    exceeded: Cell<bool>,
}

#[derive(Clone, Copy)]
struct Level<'b> {
    budget: &'b Budget,
    depth_left: usize,
}

impl<'b> Level<'b> {
    fn spend<E: Error>(self) -> Result<(), E> {
        match self.budget.nodes_left.get().checked_sub(1) {
            Some(left) => {
                self.budget.nodes_left.set(left);
                Ok(())
            }
            None => Err(self.exceed()),
        }
    }

    fn deeper<E: Error>(self) -> Result<Level<'b>, E> {
        match self.depth_left.checked_sub(1) {
            Some(depth_left) => Ok(Level { depth_left, ..self }),
            None => Err(self.exceed()),
        }
    }

    fn exceed<E: Error>(self) -> E {
        self.budget.exceeded.set(true);
        E::custom("too large")
    }
}

/// Text or tree.
struct FilterSeed<'b>(Level<'b>);

impl<'de> DeserializeSeed<'de> for FilterSeed<'_> {
    type Value = Filter;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Filter, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for FilterSeed<'_> {
    type Value = Filter;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a condition as text or as an object")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Filter, E> {
        Ok(Filter::Text(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Filter, A::Error> {
        NodeSeed(self.0).visit_map(map).map(Filter::Tree)
    }
}

struct NodeSeed<'b>(Level<'b>);

impl<'de> DeserializeSeed<'de> for NodeSeed<'_> {
    type Value = FilterNode;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<FilterNode, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for NodeSeed<'_> {
    type Value = FilterNode;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a condition object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FilterNode, A::Error> {
        self.0.spend()?;
        let inner = self.0.deeper()?;
        let mut node: Option<FilterNode> = None;
        let (mut column, mut op, mut value) = (None::<String>, None::<CompareOp>, None::<Operand>);
        while let Some(name) = map.next_key::<String>()? {
            let repeated = match name.as_str() {
                "and" => node.replace(FilterNode::And(map.next_value_seed(ListSeed(inner))?)).is_some(),
                "or" => node.replace(FilterNode::Or(map.next_value_seed(ListSeed(inner))?)).is_some(),
                "not" => {
                    node.replace(FilterNode::Not(Box::new(map.next_value_seed(NodeSeed(inner))?))).is_some()
                }
                "column" => column.replace(map.next_value()?).is_some(),
                "op" => op.replace(map.next_value::<OpName>()?.0).is_some(),
                "value" => value.replace(operand(map.next_value()?, self.0)?).is_some(),
                other => {
                    let message = format!(
                        "unknown member `{other}`, expected `and`, `or`, `not` or `column`, `op`, `value`"
                    );
                    return Err(A::Error::custom(message));
                }
            };
            if repeated {
                return Err(A::Error::custom("a condition says one thing once"));
            }
        }
        assemble(node, column, op, value)
    }
}

fn assemble<E: Error>(
    node: Option<FilterNode>,
    column: Option<String>,
    op: Option<CompareOp>,
    value: Option<Operand>,
) -> Result<FilterNode, E> {
    match (node, column, op, value) {
        (Some(node), None, None, None) => Ok(node),
        (None, Some(column), Some(op), value) => {
            let value = value.unwrap_or(Operand::None);
            check_operand(op, &value).map_err(E::custom)?;
            Ok(FilterNode::Compare { column, op, value })
        }
        (Some(_), ..) => Err(E::custom("`and`, `or` and `not` stand alone in their object")),
        (None, None, ..) => {
            Err(E::custom("a condition needs `column` and `op`, or one of `and`, `or`, `not`"))
        }
        (None, Some(_), None, _) => Err(E::custom("a comparison needs `op`")),
    }
}

fn check_operand(op: CompareOp, value: &Operand) -> Result<(), &'static str> {
    match (op, value) {
        (CompareOp::IsNull | CompareOp::IsNotNull, Operand::None) => Ok(()),
        (CompareOp::IsNull | CompareOp::IsNotNull, _) => Err("`is_null` and `is_not_null` take no `value`"),
        (CompareOp::In | CompareOp::NotIn, Operand::Many(_)) => Ok(()),
        (CompareOp::In | CompareOp::NotIn, _) => Err("`in` and `not_in` take an array of plain values"),
        (CompareOp::Between, Operand::Many(items)) if items.len() == 2 => Ok(()),
        (CompareOp::Between, _) => Err("`between` takes an array of two plain values"),
        (CompareOp::Like, Operand::One(Literal::Text(_))) => Ok(()),
        (CompareOp::Like, _) => Err("`like` takes a pattern as text"),
        (
            CompareOp::Eq | CompareOp::Ne | CompareOp::Lt | CompareOp::Le | CompareOp::Gt | CompareOp::Ge,
            Operand::One(_),
        ) => Ok(()),
        (
            CompareOp::Eq | CompareOp::Ne | CompareOp::Lt | CompareOp::Le | CompareOp::Gt | CompareOp::Ge,
            _,
        ) => Err("a comparison takes one plain `value`"),
    }
}

struct ListSeed<'b>(Level<'b>);

impl<'de> DeserializeSeed<'de> for ListSeed<'_> {
    type Value = Vec<FilterNode>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<FilterNode>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ListSeed<'_> {
    type Value = Vec<FilterNode>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of conditions")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<FilterNode>, A::Error> {
        let mut nodes: Vec<FilterNode> = Vec::new();
        while let Some(node) = seq.next_element_seed(NodeSeed(self.0))? {
            nodes.push(node);
        }
        Ok(nodes)
    }
}

/// A plain value, or an array of them each of which counts as a node.
fn operand<E: Error>(raw: &RawValue, level: Level<'_>) -> Result<Operand, E> {
    if !raw.get().starts_with('[') {
        return literal(raw).map(Operand::One).map_err(E::custom);
    }
    let read = ItemsSeed(level).deserialize(&mut serde_json::Deserializer::from_str(raw.get()));
    read.map(Operand::Many).map_err(|error| {
        // The place is that of the comparison: this one counts from the array's own start.
        let place = format!(" at line {} column {}", error.line(), error.column());
        let text = error.to_string();
        E::custom(text.strip_suffix(&place).unwrap_or(&text))
    })
}

struct ItemsSeed<'b>(Level<'b>);

impl<'de> DeserializeSeed<'de> for ItemsSeed<'_> {
    type Value = Vec<Literal>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Literal>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ItemsSeed<'_> {
    type Value = Vec<Literal>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of plain values")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<Literal>, A::Error> {
        let mut items: Vec<Literal> = Vec::new();
        while let Some(item) = seq.next_element::<&RawValue>()? {
            self.0.spend()?;
            items.push(literal(item).map_err(A::Error::custom)?);
        }
        Ok(items)
    }
}

struct OpName(CompareOp);

impl<'de> Deserialize<'de> for OpName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const NAMES: [(&str, CompareOp); 12] = [
            ("eq", CompareOp::Eq),
            ("ne", CompareOp::Ne),
            ("lt", CompareOp::Lt),
            ("le", CompareOp::Le),
            ("gt", CompareOp::Gt),
            ("ge", CompareOp::Ge),
            ("in", CompareOp::In),
            ("not_in", CompareOp::NotIn),
            ("between", CompareOp::Between),
            ("like", CompareOp::Like),
            ("is_null", CompareOp::IsNull),
            ("is_not_null", CompareOp::IsNotNull),
        ];
        let name = String::deserialize(deserializer)?;
        let known = NAMES.iter().find(|(known, _)| *known == name);
        known.map(|(_, op)| Self(*op)).ok_or_else(|| {
            let names: Vec<&str> = NAMES.iter().map(|(known, _)| *known).collect();
            D::Error::custom(format!("unknown operator `{name}`, expected one of {}", names.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests;
