//! Tests of what is written of rows, in one part and in many.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{
    ArrayRef, Decimal128Array, Float64Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Int32Type, Schema};
use chrono::DateTime;
use serde_json::{Value as Json, json};

use super::*;
use crate::config::graphql::GraphqlConfig;
use crate::config::limits::LimitsConfig;
use crate::protocol::graphql::fixture::Asked;
use crate::protocol::graphql::found::{Below, ChangeFacts};
use crate::protocol::graphql::plan::{Planned, Planner, RootPlan};
use crate::query::groups::{GroupPage, Groups};
use crate::query::response::{PageInfo, Response};

/// A row of each kind: plain values, no values, and what is no number.
fn batch() -> RecordBatch {
    let floats = |values: Vec<Option<f64>>| Arc::new(Float64Array::from(values)) as ArrayRef;
    let field = |name: &str| Arc::new(Field::new(name, DataType::Float64, true));
    let positions = StructArray::new(
        vec![field("lat"), field("lon")].into(),
        vec![floats(vec![Some(1.5), Some(2.5), None]), floats(vec![Some(-1.0), None, Some(f64::INFINITY)])],
        Some(NullBuffer::from(vec![true, false, true])),
    );
    let seats =
        ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None, Some(vec![])]);
    let fares =
        Decimal128Array::from(vec![Some(1_250), None, Some(-5)]).with_precision_and_scale(12, 2).unwrap();
    RecordBatch::try_from_iter([
        ("id", Arc::new(Int64Array::from(vec![i64::MAX, 2, 3])) as ArrayRef),
        ("dep_delay", floats(vec![Some(60.0), None, Some(f64::NAN)])),
        ("fare", Arc::new(fares)),
        ("position", Arc::new(positions)),
        ("seats", Arc::new(seats)),
    ])
    .unwrap()
}

/// The form that a document asks for.
fn output(text: &str) -> Output {
    let asked = Asked::of(text);
    let selections = asked.selections(1_000).unwrap();
    let (config, limits) = (GraphqlConfig::default(), LimitsConfig::default());
    let planned = Planner::new(&asked.door, &selections, &config, &limits).plan(asked.operation()).unwrap();
    let plan = match planned {
        Planned::Answer(plan) => plan,
        Planned::Subscription(changes) => return Output::Change(changes.output, FACTS),
    };
    match plan.roots.into_iter().next() {
        Some((_, RootPlan::Rows(rows))) => Output::Connection(rows.output),
        Some((_, RootPlan::Groups(groups))) => Output::Connection(groups.output),
        Some((_, RootPlan::Row(row))) => Output::Row(row.output),
        other => panic!("{other:?}"),
    }
}

const FACTS: ChangeFacts =
    ChangeFacts { version: 9, committed_at: DateTime::UNIX_EPOCH, more: true, has_rows: true };

/// A page of seven rows in all, or one for each group.
fn answered(batch: RecordBatch, groups: Option<Groups>) -> Response {
    Response {
        schema: batch.schema(),
        batches: vec![batch],
        page: Some(PageInfo { has_more: true, ..PageInfo::default() }),
        total_rows: Some(7),
        groups,
        tables: Vec::new(),
        elapsed: Duration::ZERO,
    }
}

/// What is written, and in how many parts.
fn written(text: &str, batch: RecordBatch) -> (Json, usize) {
    written_with(text, batch, Vec::new())
}

fn written_with(text: &str, batch: RecordBatch, below: Vec<Below>) -> (Json, usize) {
    told(text, &Level::new(answered(batch, None), below).unwrap())
}

fn told(text: &str, level: &Level) -> (Json, usize) {
    told_as(&output(text), level)
}

fn told_as(output: &Output, level: &Level) -> (Json, usize) {
    let (mut out, mut next, mut parts) = (Vec::new(), Some(Place::default()), 0);
    while let Some(from) = next {
        next = append(level, output, from, &mut out).unwrap();
        parts += 1;
    }
    (serde_json::from_slice(&out).unwrap(), parts)
}

#[test]
fn values_look_as_at_every_door_but_for_what_was_not_asked() {
    let text = "{ flights { nodes { id dep_delay fare at: position { lon } seats __typename } } }";
    let expected = json!({ "nodes": [
        { "id": "9223372036854775807", "dep_delay": 60.0, "fare": "12.50", "at": { "lon": -1.0 }, "seats": [1, null],
          "__typename": "Flights" },
        { "id": "2", "dep_delay": null, "fare": null, "at": null, "seats": null, "__typename": "Flights" },
        { "id": "3", "dep_delay": null, "fare": "-0.05", "at": { "lon": null }, "seats": [], "__typename": "Flights" },
    ] });
    assert_eq!(written(text, batch()).0, expected);
}

#[test]
fn pages_say_where_they_stand() {
    let text = "{ flights { __typename n: totalCount pageInfo { hasNextPage hasPreviousPage __typename } edges { __typename \
                node { id } } } }";
    let expected = json!({
        "__typename": "FlightsConnection", "n": "7",
        "pageInfo": { "hasNextPage": true, "hasPreviousPage": false, "__typename": "PageInfo" },
        "edges": [{ "__typename": "FlightsEdge", "node": { "id": "3" } }],
    });
    assert_eq!(written(text, batch().slice(2, 1)).0, expected);
}

#[test]
fn a_page_without_rows_has_no_cursors() {
    let text = "{ flights { nodes { id } edges { cursor } pageInfo { startCursor endCursor } } }";
    let expected =
        json!({ "nodes": [], "edges": [], "pageInfo": { "startCursor": null, "endCursor": null } });
    assert_eq!(written(text, batch().slice(0, 0)).0, expected);
}

#[test]
fn a_row_that_is_not_there_is_null() {
    let text = "{ flightsByPk(id: 1) { id } }";
    assert_eq!(written(text, batch().slice(1, 1)).0, json!({ "id": "2" }));
    assert_eq!(written(text, batch().slice(0, 0)).0, Json::Null);
}

#[test]
fn many_rows_are_written_in_parts_and_read_as_one() {
    let rows = 2 * PART_ROWS + 1;
    let ids = Int64Array::from_iter_values(0..i64::try_from(rows).unwrap());
    let many = RecordBatch::try_from_iter([("id", Arc::new(ids) as ArrayRef)]).unwrap();
    let (told, parts) = written("{ flights { nodes { id } edges { node { id } } totalCount } }", many);
    assert_eq!(parts, 5);
    for (at, row) in told["nodes"].as_array().unwrap().iter().enumerate() {
        assert_eq!(row["id"], at.to_string());
        assert_eq!(told["edges"][at]["node"], *row);
    }
    assert_eq!(told["edges"].as_array().unwrap().len(), rows);
}

#[test]
fn a_change_says_its_rows_or_that_they_are_not_known() {
    let text =
        "subscription { flightsChanged { __typename version committedAt more n: rows { id } rows { id } } }";
    let expected = |rows: Json| {
        json!({ "__typename": "FlightsChange", "version": "9", "committedAt": "1970-01-01T00:00:00.000Z",
                "more": true, "n": rows, "rows": rows })
    };
    let ids = json!([{ "id": "9223372036854775807" }, { "id": "2" }, { "id": "3" }]);
    assert_eq!(written(text, batch()).0, expected(ids));
    assert_eq!(written(text, batch().slice(0, 0)).0, expected(json!([])));
    let Output::Change(object, facts) = output(text) else { panic!("no change") };
    let unknown = Output::Change(object, ChangeFacts { has_rows: false, ..facts });
    let nothing = RecordBatch::new_empty(Arc::new(Schema::empty()));
    let level = Level::new(answered(nothing, None), Vec::new()).unwrap();
    assert_eq!(told_as(&unknown, &level).0, expected(Json::Null));
    let ids = Int64Array::from_iter_values(0..i64::try_from(PART_ROWS + 1).unwrap());
    let many = RecordBatch::try_from_iter([("id", Arc::new(ids) as ArrayRef)]).unwrap();
    let (told, parts) = written(text, many);
    assert_eq!((parts, told["rows"].as_array().unwrap().len()), (3, PART_ROWS + 1));
    assert_eq!(told["n"], told["rows"]);
}

#[test]
fn groups_have_their_keys_and_results_in_objects() {
    let text = "{ flightsAggregate(groupBy: [carrier, departs_month]) { nodes { key { carrier m: departs_month } n: count \
                sum { stops } max { fare __typename } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";
    let months = TimestampMicrosecondArray::from(vec![Some(0), None]).with_timezone("UTC");
    let fares = Decimal128Array::from(vec![Some(1_250), None]).with_precision_and_scale(12, 2).unwrap();
    let groups = RecordBatch::try_from_iter([
        ("carrier", Arc::new(StringArray::from(vec!["AA", "UA"])) as ArrayRef),
        ("departs_month", Arc::new(months)),
        ("count", Arc::new(Int64Array::from(vec![2, 3]))),
        ("sum_stops", Arc::new(Int64Array::from(vec![Some(i64::MAX), None]))),
        ("max_fare", Arc::new(fares)),
    ])
    .unwrap();
    let all = Response { batches: vec![groups.slice(0, 1), groups.slice(1, 1)], ..answered(groups, None) };
    let next = |next_cursor: Option<&str>| {
        let page = PageInfo { next_cursor: next_cursor.map(str::to_owned), ..PageInfo::default() };
        Response { page: Some(page), ..all.clone() }
    };
    let group = |carrier: &str, month: Json, n: &str, sum: Json, fare: Json| {
        json!({ "key": { "carrier": carrier, "m": month }, "n": n, "sum": { "stops": sum },
                "max": { "fare": fare, "__typename": "FlightsValues" } })
    };
    let nodes = json!([
        group("AA", json!("1970-01-01T00:00:00Z"), "2", json!("9223372036854775807"), json!("12.50")),
        group("UA", Json::Null, "3", Json::Null, Json::Null),
    ]);
    let page = |end: Json| json!({ "hasNextPage": false, "hasPreviousPage": false, "startCursor": null, "endCursor": end });
    let (ended, _) = told(text, &Level::new(next(None), Vec::new()).unwrap());
    assert_eq!(ended, json!({ "nodes": nodes, "pageInfo": page(Json::Null) }));
    let (going_on, _) = told(text, &Level::new(next(Some("c")), Vec::new()).unwrap());
    assert_eq!(going_on["pageInfo"], page(json!("c")));
    let none = Response { batches: Vec::new(), page: None, ..all.clone() };
    let (none, _) = told(text, &Level::new(none, Vec::new()).unwrap());
    assert_eq!(none, json!({ "nodes": [], "pageInfo": page(Json::Null) }));
}

#[test]
fn rows_stand_in_the_rows_that_they_belong_to() {
    let text = "{ airlines { nodes { name f: flights { nodes { id airline { name } } totalCount pageInfo { hasNextPage } } } } }";
    let texts = |values: Vec<&str>| Arc::new(StringArray::from(values)) as ArrayRef;
    let airlines = RecordBatch::try_from_iter([
        ("carrier", texts(vec!["AA", "B6", "UA", "??"])),
        ("name", texts(vec!["American", "JetBlue", "United", "Nobody"])),
    ]);
    let flights = RecordBatch::try_from_iter([
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef),
        ("carrier", texts(vec!["UA", "UA", "B6"])),
    ]);
    let names = RecordBatch::try_from_iter([("name", texts(vec!["United"]))]).unwrap();
    let group = |rows, has_more, total| GroupPage { rows, has_more, total_rows: Some(total) };
    let of_airline = Below {
        pages: vec![Some(0), None, None],
        level: Some(Level::new(answered(names, None), Vec::new()).unwrap()),
    };
    let groups = Groups {
        pages: vec![group(3..3, false, 0), group(2..3, false, 1), group(0..2, true, 9)],
        cursors: None,
    };
    let level = Level::new(answered(flights.unwrap(), Some(groups)), vec![of_airline]).unwrap();
    let below = Below { pages: vec![Some(0), Some(1), Some(2), None], level: Some(level) };
    let flight = |id: &str, airline: Json| json!({ "id": id, "airline": airline });
    let page = |nodes: Json, total: &str, more: bool| json!({ "nodes": nodes, "totalCount": total, "pageInfo": { "hasNextPage": more } });
    let expected = json!({ "nodes": [
        { "name": "American", "f": page(json!([]), "0", false) },
        { "name": "JetBlue", "f": page(json!([flight("3", Json::Null)]), "1", false) },
        { "name": "United",
          "f": page(json!([flight("1", json!({ "name": "United" })), flight("2", Json::Null)]), "9", true) },
        { "name": "Nobody", "f": page(json!([]), "0", false) },
    ] });
    assert_eq!(written_with(text, airlines.unwrap(), vec![below]).0, expected);
}

#[test]
fn rows_to_which_none_can_belong_have_empty_pages() {
    let text = "{ airlines { nodes { flights { nodes { id airline { name } } totalCount pageInfo { endCursor } } } } }";
    let airlines = RecordBatch::try_from_iter([(
        "carrier",
        Arc::new(StringArray::from(vec![None::<&str>])) as ArrayRef,
    )]);
    let below = Below { pages: vec![None], level: None };
    let empty = json!({ "nodes": [], "totalCount": "0", "pageInfo": { "endCursor": null } });
    let (told, _) = written_with(text, airlines.unwrap(), vec![below]);
    assert_eq!(told, json!({ "nodes": [{ "flights": empty }] }));
}
