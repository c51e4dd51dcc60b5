//! Tests of conditions and orders, at each limit and one beyond it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use sluice_proto::v1::Literal as LiteralMessage;
use sluice_proto::v1::literal::Kind as ValueKind;

use super::*;

fn number(value: i64) -> LiteralMessage {
    LiteralMessage { kind: Some(ValueKind::Int64Value(value)) }
}

fn compare(operator: ComparisonOperator, values: Vec<LiteralMessage>) -> FilterMessage {
    let comparison = Comparison { column: "a".to_owned(), operator: operator.into(), values };
    FilterMessage { kind: Some(Kind::Comparison(comparison)) }
}

fn not(times: usize, mut filter: FilterMessage) -> FilterMessage {
    for _ in 0..times {
        filter = FilterMessage { kind: Some(Kind::Not(Box::new(filter))) };
    }
    filter
}

fn read(tree: FilterMessage, limits: &StatementLimits) -> Result<Filter, Refusal> {
    filter(Condition { form: Some(Form::Filter(tree)) }, limits)
}

fn refused(tree: FilterMessage, limits: &StatementLimits) -> (ErrorCode, Option<String>) {
    let refusal = read(tree, limits).unwrap_err();
    let details = tonic_types::StatusExt::get_error_details(&refusal.status("r"));
    let field = details.bad_request().map(|bad| bad.field_violations[0].field.clone());
    (refusal.error().code, field)
}

#[test]
fn depth_and_nodes_are_counted_to_their_limits() {
    let limits = StatementLimits { depth_max: 3, nodes_max: 4, ..StatementLimits::default() };
    let leaf = || compare(ComparisonOperator::Eq, vec![number(1)]);
    assert!(read(not(2, leaf()), &limits).is_ok());
    assert_eq!(refused(not(3, leaf()), &limits).0, ErrorCode::ExpressionTooLarge);
    let list = |count: i64| compare(ComparisonOperator::In, (0..count).map(number).collect());
    assert!(read(list(3), &limits).is_ok());
    assert_eq!(refused(list(4), &limits).0, ErrorCode::ExpressionTooLarge);
}

#[test]
fn a_fault_is_placed_in_the_tree() {
    let limits = StatementLimits::default();
    let unset = LiteralMessage { kind: None };
    let parts = vec![not(1, compare(ComparisonOperator::In, vec![number(1), unset]))];
    let tree = FilterMessage { kind: Some(Kind::All(FilterList { filters: parts })) };
    let place = "filter.all.filters[0].not.comparison.values[1]".to_owned();
    assert_eq!(refused(tree, &limits), (ErrorCode::InvalidRequest, Some(place)));
}

#[test]
fn a_number_out_of_range_is_a_fault_of_the_expression() {
    let limits = StatementLimits::default();
    let out_of_range = || LiteralMessage { kind: Some(ValueKind::DecimalValue("1e400".to_owned())) };
    let place = |at: usize| Some(format!("filter.comparison.values[{at}].decimal_value"));
    let one = compare(ComparisonOperator::Gt, vec![out_of_range()]);
    assert_eq!(refused(one, &limits), (ErrorCode::InvalidExpression, place(0)));
    let list = compare(ComparisonOperator::In, vec![number(1), out_of_range()]);
    assert_eq!(refused(list, &limits), (ErrorCode::InvalidExpression, place(1)));
}

#[test]
fn what_this_server_does_not_know_is_refused() {
    let limits = StatementLimits::default();
    assert_eq!(refused(FilterMessage { kind: None }, &limits).0, ErrorCode::InvalidRequest);
    let mut odd = compare(ComparisonOperator::Eq, vec![number(1)]);
    for operator in [0, 13, -1] {
        if let Some(Kind::Comparison(comparison)) = &mut odd.kind {
            comparison.operator = operator;
        }
        assert_eq!(refused(odd.clone(), &limits).0, ErrorCode::InvalidRequest, "{operator}");
    }
    assert!(filter(Condition { form: None }, &limits).is_err());
}

#[test]
fn values_suit_their_operator() {
    let limits = StatementLimits::default();
    let numbers = |count: i64| (0..count).map(number).collect::<Vec<_>>();
    for (operator, right, wrong) in [
        (ComparisonOperator::Eq, 1, 0),
        (ComparisonOperator::Ge, 1, 2),
        (ComparisonOperator::Between, 2, 3),
        (ComparisonOperator::IsNull, 0, 1),
    ] {
        assert!(read(compare(operator, numbers(right)), &limits).is_ok(), "{operator:?}");
        let code = refused(compare(operator, numbers(wrong)), &limits).0;
        assert_eq!(code, ErrorCode::InvalidExpression, "{operator:?}");
    }
    assert_eq!(
        refused(compare(ComparisonOperator::Like, numbers(1)), &limits).0,
        ErrorCode::InvalidExpression
    );
}

#[test]
fn orders_mean_the_same_in_either_form() {
    let key = |column: &str, descending, nulls_first| sluice_proto::v1::OrderKey {
        column: column.to_owned(),
        descending,
        nulls_first,
    };
    let keys = vec![key("a", true, true), key("b", false, false)];
    let as_keys = order(Some(Order { keys: keys.clone(), text: String::new() })).unwrap();
    let as_text = order(Some(Order { keys: Vec::new(), text: "-a:nulls_first,b".to_owned() })).unwrap();
    assert_eq!(as_keys, as_text);
    assert!(order(Some(Order { keys, text: "a".to_owned() })).is_err());
    assert_eq!(order(None).unwrap(), Vec::new());
}
