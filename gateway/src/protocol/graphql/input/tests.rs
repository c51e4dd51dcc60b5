//! Tests of coercion: the forms of each scalar, defaults, and what validation lets pass.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::protocol::graphql::fixture::Asked;

fn number(digits: &str) -> Input {
    Input::Number(digits.into())
}

fn text(text: &str) -> Input {
    Input::Text(text.into())
}

/// The coerced arguments of the first field of a document, or what is said against them.
fn coerced(document: &str, given: &str) -> Result<Arguments, String> {
    Asked::with(document, given).arguments().map_err(|fault| {
        assert_eq!(fault.error.code, ErrorCode::InvalidDocument, "{fault}");
        assert!(fault.location.is_some(), "{fault}");
        fault.error.message.clone()
    })
}

/// The operand of a comparison of a column with `value`, as a document and as JSON write it.
fn operand(
    column: &str,
    of: &str,
    in_document: Option<&str>,
    in_json: Option<&str>,
) -> Result<Input, String> {
    let inner = |arguments: Arguments| {
        let Some(Input::Object(members)) = arguments.get("where") else { panic!("{arguments:?}") };
        let Input::Object(operators) = &members[0].1 else { panic!("{members:?}") };
        operators[0].1.clone()
    };
    let written = in_document.map(|value| {
        coerced(&format!("{{ flights(where: {{{column}: {{eq: {value}}}}}) {{ totalCount }} }}"), "null")
            .map(inner)
    });
    let carried = in_json.map(|value| {
        let document =
            format!("query($v: {of}) {{ flights(where: {{{column}: {{eq: $v}}}}) {{ totalCount }} }}");
        coerced(&document, &format!("{{\"v\": {value}}}")).map(inner)
    });
    match (written, carried) {
        (Some(written), Some(carried)) => {
            assert_eq!(written.is_ok(), carried.is_ok(), "{column}: {written:?} {carried:?}");
            if let (Ok(written), Ok(carried)) = (&written, &carried) {
                assert_eq!(written, carried);
            }
            written
        }
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => panic!("nothing to coerce"),
    }
}

#[test]
fn every_scalar_takes_its_forms_and_keeps_its_digits() {
    for (column, of, value, expected) in [
        ("stops", "Int", "2147483647", number("2147483647")),
        ("stops", "Int", "-2147483648", number("-2147483648")),
        ("id", "Int64", "9223372036854775807", number("9223372036854775807")),
        ("id", "Int64", "\"18446744073709551615\"", number("18446744073709551615")),
        ("dep_delay", "Float", "1", number("1")),
        ("dep_delay", "Float", "1.50e2", number("1.50e2")),
        ("fare", "Decimal", "12345678901234567890.12", number("12345678901234567890.12")),
        ("fare", "Decimal", "\"0.10\"", number("0.10")),
        ("on_time", "Boolean", "true", Input::Bool(true)),
        ("carrier", "String", "\"a\\u00e9\\\"\"", text("a\u{e9}\"")),
        ("day", "Date", "\"2013-01-31\"", text("2013-01-31")),
        ("departs", "Timestamp", "\"2013-01-31T05:00:00Z\"", text("2013-01-31T05:00:00Z")),
        ("local", "LocalTimestamp", "\"x\"", text("x")),
    ] {
        assert_eq!(operand(column, of, Some(value), Some(value)), Ok(expected), "{column} {value}");
    }
}

#[test]
fn what_is_no_value_of_a_scalar_is_refused() {
    // Validation refuses in a document what is of no built-in scalar; the rest is ours.
    for (column, of, value) in [
        ("id", "Int64", "1.5"),
        ("id", "Int64", "\"1e3\""),
        ("id", "Int64", "\"+1\""),
        ("id", "Int64", "18446744073709551616"),
        ("id", "Int64", "true"),
        ("id", "Int64", "[1]"),
        ("fare", "Decimal", "\"x\""),
        ("fare", "Decimal", "\" 1\""),
        ("fare", "Decimal", "\"NaN\""),
        ("fare", "Decimal", "{}"),
        ("day", "Date", "20130131"),
        ("departs", "Timestamp", "1"),
    ] {
        assert!(operand(column, of, Some(value), Some(value)).is_err(), "{column} {value}");
    }
    for (column, of, value) in [
        ("stops", "Int", "2147483648"),
        ("stops", "Int", "1.0"),
        ("stops", "Int", "\"1\""),
        ("dep_delay", "Float", "\"1\""),
        ("on_time", "Boolean", "1"),
        ("carrier", "String", "1"),
        ("carrier", "String", "[\"a\"]"),
    ] {
        assert!(operand(column, of, None, Some(value)).is_err(), "{column} {value}");
    }
    // A name in a document is no text.
    assert!(operand("day", "Date", Some("today"), None).is_err());
}

#[test]
fn a_single_value_stands_for_a_list_of_it() {
    let arguments = coerced("{ flights(orderBy: {column: id}) { totalCount } }", "null").unwrap();
    let Some(Input::List(items)) = arguments.get("orderBy") else { panic!("{arguments:?}") };
    assert_eq!(items.len(), 1);
    let document = "query($o: [FlightsOrder!]) { flights(orderBy: $o) { totalCount } }";
    assert_eq!(coerced(document, "{\"o\": {\"column\": \"id\"}}").unwrap(), arguments);
}

#[test]
fn absent_null_and_default_are_told_apart() {
    let document = "query($f: Int, $w: FlightsWhere) { flights(first: $f, where: $w) { totalCount } }";
    let none = coerced(document, "{}").unwrap();
    assert_eq!((none.get("first"), none.get("where")), (None, None));
    let null = coerced(document, "{\"f\": null}").unwrap();
    assert_eq!((null.get("first"), null.get("where")), (Some(&Input::Null), None));
    let document = "query($f: Int = 7) { flights(first: $f) { totalCount } }";
    assert_eq!(coerced(document, "{}").unwrap().get("first"), Some(&number("7")));
    assert_eq!(coerced(document, "{\"f\": null}").unwrap().get("first"), Some(&Input::Null));
    let document = "query($d: Boolean) { flights(orderBy: {column: id, descending: $d}) { totalCount } }";
    let arguments = coerced(document, "{}").unwrap();
    let Some(Input::List(items)) = arguments.get("orderBy") else { panic!("{arguments:?}") };
    let Input::Object(members) = &items[0] else { panic!("{items:?}") };
    let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["column", "descending", "nullsFirst"]);
    assert_eq!(members[1].1, Input::Bool(false));
}

#[test]
fn members_come_in_the_order_of_the_schema() {
    let document = "{ flights(where: {stops: {lt: 1, eq: 2}, id: {eq: 1}, and: []}) { totalCount } }";
    let arguments = coerced(document, "null").unwrap();
    let Some(Input::Object(members)) = arguments.get("where") else { panic!("{arguments:?}") };
    let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["and", "id", "stops"]);
    let Input::Object(operators) = &members[2].1 else { panic!("{members:?}") };
    assert_eq!(operators.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["eq", "lt"]);
}

#[test]
fn variables_that_are_missing_or_unfit_are_blamed_by_name() {
    let document = "query($id: Int64!) { flightsByPk(id: $id) { id } }";
    assert_eq!(coerced(document, "{}").unwrap_err(), "variable \"$id\" is required");
    let null = coerced(document, "{\"id\": null}").unwrap_err();
    assert_eq!(null, "variable \"$id\": null stands where a value of type \"Int64!\" is expected");
    let document = "query($w: FlightsWhere) { flights(where: $w) { totalCount } }";
    // Values of variables that the operation does not have are no concern of it.
    assert!(coerced(document, "{\"other\": 1}").is_ok());
    let document = "query($c: FlightsColumn!) { flights(orderBy: {column: $c}) { totalCount } }";
    assert!(coerced(document, "{\"c\": \"id\"}").is_ok());
    assert!(coerced(document, "{\"c\": 1}").is_err());
}

#[test]
fn columns_that_are_not_there_are_worded_as_at_every_door() {
    let document =
        "query($w: FlightsWhere, $o: [FlightsOrder!]) { flights(where: $w, orderBy: $o) { totalCount } }";
    for given in ["{\"w\": {\"dep_dely\": {}}}", "{\"o\": {\"column\": \"dep_dely\"}}"] {
        let refused = Asked::with(document, given).arguments().unwrap_err();
        assert_eq!(refused.error.code, ErrorCode::UnknownColumn, "{given}");
        assert_eq!(refused.error.message, "column \"dep_dely\" not found", "{given}");
        assert_eq!(refused.error.hint.as_deref(), Some("did you mean \"dep_delay\"?"), "{given}");
        assert!(refused.location.is_some(), "{given}");
    }
}

#[test]
fn a_member_that_is_given_twice_is_refused() {
    let twice = coerced("{ flights(where: {id: {eq: 1}, id: {eq: 2}}) { totalCount } }", "null").unwrap_err();
    assert_eq!(twice, "field \"id\" is given twice");
    let document = "query($w: FlightsWhere) { flights(where: $w) { totalCount } }";
    let given = "{\"w\": {\"id\": {\"eq\": 1}, \"id\": {\"eq\": 2}}}";
    assert_eq!(coerced(document, given).unwrap_err(), "variable \"$w\": field \"id\" is given twice");
}

#[test]
fn a_nullable_variable_does_not_stand_where_null_is_none() {
    let inside =
        |of: &str| format!("query($v: {of}) {{ flights(where: {{id: {{in: [$v]}}}}) {{ totalCount }} }}");
    let refused = coerced(&inside("Int64"), "{\"v\": 1}").unwrap_err();
    assert_eq!(refused, "variable \"$v\" of type \"Int64\" stands where \"Int64!\" is expected");
    assert!(coerced(&inside("Int64!"), "{\"v\": 1}").is_ok());
    assert!(coerced(&inside("Int64 = 5"), "{}").is_ok());
    let null = coerced(&inside("Int64 = 5"), "{\"v\": null}").unwrap_err();
    assert_eq!(null, "variable \"$v\" must not be null here");
}

#[test]
fn null_is_no_default_that_saves_a_nullable_variable() {
    let inside = "query($v: Int64 = null) { flights(where: {id: {in: [$v]}}) { totalCount } }";
    assert!(coerced(inside, "{\"v\": 1}").unwrap_err().contains("stands where \"Int64!\" is expected"));
    let at_the_top = "query($v: Int64 = null) { flightsByPk(id: $v) { id } }";
    assert!(coerced(at_the_top, "{\"v\": 1}").unwrap_err().contains("stands where \"Int64!\" is expected"));
    let skip = "query($v: Boolean = null) { flights @skip(if: $v) { totalCount } }";
    assert!(coerced(skip, "{\"v\": true}").unwrap_err().contains("stands where \"Boolean!\" is expected"));
}

#[test]
fn a_list_does_not_stand_for_one_value_nor_one_for_a_list() {
    let single = "query($v: [Int64!]) { flights(where: {id: {eq: $v}}) { totalCount } }";
    assert!(coerced(single, "{\"v\": [1]}").unwrap_err().contains("stands where \"Int64\" is expected"));
    let list = "query($v: Int64!) { flights(where: {id: {in: $v}}) { totalCount } }";
    assert!(coerced(list, "{\"v\": 1}").unwrap_err().contains("stands where \"[Int64!]\" is expected"));
}

#[test]
fn values_count_wherever_they_stand() {
    let document = "query($v: String) { a: flights(where: {carrier: {eq: $v}}) { totalCount } \
                    b: flights(where: {carrier: {eq: $v}}) { totalCount } }";
    let asked = Asked::with(document, &format!("{{\"v\": \"{}\"}}", "x".repeat(100)));
    // Each of two objects, and the text with its own length.
    let outcome = |bytes_max: usize| {
        let coercion = asked.coercion(bytes_max).unwrap();
        let selections = crate::protocol::graphql::selection::Selections::new(&asked.document, coercion, 100);
        selections.of("Query", &[&asked.operation().selection_set]).map(drop)
    };
    assert!(outcome(2 * 103).is_ok());
    assert_eq!(outcome(2 * 103 - 1).unwrap_err().error.code, ErrorCode::ExpressionTooLarge);
}
