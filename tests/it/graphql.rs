//! The GraphQL door: owns what is its own: its schemas, its documents, its limits and its ways over HTTP. That it answers
//! as the other doors do is held in `parity`.

mod aggregates;
mod allow_list;
mod clients;
mod documents;
mod http;
mod limits;
mod page;
mod persisted;
mod relations;
mod schema;
mod subscriptions;

use serde_json::{Value, json};
use sluice_tests::client::{Answer, Caller};

/// The protocol's own media type.
const RESPONSE: &str = "application/graphql-response+json";

/// Asks a document.
async fn ask(caller: &Caller, document: &str) -> Answer {
    ask_with(caller, document, json!({})).await
}

/// Asks a document with values of its variables.
async fn ask_with(caller: &Caller, document: &str, variables: Value) -> Answer {
    let caller = caller.clone().header("Accept", RESPONSE);
    caller.post("/graphql", &json!({ "query": document, "variables": variables })).await
}

/// The data of an answer without errors.
async fn data(caller: &Caller, document: &str) -> Value {
    let answer = ask(caller, document).await.expect_status(200).json();
    assert!(answer.get("errors").is_none(), "{document}: {answer}");
    answer["data"].clone()
}

/// The code of the first error.
fn code(answer: &Answer) -> String {
    let body = answer.json();
    body["errors"][0]["extensions"]["code"].as_str().unwrap_or_else(|| panic!("no error: {body}")).to_owned()
}
