//! Problem documents: their form, and what hints and messages may name.

use serde_json::json;
use sluice_tests::client::Answer;
use sluice_tests::gateway::{Gateway, run};

const FLIGHTS: &str = "/v1/tables/flights/rows";

fn assert_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let document = answer.json();
    assert_eq!(document["status"], json!(status));
    for member in ["type", "title", "detail", "request_id"] {
        assert!(document[member].is_string(), "{member}: {document}");
    }
    let detail = document["detail"].as_str().unwrap();
    assert!(!detail.ends_with('.') && !detail.starts_with(char::is_uppercase), "{detail}");
    assert_eq!(document["request_id"].as_str().unwrap(), answer.header("x-request-id"));
}

#[test]
fn a_misspelt_column_is_named_with_the_nearest_visible_one() {
    run(async {
        let gateway = Gateway::demo().await;
        for role in ["admin", "partner"] {
            for parameters in
                [[("filter", "dep_dely > 60")], [("order", "-dep_dely")], [("select", "carrier,dep_dely")]]
            {
                let answer = gateway.role(role).ask(FLIGHTS, &parameters).await;
                assert_problem(&answer, 400, "unknown_column");
                assert_eq!(answer.json()["hint"], json!("did you mean \"dep_delay\"?"), "{parameters:?}");
            }
        }
    });
}

#[test]
fn hints_never_name_a_hidden_column() {
    run(async {
        let gateway = Gateway::demo().await;
        let partner = gateway.role("partner").header("x-request-id", "same");
        for name in ["air_time", "air_tim", "airtime", "AIR_TIME", "air_timee", "\"air_time\""] {
            for (parameter, value) in
                [("filter", format!("{name} > 1")), ("order", name.to_owned()), ("select", name.to_owned())]
            {
                if parameter != "filter" && name.contains('"') {
                    continue;
                }
                let answer = partner.ask(FLIGHTS, &[(parameter, &value)]).await;
                assert_problem(&answer, 400, "unknown_column");
                let document = answer.json();
                assert!(!document["hint"].to_string().contains("air_time"), "{document}");
            }
        }
        // A hidden name and one that never was, as far from the visible ones, answer alike.
        let hidden = partner.ask(FLIGHTS, &[("filter", "air_time > 1")]).await.text();
        let unknown = partner.ask(FLIGHTS, &[("filter", "aiq_time > 1")]).await.text();
        assert_eq!(hidden.replace("air_time", "aiq_time"), unknown);
    });
}

#[test]
fn sql_hints_never_name_hidden_columns_or_tables() {
    run(async {
        let gateway = Gateway::demo().await;
        let partner = gateway.role("partner");
        for sql in [
            "select air_time from flights",
            "select f.air_time from flights f",
            "select airtime from flights",
            "select * from flights where air_timee > 1",
            "select nope from flights",
            "select tailnum from airlines",
            "select * from customers",
            "select * from plane",
            "select * from order_",
            "select c_name from flights",
            "select max(airtime) over (partition by air_tim) from flights",
        ] {
            let answer = partner.sql(sql).await;
            assert!([400, 404].contains(&answer.status), "{sql}: {}", answer.text());
            let document = answer.json();
            let mut text = format!("{} {}", document["detail"].as_str().unwrap(), document["hint"]);
            for word in sql.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| word.len() > 3) {
                text = text.replace(&format!("\"{word}\""), "\"\"").replace(&format!("f.{word}"), "");
            }
            for hidden in ["air_time", "customer", "planes", "orders", "c_name"] {
                assert!(!text.contains(hidden), "{sql}: {text}");
            }
        }
    });
}

#[test]
fn the_place_of_a_mistake_is_told() {
    run(async {
        let gateway = Gateway::demo().await;
        let admin = gateway.role("admin");
        for (filter, line, column) in [
            ("carrier = 'UA' AND dep_dely > 60", 1, 20),
            ("carrier = 'UA'\n  AND dep_dely > 1", 2, 7),
            ("carrier == = 'UA'", 1, 12),
            ("month = 1 AND (dep_delay > 5 OR dep_delay > 'abc')", 1, 33),
            ("month = 1\n  AND coalesce(-carrier, 1) = 1", 2, 17),
            ("lower(carrier) || 'x' > 1 AND date_trunc(1, time_hour) > now()", 1, 31),
            ("dep_delay + arr_delay", 1, 1),
            ("month = 1 AND max(dep_delay) > 1", 1, 15),
        ] {
            let answer = admin.ask(FLIGHTS, &[("filter", filter)]).await.expect_status(400);
            assert_eq!(
                answer.json()["position"],
                json!({ "line": line, "column": column }),
                "{}",
                answer.text()
            );
        }
    });
}

#[test]
fn malformed_filters_are_client_errors() {
    run(async {
        let gateway = Gateway::demo().await;
        let partner = gateway.role("partner");
        for filter in [
            "",
            " ",
            "dep_delay >",
            "(dep_delay > 1",
            "dep_delay > 1)",
            "dep_delay",
            "'text'",
            "dep_delay > 'abc'",
            "carrier = 'UA",
            "carrier = UA",
            "1; select 1",
            "carrier = 'UA' /* open",
            "select 1",
            "exists (select 1 from customer)",
            "carrier in (select carrier from airlines)",
            "(select max(c_name) from customer) = 'x'",
            "count(*) > 1",
            "row_number() over () = 1",
            "sum(distance) > 1",
            "no_such_function(carrier) = 1",
            "claim('carriers') = 'UA'",
            "carrier = $1",
            "carrier = ?",
            "flights.customer.c_name = 'x'",
            "customer.c_name = 'x'",
            "dep_delay > 1 AND",
            "\u{0}",
            "carrier = '\u{0}' AND",
            "\"",
            "''",
            "@@version = 1",
            "dep_delay::int::text::bytea = 1 AND",
            "interval '1' = 1",
            "carrier LIKE",
            "{d: 1}",
            "[1,2]",
        ] {
            let answer = partner.ask(FLIGHTS, &[("filter", filter)]).await;
            assert!(answer.status == 400, "{filter:?}: {} {}", answer.status, answer.text());
            assert!(!answer.code().is_empty(), "{filter:?}");
        }
    });
}

/// The engine knows one character that escapes. What it does not know is the caller's mistake, whether
/// it is met above the barrier or would have been met below it.
#[test]
fn patterns_with_another_escape_are_client_errors() {
    run(async {
        let admin = Gateway::demo().await.role("admin");
        let filter = "dest LIKE 'z!%' ESCAPE '!'";
        let body = json!({ "measures": [{ "fn": "count", "as": "n" }], "filter": filter });
        for answer in [
            admin.ask(FLIGHTS, &[("filter", filter)]).await,
            admin.sql(&format!("select count(*) from flights where {filter}")).await,
            admin.post("/v1/tables/flights/aggregate", &body).await,
        ] {
            assert_eq!(answer.status, 400, "{}", answer.text());
        }
    });
}

#[test]
fn malformed_parameters_are_client_errors() {
    run(async {
        let gateway = Gateway::demo().await;
        let admin = gateway.role("admin");
        for query in [
            "limit=0",
            "limit=-1",
            "limit=abc",
            "limit=1e3",
            "limit=99999999999999999999",
            "limit=",
            "limit=1&limit=2",
            "fliter=true",
            "order=",
            "order=,",
            "order=--flight_id",
            "order=flight_id:sideways",
            "select=",
            "select=carrier,carrier",
            "select=carrier,",
            "count=maybe",
            "version=abc",
            "version=-1",
            "as_of=yesterday",
            "as_of=2013",
            "version=1&as_of=2030-01-01T00:00:00Z",
            "cursor=",
            "cursor=garbage",
            "filter=%ZZ",
            "filter=%FF",
        ] {
            let answer = admin.get(&format!("{FLIGHTS}?{query}")).await;
            assert_eq!(answer.status, 400, "{query}: {}", answer.text());
            assert_eq!(answer.header("content-type"), "application/problem+json", "{query}");
        }
    });
}

#[test]
fn malformed_bodies_are_client_errors() {
    run(async {
        let gateway = Gateway::demo().await;
        let admin = gateway.role("admin");
        for (path, body) in [
            ("/v1/tables/flights/query", "{"),
            ("/v1/tables/flights/query", ""),
            ("/v1/tables/flights/query", "null"),
            ("/v1/tables/flights/query", "[]"),
            ("/v1/tables/flights/query", "{\"filtre\":\"true\"}"),
            ("/v1/tables/flights/query", "{\"limit\":\"1\"}"),
            ("/v1/tables/flights/query", "{\"limit\":1.5}"),
            ("/v1/tables/flights/query", "{\"limit\":1,\"limit\":2}"),
            ("/v1/tables/flights/query", "{\"filter\":{\"column\":\"carrier\"}}"),
            (
                "/v1/tables/flights/query",
                "{\"filter\":{\"column\":\"carrier\",\"op\":\"matches\",\"value\":1}}",
            ),
            (
                "/v1/tables/flights/query",
                "{\"filter\":{\"column\":\"carrier\",\"op\":\"in\",\"value\":\"UA\"}}",
            ),
            (
                "/v1/tables/flights/query",
                "{\"filter\":{\"column\":\"distance\",\"op\":\"between\",\"value\":[1]}}",
            ),
            (
                "/v1/tables/flights/query",
                "{\"filter\":{\"column\":\"distance\",\"op\":\"eq\",\"value\":\"far\"}}",
            ),
            ("/v1/tables/flights/query", "{\"filter\":{\"and\":[],\"or\":[]}}"),
            ("/v1/tables/flights/query", "{\"filter\":{\"and\":{}}}"),
            ("/v1/tables/flights/query", "{\"filter\":5}"),
            ("/v1/sql", "{}"),
            ("/v1/sql", "{\"sql\":1}"),
            ("/v1/sql", "{\"sql\":\"select 1\",\"parms\":[]}"),
        ] {
            let answer =
                admin.send(reqwest::Method::POST, path, Some(("application/json", body.into()))).await;
            assert_eq!(answer.status, 400, "{path} {body}: {}", answer.text());
            assert_eq!(answer.header("content-type"), "application/problem+json", "{body}");
        }
    });
}

#[test]
fn long_names_are_cut() {
    run(async {
        let gateway = Gateway::demo().await;
        let admin = gateway.role("admin");
        let long = "x".repeat(6_000);
        let body = |sql: String| json!({ "sql": sql });
        let asked = [
            admin.get(&format!("/v1/tables/{long}")).await,
            admin.get(&format!("/v1/tables/flights/rows?{long}=1")).await,
            admin.ask(FLIGHTS, &[("select", &long)]).await,
            admin.ask(FLIGHTS, &[("order", &long)]).await,
            admin.ask(FLIGHTS, &[("filter", &format!("{long} > 1"))]).await,
            admin.ask(FLIGHTS, &[("filter", &format!("{long}(carrier) > 1"))]).await,
            admin.ask(FLIGHTS, &[("filter", &format!("carrier > 1 {long}"))]).await,
            admin.ask(FLIGHTS, &[("filter", &format!("cast('{long}' as int) > 1"))]).await,
            admin.post("/v1/sql", &body(format!("select {long} from flights"))).await,
            admin.post("/v1/sql", &body(format!("select * from {long}"))).await,
            admin.post("/v1/sql", &body(format!("select {long}(1)"))).await,
            admin.post("/v1/sql", &body(format!("select {long}.a from flights"))).await,
            admin.post("/v1/sql", &body(format!("select cast('{long}' as int)"))).await,
            admin.post("/v1/sql", &body(format!("select date_trunc('{long}', now())"))).await,
            admin.post("/v1/sql", &json!({ "sql": "select 1", long.as_str(): 1 })).await,
            admin
                .post(
                    "/v1/tables/flights/query",
                    &json!({ "filter": { "column": long, "op": "eq", "value": 1 } }),
                )
                .await,
            admin
                .post(
                    "/v1/tables/flights/query",
                    &json!({ "filter": { "column": "day", "op": long, "value": 1 } }),
                )
                .await,
            admin.post("/v1/tables/flights/aggregate", &json!({ "group_by": [long] })).await,
            admin.post("/v1/tables/flights/aggregate", &json!({ "measures": [{ "fn": long }] })).await,
        ];
        for (number, answer) in asked.iter().enumerate() {
            let document = answer.json();
            let detail = document["detail"].as_str().unwrap();
            assert!([400, 404].contains(&answer.status), "{number}: {}", answer.text());
            assert!(detail.chars().count() <= 601, "{number}: {detail}");
            assert!(!detail.contains(&"x".repeat(301)), "{number}: {detail}");
            assert!(answer.body.len() < 2_000, "{number}: {}", answer.text());
        }
        let named = asked[0].json();
        assert_eq!(named["detail"], json!(format!("table \"{}\u{2026}\" not found", "x".repeat(120))));
    });
}
