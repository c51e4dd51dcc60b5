//! Clients that others wrote: owns the audits of GraphQL over HTTP, and an analyst's script. Without an interpreter of
//! JavaScript these tests say so and pass.

use serde_json::{Value, json};
use sluice_tests::gateway::{Gateway, run};
use sluice_tests::node::{Script, interpreter};

/// How many there are in the pinned version of the package: fewer would pass as well.
const AUDITS: usize = 61;

#[test]
fn every_audit_of_graphql_over_http_passes() {
    let Some(node) = interpreter() else { return };
    run(async {
        let gateway = Gateway::demo().await;
        let arguments: [&str; 2] = [&gateway.addr().to_string(), &gateway.role_token("analyst")];
        let (audits, passed) = Script::start(&node, "audit.mjs", &arguments).finish().await;
        assert_eq!(audits.len(), AUDITS);
        let failing: Vec<&Value> = audits.iter().filter(|audit| audit["status"] != "ok").collect();
        assert!(failing.is_empty() && passed, "{failing:#?}");
    });
}

#[test]
fn a_client_of_others_sees_what_rest_shows() {
    let Some(node) = interpreter() else { return };
    run(async {
        let gateway = Gateway::demo().await;
        for role in ["admin", "partner"] {
            let arguments: [&str; 2] = [&gateway.addr().to_string(), &gateway.role_token(role)];
            let (told, passed) = Script::start(&node, "request.mjs", &arguments).finish().await;
            assert!(passed, "{role}: {told:?}");
            let [seen] = &told[..] else { panic!("{role}: {told:?}") };
            let late = late(gateway, role).await;

            assert_eq!(seen["late"]["totalCount"], late.len().to_string(), "{role}");
            let first: Vec<Value> = late.iter().take(3).cloned().collect();
            assert_eq!(seen["late"]["nodes"], Value::from(first), "{role}");

            let pages = pages(&late);
            assert_eq!(seen["forward"], Value::from(pages.clone()), "{role}");
            let back: Vec<Value> = pages.into_iter().rev().skip(1).collect();
            assert_eq!(seen["back"], Value::from(back), "{role}");

            let united = &seen["related"][0];
            assert_eq!(united["name"], "United Air Lines Inc.");
            assert_eq!(united["flights"]["nodes"], united_flights(gateway, role).await, "{role}");

            assert_eq!(
                seen["unknown_column"],
                json!({ "status": 400, "message": "column \"dep_dely\" not found", "code": "unknown_column",
                    "hint": "did you mean \"dep_delay\"?" })
            );
            assert_eq!(seen["no_token"]["status"], 401);
            assert_eq!(seen["no_token"]["code"], "unauthenticated");
        }
    });
}

/// The rows that the script walks through, as this door writes them: keys of 64 bits as texts.
async fn late(gateway: &Gateway, role: &str) -> Vec<Value> {
    let question = json!({ "limit": 10_000, "filter": "dep_delay > 300",
        "select": ["flight_id", "carrier", "dep_delay"], "order": "-dep_delay,flight_id" });
    let mut rows = gateway.role(role).post("/v1/tables/flights/query", &question).await.data();
    for row in &mut rows {
        row["flight_id"] = Value::from(row["flight_id"].to_string());
        // JavaScript writes whole numbers without a point.
        row["dep_delay"] = Value::from(row["dep_delay"].as_f64().unwrap() as i64);
    }
    rows
}

/// The first pages of them.
fn pages(late: &[Value]) -> Vec<Value> {
    let values: Vec<Value> = late.iter().map(|row| json!([row["carrier"], row["dep_delay"]])).collect();
    values.chunks(2).take(4).map(Value::from).collect()
}

/// What the script asks of one airline's flights.
async fn united_flights(gateway: &Gateway, role: &str) -> Value {
    let target =
        "/v1/tables/flights/rows?filter=carrier%20%3D%20'UA'&select=flight_id&order=flight_id&limit=2";
    let rows = gateway.role(role).get(target).await.data();
    let airline = json!({ "name": "United Air Lines Inc." });
    rows.iter().map(|row| json!({ "flight_id": row["flight_id"].to_string(), "airline": airline })).collect()
}
