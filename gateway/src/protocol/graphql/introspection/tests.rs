//! Tests of introspection: that it says what the library's own says, and where it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use apollo_compiler::request::coerce_variable_values;
use apollo_compiler::response::JsonMap;
use apollo_compiler::validation::Valid;

use super::*;
use crate::protocol::graphql::fixture::Asked;

/// What tools ask for.
const STANDARD: &str = include_str!("standard.graphql");

fn written(asked: &Asked, bytes_max: usize) -> Result<String, DoorError> {
    let selections = asked.selections(10_000)?;
    let fields = selections.of("Query", &[&asked.operation().selection_set])?;
    check(&fields, &selections, &GraphqlConfig::default())?;
    let mut out = Vec::new();
    for (at, field) in fields.iter().enumerate() {
        out.extend_from_slice(if at == 0 { b"{" } else { b"," });
        out.extend_from_slice(format!("\"{}\":", field.key).as_bytes());
        write(&asked.door, &selections, field, bytes_max, &mut out)?;
    }
    out.push(b'}');
    Ok(String::from_utf8(out).unwrap())
}

/// The answer of the library, which builds it as a tree.
fn by_the_library(asked: &Asked) -> String {
    let (schema, operation) = (asked.door.schema(), asked.operation());
    let none: Valid<JsonMap> = coerce_variable_values(schema, operation, &JsonMap::new()).unwrap();
    let answer = apollo_compiler::introspection::partial_execute(
        schema,
        &schema.implementers_map(),
        &asked.document,
        operation,
        &none,
    );
    serde_json::to_string(&answer.unwrap().data).unwrap()
}

#[test]
fn it_says_what_the_library_says() {
    for text in [
        STANDARD,
        "{ a: __type(name: \"Flights\") { n: name kind fields { name type { name kind ofType { name } } } } \
           b: __type(name: \"Nope\") { name } }",
        "{ __schema { __typename queryType { name fields(includeDeprecated: true) { args { defaultValue } } } } }",
        "{ __type(name: \"FlightsOrder\") { inputFields { name defaultValue type { kind ofType { name kind } } } } }",
        "{ __type(name: \"FlightsWhere\") { inputFields { type { kind ofType { kind ofType { kind name } } } } } }",
        "{ __type(name: \"Query\") { fields { type { fields { type { kind ofType { kind ofType { kind } } } } } } } }",
    ] {
        let asked = Asked::of(text);
        assert_eq!(written(&asked, usize::MAX).unwrap(), by_the_library(&asked), "{text}");
    }
}

#[test]
fn an_answer_at_the_limit_is_given_and_a_longer_one_is_not() {
    let asked = Asked::of("{ __type(name: \"Flights\") { name } }");
    let all = written(&asked, usize::MAX).unwrap();
    assert_eq!(all, "{\"__type\":{\"name\":\"Flights\"}}");
    assert!(written(&asked, all.len() - 1).is_ok());
    let refused = written(&asked, all.len() - 2).unwrap_err();
    assert_eq!(refused.error.code, ErrorCode::ResultTooLarge);
}

#[test]
fn names_that_multiply_end_early() {
    let many: String = (0..90).map(|n| format!("a{n}: fields {{ ...F }} ")).collect();
    let asked = Asked::of(&format!(
        "{{ __schema {{ types {{ {many} }} }} }} fragment F on __Field {{ name description args {{ name type {{ ...T }} }} type {{ ...T }} }} \
         fragment T on __Type {{ kind name ofType {{ kind name ofType {{ kind name }} }} }}"
    ));
    let started = std::time::Instant::now();
    assert_eq!(written(&asked, usize::MAX).unwrap_err().error.code, ErrorCode::ResultTooLarge);
    assert!(started.elapsed().as_secs() < 2);
}

#[test]
fn the_schema_is_asked_for_twice_at_most_and_only_where_that_is_allowed() {
    let outcome = |text: &str, introspection: bool| {
        let asked = Asked::of(text);
        let selections = asked.selections(100).unwrap();
        let fields = selections.of("Query", &[&asked.operation().selection_set]).unwrap();
        let config = GraphqlConfig { introspection, ..Default::default() };
        check(&fields, &selections, &config).err().map(|error| error.error.code)
    };
    let (twice, thrice) = (
        "{ a: __schema { __typename } b: __type(name: \"A\") { name } flights { totalCount } }",
        "{ a: __schema { __typename } b: __schema { __typename } c: __schema { __typename } }",
    );
    assert_eq!(outcome(twice, true), None);
    assert_eq!(outcome(thrice, true), Some(ErrorCode::DocumentTooLarge));
    assert_eq!(outcome(twice, false), Some(ErrorCode::InvalidDocument));
    assert_eq!(outcome("{ __typename flights { totalCount } }", false), None);
}
