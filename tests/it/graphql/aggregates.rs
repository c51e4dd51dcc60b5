//! Groups: that all pages together are the whole, what a role can compute, and what is refused. That they are those of
//! the other doors is held in `parity`.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluice_tests::client::Caller;
use sluice_tests::gateway::{Gateway, run};

use super::{ask, code, data};

#[test]
fn one_operation_asks_for_several_groups_and_for_rows() {
    run(async {
        let caller = Gateway::demo().await.role("analyst");
        let document = "{ \
            all: flightsAggregate(where: {flight_id: {lt: 1000}}) { \
              nodes { __typename count countOf { dep_delay } sum { distance n: distance } min { time_hour } } } \
            late: flightsAggregate(groupBy: [origin, time_hour_year], where: {flight_id: {lt: 1000}}, first: 2, \
                having: {avg: {dep_delay: {gt: 0}}}, orderBy: [{max: dep_delay, descending: true}]) { \
              nodes { key { year: time_hour_year origin } max { dep_delay } } pageInfo { hasNextPage startCursor } } \
            flights(first: 1, where: {flight_id: {lt: 1000}}) { totalCount } }";
        let answer = data(&caller, document).await;
        let all = &answer["all"]["nodes"];
        assert_eq!(all.as_array().unwrap().len(), 1);
        assert_eq!(all[0]["__typename"], "FlightsAggregate");
        assert_eq!(all[0]["count"], answer["flights"]["totalCount"]);
        assert_eq!(all[0]["sum"]["distance"], all[0]["sum"]["n"]);
        let number = |value: &Value| value.as_str().unwrap().parse::<u64>().unwrap();
        assert!(number(&all[0]["countOf"]["dep_delay"]) < number(&all[0]["count"]), "some have no delay");
        assert_eq!(all[0]["min"]["time_hour"], "2013-01-01T10:00:00Z");
        let late = answer["late"]["nodes"].as_array().unwrap();
        assert_eq!(late.len(), 2);
        assert_eq!(late[0]["key"]["year"], "2013-01-01T00:00:00Z");
        assert!(late[0]["max"]["dep_delay"].as_f64() >= late[1]["max"]["dep_delay"].as_f64());
        assert_eq!(answer["late"]["pageInfo"], json!({ "hasNextPage": true, "startCursor": null }));
    });
}

#[test]
fn without_rows_there_is_no_group_but_the_one_of_all() {
    run(async {
        let caller = Gateway::demo().await.role("analyst");
        let document = "{ none: flightsAggregate(groupBy: carrier, where: {flight_id: {lt: 0}}) { nodes { count } } \
            all: flightsAggregate(where: {flight_id: {lt: 0}}) { nodes { count sum { distance } max { dest } } } }";
        let all = json!([{ "count": "0", "sum": { "distance": null }, "max": { "dest": null } }]);
        let expected = json!({ "none": { "nodes": [] }, "all": { "nodes": all } });
        assert_eq!(data(&caller, document).await, expected);
    });
}

/// The groups of all pages, and how many pages there are.
async fn walked(caller: &Caller, arguments: &str, selection: &str, first: usize) -> (Vec<Value>, usize) {
    let (mut nodes, mut pages, mut after) = (Vec::new(), 0, String::new());
    loop {
        let document = format!(
            "{{ flightsAggregate({arguments}, first: {first}{after}) {{ nodes {{ {selection} }} \
             pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"
        );
        let page = data(caller, &document).await["flightsAggregate"].clone();
        let info = &page["pageInfo"];
        assert_eq!((&info["hasPreviousPage"], &info["startCursor"]), (&json!(pages > 0), &Value::Null));
        nodes.extend(page["nodes"].as_array().unwrap().clone());
        pages += 1;
        if info["hasNextPage"] == false {
            assert_eq!(info["endCursor"], Value::Null);
            return (nodes, pages);
        }
        after = format!(", after: {}", info["endCursor"]);
    }
}

#[test]
fn all_pages_together_are_the_whole() {
    run(async {
        let gateway = Gateway::demo().await;
        for role in ["admin", "analyst", "partner"] {
            let caller = gateway.role(role);
            let selection = "key { origin dest } count avg { dep_delay } countDistinct { tailnum }";
            for arguments in [
                "groupBy: [origin, dest], where: {flight_id: {lt: 20000}}",
                "groupBy: [origin, dest], where: {flight_id: {lt: 20000}}, having: {count: {gt: 5}}, \
                 orderBy: {avg: dep_delay, descending: true}",
            ] {
                let document = format!("{{ flightsAggregate({arguments}) {{ nodes {{ {selection} }} }} }}");
                let whole = data(&caller, &document).await["flightsAggregate"]["nodes"].clone();
                let (nodes, pages) = walked(&caller, arguments, selection, 9).await;
                assert!(pages > 2, "{role}: {pages} pages");
                assert_eq!(json!(nodes), whole, "{role} {arguments}");
            }
        }
    });
}

#[test]
fn more_groups_than_one_batch_holds_come_in_order() {
    run(async {
        let caller = Gateway::demo().await.role("admin");
        let document =
            "{ customerAggregate(groupBy: c_custkey, first: 12000) { nodes { key { c_custkey } count } } }";
        let answer = data(&caller, document).await;
        let nodes = answer["customerAggregate"]["nodes"].as_array().unwrap();
        assert_eq!(nodes.len(), 12_000);
        for (at, group) in (1..).zip(nodes) {
            assert_eq!(*group, json!({ "key": { "c_custkey": at.to_string() }, "count": "1" }));
        }
    });
}

#[test]
fn a_cursor_goes_with_its_own_question() {
    run(async {
        let caller = Gateway::demo().await.role("analyst");
        let asked = |arguments: &str, selection: &str| {
            format!(
                "{{ flightsAggregate(groupBy: carrier, where: {{flight_id: {{lt: 5000}}}}{arguments}) {{ \
                 nodes {{ {selection} }} pageInfo {{ endCursor }} }} }}"
            )
        };
        let first = data(&caller, &asked(", first: 2", "count sum { distance }")).await;
        let after = format!(", after: {}", first["flightsAggregate"]["pageInfo"]["endCursor"]);
        // The order in which a document names results is none of the question.
        for (arguments, selection) in [
            (", first: 3", "s: sum { distance } count key { carrier }"),
            (", first: 2", "count sum { distance }"),
            ("", "count sum { distance }"),
        ] {
            let next = data(&caller, &asked(&format!("{arguments}{after}"), selection)).await;
            assert_ne!(next["flightsAggregate"]["nodes"][0], first["flightsAggregate"]["nodes"][0]);
        }
        for (arguments, selection, expected) in [
            (", first: 2", "count", "cursor_mismatch"),
            (", first: 2, having: {count: {gt: 0}}", "count sum { distance }", "cursor_mismatch"),
            (", first: 2, orderBy: {count: true}", "count sum { distance }", "cursor_mismatch"),
        ] {
            let answer = ask(&caller, &asked(&format!("{arguments}{after}"), selection)).await;
            assert_eq!(code(&answer), expected, "{arguments} {selection}");
        }
    });
}

#[test]
fn results_are_there_for_the_columns_that_have_them() {
    run(async {
        let gateway = Gateway::demo().await;
        let partner = gateway.role("partner");
        for (asked, code, message, hint) in [
            (
                "sum { carrier }",
                "invalid_document",
                "field \"carrier\" does not exist on \"FlightsSums\"",
                None,
            ),
            (
                "sum { distanse }",
                "unknown_column",
                "column \"distanse\" not found",
                Some("did you mean \"distance\"?"),
            ),
            (
                "key { time_hour_mont }",
                "unknown_column",
                "column \"time_hour_mont\" not found",
                Some("did you mean \"time_hour_month\"?"),
            ),
            // What the role does not see is not there.
            (
                "max { air_time }",
                "unknown_column",
                "column \"air_time\" not found",
                Some("did you mean \"arr_time\"?"),
            ),
        ] {
            let document = format!("{{ flightsAggregate {{ nodes {{ {asked} }} }} }}");
            let error = ask(&partner, &document).await.expect_status(400).json()["errors"][0].clone();
            assert_eq!((&error["extensions"]["code"], &error["message"]), (&json!(code), &json!(message)));
            assert_eq!(error["extensions"].get("hint").and_then(Value::as_str), hint, "{error}");
        }
        let types =
            "{ __schema { types { name fields { name } inputFields { name } enumValues { name } } } }";
        let told = |role: &str| {
            let caller = gateway.role(role);
            async move {
                let types = data(&caller, types).await["__schema"]["types"].clone();
                let of = |one: &Value| (one["name"].as_str().unwrap().to_owned(), one.to_string());
                types.as_array().unwrap().iter().map(of).collect::<BTreeMap<String, String>>()
            }
        };
        assert!(told("admin").await["FlightsSums"].contains("air_time"));
        for (name, text) in told("partner").await {
            assert!(!text.contains("air_time"), "{name}");
        }
    });
}

#[test]
fn what_no_groups_have_is_refused_before_anything_runs() {
    run(async {
        let caller = Gateway::demo().await.role("analyst");
        let refused = async |document: &str| {
            let answer = ask(&caller, document).await.expect_status(400).json();
            let error = &answer["errors"][0];
            (error["extensions"]["code"].clone(), error["locations"][0]["column"].clone())
        };
        let ungrouped = "{ flightsAggregate(groupBy: carrier) { nodes { key { origin } } } }";
        assert_eq!(refused(ungrouped).await, (json!("invalid_request"), json!(54)));
        let unordered = "{ flightsAggregate(orderBy: {descending: true}) { nodes { count } } }";
        assert_eq!(refused(unordered).await, (json!("invalid_request"), json!(3)));
        let several = |count: usize, arguments: &str| {
            let one =
                |at| format!("a{at}: flightsAggregate(groupBy: carrier{arguments}) {{ nodes {{ count }} }} ");
            format!("{{ {} }}", (0..count).map(one).collect::<String>())
        };
        // Without a size each counts as the largest page of rows.
        assert_eq!(refused(&several(11, "")).await.0, "document_too_large");
        let answered = data(&caller, &several(10, ", where: {flight_id: {lt: 100}}")).await;
        assert_eq!(answered["a0"], answered["a9"]);
    });
}
