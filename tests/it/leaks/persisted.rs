//! Documents kept by their hash: that those which others sent say nothing of what these see.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sluice_tests::gateway::run;

use super::shop::shops;

fn persisted(text: Option<&str>, hash: &str) -> Value {
    let extensions = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
    match text {
        Some(text) => json!({ "query": text, "extensions": extensions }),
        None => json!({ "extensions": extensions }),
    }
}

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whoever guesses a document of somebody else's would learn from its hash that its names exist.
#[test]
fn documents_kept_for_others_are_as_unknown_as_any() {
    run(async {
        let shop = &shops().await[0];
        let admin = shop.gateway.role("admin");
        let documents = [
            "{ vault(first: 1) { nodes { contents } } }",
            "{ payments(first: 1) { nodes { keeper_id keeper { name } } } }",
            "{ owners(first: 1) { nodes { kept(first: 1) { totalCount } } } }",
        ];
        let unknown = hash("{ nobody { ever { sent { this } } } }");
        let of_unknown = shop.secured.post("/graphql", &persisted(None, &unknown)).await;
        for document in documents {
            let known = hash(document);
            let kept = admin.post("/graphql", &persisted(Some(document), &known)).await.expect_status(200);
            assert!(kept.json().get("errors").is_none(), "{}", kept.text());
            let again = admin.post("/graphql", &persisted(None, &known)).await.json();
            assert!(again["data"].is_object(), "{again}");
            let by_hash = shop.secured.post("/graphql", &persisted(None, &known)).await;
            let (mut guessed, mut other) = (by_hash.json(), of_unknown.json());
            for answer in [&mut guessed, &mut other] {
                answer["errors"][0]["extensions"].as_object_mut().unwrap().remove("request_id");
            }
            assert_eq!((by_hash.status, guessed), (of_unknown.status, other), "{document}");
            // Sent whole, it is a document like any other, and stays unknown by its hash.
            let whole = shop.secured.post("/graphql", &persisted(Some(document), &known)).await.json();
            let code = whole["errors"][0]["extensions"]["code"].as_str().unwrap().to_owned();
            assert!(["not_found", "unknown_column"].contains(&code.as_str()), "{whole}");
        }
    });
}
