//! Tests of documents: the limits, each at its number and one over, and what is said of faults.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::*;
use crate::protocol::graphql::fixture::flights;
use crate::query::error::TextPosition;

fn parse(text: &str, config: &GraphqlConfig) -> Result<Document, Vec<DoorError>> {
    Document::parse(text, config)
}

fn code(outcome: Result<Document, Vec<DoorError>>) -> Option<ErrorCode> {
    outcome.err().map(|found| found[0].error.code)
}

/// The first fault of a document: its code, message, hint and place.
fn fault(text: &str) -> (ErrorCode, String, Option<String>, Option<(u64, u64)>) {
    let door = DoorSchema::build(&flights(), &GraphqlConfig::default()).unwrap();
    let found = match parse(text, &GraphqlConfig::default()) {
        Err(found) => found,
        Ok(document) => document.validate(&door).unwrap_err(),
    };
    let first = found.into_iter().next().unwrap();
    let at = first.location.map(|TextPosition { line, column }| (line, column));
    (first.error.code, first.error.message.clone(), first.error.hint.clone(), at)
}

fn said(text: &str) -> String {
    fault(text).1
}

#[test]
fn each_limit_holds_at_its_number_and_not_one_over() {
    let text =
        "{ a: flights @skip(if: false) { totalCount } ...F } fragment F on Query { airlines { totalCount } }";
    let all = GraphqlConfig::default();
    let tokens = {
        let mut parser = Parser::new();
        assert!(parser.parse_ast(text, "t").is_ok());
        parser.tokens_reached()
    };
    let bytes = |document_bytes_max| GraphqlConfig { document_bytes_max, ..all.clone() };
    assert_eq!(code(parse(text, &bytes(text.len()))), None);
    assert_eq!(code(parse(text, &bytes(text.len() - 1))), Some(ErrorCode::RequestTooLarge));
    type Set = fn(&mut GraphqlConfig, usize);
    let limits: [(usize, Set, &str); 4] = [
        (tokens, |config, most| config.document_tokens_max = most, "tokens"),
        (5, |config, most| config.fields_max = most, "fields"),
        (1, |config, most| config.aliases_max = most, "aliases"),
        (1, |config, most| config.directives_max = most, "directives"),
    ];
    for (at, set, what) in limits {
        let mut config = all.clone();
        set(&mut config, at);
        assert_eq!(code(parse(text, &config)), None, "{what}");
        set(&mut config, at - 1);
        let refused = parse(text, &config).unwrap_err();
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert_eq!(refused[0].error.code, ErrorCode::DocumentTooLarge, "{what}");
        assert_eq!(refused[0].error.message, format!("the document has more than {} {what}", at - 1));
    }
}

#[test]
fn nesting_of_any_kind_ends_somewhere() {
    let config = GraphqlConfig::default();
    let selections = |levels: usize| format!("{}a{}", "{a".repeat(levels), "}".repeat(levels));
    let lists = |levels: usize| format!("{{a(b: {}{})}}", "[".repeat(levels), "]".repeat(levels));
    let objects = |levels: usize| format!("{{a(b: {}1{})}}", "{c:".repeat(levels), "}".repeat(levels));
    let types = |levels: usize| format!("query($a: {}Int{}) {{a}}", "[".repeat(levels), "]".repeat(levels));
    for (name, text) in [
        ("selections", &selections as &dyn Fn(usize) -> String),
        ("lists", &lists),
        ("objects", &objects),
        ("types", &types),
    ] {
        assert_eq!(code(parse(&text(60), &config)), None, "{name}");
        let started = std::time::Instant::now();
        assert_eq!(code(parse(&text(5_000), &config)), Some(ErrorCode::DocumentTooLarge), "{name}");
        assert!(started.elapsed().as_secs() < 1, "{name}");
    }
}

#[test]
fn floods_of_one_thing_are_refused() {
    let config =
        GraphqlConfig { document_bytes_max: 1 << 20, document_tokens_max: 1 << 20, ..Default::default() };
    let aliases: String = (0..10_000).map(|n| format!("a{n}: flights {{ totalCount }} ")).collect();
    let directives = "@skip(if: false) ".repeat(10_000);
    for text in [format!("{{ {aliases} }}"), format!("{{ flights {directives} {{ totalCount }} }}")] {
        assert_eq!(code(parse(&text, &config)), Some(ErrorCode::DocumentTooLarge));
    }
    let tokens = format!("{{ {} }}", "a ".repeat(10_000));
    assert_eq!(code(parse(&tokens, &GraphqlConfig::default())), Some(ErrorCode::DocumentTooLarge));
}

#[test]
fn fragments_in_a_circle_or_a_long_chain_are_refused() {
    assert_eq!(
        fault("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }").0,
        ErrorCode::InvalidDocument
    );
    let chain = |links: usize| {
        let link = |n: usize| format!("fragment F{n} on Query {{ ...F{} }} ", n + 1);
        let links: String = (0..links).map(link).collect();
        let last = links.matches("fragment").count();
        format!("{{ ...F0 }} {links} fragment F{last} on Query {{ airlines {{ totalCount }} }}")
    };
    let door = DoorSchema::build(&flights(), &GraphqlConfig::default()).unwrap();
    assert!(parse(&chain(20), &GraphqlConfig::default()).unwrap().validate(&door).is_ok());
    let (code, message, ..) = fault(&chain(500));
    assert_eq!(code, ErrorCode::DocumentTooLarge, "{message}");
}

#[test]
fn syntax_is_blamed_at_its_place_in_words_for_people() {
    let (code, message, _, at) = fault("{\n  flights {\n");
    assert_eq!(code, ErrorCode::InvalidDocument);
    assert!(!message.contains("CURLY") && !message.contains("EOF") && !message.contains('`'), "{message}");
    assert_eq!(at.map(|(line, _)| line), Some(2));
    for text in [
        "",
        "# nothing",
        "{",
        "{ a(b: ) }",
        "{ a } }",
        "query ($a: ) { a }",
        "\u{0}",
        "{ a \"b\" }",
        "\"\\ud800\"",
    ] {
        let door = DoorSchema::build(&flights(), &GraphqlConfig::default()).unwrap();
        let outcome = parse(text, &GraphqlConfig::default()).and_then(|document| document.validate(&door));
        match outcome {
            Err(found) => assert_eq!(found[0].error.code, ErrorCode::InvalidDocument, "{text}"),
            Ok(document) => assert!(operation(&document, None).is_err(), "{text}"),
        }
    }
}

#[test]
fn unknown_names_are_worded_as_at_every_door() {
    let hint = |name: &str| Some(format!("did you mean \"{name}\"?"));
    let column = |name: &str| format!("column \"{name}\" not found");
    let (code, message, suggested, at) = fault("{ flights { nodes { dep_dely } } }");
    assert_eq!((code, message, suggested), (ErrorCode::UnknownColumn, column("dep_dely"), hint("dep_delay")));
    assert_eq!(at, Some((1, 21)));
    let (code, message, suggested, _) = fault("{ flights(where: {dep_dely: {gt: 1}}) { totalCount } }");
    assert_eq!((code, message, suggested), (ErrorCode::UnknownColumn, column("dep_dely"), hint("dep_delay")));
    let (code, message, suggested, _) = fault("{ flights(orderBy: {column: dep_dely}) { totalCount } }");
    assert_eq!((code, message, suggested), (ErrorCode::UnknownColumn, column("dep_dely"), hint("dep_delay")));
    let (code, message, _, _) = fault("{ flights(where: {position: {lt: {eq: 1}}}) { totalCount } }");
    assert_eq!((code, message), (ErrorCode::UnknownColumn, column("lt")));
    let (code, message, suggested, _) = fault("{ flihgts { totalCount } }");
    assert_eq!((code, message), (ErrorCode::NotFound, "table \"flihgts\" not found".to_owned()));
    assert_eq!(suggested, hint("flights"));
    let (code, message, suggested, _) = fault("{ flights { totalCounts } }");
    assert_eq!(code, ErrorCode::InvalidDocument);
    assert_eq!(message, "field \"totalCounts\" does not exist on \"FlightsConnection\"");
    assert_eq!(suggested, hint("totalCount"));
    let (code, message, suggested, _) = fault("{ flights(wher: {}) { totalCount } }");
    assert_eq!(code, ErrorCode::InvalidDocument);
    assert_eq!(message, "argument \"wher\" does not exist on \"Query.flights\"");
    assert_eq!(suggested, hint("where"));
}

#[test]
fn unknown_names_are_found_in_fragments_defaults_and_lists() {
    let column = |name: &str| format!("column \"{name}\" not found");
    assert_eq!(said("{ flights { nodes { ...F } } } fragment F on Flights { nope }"), column("nope"));
    assert_eq!(said("{ flights { nodes { ... on Flights { nope } } } }"), column("nope"));
    let text = "query($w: FlightsWhere = {nope: {}}) { flights(where: $w) { totalCount } }";
    assert_eq!(said(text), column("nope"));
    assert_eq!(said("{ flights(where: {or: [{}, {not: {nope: {}}}]}) { totalCount } }"), column("nope"));
    assert_eq!(said("{ flights(orderBy: [{column: id}, {column: nope}]) { totalCount } }"), column("nope"));
}

#[test]
fn faults_are_told_up_to_a_limit_and_each_once() {
    let text = "{ flights { nodes { a1 a2 a3 a4 } } }";
    let door = DoorSchema::build(&flights(), &GraphqlConfig::default()).unwrap();
    let told = |errors_max: usize| {
        let config = GraphqlConfig { errors_max, ..Default::default() };
        parse(text, &config).unwrap().validate(&door).unwrap_err().len()
    };
    assert_eq!((told(20), told(4), told(3)), (4, 4, 3));
}

#[test]
fn there_is_nothing_but_queries_and_subscriptions() {
    for text in ["mutation { flights { totalCount } }", "type A { a: Int }"] {
        assert_eq!(fault(text).0, ErrorCode::InvalidDocument, "{text}");
    }
}

#[test]
fn a_subscription_has_one_field_of_its_own_and_always() {
    for text in [
        "subscription { flights { totalCount } }",
        "subscription { flightsChanged { version } airlinesChanged { version } }",
        "subscription { a: flightsChanged { version } b: flightsChanged { version } }",
        "subscription { ...F } fragment F on Subscription { flightsChanged { more } airlinesChanged { more } }",
        "subscription { __typename }",
        "subscription { flightsChanged { version } __typename }",
        "subscription { __schema { queryType { name } } }",
        "subscription($v: Boolean!) { flightsChanged @skip(if: $v) { version } }",
        "subscription($v: Boolean!) { ... @include(if: $v) { flightsChanged { version } } }",
    ] {
        assert_eq!(fault(text).0, ErrorCode::InvalidDocument, "{text}");
    }
    let door = DoorSchema::build(&flights(), &GraphqlConfig::default()).unwrap();
    for text in [
        "subscription { flightsChanged { version } }",
        "subscription { ...F } fragment F on Subscription { flightsChanged { __typename more } }",
        "subscription($v: Boolean!) { flightsChanged { version rows @skip(if: $v) { id } } }",
    ] {
        assert!(parse(text, &GraphqlConfig::default()).unwrap().validate(&door).is_ok(), "{text}");
    }
    assert_eq!(fault("{ flightsChanged { version } }").0, ErrorCode::NotFound);
    assert_eq!(fault("subscription { flightsChanged { rows { nope } } }").0, ErrorCode::UnknownColumn);
    assert_eq!(
        fault("subscription { flightsChanged(where: {nope: {}}) { more } }").0,
        ErrorCode::UnknownColumn
    );
}

#[test]
fn the_operation_is_the_named_or_the_only_one() {
    let door = DoorSchema::build(&flights(), &GraphqlConfig::default()).unwrap();
    let valid = |text: &str| parse(text, &GraphqlConfig::default()).unwrap().validate(&door).unwrap();
    let both = valid("query A { flights { totalCount } } query B { airlines { totalCount } }");
    assert_eq!(operation(&both, Some("B")).unwrap().name.as_deref(), Some("B"));
    let several = operation(&both, None).unwrap_err();
    assert_eq!(several.error.message, "the document has several operations");
    let unknown = operation(&both, Some("C")).unwrap_err();
    assert_eq!(unknown.error.message, "operation \"C\" is not in the document");
    assert!(operation(&valid("query A { flights { totalCount } }"), None).is_ok());
}

#[test]
fn the_kind_of_operation_is_known_before_validation() {
    let kind =
        |text: &str, name: Option<&str>| parse(text, &GraphqlConfig::default()).unwrap().operation_type(name);
    assert_eq!(kind("mutation { a }", None), Some(OperationType::Mutation));
    assert_eq!(kind("query A { a } mutation B { a }", Some("B")), Some(OperationType::Mutation));
    assert_eq!(kind("query A { a } mutation B { a }", None), None);
    assert_eq!(kind("query A { a }", Some("B")), None);
}

#[test]
fn hints_name_nothing_that_the_role_does_not_see() {
    let shape = crate::query::shape::VisibleShape::new(flights().tables[..1].to_vec(), Vec::new());
    let door = DoorSchema::build(&shape, &GraphqlConfig::default()).unwrap();
    for text in [
        "{ flight { totalCount } }",
        "{ airlines { nodes { flights { totalCount } } } }",
        "{ ...F } fragment F on Flights { id }",
    ] {
        let parsed = parse(text, &GraphqlConfig::default()).unwrap();
        for fault in parsed.validate(&door).unwrap_err() {
            let hint = fault.error.hint.clone().unwrap_or_default();
            assert!(!hint.contains("light"), "{text}: {hint}");
        }
    }
}

/// Pieces of documents that fit together now and then.
fn piece() -> impl Strategy<Value = String> {
    let known = [
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ":",
        "$",
        "!",
        "@",
        "=",
        "...",
        "on",
        "query",
        "fragment",
        "F",
        "flights",
        "nodes",
        "id",
        "where",
        "carrier",
        "eq",
        "in",
        "$v",
        "true",
        "null",
        "1",
        "-1.5e3",
        "\"a\"",
        "\"\"\"b\"\"\"",
        "\"\\ud83d\\ude00\"",
        "\"\\u{1f600}\"",
        "\"\\ud800\"",
        "#c\n",
        ",",
        "__schema",
        "__type",
        "@skip(if: $v)",
        "Flights",
        "\u{feff}",
        "\u{0}",
        "\u{1f600}",
    ];
    prop_oneof![9 => prop::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => any::<String>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn no_text_is_more_than_a_parser_or_a_validator_takes(pieces in prop::collection::vec(piece(), 0..40)) {
        let door = DoorSchema::build(&flights(), &GraphqlConfig::default()).unwrap();
        let told = Document::parse(&pieces.join(" "), &GraphqlConfig::default())
            .and_then(|document| document.validate(&door));
        if let Err(found) = told {
            prop_assert!(!found.is_empty());
        }
    }
}
