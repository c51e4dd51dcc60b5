//! Clients that others wrote: owns what the packages graphql-ws and graphql-sse make of commits and refusals. Without an
//! interpreter of JavaScript these tests say so and pass.

use serde_json::{Value, json};
use sluice_tests::gateway::run;
use sluice_tests::node::{Script, interpreter};

use super::{ALL, begins, of_event, rows, told};
use crate::following::stage::{Stage, masked, of};

#[test]
fn clients_of_others_are_told_what_their_role_sees_of_each_commit() {
    let Some(node) = interpreter() else { return };
    run(async {
        for script in ["ws.mjs", "sse.mjs"] {
            let mut stage = Stage::build("subscribed-clients", json!({})).await;
            let (addr, token) = (stage.gateway.addr().to_string(), stage.gateway.role_token("tenant"));
            let mut client = Script::start(&node, script, &[&addr, &token, ALL, "4"]);
            let mut next = client.next().await.unwrap();
            if script == "ws.mjs" {
                assert_eq!(next, json!({ "acknowledged": true }));
                next = client.next().await.unwrap();
            }
            assert_eq!(of_event(&next["next"]), begins(0), "{script}");
            stage.table.append(&[of("a", [1, 2]), of("b", [3])]);
            let event = client.next().await.unwrap();
            assert_eq!(of_event(&event["next"]), told(1, false, rows(masked([1, 2]))), "{script}");
            stage.table.append(&[of("b", [4])]);
            let event = client.next().await.unwrap();
            assert_eq!(of_event(&event["next"]), told(2, false, json!([])), "{script}");
            stage.table.overwrite(&[of("a", [5])]);
            let event = client.next().await.unwrap();
            assert_eq!(of_event(&event["next"]), told(3, false, Value::Null), "{script}");
            let (rest, passed) = client.finish().await;
            let closed = match script {
                "ws.mjs" => vec![json!({ "closed": { "code": 1000, "reason": "Normal Closure" } })],
                _ => vec![],
            };
            assert_eq!((rest, passed), (closed, true), "{script}");
            stage.gateway.shutdown().await;
        }
    });
}

#[test]
fn clients_of_others_understand_what_they_are_refused_with() {
    let Some(node) = interpreter() else { return };
    run(async {
        let stage = Stage::build("refused-clients", json!({})).await;
        let addr = stage.gateway.addr().to_string();
        let token = stage.gateway.role_token("reader");
        let wrong = "subscription { tChanged { rows { nope } } }";
        let said = async |script: &str, token: &str, document: &str| {
            Script::start(&node, script, &[&addr, token, document]).finish().await
        };
        let (told, passed) = said("ws.mjs", &token, wrong).await;
        assert!(passed, "{told:?}");
        assert_eq!(told[1]["refused"][0]["extensions"]["code"], "unknown_column", "{told:?}");
        let (told, _) = said("ws.mjs", "", ALL).await;
        assert_eq!(told[0]["closed"]["code"], 4403, "{told:?}");
        let (told, passed) = said("sse.mjs", &token, wrong).await;
        assert!(passed, "{told:?}");
        assert_eq!(told[0]["next"]["errors"][0]["extensions"]["code"], "unknown_column", "{told:?}");
        assert_eq!(told[1], json!({ "complete": true }));
        let (told, passed) = said("sse.mjs", "", ALL).await;
        assert!(passed, "{told:?}");
        assert_eq!(told[0]["refused"]["status"], 401);
        assert_eq!(told[0]["refused"]["answer"]["errors"][0]["extensions"]["code"], "unauthenticated");
        // An answer is told as the only event.
        let (told, passed) = said("ws.mjs", &token, "{ t(first: 1) { totalCount } }").await;
        assert!(passed, "{told:?}");
        assert_eq!(told[1]["next"]["data"]["t"]["totalCount"], "0", "{told:?}");
        stage.gateway.shutdown().await;
    });
}
