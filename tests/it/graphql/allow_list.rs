//! Listed documents: owns that nothing else runs, by any way in, that a list gives no rights, and what follows a change of
//! its file.

use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sluice_tests::client::{Answer, Caller};
use sluice_tests::gateway::{Gateway, Setup, run};
use sluice_tests::waiting::until;

use super::{RESPONSE, code};
use crate::accounts;

const IDS: &str = "query Ids { accounts(first: 3) { nodes { id } } }";
const SECRETS: &str = "query Secrets { accounts(first: 1) { nodes { secret } } }";
const SCHEMA: &str = "query Schema { __schema { queryType { name } } }";
const WATCH: &str = "subscription Watch { accountsChanged { rows { secret } } }";
const TYPE: &str = "query Type { __typename }";

fn operation(id: &str, name: &str, body: &str) -> Value {
    json!({ "id": id, "name": name, "type": "query", "body": body })
}

fn write(directory: &Path, operations: &[Value]) {
    let manifest =
        json!({ "format": "apollo-persisted-query-manifest", "version": 1, "operations": operations });
    std::fs::write(directory.join("documents.json"), manifest.to_string()).unwrap();
}

async fn gateway(name: &str, operations: &[Value]) -> Gateway {
    let listed = json!({ "graphql": { "allow_list_file": "documents.json" } });
    let setup = Setup::new(name, accounts::POLICIES).table(accounts::definition()).with(listed);
    let _table = accounts::write(&setup.place("accounts"));
    write(setup.directory.path(), operations);
    setup.start().await
}

fn caller(gateway: &Gateway, role: &str) -> Caller {
    accounts::caller(gateway, role).header("Accept", RESPONSE)
}

async fn post(caller: &Caller, body: Value) -> Answer {
    caller.post("/graphql", &body).await
}

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn persisted(hash: &str) -> Value {
    json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } })
}

async fn says(gateway: &Gateway, line: &str) -> bool {
    let metrics = gateway.nobody().get("/metrics").await.expect_status(200).text();
    metrics.lines().any(|one| one == line)
}

fn refused(answer: Answer) {
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(code(&answer), "document_not_allowed");
    assert!(answer.json().get("data").is_none(), "{}", answer.text());
}

#[test]
fn a_listed_document_is_asked_for_by_any_of_its_names() {
    run(async {
        let gateway = gateway("allow-names", &[operation("ids", "Ids", IDS)]).await;
        let admin = caller(&gateway, "admin");
        let expected = post(&admin, json!({ "query": IDS })).await.expect_status(200).json()["data"].clone();
        assert_eq!(expected["accounts"]["nodes"].as_array().map(Vec::len), Some(3));
        let by_hash = format!("sha256:{}", hash(IDS));
        for body in [
            json!({ "documentId": "ids" }),
            json!({ "documentId": by_hash, "operationName": "Ids" }),
            json!({ "extensions": persisted("ids") }),
            json!({ "extensions": persisted(&hash(IDS)) }),
            json!({ "query": IDS, "extensions": persisted(&hash(IDS)), "documentId": "ids" }),
        ] {
            let answer = post(&admin, body.clone()).await.expect_status(200).json();
            assert_eq!(answer["data"], expected, "{body}");
        }
        let extensions = persisted("ids").to_string();
        for parameters in
            [("documentId", "ids"), ("documentId", &by_hash), ("query", IDS), ("extensions", &extensions)]
        {
            let answer = admin.ask("/graphql", &[parameters]).await.expect_status(200).json();
            assert_eq!(answer["data"], expected, "{parameters:?}");
        }
        gateway.shutdown().await;
    });
}

#[test]
fn nothing_else_runs_by_any_way_in() {
    run(async {
        let gateway = gateway("allow-others", &[operation("ids", "Ids", IDS)]).await;
        // Not even for an administrator.
        let admin = caller(&gateway, "admin");
        let other = format!("{IDS} ");
        for text in [TYPE, SCHEMA, SECRETS, &other, "{ accounts { totalCount } }", "not a document"] {
            refused(post(&admin, json!({ "query": text })).await);
            refused(admin.ask("/graphql", &[("query", text)]).await);
            // A text with its hash is not kept either.
            refused(post(&admin, json!({ "query": text, "extensions": persisted(&hash(text)) })).await);
            refused(post(&admin, json!({ "extensions": persisted(&hash(text)) })).await);
            let extensions = persisted(&hash(text)).to_string();
            refused(admin.ask("/graphql", &[("extensions", &extensions)]).await);
            // The name of a listed document carries no other.
            refused(post(&admin, json!({ "query": text, "documentId": "ids" })).await);
            refused(post(&admin, json!({ "query": text, "extensions": persisted("ids") })).await);
            refused(admin.ask("/graphql", &[("query", text), ("documentId", "ids")]).await);
        }
        refused(post(&admin, json!({ "documentId": "none" })).await);
        refused(admin.ask("/graphql", &[("documentId", "none")]).await);
        let batch = json!([{ "query": TYPE }, { "documentId": "ids" }, { "documentId": "none" }]);
        let answers = post(&admin, batch).await.expect_status(200).json();
        assert_eq!(answers[0]["errors"][0]["extensions"]["code"], "document_not_allowed");
        assert_eq!(answers[1]["data"]["accounts"]["nodes"].as_array().map(Vec::len), Some(3));
        assert_eq!(answers[2]["errors"][0]["extensions"]["code"], "document_not_allowed");
        // Nor does the plain type of answers hide the refusal.
        let plain = accounts::caller(&gateway, "admin").post("/graphql", &json!({ "query": TYPE })).await;
        refused(plain);
        assert_eq!(code(&post(&admin, json!({})).await.expect_status(400)), "invalid_request");
        // Whoever may not ask at all learns nothing of the list.
        let nobody = gateway.nobody();
        for id in ["ids", "none"] {
            let answer = nobody.post("/graphql", &json!({ "documentId": id })).await.expect_status(401);
            assert_eq!(code(&answer), "unauthenticated");
        }
        gateway.shutdown().await;
    });
}

#[test]
fn a_list_gives_no_rights() {
    run(async {
        let mut watch = operation("watch", "Watch", WATCH);
        watch["type"] = json!("subscription");
        let operations =
            [operation("secrets", "Secrets", SECRETS), operation("schema", "Schema", SCHEMA), watch];
        let gateway = gateway("allow-rights", &operations).await;
        let by_id = |id: &str| json!({ "documentId": id });
        let (admin, alice) = (caller(&gateway, "admin"), caller(&gateway, "alice"));
        let _ = post(&admin, by_id("secrets")).await.expect_status(200);
        // What a role does not see is not told of by the list either.
        let (hidden, missing) = (post(&alice, by_id("secrets")).await, post(&alice, by_id("none")).await);
        let told = |answer: &Answer| {
            let mut error = answer.json()["errors"][0].clone();
            error["extensions"]["request_id"].take();
            error
        };
        assert_eq!(told(&hidden), told(&missing));
        refused(hidden);
        // Nor by how else it would be refused.
        assert_eq!(code(&post(&admin, by_id("watch")).await.expect_status(406)), "not_acceptable");
        assert_eq!(told(&post(&alice, by_id("watch")).await), told(&missing));
        let _ = admin.ask("/graphql", &[("documentId", "watch")]).await.expect_status(405);
        refused(alice.ask("/graphql", &[("documentId", "watch")]).await);
        let schema = post(&alice, by_id("schema")).await.expect_status(200).json();
        assert_eq!(schema["data"]["__schema"]["queryType"]["name"], "Query");
        gateway.shutdown().await;
    });
}

#[test]
fn a_changed_list_is_followed_and_a_broken_one_leaves_the_old_in_force() {
    run(async {
        let gateway = gateway("allow-reload", &[operation("ids", "Ids", IDS)]).await;
        let admin = caller(&gateway, "admin");
        let ask = |id: &'static str| post(&admin, json!({ "documentId": id }));
        until("the metrics tell of a sound list", || async {
            says(&gateway, "sluice_allow_list_current 1").await.then_some(())
        })
        .await;
        std::fs::write(gateway.directory.join("documents.json"), "{ \"format\": ").unwrap();
        let report = until("readiness tells of the broken file", || async {
            let report = gateway.nobody().get("/readyz").await;
            report.text().contains("the list of documents has 1 problem").then_some(report)
        })
        .await;
        assert_eq!(report.expect_status(200).json()["reasons"][0]["component"], "graphql");
        assert!(says(&gateway, "sluice_allow_list_current 0").await);
        let _ = ask("ids").await.expect_status(200);

        write(&gateway.directory, &[operation("type", "Type", TYPE)]);
        until("the new list is in force", || async { (ask("type").await.status == 200).then_some(()) }).await;
        refused(ask("ids").await);
        refused(post(&admin, json!({ "query": IDS })).await);
        until("readiness has nothing to tell", || async {
            let report = gateway.nobody().get("/readyz").await.json();
            (report["status"] == "ready" && says(&gateway, "sluice_allow_list_current 1").await).then_some(())
        })
        .await;
        gateway.shutdown().await;
    });
}
