//! What a document may cost before anything of it runs: the attacks that documents can be, each of which is refused.

use std::fmt::Write;

use serde_json::json;
use sluice_tests::gateway::{Gateway, Setup, run};

use super::{ask, ask_with, code};

/// The refusal of a document by the demo.
async fn refused(document: &str) -> String {
    let answer = ask(&Gateway::demo().await.role("analyst"), document).await;
    assert!(answer.status == 400 || answer.status == 413, "{}", answer.status);
    code(&answer)
}

#[test]
fn documents_that_are_made_to_cost_are_refused_before_they_do() {
    run(async {
        let nested = format!("{}{}", "{a".repeat(5_000), "}".repeat(5_000));
        assert_eq!(refused(&nested).await, "document_too_large");
        let lists = format!(
            "{{ flights(where: {{or: {}{}}}) {{ totalCount }} }}",
            "[".repeat(2_000),
            "]".repeat(2_000)
        );
        assert_eq!(refused(&lists).await, "document_too_large");
        let aliases: String = (0..2_000).fold(String::new(), |mut text, at| {
            write!(text, "a{at}: __typename ").unwrap();
            text
        });
        assert_eq!(refused(&format!("{{ {aliases} }}")).await, "document_too_large");
        let directives = "@skip(if: false)".repeat(1_000);
        assert_eq!(refused(&format!("{{ __typename {directives} }}")).await, "document_too_large");
        assert_eq!(refused(&format!("{{ {} }}", "__typename ".repeat(5_000))).await, "document_too_large");
        assert_eq!(refused(&format!("{{ {} }}", "#".repeat(100_000))).await, "request_too_large");
    });
}

#[test]
fn fragments_that_hold_each_other_twice_end() {
    run(async {
        let mut document = "{ flights(first: 1) { nodes { ...F0 } } }".to_owned();
        for at in 0..40 {
            let next = at + 1;
            write!(document, " fragment F{at} on Flights {{ ...F{next} a{at}: carrier ...F{next} }}")
                .unwrap();
        }
        document.push_str(" fragment F40 on Flights { flight_id }");
        let answer = ask(&Gateway::demo().await.role("analyst"), &document).await;
        // Each is written out once for one object, so that all of it is small.
        assert_eq!(
            answer.expect_status(200).json()["data"]["flights"]["nodes"][0].as_object().unwrap().len(),
            41
        );
        let mut inside = "{ flights(first: 1) { ...F0 } }".to_owned();
        for at in 0..40 {
            let next = at + 1;
            write!(inside, " fragment F{at} on FlightsConnection {{ a: nodes {{ carrier }} ...F{next} b: nodes {{ ...G }} ...F{next} }}")
                .unwrap();
        }
        inside.push_str(
            " fragment F40 on FlightsConnection { totalCount } fragment G on Flights { flight_id }",
        );
        let _ = ask(&Gateway::demo().await.role("analyst"), &inside).await.expect_status(200);
        let ring = "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }";
        assert_eq!(refused(ring).await, "invalid_document");
    });
}

#[test]
fn pages_of_one_operation_are_counted_together() {
    run(async {
        let pages = |count: usize, rows: usize| {
            let page = |at| format!("p{at}: flights(first: {rows}) {{ nodes {{ flight_id }} }} ");
            format!("{{ {} }}", (0..count).map(page).collect::<String>())
        };
        assert_eq!(refused(&pages(11, 10_000)).await, "document_too_large");
        assert_eq!(refused(&pages(21, 1)).await, "document_too_large");
        let answer = ask(&Gateway::demo().await.role("analyst"), &pages(20, 1)).await.expect_status(200);
        assert_eq!(answer.json()["data"].as_object().unwrap().len(), 20);
    });
}

#[test]
fn a_variable_counts_wherever_it_stands() {
    run(async {
        let caller = Gateway::demo().await.role("analyst");
        let many: String = (0..19).fold(String::new(), |mut text, at| {
            write!(text, "a{at}: flights(where: {{carrier: {{eq: $v}}}}, first: 1) {{ totalCount }} ")
                .unwrap();
            text
        });
        let document = format!("query($v: String) {{ {many} }}");
        let answer = ask_with(&caller, &document, json!({ "v": "x".repeat(600_000) })).await;
        assert_eq!(code(&answer.expect_status(400)), "expression_too_large");
    });
}

#[test]
fn limits_are_those_of_the_configuration() {
    run(async {
        let policies =
            "version: 1\nroles:\n  admin: { administrator: true, tables: { '*': { columns: all } } }\n";
        let limits = json!({ "graphql": {
            "introspection": false, "document_bytes_max": 200, "depth_max": 2, "aliases_max": 1, "errors_max": 2,
        } });
        let gateway = Setup::new("graphql-limits", policies).with(limits).start().await;
        let caller = gateway.role("admin");
        let said = async |document: &str| code(&ask(&caller, document).await);
        assert_eq!(said("{ __schema { queryType { name } } }").await, "invalid_document");
        assert_eq!(said("{ __type(name: \"Query\") { name } }").await, "invalid_document");
        assert_eq!(said(&format!("{{ __typename #{} \n }}", "x".repeat(200))).await, "request_too_large");
        assert_eq!(said("{ a: __typename b: __typename }").await, "document_too_large");
        let many = ask(&caller, "{ a1 a2 a3 a4 }").await.expect_status(400).json();
        assert_eq!(many["errors"].as_array().unwrap().len(), 2, "{many}");
        // Without tables there is one field, which leads nowhere.
        assert_eq!(
            ask(&caller, "{ _nothing }").await.expect_status(200).json()["data"]["_nothing"],
            json!(null)
        );
        gateway.shutdown().await;
    });
}
