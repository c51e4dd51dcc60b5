//! Documents and the values in them: what of the language works, and what is said of what does not.

use serde_json::{Value, json};
use sluice_tests::gateway::{Gateway, run};

use super::{ask, ask_with, data};

#[test]
fn aliases_fragments_and_directives_work() {
    run(async {
        let caller = Gateway::demo().await.role("analyst");
        let document = "query Q($no: Boolean! = false, $n: Int = 2) { \
            list: airlines(first: $n, orderBy: {column: carrier}) { \
              nodes { code: carrier ...N } nodes { name @skip(if: $no) nothing: name @include(if: $no) __typename } \
            } \
            one: airlinesByPk(carrier: \"UA\") { ... on Airlines { name } ... @include(if: true) { carrier } } \
          } fragment N on Airlines { again: carrier }";
        let answer = data(&caller, document).await;
        assert_eq!(
            answer["list"]["nodes"][0],
            json!({ "code": "9E", "again": "9E", "name": "Endeavor Air Inc.", "__typename": "Airlines" })
        );
        assert_eq!(answer["list"]["nodes"].as_array().unwrap().len(), 2);
        assert_eq!(answer["one"], json!({ "name": "United Air Lines Inc.", "carrier": "UA" }));
        let keys: Vec<&String> = answer.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["list", "one"], "in the order of the document");
    });
}

#[test]
fn values_come_in_the_document_or_beside_it() {
    run(async {
        let caller = Gateway::demo().await.role("analyst");
        let document = "query($w: FlightsWhere, $o: [FlightsOrder!], $key: Int64!) { \
            flights(where: $w, orderBy: $o, first: 1) { totalCount nodes { flight_id } } \
            flightsByPk(flight_id: $key) { flight_id carrier } }";
        let variables = json!({
            "w": { "carrier": { "in": ["UA", "AA"] }, "dep_delay": { "gt": 60 }, "and": [{ "origin": { "eq": "JFK" } }] },
            "o": [{ "column": "dep_delay", "descending": true }, { "column": "flight_id" }],
            "key": "5",
        });
        let by_variables = ask_with(&caller, document, variables).await.expect_status(200).json();
        let inline = "{ flights(where: {carrier: {in: [\"UA\", \"AA\"]}, dep_delay: {gt: 60}, and: [{origin: {eq: \"JFK\"}}]}, \
            orderBy: [{column: dep_delay, descending: true}, {column: flight_id}], first: 1) { totalCount nodes { flight_id } } \
            flightsByPk(flight_id: 5) { flight_id carrier } }";
        assert_eq!(by_variables["data"], data(&caller, inline).await);
        assert_eq!(by_variables["data"]["flightsByPk"]["flight_id"], "5");
        for (variables, message) in [
            (json!({}), "variable \"$key\" is required"),
            (json!({ "key": 1.5 }), "a number stands where a value of type \"Int64!\""),
            (json!({ "key": "1.5" }), "an \"Int64\" is a whole number of 64 bits, or its digits as text"),
            (json!({ "key": 1, "w": { "carier": { "eq": "UA" } } }), "column \"carier\" not found"),
            (
                json!({ "key": 1, "w": { "carrier": { "eq": 7 } } }),
                "a whole number stands where a value of type \"String\"",
            ),
            (json!({ "key": 1, "o": "carrier" }), "a text stands where a value of type \"FlightsOrder!\""),
        ] {
            let refused = ask_with(&caller, document, variables.clone()).await.expect_status(400).json();
            let said = refused["errors"][0]["message"].as_str().unwrap();
            assert!(said.contains(message), "{variables}: {said}");
        }
    });
}

#[test]
fn mistakes_are_told_with_their_place_and_the_nearest_name() {
    run(async {
        let caller = Gateway::demo().await.role("analyst");
        for (document, code, message, hint, place) in [
            (
                "{ flihgts { totalCount } }",
                "not_found",
                "table \"flihgts\" not found",
                Some("did you mean \"flights\"?"),
                (1, 3),
            ),
            (
                "{ flights { nodes {\n  dep_dely } } }",
                "unknown_column",
                "column \"dep_dely\" not found",
                Some("did you mean \"dep_delay\"?"),
                (2, 3),
            ),
            (
                "{ flights { rows } }",
                "invalid_document",
                "field \"rows\" does not exist on \"FlightsConnection\"",
                None,
                (1, 13),
            ),
            (
                "{ flights { totalCount }",
                "invalid_document",
                "syntax error: expected \"}\", got the end",
                None,
                (1, 25),
            ),
        ] {
            let error = ask(&caller, document).await.expect_status(400).json()["errors"][0].clone();
            assert_eq!(error["extensions"]["code"], code, "{error}");
            assert_eq!(error["message"], message);
            assert_eq!(error["extensions"].get("hint").and_then(Value::as_str), hint, "{error}");
            assert_eq!(error["locations"], json!([{ "line": place.0, "column": place.1 }]), "{error}");
        }
    });
}

#[test]
fn what_a_role_does_not_see_is_as_what_is_not_there() {
    run(async {
        let gateway = Gateway::demo().await;
        let partner = gateway.role("partner");
        for (hidden, absent) in [
            ("{ customer { totalCount } }", "{ custumor { totalCount } }"),
            ("{ __type(name: \"Customer\") { name } }", "{ __type(name: \"Custumor\") { name } }"),
            (
                "{ flights { nodes { ...F } } } fragment F on Customer { c_name }",
                "{ flights { nodes { ...F } } } fragment F on Custumor { c_name }",
            ),
            ("query($w: CustomerWhere) { __typename }", "query($w: CustumorWhere) { __typename }"),
        ] {
            let told = async |document: &str| {
                let answer = ask(&partner, document).await;
                let mut body = answer.json();
                let errors = body["errors"].as_array_mut();
                errors.into_iter().flatten().for_each(|error| drop(error["extensions"]["request_id"].take()));
                body["extensions"].take();
                (answer.status, body.to_string().replace("ustumor", "ustomer"))
            };
            assert_eq!(told(hidden).await, told(absent).await, "{hidden}");
        }
        assert!(data(&gateway.role("admin"), "{ customer { totalCount } }").await["customer"].is_object());
    });
}
