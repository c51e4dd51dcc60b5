//! Tests of plans: which statements a document becomes, and the limits, each at its number and one over.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::engine::statement::Side;
use crate::protocol::graphql::fixture::Asked;
use crate::protocol::graphql::output::{StructMember, Value};

pub(super) fn planned_with(
    text: &str,
    config: &GraphqlConfig,
    limits: &LimitsConfig,
) -> Result<Plan, DoorError> {
    let asked = Asked::of(text);
    let selections = asked.selections(config.fields_max)?;
    match Planner::new(&asked.door, &selections, config, limits).plan(asked.operation())? {
        Planned::Answer(plan) => Ok(plan),
        Planned::Subscription(changes) => panic!("{changes:?}"),
    }
}

pub(super) fn planned(text: &str) -> Plan {
    planned_with(text, &GraphqlConfig::default(), &LimitsConfig::default()).unwrap()
}

/// The page that the only root field asks for.
fn rows(text: &str) -> RowsPlan {
    match planned(text).roots.pop() {
        Some((_, RootPlan::Rows(rows))) => rows,
        other => panic!("{other:?}"),
    }
}

fn columns(text: &str) -> Vec<String> {
    rows(text).statement.columns.unwrap()
}

#[test]
fn only_what_is_selected_is_read_in_table_order() {
    assert_eq!(
        columns("{ flights { nodes { not_ id } edges { node { dep_delay id } } } }"),
        ["id", "dep_delay", "not"]
    );
    assert_eq!(columns("{ flights { nodes { position { lon } } } }"), ["position"]);
    assert!(columns("{ flights { nodes { __typename } } }").is_empty());
    assert!(columns("{ flights { pageInfo { hasNextPage } } }").is_empty());
}

#[test]
fn counts_and_cursors_are_made_where_they_are_asked_for() {
    let plain = rows("{ flights(first: 7) { nodes { id } pageInfo { hasNextPage } } }").statement;
    assert_eq!((plain.limit, plain.count_exact, plain.row_cursors), (Some(7), false, false));
    assert_eq!((plain.side, plain.cursor), (Some(Side::After), None));
    let counted = rows("{ flights { n: totalCount } }").statement;
    assert_eq!((counted.limit, counted.count_exact, counted.row_cursors), (Some(1), true, false));
    assert!(rows("{ flights { edges { c: cursor } } }").statement.row_cursors);
    assert!(rows("{ flights { pageInfo { endCursor } } }").statement.row_cursors);
    let back = rows("{ flights(last: 2, before: \"c\") { nodes { id } } }").statement;
    assert_eq!((back.side, back.cursor.as_deref(), back.limit), (Some(Side::Before), Some("c"), Some(2)));
}

#[test]
fn rows_are_told_under_the_keys_that_were_asked_for() {
    let plan = rows("{ flights { __typename r: nodes { at: position { n: lat __typename } seats } } }");
    let Some((key, ConnectionMember::Nodes(nodes))) = plan.output.members.get(1) else { panic!("{plan:?}") };
    assert_eq!((key.as_str(), nodes.type_name.as_str()), ("r", "Flights"));
    let Some((key, RowMember::Column(name, Value::Struct(fields)))) = nodes.members.first() else {
        panic!("{nodes:?}")
    };
    assert_eq!(
        (key.as_str(), name.as_str(), fields.type_name.as_str()),
        ("at", "position", "Flights_position")
    );
    let [(key, StructMember::Field(field, Value::Whole)), (_, StructMember::TypeName)] = &fields.members[..]
    else {
        panic!("{fields:?}")
    };
    assert_eq!((key.as_str(), field.as_str()), ("n", "lat"));
    assert!(matches!(&nodes.members[1].1, RowMember::Column(name, Value::Whole) if name == "seats"));
}

#[test]
fn a_row_is_looked_up_by_the_texts_of_its_key() {
    let plan = planned(
        "{ f: flightsByPk(id: \"12\", version: 3) { dep_delay } a: airlinesByPk(carrier: \"UA\") { name } }",
    );
    let [(_, RootPlan::Row(flight)), (_, RootPlan::Row(airline))] = &plan.roots[..] else {
        panic!("{plan:?}")
    };
    assert_eq!(
        (&flight.statement.key[..], flight.version),
        (&["12".to_owned()][..], VersionSelector::Version(3))
    );
    assert_eq!(
        (&airline.statement.key[..], &airline.statement.table[..]),
        (&["UA".to_owned()][..], "airlines")
    );
    assert_eq!(airline.statement.columns.as_deref(), Some(&["name".to_owned()][..]));
}

#[test]
fn what_is_known_needs_no_statement() {
    let plan = planned("{ __typename s: __schema { queryType { name } } }");
    let written: Vec<(&str, String)> = plan
        .roots
        .iter()
        .map(|(key, root)| match root {
            RootPlan::Written(json) => (key.as_str(), String::from_utf8(json.clone()).unwrap()),
            other => panic!("{other:?}"),
        })
        .collect();
    let schema = "{\"queryType\":{\"name\":\"Query\"}}".to_owned();
    assert_eq!(written, [("__typename", "\"Query\"".to_owned()), ("s", schema)]);
    assert!(plan.introspects && !planned("{ __typename }").introspects);
}

#[test]
fn each_limit_holds_at_its_number_and_not_one_over() {
    let text = "{ a: flights(first: 30) { nodes { position { lat } } } b: flights(last: 12) { totalCount nodes { id } } \
                c: airlinesByPk(carrier: \"UA\") { name } }";
    type Set = fn(&mut GraphqlConfig, usize);
    let limits: [(usize, Set, &str); 3] = [
        (43, |config, most| config.operation_rows_max = most, "more than 42 rows"),
        (4, |config, most| config.depth_max = most, "more than 3 levels"),
        (3, |config, most| config.root_fields_max = most, "more than 2 root fields"),
    ];
    for (at, set, message) in limits {
        let mut config = GraphqlConfig::default();
        set(&mut config, at);
        assert!(planned_with(text, &config, &LimitsConfig::default()).is_ok(), "{message}");
        set(&mut config, at - 1);
        let refused = planned_with(text, &config, &LimitsConfig::default()).unwrap_err();
        assert_eq!(refused.error.code, ErrorCode::DocumentTooLarge);
        assert!(refused.error.message.contains(message), "{}", refused.error.message);
    }
}

#[test]
fn a_page_without_a_size_counts_as_the_default_one() {
    let config = GraphqlConfig { operation_rows_max: 10, ..Default::default() };
    let limits = |page_rows_default| LimitsConfig { page_rows_default, ..Default::default() };
    let text = "{ flights { nodes { id } } }";
    assert!(planned_with(text, &config, &limits(10)).is_ok());
    assert!(planned_with(text, &config, &limits(11)).is_err());
}

#[test]
fn faults_of_arguments_are_told_at_their_field() {
    let refused = |text: &str| {
        let refused = planned_with(text, &GraphqlConfig::default(), &LimitsConfig::default()).unwrap_err();
        (refused.error.code, refused.location.map(|at| (at.line, at.column)))
    };
    let at = Some((1, 3));
    assert_eq!(refused("{ flights(first: 0) { totalCount } }"), (ErrorCode::InvalidRequest, at));
    assert_eq!(
        refused("{ flights(where: {id: {eq: null}}) { totalCount } }"),
        (ErrorCode::InvalidExpression, at)
    );
}

#[test]
fn what_belongs_to_rows_is_found_by_their_keys() {
    let text = "{ airlines(first: 2) { nodes { name f: flights(first: 3, where: {stops: {eq: 0}}) { \
                edges { cursor node { id airline { name } } } } } } }";
    let plan = rows(text);
    assert_eq!(plan.statement.columns.as_deref(), Some(&["carrier".to_owned(), "name".to_owned()][..]));
    let [flights] = &plan.below[..] else { panic!("{plan:?}") };
    assert_eq!((flights.path.as_str(), &flights.columns[..]), ("airlines.f", &["carrier".to_owned()][..]));
    assert_eq!((&flights.key[..], flights.statement.limit), (&["carrier".to_owned()][..], Some(3)));
    assert!(flights.statement.row_cursors && flights.statement.filter.is_some());
    assert_eq!(flights.statement.columns.as_deref(), Some(&["id".to_owned(), "carrier".to_owned()][..]));
    let [airline] = &flights.below[..] else { panic!("{flights:?}") };
    assert_eq!((airline.path.as_str(), airline.statement.limit), ("airlines.f.airline", Some(1)));
    assert_eq!(airline.statement.columns.as_deref(), Some(&["name".to_owned()][..]));
    assert_eq!(planned(text).tables(), ["airlines", "flights", "airlines"]);
}

#[test]
fn rows_count_once_for_each_row_that_they_stand_in() {
    let text = "{ airlines(first: 4) { nodes { flights(first: 5) { nodes { airline { name } } } } } }";
    let of = |operation_rows_max| {
        let config = GraphqlConfig { operation_rows_max, ..Default::default() };
        planned_with(text, &config, &LimitsConfig::default())
    };
    assert!(of(4 + 20 + 20).is_ok());
    assert_eq!(of(4 + 20 + 19).unwrap_err().error.code, ErrorCode::DocumentTooLarge);
}
