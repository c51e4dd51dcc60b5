//! GraphQL over HTTP: media types, statuses, methods, and the form of refusals.

use reqwest::Method;
use serde_json::{Value, json};
use sluice_tests::client::Answer;
use sluice_tests::gateway::{Gateway, Setup, run};

use super::{RESPONSE, code};

const JSON: &str = "application/json; charset=utf-8";
const OWN: &str = "application/graphql-response+json; charset=utf-8";
const SOUND: &str = "{ airlines(first: 1) { nodes { carrier } } }";
const UNSOUND: &str = "{ airlines(first: 1) { nodes { carier } } }";

fn media_type(answer: &Answer) -> &str {
    answer.headers["content-type"].to_str().unwrap()
}

#[test]
fn the_accept_header_decides_the_type_and_what_a_fault_of_a_document_is() {
    run(async {
        let caller = Gateway::demo().await.role("analyst");
        for (accept, document, status, expected) in [
            (RESPONSE, SOUND, 200, OWN),
            (RESPONSE, UNSOUND, 400, OWN),
            ("application/json", SOUND, 200, JSON),
            ("application/json", UNSOUND, 200, JSON),
            ("*/*", UNSOUND, 200, JSON),
            ("text/html", SOUND, 406, JSON),
        ] {
            let caller = caller.clone().header("Accept", accept);
            let answer = caller.post("/graphql", &json!({ "query": document })).await.expect_status(status);
            assert_eq!(media_type(&answer), expected, "{accept}");
            assert_eq!(answer.json().get("data").is_some(), document == SOUND && status == 200, "{accept}");
            assert_eq!(
                answer.headers["x-request-id"],
                request_id(&answer)
                    .unwrap_or_else(|| answer.headers["x-request-id"].to_str().unwrap().to_owned())
            );
        }
    });
}

fn request_id(answer: &Answer) -> Option<String> {
    answer.json()["errors"][0]["extensions"]["request_id"].as_str().map(str::to_owned)
}

#[test]
fn queries_may_come_by_get_and_nothing_else_may() {
    run(async {
        let caller = Gateway::demo().await.role("analyst").header("Accept", RESPONSE);
        let ask = async |query: &str| caller.ask("/graphql", &[("query", query)]).await;
        let answer = ask(SOUND).await.expect_status(200).json();
        assert_eq!(answer["data"]["airlines"]["nodes"].as_array().unwrap().len(), 1);
        let parameters = [
            (
                "query",
                "query A($n: Int) { airlines(first: $n) { nodes { carrier } } } query B { __typename }",
            ),
            ("operationName", "A"),
            ("variables", "{\"n\":2}"),
        ];
        let answer = caller.ask("/graphql", &parameters).await.expect_status(200).json();
        assert_eq!(answer["data"]["airlines"]["nodes"].as_array().unwrap().len(), 2);
        for document in ["mutation { a }", "subscription { a }", "query A { __typename } mutation B { a }"] {
            let parameters = [("query", document), ("operationName", "B")];
            let refused = match document.contains("query") {
                true => caller.ask("/graphql", &parameters).await,
                false => ask(document).await,
            };
            assert_eq!(code(&refused.clone().expect_status(405)), "method_not_allowed", "{document}");
        }
        for parameters in [&[("query", SOUND), ("q", "1")][..], &[("query", SOUND), ("variables", "{")], &[]]
        {
            let refused = caller.ask("/graphql", parameters).await;
            assert_eq!(code(&refused.expect_status(400)), "invalid_request");
        }
        let head = caller.send(Method::HEAD, "/graphql?query=%7B__typename%7D", None).await;
        assert_eq!((head.status, head.body.len()), (200, 0));
        let _ = caller.send(Method::PUT, "/graphql", None).await.expect_status(405);
    });
}

#[test]
fn bodies_are_json_of_the_types_that_the_protocol_says() {
    run(async {
        let caller = Gateway::demo().await.role("analyst");
        let send = async |media_type: &str, body: &str| {
            caller.send(Method::POST, "/graphql", Some((media_type, body.as_bytes().to_vec()))).await
        };
        for body in ["", "{", "[]", "\"{a}\"", "{}", "{\"query\":7}", "{\"query\":\"{a}\",\"variables\":[]}"]
        {
            assert_eq!(
                code(&send("application/json", body).await.expect_status(400)),
                "invalid_request",
                "{body}"
            );
        }
        let sound =
            json!({ "query": SOUND, "operationName": null, "variables": null, "extensions": {}, "id": 1 });
        let _ = send("application/json; charset=utf-8", &sound.to_string()).await.expect_status(200);
        for media_type in ["text/plain", "application/graphql", "application/json; charset=utf-16"] {
            let refused = send(media_type, &sound.to_string()).await.expect_status(415);
            assert_eq!(code(&refused), "unsupported_media_type");
        }
        let deep = format!("{{\"query\":\"{{a}}\",\"variables\":{}{}}}", "[".repeat(500), "]".repeat(500));
        assert_eq!(code(&send("application/json", &deep).await.expect_status(400)), "invalid_request");
        let with_parameter = caller.post("/graphql?query=a", &sound).await.expect_status(400);
        assert_eq!(code(&with_parameter), "invalid_request");
    });
}

#[test]
fn whoever_is_turned_away_learns_it_in_the_form_of_the_door() {
    run(async {
        let gateway = Gateway::demo().await;
        let body = json!({ "query": SOUND });
        let nobody = gateway.nobody().post("/graphql", &body).await.expect_status(401);
        assert_eq!(code(&nobody), "unauthenticated");
        assert!(nobody.headers.contains_key("www-authenticate") && media_type(&nobody) == JSON);
        let stranger = gateway.role("stranger").post("/graphql", &body).await.expect_status(403);
        assert_eq!(code(&stranger), "role_denied");
        let other = gateway.role("analyst").get("/graphql/assets").await.expect_status(404);
        assert_eq!(other.code(), "not_found");
    });
}

#[test]
fn a_door_that_is_turned_off_is_not_there() {
    run(async {
        let policies =
            "version: 1\nroles:\n  admin: { administrator: true, tables: { '*': { columns: all } } }\n";
        let setup = Setup::new("no-graphql", policies).with(json!({ "graphql": { "enabled": false } }));
        let gateway = setup.start().await;
        let answer = gateway.role("admin").post("/graphql", &json!({ "query": SOUND })).await;
        assert_eq!(answer.expect_status(404).code(), "not_found");
        gateway.shutdown().await;
    });
}

#[test]
fn a_root_field_fails_alone() {
    run(async {
        let caller = Gateway::demo().await.role("analyst").header("Accept", RESPONSE);
        let document = "{ a: airlines(first: 1) { nodes { carrier } } b: airlines(first: 100000) { nodes { carrier } } \
                        c: airlinesByPk(carrier: \"??\") { name } }";
        let answer = caller.post("/graphql", &json!({ "query": document })).await.expect_status(200).json();
        assert_eq!(answer["data"]["a"]["nodes"].as_array().unwrap().len(), 1);
        assert_eq!((&answer["data"]["b"], &answer["data"]["c"]), (&Value::Null, &Value::Null));
        let errors = answer["errors"].as_array().unwrap();
        assert_eq!(errors.len(), 1, "a row that is not there is no error: {answer}");
        assert_eq!(
            (&errors[0]["path"], &errors[0]["extensions"]["code"]),
            (&json!(["b"]), &json!("invalid_request"))
        );
        let told: Vec<&String> =
            answer["extensions"]["sluice"]["fields"].as_object().unwrap().keys().collect();
        assert_eq!(told, ["a", "c"]);
    });
}
