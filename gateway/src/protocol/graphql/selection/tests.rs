//! Tests of selections: fragments, directives, merging, and the limit.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::protocol::graphql::fixture::Asked;

fn keys(asked: &Asked) -> Vec<(String, usize)> {
    let selections = asked.selections(1_000).unwrap();
    let found = selections.of("Query", &[&asked.operation().selection_set]).unwrap();
    found.iter().map(|field| (field.key.to_owned(), field.below.len())).collect()
}

fn refused(document: &str, given: &str) -> DoorError {
    let asked = Asked::with(document, given);
    let selections = asked.selections(1_000).unwrap();
    selections.of("Query", &[&asked.operation().selection_set]).unwrap_err()
}

#[test]
fn fields_of_one_key_are_one_field_at_its_first_place() {
    let asked = Asked::of(
        "{ b: flights { totalCount } airlines { totalCount } ...F ... on Query { b: flights { totalCount } } } \
         fragment F on Query { b: flights { pageInfo { endCursor } } ... { airlines { totalCount } } }",
    );
    assert_eq!(keys(&asked), [("b".to_owned(), 3), ("airlines".to_owned(), 2)]);
}

#[test]
fn skipped_fields_are_not_there() {
    let document = "query($no: Boolean!) { a: flights @skip(if: true) { totalCount } \
                    b: flights @include(if: $no) { totalCount } ... @include(if: $no) { c: flights { totalCount } } \
                    d: flights @include(if: true) @skip(if: $no) { totalCount } ...F @skip(if: false) } \
                    fragment F on Query { e: flights { totalCount } }";
    assert_eq!(keys(&Asked::with(document, "{\"no\": false}")), [("d".to_owned(), 1), ("e".to_owned(), 1)]);
}

#[test]
fn fields_of_one_key_have_equal_arguments() {
    // Validation compares lists as far as the shorter one goes.
    let document = "{ flights(where: {id: {in: [1]}}) { totalCount } flights(where: {id: {in: [1, 2]}}) { totalCount } }";
    let error = refused(document, "null");
    assert_eq!(error.error.code, ErrorCode::InvalidDocument);
    assert_eq!(error.error.message, "\"flights\" is asked for twice with different arguments");
    assert_eq!(error.location.map(|at| at.column), Some(50));
    let same = Asked::of(
        "{ flights(where: {id: {in: [1, 2]}}) { totalCount } flights(where: {id: {in: [1, 2]}}) { totalCount } }",
    );
    assert_eq!(keys(&same), [("flights".to_owned(), 2)]);
}

#[test]
fn fragments_that_hold_each_other_twice_end() {
    let doubling: String = (0..16)
        .map(|n| format!("fragment F{n} on Query {{ a{n}: airlines {{ nodes {{ ...G{n} }} }} }} "))
        .collect();
    let rows: String = (0..16)
        .map(|n| format!("fragment G{n} on Airlines {{ carrier l{n}: flights {{ nodes {{ airline {{ ...G{m} }} }} }} r{n}: flights {{ nodes {{ airline {{ ...G{m} }} }} }} }} ", m = n + 1))
        .collect();
    let document = format!(
        "{{ ...F0 }} {} {rows} fragment G16 on Airlines {{ carrier }}",
        &doubling[..doubling.find("fragment F1 ").unwrap()]
    );
    let rows = Asked::of(&document);
    let selections = rows.selections(1_000).unwrap();
    let mut level = vec![("Query".to_owned(), vec![&rows.operation().selection_set])];
    let error = loop {
        let Some((of, sets)) = level.pop() else { panic!("all of it was written out") };
        match selections.of(&of, &sets) {
            Ok(found) => {
                for field in found {
                    let of = field.field.definition.ty.inner_named_type().to_string();
                    level.push((of, field.below));
                }
            }
            Err(error) => break error,
        }
    };
    assert_eq!(error.error.code, ErrorCode::DocumentTooLarge);
}

#[test]
fn as_many_selections_as_are_allowed_are_taken_and_one_more_is_not() {
    let asked = Asked::of("{ flights { totalCount } ...F } fragment F on Query { airlines { totalCount } }");
    let outcome = |fields_max: usize| {
        let selections = asked.selections(fields_max).unwrap();
        selections.of("Query", &[&asked.operation().selection_set]).map(|found| found.len())
    };
    assert_eq!(outcome(3).unwrap(), 2);
    assert_eq!(outcome(2).unwrap_err().error.code, ErrorCode::DocumentTooLarge);
}
