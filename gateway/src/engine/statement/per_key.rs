//! Some rows of each of many keys: owns how that is asked for, and the condition that asks for one of the keys
//! alone. Does not know the types of columns.

use arrow::array::RecordBatch;

use super::{CompareOp, Filter, FilterNode, Literal, Operand};

/// Many keys of one table. A [`super::Select`] with them asks the same of the rows of each: its limit, order, count
/// and cursors are those of one key's rows.
#[derive(Debug, Clone)]
pub struct PerKey {
    /// Columns of the key, in the order of the table.
    pub columns: Vec<String>,
    /// The keys, one a row, with a column for each of `columns`. None is there twice. One that holds a null, or a
    /// number that its column's type does not hold, is no row's.
    pub keys: RecordBatch,
}

/// The condition that a row has the key and satisfies `rest`: what a question about one key says.
pub fn keyed_filter(columns: &[String], key: &[Literal], rest: Option<&FilterNode>) -> Filter {
    let compared = columns.iter().zip(key).map(|(column, value)| FilterNode::Compare {
        column: column.clone(),
        op: CompareOp::Eq,
        value: Operand::One(value.clone()),
    });
    let key = all(compared.collect());
    Filter::Tree(match rest {
        None => key,
        Some(rest) => FilterNode::And(vec![key, rest.clone()]),
    })
}

/// One part is itself.
fn all(mut parts: Vec<FilterNode>) -> FilterNode {
    match parts.pop() {
        Some(part) if parts.is_empty() => part,
        last => {
            parts.extend(last);
            FilterNode::And(parts)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

    use super::*;

    fn written(columns: &[&str], rest: Option<&FilterNode>) -> Value {
        let columns: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
        let key = [Literal::Text("UA".to_owned()), Literal::Number("7".to_owned())];
        serde_json::to_value(keyed_filter(&columns, &key[..columns.len()], rest)).unwrap()
    }

    fn equals(column: &str, value: Value) -> Value {
        json!({ "Compare": { "column": column, "op": "Eq", "value": { "One": value } } })
    }

    #[test]
    fn a_key_stands_before_the_rest_and_its_columns_stand_together() {
        let (a, b) = (equals("a", json!({ "Text": "UA" })), equals("b", json!({ "Number": "7" })));
        assert_eq!(written(&["a"], None), json!({ "Tree": a }));
        assert_eq!(written(&["a", "b"], None), json!({ "Tree": { "And": [a, b] } }));
        let rest = FilterNode::Or(Vec::new());
        let or = json!({ "Or": [] });
        assert_eq!(written(&["a"], Some(&rest)), json!({ "Tree": { "And": [a, or] } }));
        assert_eq!(written(&["a", "b"], Some(&rest)), json!({ "Tree": { "And": [{ "And": [a, b] }, or] } }));
    }
}
