//! Tests of plans of groups: what a document computes and how it is told, what is refused, and what groups count.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Value as Json, json};

use super::*;
use crate::config::graphql::GraphqlConfig;
use crate::config::limits::LimitsConfig;
use crate::protocol::graphql::plan::RootPlan;
use crate::protocol::graphql::plan::tests::{planned, planned_with};
use crate::query::error::ErrorCode;
use crate::query::request::VersionSelector;

/// The groups that the only root field asks for.
fn groups(text: &str) -> GroupsPlan {
    match planned(text).roots.pop() {
        Some((_, RootPlan::Groups(groups))) => groups,
        other => panic!("{other:?}"),
    }
}

fn written<T: serde::Serialize>(value: &T) -> Json {
    serde_json::to_value(value).unwrap()
}

#[test]
fn only_what_is_named_is_computed_in_the_order_of_the_schema() {
    let plan = groups(
        "{ flightsAggregate(groupBy: [carrier, departs_month], where: {stops: {eq: 0}}, version: 3, first: 5, after: \"c\", \
         having: {sum: {fare: {gt: \"10.50\"}}}, orderBy: [{avg: dep_delay, descending: true}, {key: carrier}]) { \
         nodes { max { day } key { departs_month } n: count again: count countDistinct { odd_name } } } }",
    );
    let asked = plan.statement;
    assert_eq!(
        written(&asked.group_by),
        json!([
            { "Column": { "column": "carrier", "alias": null } },
            { "DateTrunc": { "unit": "month", "column": "departs", "alias": "departs_month" } },
        ])
    );
    let measure = |function: &str, column: Option<&str>, alias: &str| json!({ "function": function, "column": column, "alias": alias });
    assert_eq!(
        written(&asked.measures),
        json!([
            measure("Count", None, "count"),
            measure("CountDistinct", Some("odd name"), "count_distinct_odd name"),
            measure("Sum", Some("fare"), "sum_fare"),
            measure("Avg", Some("dep_delay"), "avg_dep_delay"),
            measure("Max", Some("day"), "max_day"),
        ])
    );
    let compared = |column: &str, op: &str, number: &str| json!({ "Tree": { "Compare": { "column": column, "op": op, "value": { "One": { "Number": number } } } } });
    assert_eq!(written(&asked.filter), compared("stops", "Eq", "0"));
    assert_eq!(written(&asked.having), compared("sum_fare", "Gt", "10.50"));
    let key = |column: &str, descending: bool| json!({ "column": column, "descending": descending, "nulls_first": false });
    assert_eq!(written(&asked.order), json!([key("avg_dep_delay", true), key("carrier", false)]));
    assert_eq!((asked.limit, asked.cursor.as_deref()), (Some(5), Some("c")));
    assert_eq!((asked.table.as_str(), plan.version), ("flights", VersionSelector::Version(3)));
}

#[test]
fn groups_are_told_under_the_keys_that_were_asked_for() {
    let plan = groups(
        "{ flightsAggregate(groupBy: day_week) { p: pageInfo { startCursor endCursor hasNextPage } \
         nodes { k: key { w: day_week __typename } __typename sum { s: stops } n: count } } }",
    );
    let [(page, ConnectionMember::PageInfo(info)), (_, ConnectionMember::Nodes(nodes))] =
        &plan.output.members[..]
    else {
        panic!("{plan:?}")
    };
    let told: Vec<PageMember> = info.members.iter().map(|(_, member)| *member).collect();
    assert_eq!(told, [PageMember::NoCursor, PageMember::NextCursor, PageMember::HasNextPage]);
    assert_eq!(
        (page.as_str(), plan.output.type_name.as_str(), nodes.type_name.as_str()),
        ("p", "FlightsAggregateConnection", "FlightsAggregate")
    );
    let [(k, RowMember::Inside(key)), (_, RowMember::TypeName), (_, RowMember::Inside(sums)), (n, count)] =
        &nodes.members[..]
    else {
        panic!("{nodes:?}")
    };
    let column = |member: &RowMember| match member {
        RowMember::Column(name, Value::Whole) => name.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!((k.as_str(), key.type_name.as_str(), key.members[0].0.as_str()), ("k", "FlightsKey", "w"));
    assert_eq!(
        (column(&key.members[0].1), n.as_str(), column(count)),
        ("day_week".into(), "n", "count".into())
    );
    assert!(matches!(key.members[1].1, RowMember::TypeName));
    assert_eq!((sums.type_name.as_str(), sums.members[0].0.as_str()), ("FlightsSums", "s"));
    assert_eq!(column(&sums.members[0].1), "sum_stops");
}

#[test]
fn rows_are_counted_where_nothing_else_would_be_answered() {
    let keys = groups("{ flightsAggregate(groupBy: carrier) { nodes { key { __typename } } } }").statement;
    assert_eq!((keys.group_by.len(), keys.measures.len()), (1, 0));
    let nothing = groups("{ flightsAggregate { pageInfo { hasNextPage } } }").statement;
    assert_eq!((nothing.group_by.len(), nothing.measures[0].alias.as_str()), (0, "count"));
    assert_eq!(planned("{ flightsAggregate { nodes { count } } }").tables(), ["flights"]);
}

#[test]
fn groups_without_first_are_as_many_as_a_page_has() {
    let asked = groups("{ flightsAggregate(groupBy: carrier, after: \"c\") { nodes { count } } }").statement;
    assert_eq!(
        (asked.limit, asked.cursor.as_deref()),
        (Some(LimitsConfig::default().page_rows_max), Some("c"))
    );
    assert_eq!(groups("{ flightsAggregate { nodes { count } } }").statement.limit, Some(1));
}

fn refused(text: &str) -> (ErrorCode, String, Option<u64>) {
    let refused = planned_with(text, &GraphqlConfig::default(), &LimitsConfig::default()).unwrap_err();
    (refused.error.code, refused.error.message.clone(), refused.location.map(|at| at.column))
}

#[test]
fn what_no_groups_have_is_refused_where_it_stands() {
    let (code, message, column) =
        refused("{ flightsAggregate(groupBy: [carrier]) { nodes { key { carrier day } } } }");
    assert_eq!((code, column), (ErrorCode::InvalidRequest, Some(64)));
    assert_eq!(message, "rows are not grouped by \"day\"");
    for (arguments, part) in [
        ("orderBy: {key: carrier}", "rows are not grouped by \"carrier\""),
        ("groupBy: departs, orderBy: {key: departs_day}", "rows are not grouped by \"departs_day\""),
        ("orderBy: {}", "names one of"),
        ("orderBy: {count: false, descending: true}", "names one of"),
        ("orderBy: {count: null}", "names one of"),
        ("orderBy: [{count: true}, {count: true, sum: stops}]", "one only"),
        ("groupBy: [carrier, day, carrier]", "\"groupBy\" names \"carrier\" twice"),
        ("first: 0", "\"first\" must be at least 1"),
        ("version: 1, asOf: \"2026-01-31T05:00:00Z\"", "version"),
    ] {
        let (code, message, column) =
            refused(&format!("{{ flightsAggregate({arguments}) {{ nodes {{ count }} }} }}"));
        assert_eq!((code, column), (ErrorCode::InvalidRequest, Some(3)), "{arguments}");
        assert!(message.contains(part), "{arguments}: {message}");
    }
}

#[test]
fn groups_count_as_the_rows_that_there_may_be() {
    for (page_rows_max, arguments, rows) in [
        (20, "groupBy: carrier", 20),
        (90, "groupBy: carrier", 50),
        (20, "groupBy: carrier, first: 7", 7),
        (20, "groupBy: carrier, first: 40", 40),
        (20, "groupBy: carrier, first: 70", 50),
        (20, "first: 7", 1),
        (20, "where: {stops: {eq: 0}}", 1),
    ] {
        let limits = LimitsConfig { page_rows_max, result_rows_max: 50, ..Default::default() };
        let text = format!("{{ flightsAggregate({arguments}) {{ nodes {{ count }} }} }}");
        let of = |operation_rows_max| {
            let config = GraphqlConfig { operation_rows_max, ..Default::default() };
            planned_with(&text, &config, &limits)
        };
        assert!(of(rows).is_ok(), "{arguments}");
        assert_eq!(of(rows - 1).unwrap_err().error.code, ErrorCode::DocumentTooLarge, "{arguments}");
    }
}

#[test]
fn levels_of_a_group_are_counted() {
    let text = "{ flightsAggregate { nodes { min { day } } } }";
    let of = |depth_max| {
        let config = GraphqlConfig { depth_max, ..Default::default() };
        planned_with(text, &config, &LimitsConfig::default())
    };
    assert!(of(4).is_ok());
    assert!(of(3).unwrap_err().error.message.contains("more than 3 levels"));
}
