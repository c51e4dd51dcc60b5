//! Tests of structured conditions, well-formed, malformed and too large.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::config::limits::StatementLimits;
use crate::query::error::TextPosition;

fn read_under(text: &str, limits: &LimitsConfig) -> Result<Filter, QueryError> {
    let raw: &RawValue = serde_json::from_str(text).unwrap();
    parse_filter(raw, text.as_bytes(), limits)
}

fn read(text: &str) -> Result<Filter, QueryError> {
    read_under(text, &LimitsConfig::default())
}

fn limits(nodes: usize, depth: usize) -> LimitsConfig {
    let statements = StatementLimits { nodes_max: nodes, depth_max: depth, ..Default::default() };
    LimitsConfig { statements, ..LimitsConfig::default() }
}

#[test]
fn text_stays_text() {
    assert!(matches!(read(r#""a > 1""#).unwrap(), Filter::Text(text) if text == "a > 1"));
}

#[test]
fn a_tree_is_read_with_its_operators() {
    let text =
        r#"{"or":[{"column":"a","op":"in","value":[1,"x",null]},{"not":{"op":"is_null","column":"b"}}]}"#;
    let Filter::Tree(FilterNode::Or(parts)) = read(text).unwrap() else { panic!("not an or") };
    let FilterNode::Compare { column, op, value } = &parts[0] else { panic!("not a comparison") };
    let items = vec![Literal::Number("1".to_owned()), Literal::Text("x".to_owned()), Literal::Null];
    assert_eq!((column.as_str(), *op, value), ("a", CompareOp::In, &Operand::Many(items)));
    assert!(matches!(&parts[1], FilterNode::Not(_)));
}

#[test]
fn malformed_conditions_are_refused_at_their_place() {
    for text in [
        r#"{}"#,
        r#"{"column":"a"}"#,
        r#"{"column":"a","op":"gt"}"#,
        r#"{"column":"a","op":"gt","value":[1]}"#,
        r#"{"column":"a","op":"in","value":1}"#,
        r#"{"column":"a","op":"in","value":[[1]]}"#,
        r#"{"column":"a","op":"between","value":[1]}"#,
        r#"{"column":"a","op":"is_null","value":1}"#,
        r#"{"column":"a","op":"like","value":1}"#,
        r#"{"column":"a","op":"eq","value":{"b":1}}"#,
        r#"{"and":[],"or":[]}"#,
        r#"{"and":[],"column":"a","op":"is_null"}"#,
        r#"{"column":"a","column":"b","op":"is_null"}"#,
        r#"[]"#,
        r#"17"#,
    ] {
        assert_eq!(read(text).unwrap_err().code, ErrorCode::InvalidExpression, "{text}");
    }
    let refused = read("{\"and\":[\n {\"column\":\"a\",\"op\":\"gtt\",\"value\":1}]}").unwrap_err();
    assert!(refused.message.starts_with("unknown operator \"gtt\""), "{}", refused.message);
    assert_eq!(refused.position.map(|at| at.line), Some(2));
}

#[test]
fn a_place_counts_from_the_start_of_the_body() {
    let body = "{\n  \"filter\": {\"column\": 1}\n}";
    #[derive(Deserialize)]
    struct Holder<'a> {
        #[serde(borrow)]
        filter: &'a RawValue,
    }
    let holder: Holder<'_> = serde_json::from_str(body).unwrap();
    let refused = parse_filter(holder.filter, body.as_bytes(), &LimitsConfig::default()).unwrap_err();
    assert_eq!(refused.position, Some(TextPosition { line: 2, column: 24 }));
}

#[test]
fn nodes_are_counted_list_items_included() {
    let text = r#"{"and":[{"column":"a","op":"in","value":[1,2]},{"column":"b","op":"is_null"}]}"#;
    assert!(read_under(text, &limits(5, 9)).is_ok());
    assert_eq!(read_under(text, &limits(4, 9)).unwrap_err().code, ErrorCode::ExpressionTooLarge);
}

#[test]
fn depth_is_counted() {
    let nested = |depth: usize| {
        let (open, close) = (r#"{"not":"#.repeat(depth - 1), "}".repeat(depth - 1));
        format!("{open}{{\"column\":\"a\",\"op\":\"is_null\"}}{close}")
    };
    assert!(read_under(&nested(5), &limits(100, 5)).is_ok());
    assert_eq!(read_under(&nested(6), &limits(100, 5)).unwrap_err().code, ErrorCode::ExpressionTooLarge);
}
