//! Relations: rows of other tables inside of rows. One statement finds them for a whole level, whatever the number of
//! rows above, and what it finds for each is what the same question about that one row finds.

use serde_json::{Value, json};
use sluice_tests::client::Caller;
use sluice_tests::gateway::{Gateway, run};

use super::{ask, code, data};

/// Statements of the GraphQL door that a gateway has run.
async fn statements(gateway: &Gateway) -> u64 {
    let text = gateway.nobody().get("/metrics").await.expect_status(200).text();
    let lines = text
        .lines()
        .filter(|line| line.starts_with("sluice_queries_total{") && line.contains("door=\"graphql\""));
    lines
        .filter(|line| !line.contains("kind=\"introspect\""))
        .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
        .sum()
}

#[test]
fn a_level_costs_one_statement_whatever_stands_above() {
    run(async {
        let gateway = Gateway::own_demo().await;
        let caller = gateway.role("analyst");
        for parents in [1, 2, 16] {
            let before = statements(&gateway).await;
            let document = format!(
                "{{ airlines(first: {parents}) {{ nodes {{ name flights(first: 3, orderBy: {{column: dep_delay, descending: true}}) {{ \
                 nodes {{ flight_id origin_airport {{ name }} plane {{ model }} }} totalCount }} }} }} }}"
            );
            let answer = data(&caller, &document).await;
            assert_eq!(answer["airlines"]["nodes"].as_array().unwrap().len(), parents);
            assert_eq!(statements(&gateway).await - before, 4, "{parents} rows above");
        }
        gateway.shutdown().await;
    });
}

const NESTED: &str = "flights(first: 4, where: {origin: {ne: \"EWR\"}}, orderBy: [{column: dep_delay, descending: true}]) { \
    totalCount pageInfo { hasNextPage hasPreviousPage endCursor } edges { cursor node { flight_id dep_delay tailnum } } }";

fn alone(carrier: &Value, more: &str) -> String {
    format!(
        "{{ flights(first: 4, where: {{and: [{{carrier: {{eq: {carrier}}}}}, {{origin: {{ne: \"EWR\"}}}}]}}, \
         orderBy: [{{column: dep_delay, descending: true}}]{more}) {{ totalCount pageInfo {{ hasNextPage hasPreviousPage \
         endCursor }} edges {{ cursor node {{ flight_id dep_delay tailnum }} }} }} }}"
    )
}

/// Without the cursors, which no two answers share.
fn rows(page: &Value) -> Value {
    let nodes: Vec<&Value> = page["edges"].as_array().unwrap().iter().map(|edge| &edge["node"]).collect();
    let info = &page["pageInfo"];
    json!([nodes, page["totalCount"], info["hasNextPage"], info["hasPreviousPage"]])
}

#[test]
fn the_rows_of_each_are_those_of_the_question_about_it_alone() {
    run(async {
        let gateway = Gateway::demo().await;
        for role in ["admin", "analyst", "partner"] {
            let caller = gateway.role(role);
            let some = "where: {carrier: {in: [\"UA\", \"HA\"]}}";
            let all =
                data(&caller, &format!("{{ airlines({some}) {{ nodes {{ carrier {NESTED} }} }} }}")).await;
            let mut with_rows = 0;
            for airline in all["airlines"]["nodes"].as_array().unwrap() {
                let (carrier, nested) = (&airline["carrier"], &airline["flights"]);
                let single = data(&caller, &alone(carrier, "")).await;
                assert_eq!(rows(nested), rows(&single["flights"]), "{role} {carrier}");
                // A cursor from inside continues the question about the one row.
                for cursor in [&nested["edges"][1]["cursor"], &nested["pageInfo"]["endCursor"]] {
                    if cursor.is_null() {
                        continue;
                    }
                    with_rows += 1;
                    let after = format!(", after: {cursor}");
                    let single = data(&caller, &alone(carrier, &after)).await;
                    let inside = format!(
                        "{{ airlinesByPk(carrier: {carrier}) {{ {} }} }}",
                        NESTED.replacen(") {", &format!("{after}) {{"), 1)
                    );
                    let continued = data(&caller, &inside).await["airlinesByPk"]["flights"].clone();
                    assert_eq!(rows(&continued), rows(&single["flights"]), "{role} {carrier}");
                    assert_eq!(continued["pageInfo"]["hasPreviousPage"], true);
                    if nested["pageInfo"]["hasNextPage"] == true {
                        assert_ne!(continued["edges"][0], nested["edges"][0]);
                    }
                }
            }
            assert!(with_rows >= 2, "{role}");
        }
    });
}

#[test]
fn rows_lead_to_what_they_belong_to() {
    run(async {
        let gateway = Gateway::demo().await;
        for role in ["admin", "analyst"] {
            let caller = gateway.role(role);
            let document = "{ flights(first: 60, orderBy: {column: flight_id}) { nodes { \
                tailnum plane { tailnum model } airline { name carrier } carrier \
                origin_weather { temp origin time_hour } origin time_hour dest_airport { name faa } dest } } }";
            let answer = data(&caller, document).await;
            let mut missing = 0;
            for flight in answer["flights"]["nodes"].as_array().unwrap() {
                assert_eq!(flight["airline"]["carrier"], flight["carrier"]);
                for (relation, parts) in [
                    ("plane", &[("tailnum", "tailnum")][..]),
                    ("origin_weather", &[("origin", "origin"), ("time_hour", "time_hour")]),
                    ("dest_airport", &[("faa", "dest")]),
                ] {
                    if flight[relation].is_null() {
                        missing += 1;
                        continue;
                    }
                    for (there, here) in parts {
                        assert_eq!(flight[relation][there], flight[here], "{role}: {flight}");
                    }
                }
            }
            assert!((1..60).contains(&missing), "{missing} have none: some planes are not known");
        }
    });
}

#[test]
fn relations_to_what_a_role_does_not_see_do_not_exist() {
    run(async {
        let gateway = Gateway::demo().await;
        let partner = gateway.role("partner");
        let hidden =
            ask(&partner, "{ flights(first: 1) { nodes { plane { model } } } }").await.expect_status(400);
        let absent =
            ask(&partner, "{ flights(first: 1) { nodes { plain { model } } } }").await.expect_status(400);
        let said = |answer: &sluice_tests::client::Answer| {
            let error = answer.json()["errors"][0].clone();
            (
                error["message"].as_str().unwrap().replace("plain", "plane"),
                error["extensions"]["code"].clone(),
            )
        };
        assert_eq!(said(&hidden), said(&absent));
        assert!(
            data(&gateway.role("admin"), "{ flights(first: 1) { nodes { plane { model } } } }")
                .await
                .is_object()
        );
        // What is filtered for the role is filtered inside as well: its carriers are UA and B6.
        let airlines =
            data(&partner, "{ airlines { nodes { carrier flights(first: 1) { totalCount } } } }").await;
        for airline in airlines["airlines"]["nodes"].as_array().unwrap() {
            let own = airline["carrier"] == "UA" || airline["carrier"] == "B6";
            assert_eq!(airline["flights"]["totalCount"] != "0", own, "{airline}");
        }
    });
}

#[test]
fn cursors_go_on_from_one_row_only() {
    run(async {
        let caller = Gateway::demo().await.role("admin");
        let page = |parents: &str, rows: &str| {
            format!(
                "{{ airlines(where: {parents}) {{ nodes {{ flights({rows}) {{ nodes {{ flight_id }} }} }} }} }}"
            )
        };
        let several = page("{carrier: {in: [\"UA\", \"AA\"]}}", "last: 2");
        let refused = ask(&caller, &several).await.expect_status(200);
        assert_eq!(code(&refused), "invalid_request");
        let error = &refused.json()["errors"][0];
        assert_eq!(
            (&error["path"], &error["extensions"]["at"]),
            (&json!(["airlines"]), &json!("airlines.flights"))
        );
        let one = data(&caller, &page("{carrier: {eq: \"UA\"}}", "last: 2")).await;
        assert_eq!(one["airlines"]["nodes"][0]["flights"]["nodes"].as_array().unwrap().len(), 2);
    });
}

#[test]
fn versions_lead_on_where_they_can() {
    run(async {
        let caller = Gateway::demo().await.role("admin");
        let read = async |arguments: &str| {
            let document = format!(
                "{{ airlines(first: 2{arguments}) {{ nodes {{ flights(first: 1) {{ totalCount }} }} }} }}"
            );
            let answer = ask(&caller, &document).await.expect_status(200).json();
            let tables = answer["extensions"]["sluice"]["fields"]["airlines"]["tables"].clone();
            (answer["data"]["airlines"].clone(), tables)
        };
        let (newest, tables) = read("").await;
        let names: Vec<&str> =
            tables.as_array().unwrap().iter().map(|one| one["table"].as_str().unwrap()).collect();
        assert_eq!(names, ["airlines", "flights"]);
        assert_eq!(read(", asOf: \"2100-01-01T00:00:00Z\"").await.0, newest);
        // Numbers of one table's versions say nothing of another's, which is read as it is now.
        let version = &tables[0]["version"];
        assert_eq!(read(&format!(", version: {version}")).await.0, newest);
        let older = "{ flights(version: 1, first: 1) { nodes { airline { name } } } }";
        let answer = ask(&caller, older).await.expect_status(200).json();
        let tables = &answer["extensions"]["sluice"]["fields"]["flights"]["tables"];
        assert_eq!((&tables[1]["table"], &tables[1]["version"]), (&json!("flights"), &json!(1)));
        let refused = ask(&caller, "{ airlines(asOf: \"2000-01-01T00:00:00Z\") { nodes { name } } }").await;
        assert_eq!(code(&refused.expect_status(200)), "not_found");
    });
}

/// Every airline with a page of its flights, asked again and again while nothing changes.
#[test]
fn the_same_question_has_the_same_answer() {
    run(async {
        let caller: Caller = Gateway::demo().await.role("analyst");
        let document = "{ airlines { nodes { carrier flights(first: 5) { nodes { flight_id } } } } }";
        assert_eq!(data(&caller, document).await, data(&caller, document).await);
    });
}
