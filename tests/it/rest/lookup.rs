//! `GET /v1/tables/{t}/rows/{key}`.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use serde_json::json;
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup, run};

use crate::plain::Plain;

#[test]
fn a_row_is_found_by_its_key() {
    run(async {
        let gateway = Gateway::demo().await;
        let plain = Plain::demo(gateway).await;
        let admin = gateway.role("admin");
        for (path, sql) in [
            ("flights/rows/1", "select * from flights where flight_id = 1"),
            ("flights/rows/336776", "select * from flights where flight_id = 336776"),
            ("flights/rows/200000", "select * from flights where flight_id = 200000"),
            ("airlines/rows/UA", "select * from airlines where carrier = 'UA'"),
            ("planes/rows/N10156", "select * from planes where tailnum = 'N10156'"),
            ("customer/rows/15000", "select * from customer where c_custkey = 15000"),
            (
                "weather/rows/JFK,2013-07-01T05:00:00Z",
                "select * from weather where origin = 'JFK' and time_hour = timestamp '2013-07-01T05:00:00Z'",
            ),
            (
                "weather/rows/J%46K,2013-07-01T05%3A00%3A00Z",
                "select * from weather where origin = 'JFK' and time_hour = timestamp '2013-07-01T05:00:00Z'",
            ),
        ] {
            let answer = admin.get(&format!("/v1/tables/{path}")).await.expect_status(200).json();
            assert_eq!(vec![answer["data"].clone()], plain.rows(sql).await, "{path}");
            assert!(answer["meta"]["version"].is_u64(), "{path}");
        }
    });
}

#[test]
fn selected_columns_only() {
    run(async {
        let gateway = Gateway::demo().await;
        let answer = gateway
            .role("admin")
            .get("/v1/tables/airlines/rows/UA?select=name")
            .await
            .expect_status(200)
            .json();
        assert_eq!(answer["data"], json!({ "name": "United Air Lines Inc." }));
    });
}

#[test]
fn hidden_and_missing_rows_answer_alike() {
    run(async {
        let gateway = Gateway::demo().await;
        let plain = Plain::demo(gateway).await;
        let hidden = plain.number("select flight_id from flights where carrier = 'AA' limit 1").await;
        let partner = gateway.role("partner").header("x-request-id", "same");
        let of_hidden = partner.get(&format!("/v1/tables/flights/rows/{hidden}")).await.expect_status(404);
        let of_missing = partner.get("/v1/tables/flights/rows/99999999").await.expect_status(404);
        assert_eq!(
            of_hidden.text().replace(&hidden.to_string(), "{}"),
            of_missing.text().replace("99999999", "{}")
        );
        assert_eq!(of_hidden.code(), "not_found");
        let _ =
            gateway.role("admin").get(&format!("/v1/tables/flights/rows/{hidden}")).await.expect_status(200);
    });
}

#[test]
fn a_masked_key_is_refused_whatever_its_value() {
    run(async {
        let gateway = Gateway::demo().await;
        let analyst = gateway.role("analyst").header("x-request-id", "same");
        let existing = analyst.get("/v1/tables/planes/rows/N10156").await;
        assert_eq!(
            (existing.status, existing.code().as_str()),
            (400, "key_unavailable"),
            "{}",
            existing.text()
        );
        let missing = analyst.get("/v1/tables/planes/rows/N99999").await;
        assert_eq!(existing.text().replace("N10156", ""), missing.text().replace("N99999", ""));
    });
}

#[test]
fn a_key_is_not_cut_to_what_its_column_holds() {
    run(async {
        let gateway = Gateway::demo().await;
        let admin = gateway.role("admin");
        for (time, status) in [
            ("2013-07-01T05:00:00Z", 200),
            ("2013-07-01T07:00:00.000000000%2B02:00", 200),
            ("2013-07-01T05:00:00.0000009Z", 404),
            ("2013-07-01T05:00:00.000001Z", 404),
        ] {
            let answer = admin.get(&format!("/v1/tables/weather/rows/JFK,{time}")).await;
            assert_eq!(answer.status, status, "{time}: {}", answer.text());
        }
    });
}

#[test]
fn malformed_keys_are_client_errors() {
    run(async {
        let gateway = Gateway::demo().await;
        let admin = gateway.role("admin");
        for path in [
            "flights/rows/abc",
            "flights/rows/1.5",
            "flights/rows/%201",
            "flights/rows/1%20",
            "flights/rows/%2B1",
            "flights/rows/+1",
            "flights/rows/01",
            "flights/rows/1,2",
            "flights/rows/99999999999999999999999",
            "flights/rows/%FF",
            "weather/rows/JFK",
            "weather/rows/JFK,yesterday",
            "weather/rows/JFK%2C2013-07-01T05:00:00Z",
            "flights/rows/%27%20OR%201%3D1",
            "flights/rows/1?select=nope",
            "flights/rows/1?filter=true",
        ] {
            let answer = admin.get(&format!("/v1/tables/{path}")).await;
            assert!([400, 404].contains(&answer.status), "{path}: {} {}", answer.status, answer.text());
        }
    });
}

#[test]
fn an_empty_text_is_a_key() {
    run(async {
        let policies = "version: 1\nroles: { reader: { tables: { t: { columns: '*' } } } }\n";
        let setup = Setup::new("empty-key", policies)
            .table(json!({ "name": "t", "location": "t", "primary_key": ["key"] }));
        let keys: ArrayRef = Arc::new(StringArray::from(vec!["a", "", ","]));
        let values: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
        let rows = RecordBatch::try_from_iter([("key", keys), ("value", values)]).unwrap();
        HandTable::create(&setup.place("t"), &rows.schema()).append(&[rows]);
        let gateway = setup.start().await;
        let reader = gateway.role("reader");
        for (path, value) in [("rows/", 2), ("rows/?select=value", 2), ("rows/a", 1), ("rows/%2C", 3)] {
            let row = reader.get(&format!("/v1/tables/t/{path}")).await.expect_status(200).object();
            assert_eq!(row["value"], value, "{path}");
        }
        gateway.shutdown().await;
        let admin = Gateway::demo().await.role("admin");
        let none = admin.get("/v1/tables/airlines/rows/").await.expect_status(404);
        let missing = admin.get("/v1/tables/airlines/rows/none").await.expect_status(404);
        assert_eq!(none.json()["detail"], missing.json()["detail"]);
        for path in ["flights/rows/", "weather/rows/", "weather/rows/,"] {
            let answer = admin.get(&format!("/v1/tables/{path}")).await.expect_status(400);
            assert_eq!(answer.code(), "invalid_request", "{path}");
        }
    });
}
