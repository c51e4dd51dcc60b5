//! `GET /v1/tables/{t}/rows` and `POST /v1/tables/{t}/query`: one page at a time.

use serde_json::{Value, json};
use sluice_tests::gateway::{Gateway, run};

use crate::plain::Plain;

const FLIGHTS: &str = "/v1/tables/flights/rows";

#[test]
fn a_page_has_data_page_and_meta() {
    run(async {
        let gateway = Gateway::demo().await;
        let answer = gateway
            .role("admin")
            .get("/v1/tables/flights/rows?limit=2&order=flight_id")
            .await
            .expect_status(200);
        assert_eq!(answer.header("content-type"), "application/json");
        assert!(answer.header("cache-control").contains("private"), "{}", answer.header("cache-control"));
        let page = answer.json();
        let mut members: Vec<&str> = page.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(members, ["data", "meta", "page"]);
        assert_eq!(page["data"].as_array().unwrap().len(), 2);
        assert_eq!(page["page"]["has_more"], json!(true));
        assert!(page["page"]["next_cursor"].is_string());
        assert!(page["page"]["prev_cursor"].is_null());
        assert_eq!(page["meta"]["table"], json!("flights"));
        assert_eq!(page["meta"]["version"], json!(4));
        assert!(page["meta"]["as_of"].is_string());
        assert!(
            page["meta"]["age_ms"].is_u64() && page["meta"]["elapsed_ms"].is_number(),
            "{}",
            page["meta"]
        );
    });
}

#[test]
fn rows_are_those_of_the_source() {
    run(async {
        let gateway = Gateway::demo().await;
        let plain = Plain::demo(gateway).await;
        let admin = gateway.role("admin");
        for (table, key) in [
            ("flights", "flight_id"),
            ("airports", "faa"),
            ("planes", "tailnum"),
            ("weather", "origin,time_hour"),
            ("customer", "c_custkey"),
            ("orders", "o_orderkey"),
        ] {
            let path = format!("/v1/tables/{table}/rows?limit=500&order={key}");
            let rows = admin.get(&path).await.expect_status(200).data();
            let expected = plain.rows(&format!("select * from {table} order by {key} limit 500")).await;
            assert_eq!(rows.len(), expected.len(), "{table}");
            for (row, right) in rows.iter().zip(&expected) {
                assert_eq!(row, right, "{table}");
            }
        }
    });
}

#[test]
fn filters_agree_with_the_engine() {
    run(async {
        let gateway = Gateway::demo().await;
        let plain = Plain::demo(gateway).await;
        let admin = gateway.role("admin");
        for filter in [
            "dep_delay > 60 AND carrier IN ('UA','AA')",
            "dep_delay IS NULL",
            "dep_delay IS NOT NULL AND NOT (dep_delay <= 900)",
            "carrier = 'HA' OR dest = 'HNL'",
            "origin <> 'JFK' AND dest LIKE 'S%' AND month = 2 AND day < 3",
            "distance BETWEEN 4000 AND 5000",
            "tailnum IS NULL AND month IN (1, 2)",
            "time_hour >= '2013-12-31T20:00:00Z'",
            "time_hour < timestamp '2013-01-01T11:00:00Z'",
            "arr_delay - dep_delay > 180",
            "upper(carrier) = 'OO'",
            "month = 7 AND day = 4 AND (origin = 'LGA' OR (origin = 'EWR' AND dep_delay > 30))",
            "\"dest\" NOT IN ('ATL', 'ORD') AND flight_id < 50",
            "flight_id = 1",
            "flight_id = -1",
            "1 = 1 AND flight_id <= 3",
            "1 = 2",
            "flight / 2 = 500 AND day = 1",
            "DEP_DELAY > 1000",
        ] {
            let asked = [("filter", filter), ("count", "exact"), ("limit", "100"), ("order", "flight_id")];
            let page = admin.ask(FLIGHTS, &asked).await.expect_status(200).json();
            let sql = filter.replace("DEP_DELAY", "dep_delay");
            let total = plain.number(&format!("select count(*) from flights where {sql}")).await;
            assert_eq!(page["page"]["total_rows"], json!(total), "{filter}");
            let expected =
                plain.rows(&format!("select * from flights where {sql} order by flight_id limit 100")).await;
            assert_eq!(page["data"], Value::Array(expected), "{filter}");
            assert_eq!(page["page"]["has_more"], json!(total > 100), "{filter}");
        }
    });
}

#[test]
fn text_and_structured_filters_mean_the_same() {
    run(async {
        let gateway = Gateway::demo().await;
        let partner = gateway.role("partner");
        let leaf =
            |column: &str, op: &str, value: Value| json!({ "column": column, "op": op, "value": value });
        for (text, tree) in [
            ("dep_delay > 60", leaf("dep_delay", "gt", json!(60))),
            ("dep_delay >= 60.5", leaf("dep_delay", "ge", json!(60.5))),
            ("dep_delay < -20", leaf("dep_delay", "lt", json!(-20))),
            ("flight_id <= 40", leaf("flight_id", "le", json!(40))),
            ("carrier = 'B6'", leaf("carrier", "eq", json!("B6"))),
            ("carrier <> 'B6'", leaf("carrier", "ne", json!("B6"))),
            ("origin IN ('JFK', 'LGA')", leaf("origin", "in", json!(["JFK", "LGA"]))),
            ("origin NOT IN ('JFK', 'LGA')", leaf("origin", "not_in", json!(["JFK", "LGA"]))),
            ("distance BETWEEN 100 AND 200", leaf("distance", "between", json!([100, 200]))),
            ("dest LIKE 'S_O'", leaf("dest", "like", json!("S_O"))),
            ("dep_time IS NULL", json!({ "column": "dep_time", "op": "is_null" })),
            ("dep_time IS NOT NULL", json!({ "column": "dep_time", "op": "is_not_null" })),
            ("time_hour >= '2013-12-31T12:00:00Z'", leaf("time_hour", "ge", json!("2013-12-31T12:00:00Z"))),
            (
                "dep_delay > 60 AND (dest = 'BOS' OR NOT carrier = 'UA')",
                json!({ "and": [
                    leaf("dep_delay", "gt", json!(60)),
                    { "or": [leaf("dest", "eq", json!("BOS")), { "not": leaf("carrier", "eq", json!("UA")) }] },
                ]}),
            ),
            ("1 = 1", json!({ "and": [] })),
            ("1 = 2", json!({ "or": [] })),
        ] {
            let body = |filter: Value| json!({ "filter": filter, "order": "flight_id", "limit": 50, "count": "exact" });
            let by_text =
                partner.post("/v1/tables/flights/query", &body(json!(text))).await.expect_status(200).json();
            let by_tree =
                partner.post("/v1/tables/flights/query", &body(tree)).await.expect_status(200).json();
            assert_eq!(by_text["data"], by_tree["data"], "{text}");
            assert_eq!(by_text["page"]["total_rows"], by_tree["page"]["total_rows"], "{text}");
            let asked = [("filter", text), ("order", "flight_id"), ("limit", "50")];
            assert_eq!(partner.ask(FLIGHTS, &asked).await.json()["data"], by_text["data"], "{text}");
        }
    });
}

#[test]
fn columns_come_in_the_order_asked_for() {
    run(async {
        let gateway = Gateway::demo().await;
        let row = gateway
            .role("admin")
            .get("/v1/tables/flights/rows?limit=1&select=dest,flight_id,carrier&filter=flight_id%3D1")
            .await;
        let text = row.expect_status(200).text();
        assert!(text.contains(r#"{"dest":"MIA","flight_id":1,"carrier":"AA"}"#), "{text}");
        let folded =
            gateway.role("admin").get("/v1/tables/flights/rows?limit=1&select=DEST&order=FLIGHT_ID").await;
        assert_eq!(folded.expect_status(200).data(), [json!({ "dest": "MIA" })]);
    });
}

#[test]
fn order_puts_nulls_last_unless_said_otherwise() {
    run(async {
        let gateway = Gateway::demo().await;
        let plain = Plain::demo(gateway).await;
        let admin = gateway.role("admin");
        for (order, sql) in [
            ("dep_delay,flight_id", "dep_delay asc nulls last, flight_id"),
            ("-dep_delay,flight_id", "dep_delay desc nulls last, flight_id"),
            ("dep_delay:nulls_first,-flight_id", "dep_delay asc nulls first, flight_id desc"),
            ("-dep_delay:nulls_first,flight_id", "dep_delay desc nulls first, flight_id"),
            ("carrier,-distance,flight_id", "carrier, distance desc nulls last, flight_id"),
            ("-time_hour,-tailnum,flight_id", "time_hour desc, tailnum desc nulls last, flight_id"),
        ] {
            let rows = admin
                .ask(FLIGHTS, &[("order", order), ("limit", "200"), ("select", "flight_id,dep_delay")])
                .await;
            let expected = plain
                .rows(&format!("select flight_id, dep_delay from flights order by {sql} limit 200"))
                .await;
            assert_eq!(rows.expect_status(200).data(), expected, "{order}");
        }
    });
}

#[test]
fn the_partner_sees_its_own_carriers_only() {
    run(async {
        let gateway = Gateway::demo().await;
        let plain = Plain::demo(gateway).await;
        let visible = "carrier in ('UA', 'B6')";
        let partner = gateway.role("partner");
        let page =
            partner.ask(FLIGHTS, &[("count", "exact"), ("limit", "1")]).await.expect_status(200).json();
        let total = plain.number(&format!("select count(*) from flights where {visible}")).await;
        assert_eq!(page["page"]["total_rows"], json!(total));
        assert!(page["data"][0].get("air_time").is_none());
        for filter in ["carrier = 'AA'", "carrier NOT IN ('UA', 'B6')", "carrier IS NULL"] {
            let page = partner
                .ask(FLIGHTS, &[("count", "exact"), ("filter", filter)])
                .await
                .expect_status(200)
                .json();
            assert_eq!((&page["data"], &page["page"]["total_rows"]), (&json!([]), &json!(0)), "{filter}");
        }
    });
}

#[test]
fn the_analyst_sees_masked_values() {
    run(async {
        let gateway = Gateway::demo().await;
        let plain = Plain::demo(gateway).await;
        let masked = gateway
            .role("analyst")
            .get("/v1/tables/customer/rows?limit=200&order=c_custkey")
            .await
            .expect_status(200)
            .data();
        let raw = plain.rows("select * from customer order by c_custkey limit 200").await;
        for (masked, raw) in masked.iter().zip(&raw) {
            assert_eq!(masked["c_custkey"], raw["c_custkey"]);
            assert_eq!(masked["c_comment"], raw["c_comment"]);
            assert!(masked["c_address"].is_null());
            let name = masked["c_name"].as_str().unwrap();
            assert!(name.len() >= 32 && name.chars().all(|c| c.is_ascii_hexdigit()), "{name}");
            let (phone, raw_phone) = (masked["c_phone"].as_str().unwrap(), raw["c_phone"].as_str().unwrap());
            assert!(
                phone.ends_with(&raw_phone[raw_phone.len() - 4..]) && !phone.contains(&raw_phone[..11]),
                "{phone}"
            );
            let balance = masked["c_acctbal"].as_f64().unwrap();
            assert!(
                (balance % 1000.0).abs() < 1e-9
                    && (balance - raw["c_acctbal"].as_f64().unwrap()).abs() <= 500.0
            );
        }
    });
}

#[test]
fn the_last_page_has_no_more() {
    run(async {
        let gateway = Gateway::demo().await;
        let admin = gateway.role("admin");
        for (limit, more) in [("15", true), ("16", false), ("17", false)] {
            let page =
                admin.ask("/v1/tables/airlines/rows", &[("limit", limit)]).await.expect_status(200).json();
            assert_eq!(page["page"]["has_more"], json!(more), "{limit}");
            assert_eq!(page["page"]["next_cursor"].is_string(), more, "{limit}");
        }
        let none = admin
            .ask("/v1/tables/airlines/rows", &[("filter", "carrier = 'ZZ'")])
            .await
            .expect_status(200)
            .json();
        assert_eq!(none["data"], json!([]));
        let nothing =
            json!({ "next_cursor": null, "prev_cursor": null, "has_more": false, "has_previous": false });
        assert_eq!(none["page"], nothing);
    });
}
