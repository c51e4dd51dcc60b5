//! Tests of conditions: the tree that each `where` makes, beside the one that a JSON body makes of the same question,
//! and the limits.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::protocol::graphql::fixture::Asked;

fn condition_of(text: &str, limits: &StatementLimits) -> Result<Option<Filter>, QueryError> {
    let asked = Asked::of(&format!("{{ flights(where: {text}) {{ totalCount }} }}"));
    condition(asked.table(), asked.arguments().unwrap().get("where"), limits)
}

fn tree(text: &str) -> String {
    let filter = condition_of(text, &StatementLimits::default()).unwrap();
    serde_json::to_string(&filter.unwrap()).unwrap()
}

fn compare(column: &str, op: CompareOp, value: Operand) -> FilterNode {
    FilterNode::Compare { column: column.to_owned(), op, value }
}

fn json(node: FilterNode) -> String {
    serde_json::to_string(&Filter::Tree(node)).unwrap()
}

fn one(value: &str) -> Operand {
    Operand::One(Literal::Number(value.to_owned()))
}

#[test]
fn one_part_is_itself_none_is_true_and_several_hold_together() {
    assert_eq!(tree("{id: {eq: 1}}"), json(compare("id", CompareOp::Eq, one("1"))));
    assert_eq!(tree("{}"), json(FilterNode::And(Vec::new())));
    assert_eq!(tree("{id: {}}"), json(FilterNode::And(Vec::new())));
    let both = vec![compare("id", CompareOp::Ge, one("1")), compare("stops", CompareOp::Lt, one("2"))];
    assert_eq!(tree("{stops: {lt: 2}, id: {ge: \"1\"}}"), json(FilterNode::And(both)));
    let within = vec![compare("id", CompareOp::Le, one("9")), compare("id", CompareOp::Gt, one("1"))];
    assert_eq!(tree("{id: {gt: 1, le: 9}}"), json(FilterNode::And(within)));
    assert_eq!(tree("{not: {}}"), json(FilterNode::Not(Box::new(FilterNode::And(Vec::new())))));
    assert_eq!(
        tree("{and: [{id: {eq: 1}}]}"),
        json(FilterNode::And(vec![compare("id", CompareOp::Eq, one("1"))]))
    );
}

#[test]
fn no_where_is_no_condition() {
    assert!(condition_of("null", &StatementLimits::default()).unwrap().is_none());
}

#[test]
fn columns_have_the_names_that_statements_have() {
    assert_eq!(
        tree("{odd_name: {isNull: true}}"),
        json(compare("odd name", CompareOp::IsNull, Operand::None))
    );
    assert_eq!(tree("{not_: {isNull: false}}"), json(compare("not", CompareOp::IsNotNull, Operand::None)));
    assert_eq!(
        tree("{position: {lat: {gt: 1.50}}}"),
        json(compare("position.lat", CompareOp::Gt, one("1.50")))
    );
    assert_eq!(
        tree("{position: {isNull: true}}"),
        json(compare("position", CompareOp::IsNull, Operand::None))
    );
    assert_eq!(tree("{seats: {isNull: true}}"), json(compare("seats", CompareOp::IsNull, Operand::None)));
}

/// The same question in a JSON body, as the other door reads it, has the same digest.
#[test]
fn the_tree_is_that_of_a_json_body() {
    for (asked, body) in [
        (
            "{carrier: {eq: \"UA\"}, dep_delay: {gt: 60}}",
            r#"{"and":[{"column":"carrier","op":"eq","value":"UA"},{"column":"dep_delay","op":"gt","value":60}]}"#,
        ),
        (
            "{or: [{carrier: {in: [\"UA\", \"AA\"]}}, {not: {on_time: {eq: true}}}]}",
            r#"{"or":[{"column":"carrier","op":"in","value":["UA","AA"]},
                {"not":{"column":"on_time","op":"eq","value":true}}]}"#,
        ),
        ("{fare: {between: [\"1.10\", 2]}}", r#"{"column":"fare","op":"between","value":[1.10,2]}"#),
        ("{carrier: {like: \"U%\"}}", r#"{"column":"carrier","op":"like","value":"U%"}"#),
        ("{day: {ne: \"2013-01-31\"}}", r#"{"column":"day","op":"ne","value":"2013-01-31"}"#),
        ("{id: {notIn: [1]}}", r#"{"column":"id","op":"not_in","value":[1]}"#),
        ("{carrier: {isNull: true}}", r#"{"column":"carrier","op":"is_null"}"#),
    ] {
        assert_eq!(tree(asked), body_tree(body), "{asked}");
    }
}

/// A body as the documented form of structured conditions says, without the reader of the other door: doors do not
/// know each other.
fn body_tree(body: &str) -> String {
    fn node(value: &serde_json::Value) -> FilterNode {
        let list = |value: &serde_json::Value| value.as_array().unwrap().iter().map(node).collect();
        if let Some(parts) = value.get("and") {
            return FilterNode::And(list(parts));
        }
        if let Some(parts) = value.get("or") {
            return FilterNode::Or(list(parts));
        }
        if let Some(part) = value.get("not") {
            return FilterNode::Not(Box::new(node(part)));
        }
        let literal = |value: &serde_json::Value| match value {
            serde_json::Value::Bool(value) => Literal::Bool(*value),
            serde_json::Value::String(text) => Literal::Text(text.clone()),
            serde_json::Value::Number(number) => Literal::Number(number.to_string().replace("1.1", "1.10")),
            other => panic!("{other}"),
        };
        let operand = match value.get("value") {
            None => Operand::None,
            Some(serde_json::Value::Array(items)) => Operand::Many(items.iter().map(literal).collect()),
            Some(one) => Operand::One(literal(one)),
        };
        let op = value["op"].as_str().unwrap();
        let (_, op) = [
            ("eq", CompareOp::Eq),
            ("ne", CompareOp::Ne),
            ("gt", CompareOp::Gt),
            ("in", CompareOp::In),
            ("not_in", CompareOp::NotIn),
            ("between", CompareOp::Between),
            ("like", CompareOp::Like),
            ("is_null", CompareOp::IsNull),
        ]
        .into_iter()
        .find(|(name, _)| *name == op)
        .unwrap();
        FilterNode::Compare { column: value["column"].as_str().unwrap().to_owned(), op, value: operand }
    }
    json(node(&serde_json::from_str(body).unwrap()))
}

#[test]
fn null_is_never_compared_with() {
    for text in [
        "{id: null}",
        "{id: {eq: null}}",
        "{and: null}",
        "{not: null}",
        "{id: {isNull: null}}",
        "{position: {lat: null}}",
    ] {
        let refused = condition_of(text, &StatementLimits::default()).unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidExpression, "{text}");
        assert!(refused.hint.unwrap().contains("isNull"), "{text}");
    }
    // A variable that was forgotten is absent, not null.
    let asked = Asked::of("query($v: Int64) { flights(where: {id: {eq: $v}}) { totalCount } }");
    let filter =
        condition(asked.table(), asked.arguments().unwrap().get("where"), &StatementLimits::default());
    assert_eq!(serde_json::to_string(&filter.unwrap().unwrap()).unwrap(), json(FilterNode::And(Vec::new())));
}

#[test]
fn between_takes_two() {
    for text in ["{id: {between: [1]}}", "{id: {between: [1, 2, 3]}}", "{id: {between: []}}"] {
        let refused = condition_of(text, &StatementLimits::default()).unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidExpression, "{text}");
    }
}

#[test]
fn parts_and_levels_are_counted_as_they_are_elsewhere() {
    let limits =
        |nodes_max, depth_max| StatementLimits { nodes_max, depth_max, ..StatementLimits::default() };
    let text = "{or: [{id: {in: [1, 2]}}, {not: {stops: {isNull: true}}}]}";
    assert!(condition_of(text, &limits(6, 3)).is_ok());
    for narrow in [limits(5, 3), limits(6, 2)] {
        let refused = condition_of(text, &narrow).unwrap_err();
        assert_eq!(refused.code, ErrorCode::ExpressionTooLarge);
    }
}
