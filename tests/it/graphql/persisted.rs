//! Documents by their hash, and several operations in one request.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sluice_tests::client::{Answer, Caller};
use sluice_tests::gateway::{Gateway, Setup, run};

use super::{RESPONSE, code};

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn body(text: Option<&str>, hash: &str) -> Value {
    let extensions = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
    match text {
        Some(text) => json!({ "query": text, "extensions": extensions }),
        None => json!({ "extensions": extensions }),
    }
}

async fn post(caller: &Caller, body: &Value) -> Answer {
    caller.clone().header("Accept", RESPONSE).post("/graphql", body).await
}

#[test]
fn a_document_that_was_sent_once_is_known_by_its_hash() {
    run(async {
        let gateway = Gateway::demo().await;
        let analyst = gateway.role("analyst");
        let text = "{ airlines(first: 1) { nodes { carrier } } customer(first: 1) { nodes { c_name } } } # persisted";
        let known = hash(text);
        let missing = post(&analyst, &body(None, &known)).await.expect_status(400);
        assert_eq!(missing.json()["errors"][0]["message"], "PersistedQueryNotFound");
        let first = post(&analyst, &body(Some(text), &known)).await.expect_status(200).json();
        let again = post(&analyst, &body(None, &known)).await.expect_status(200).json();
        assert_eq!(first["data"], again["data"]);
        let extensions = body(None, &known)["extensions"].to_string();
        let by_get = analyst.ask("/graphql", &[("extensions", &extensions)]).await.expect_status(200).json();
        assert_eq!(first["data"], by_get["data"]);
        // The text is no right: for this role the table is not there, and neither is the document.
        let partner = gateway.role("partner");
        let by_hash = post(&partner, &body(None, &known)).await.expect_status(400);
        assert_eq!(code(&by_hash), "persisted_query_not_found");
        let whole = post(&partner, &body(Some(text), &known)).await.expect_status(400);
        assert_eq!(code(&whole), "not_found");
        let again = post(&partner, &body(None, &known)).await.expect_status(400);
        assert_eq!(code(&again), "persisted_query_not_found");
    });
}

#[test]
fn only_sound_documents_of_their_own_hash_are_kept() {
    run(async {
        let caller = Gateway::demo().await.role("analyst");
        let (unsound, other) = ("{ airlines { rows } } # unsound", "{ __typename } # by get");
        assert_eq!(code(&post(&caller, &body(Some(unsound), &hash(unsound))).await), "invalid_document");
        assert_eq!(code(&post(&caller, &body(None, &hash(unsound))).await), "persisted_query_not_found");
        assert_eq!(
            code(&post(&caller, &body(Some("{ __typename }"), &hash("{ b }"))).await),
            "invalid_request"
        );
        let extensions = body(None, &hash(other))["extensions"].to_string();
        let _ =
            caller.ask("/graphql", &[("query", other), ("extensions", &extensions)]).await.expect_status(200);
        assert_eq!(code(&post(&caller, &body(None, &hash(other))).await), "persisted_query_not_found");
    });
}

#[test]
fn operations_in_one_request_are_answered_in_their_order() {
    run(async {
        let caller = Gateway::demo().await.role("analyst");
        let batch = json!([
            { "query": "{ airlinesByPk(carrier: \"UA\") { name } }" },
            { "query": "{ airlines { rows } }" },
            { "query": "query($k: String!) { airlinesByPk(carrier: $k) { name } }", "variables": { "k": "AA" } },
        ]);
        let answers = post(&caller, &batch).await.expect_status(200).json();
        let names: Vec<&Value> = [0, 2].map(|at| &answers[at]["data"]["airlinesByPk"]["name"]).into();
        assert_eq!(names, ["United Air Lines Inc.", "American Airlines Inc."]);
        assert_eq!(answers[1]["errors"][0]["extensions"]["code"], "invalid_document");
        let many = Value::Array(vec![json!({ "query": "{ __typename }" }); 11]);
        assert_eq!(code(&post(&caller, &many).await.expect_status(400)), "document_too_large");
    });
}

#[test]
fn each_operation_of_a_request_counts_as_one() {
    run(async {
        let policies =
            "version: 1\nroles:\n  admin: { administrator: true, tables: { '*': { columns: all } } }\n";
        let limits = json!({ "limits": { "subject_requests_per_s": 1, "subject_burst_requests": 5 } });
        let gateway = Setup::new("graphql-batch", policies).with(limits).start().await;
        let batch = |count| Value::Array(vec![json!({ "query": "{ __typename }" }); count]);
        let caller = gateway.role("admin");
        let _ = post(&caller, &batch(4)).await.expect_status(200);
        assert_eq!(code(&post(&caller, &batch(4)).await.expect_status(429)), "rate_limited");
        gateway.shutdown().await;
    });
}
