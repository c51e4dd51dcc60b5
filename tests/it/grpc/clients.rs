//! Clients that others wrote: owns a service in Python whose client is made of the contract, and one that learns the
//! contract from the server. Without Python these tests say so and pass.

use serde_json::{Value, json};
use sluice_tests::gateway::{Gateway, run};
use sluice_tests::python::{contract, interpreter, service};

#[test]
fn a_client_that_is_made_of_the_contract_sees_what_rest_shows() {
    let Some(python) = interpreter() else { return };
    run(async {
        let gateway = Gateway::demo().await;
        for role in ["admin", "partner"] {
            let (rest, token) = (gateway.role(role), gateway.role_token(role));
            let arguments = ["generated", &gateway.grpc_addr().to_string(), &token, &contract()];
            let seen = service(&python, &arguments).await;
            assert_eq!(seen["health"], "SERVING");
            let listed = rest.get("/v1/tables").await.data();
            let listed: Vec<Value> = listed.iter().map(|table| table["name"].clone()).collect();
            assert_eq!(seen["tables"], Value::from(listed));

            let late = json!({ "limit": 10_000, "filter": "dep_delay > 300", "select": ["carrier", "dep_delay"],
                "order": "-dep_delay,flight_id" });
            let rows: Vec<Value> = rest
                .post("/v1/tables/flights/query", &late)
                .await
                .data()
                .iter()
                .map(|row| json!([row["carrier"], row["dep_delay"]]))
                .collect();
            let pages: Vec<Value> = rows.chunks(2).take(4).map(Value::from).collect();
            assert_eq!(seen["pages"], Value::from(pages), "{role}");
            assert_eq!(seen["stream"], Value::from(rows), "{role}");
            assert_eq!(seen["stream_arrow"], seen["stream"], "{role}");
            assert_eq!(seen["stream_columns"], json!(["carrier", "dep_delay"]));

            let groups = rest
                .sql("select carrier, count(*) as n from flights group by 1 order by 2 desc, 1")
                .await
                .data();
            assert_eq!(seen["sql"], Value::from(groups), "{role}");
            assert_eq!(seen["sql_stream"], seen["sql"], "{role}");
            assert_eq!(seen["lookup"], json!(["UA", "United Air Lines Inc."]));
            let origins = json!({ "group_by": ["origin"], "measures": [{ "fn": "count", "as": "n" }],
                "order": "origin" });
            let origins = rest.post("/v1/tables/flights/aggregate", &origins).await.data();
            let origins: Vec<Value> = origins.iter().map(|row| json!([row["origin"], row["n"]])).collect();
            assert_eq!(seen["aggregate"], Value::from(origins), "{role}");

            assert_eq!(
                seen["unknown_column"],
                json!({ "status": "INVALID_ARGUMENT", "code": "unknown_column",
                    "message": "column \"dep_dely\" not found", "hint": "did you mean \"dep_delay\"?" })
            );
            assert_eq!(seen["no_token"]["code"], "unauthenticated");
            assert_eq!(seen["too_late"], "DEADLINE_EXCEEDED");
            assert_eq!(seen["left"], true);
        }
    });
}

#[test]
fn a_client_that_knows_the_address_alone_learns_the_rest() {
    let Some(python) = interpreter() else { return };
    run(async {
        let gateway = Gateway::demo().await;
        let arguments = ["reflected", &gateway.grpc_addr().to_string(), &gateway.role_token("analyst")];
        let seen = service(&python, &arguments).await;
        assert_eq!(seen["health"], "SERVING");
        assert_eq!(
            seen["services"],
            json!([
                "grpc.health.v1.Health",
                "grpc.reflection.v1alpha.ServerReflection",
                "sluice.v1.Catalog",
                "sluice.v1.Query",
            ])
        );
        let methods = ["Rows", "Aggregate", "Lookup", "Sql", "StreamRows", "StreamSql"];
        assert_eq!(seen["methods"], json!(methods));
        let first =
            gateway.role("analyst").get("/v1/tables/airlines/rows?order=carrier&limit=3").await.data();
        let first: Vec<Value> = first.iter().map(|row| json!([row["carrier"], row["name"]])).collect();
        assert_eq!(seen["rows"], Value::from(first));
    });
}
