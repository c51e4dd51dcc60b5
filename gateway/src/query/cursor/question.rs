//! The names of questions in cursors: owns the digests of all that decides which rows come in which order. Parts of
//! a condition that all have to hold are digested one by one, so that what many questions share is digested once.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::Digest;
use crate::engine::statement::{Filter, FilterNode, OrderKey};
use crate::query::error::QueryError;

/// A question but for its condition.
#[derive(Debug, Clone)]
pub(in crate::query) struct Question(Sha256);

impl Question {
    /// Over the table of that name, in that order.
    pub(in crate::query) fn over(table: &str, order: &[OrderKey]) -> Result<Self, QueryError> {
        written("sluice question", &(table, order)).map(Self)
    }

    /// The name of the question with this condition.
    pub(in crate::query) fn digest(&self, condition: Option<&Condition>) -> Digest {
        let Self(mut hasher) = self.clone();
        if let Some(Condition(digest)) = condition {
            hasher.update(digest);
        }
        Digest::of(&hasher.finalize().into())
    }
}

/// What of a condition goes into a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::query) struct Condition([u8; 32]);

impl Condition {
    /// Of a condition as it is asked.
    pub(in crate::query) fn of(filter: &Filter) -> Result<Self, QueryError> {
        match filter {
            Filter::Text(text) => written("text", text).map(Self::named),
            Filter::Tree(node) => Self::of_node(node),
        }
    }

    /// Of the condition that both hold.
    pub(in crate::query) fn both(one: &Self, other: &Self) -> Self {
        Self::all([one, other])
    }

    fn of_node(node: &FilterNode) -> Result<Self, QueryError> {
        let FilterNode::And(parts) = node else { return written("part", node).map(Self::named) };
        let parts = parts.iter().map(Self::of_node).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::all(&parts))
    }

    fn all<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut hasher = Sha256::new_with_prefix("all");
        parts.into_iter().for_each(|Self(part)| hasher.update(part));
        Self::named(hasher)
    }

    fn named(hasher: Sha256) -> Self {
        Self(hasher.finalize().into())
    }
}

fn written(what: &str, value: &impl Serialize) -> Result<Sha256, QueryError> {
    let text = serde_json::to_vec(value).map_err(QueryError::internal)?;
    Ok(Sha256::new_with_prefix(what).chain_update(text))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::engine::statement::{CompareOp, Literal, Operand, keyed_filter};

    fn equals(column: &str, value: &str) -> FilterNode {
        let value = Operand::One(Literal::Text(value.to_owned()));
        FilterNode::Compare { column: column.to_owned(), op: CompareOp::Eq, value }
    }

    fn digest(table: &str, order: &[OrderKey], filter: Option<Filter>) -> Digest {
        let condition = filter.map(|filter| Condition::of(&filter).unwrap());
        Question::over(table, order).unwrap().digest(condition.as_ref())
    }

    #[test]
    fn a_condition_beside_a_key_needs_to_be_digested_only_once() {
        let columns = ["a".to_owned(), "b".to_owned()];
        let key = [Literal::Number("7".to_owned()), Literal::Bool(true)];
        for rest in [equals("c", "x"), FilterNode::And(vec![equals("c", "x"), FilterNode::Or(vec![])])] {
            let whole = Condition::of(&keyed_filter(&columns, &key, Some(&rest))).unwrap();
            let key = Condition::of(&keyed_filter(&columns, &key, None)).unwrap();
            assert_eq!(Condition::both(&key, &Condition::of_node(&rest).unwrap()), whole);
        }
    }

    #[test]
    fn every_part_of_a_question_decides() {
        let order =
            |column: &str, descending| OrderKey { column: column.to_owned(), descending, nulls_first: false };
        let tree = |node| Some(Filter::Tree(node));
        let and = |parts: &[&FilterNode]| FilterNode::And(parts.iter().copied().cloned().collect());
        let (a, b) = (equals("a", "x"), equals("b", "x"));
        let all = [
            digest("t", &[], None),
            digest("u", &[], None),
            digest("t", &[order("a", false)], None),
            digest("t", &[order("a", true)], None),
            digest("t", &[order("b", false)], None),
            digest("t", &[], Some(Filter::Text("a = 'x'".to_owned()))),
            digest("t", &[], tree(a.clone())),
            digest("t", &[], tree(and(&[]))),
            digest("t", &[], tree(and(&[&a]))),
            digest("t", &[], tree(and(&[&a, &b]))),
            digest("t", &[], tree(and(&[&b, &a]))),
            digest("t", &[], tree(and(&[&and(&[&a]), &b]))),
            digest("t", &[], tree(and(&[&and(&[&a, &b])]))),
            digest("t", &[], tree(FilterNode::Or(vec![a.clone(), b.clone()]))),
            digest("t", &[], tree(FilterNode::Not(Box::new(a.clone())))),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[..at].contains(one), "{at}");
        }
        assert_eq!(digest("t", &[], tree(and(&[&a, &b]))), all[9]);
    }
}
