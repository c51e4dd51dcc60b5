//! `POST /v1/tables/{t}/aggregate`.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use serde_json::{Value, json};
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup, run};

use crate::plain::Plain;

const FLIGHTS: &str = "/v1/tables/flights/aggregate";

#[test]
fn groups_and_measures_agree_with_the_engine() {
    run(async {
        let gateway = Gateway::demo().await;
        let plain = Plain::demo(gateway).await;
        for (body, sql) in [
            (
                json!({ "group_by": ["carrier"], "order": "carrier", "measures": [
                    { "fn": "count", "as": "n" }, { "fn": "count", "column": "dep_delay", "as": "left" },
                    { "fn": "min", "column": "dep_delay", "as": "low" }, { "fn": "max", "column": "dep_delay", "as": "high" },
                    { "fn": "sum", "column": "distance", "as": "miles" },
                    { "fn": "count_distinct", "column": "dest", "as": "dests" },
                ]}),
                "select carrier, count(*) n, count(dep_delay) \"left\", min(dep_delay) low, max(dep_delay) high, \
                 sum(distance) miles, count(distinct dest) dests from flights group by carrier order by carrier",
            ),
            (
                json!({ "group_by": ["origin", { "date_trunc": "month", "column": "time_hour", "as": "m" }],
                    "measures": [{ "fn": "sum", "column": "flight_id", "as": "s" }],
                    "filter": "dep_delay > 0", "order": "origin,-m" }),
                "select origin, date_trunc('month', time_hour) m, sum(flight_id) s from flights \
                 where dep_delay > 0 group by 1, 2 order by origin, m desc",
            ),
            (
                json!({ "measures": [{ "fn": "count", "as": "n" }, { "fn": "max", "column": "tailnum", "as": "t" }] }),
                "select count(*) n, max(tailnum) t from flights",
            ),
            (
                json!({ "group_by": ["dest"], "measures": [{ "fn": "count", "as": "n" }],
                    "having": "n > 10000", "order": "-n", "limit": 5 }),
                "select dest, count(*) n from flights group by dest having count(*) > 10000 order by n desc, dest limit 5",
            ),
            (
                json!({ "group_by": ["carrier"], "measures": [{ "fn": "count", "as": "n" }], "filter": "1 = 2" }),
                "select carrier, count(*) n from flights where false group by carrier",
            ),
            (
                json!({ "measures": [{ "fn": "count", "as": "n" }, { "fn": "sum", "column": "distance", "as": "s" }],
                    "filter": "carrier = 'none'" }),
                "select count(*) n, sum(distance) s from flights where false",
            ),
        ] {
            let answer = gateway.role("admin").post(FLIGHTS, &body).await.expect_status(200).json();
            assert_eq!(answer["data"], Value::Array(plain.rows(sql).await), "{body}");
            assert_eq!(answer["meta"]["table"], json!("flights"));
        }
    });
}

#[test]
fn means_are_those_of_the_engine_to_the_last_digits() {
    run(async {
        let gateway = Gateway::demo().await;
        let plain = Plain::demo(gateway).await;
        let body = json!({ "group_by": ["origin"], "order": "origin",
            "measures": [{ "fn": "avg", "column": "arr_delay", "as": "mean" }] });
        let rows = gateway.role("admin").post(FLIGHTS, &body).await.expect_status(200).data();
        let right = plain.rows("select origin, avg(arr_delay) mean from flights group by 1 order by 1").await;
        assert_eq!(rows.len(), 3);
        for (row, right) in rows.iter().zip(&right) {
            assert_eq!(row["origin"], right["origin"]);
            assert!((row["mean"].as_f64().unwrap() - right["mean"].as_f64().unwrap()).abs() < 1e-9);
        }
        let again = gateway.role("admin").post(FLIGHTS, &body).await.expect_status(200).data();
        assert_eq!(rows, again, "the same question at the same version is the same answer");
    });
}

#[test]
fn a_role_aggregates_what_it_sees() {
    run(async {
        let gateway = Gateway::demo().await;
        let plain = Plain::demo(gateway).await;
        let body = json!({ "group_by": ["carrier"], "order": "carrier", "measures": [{ "fn": "count", "as": "n" }] });
        let partner = gateway.role("partner").post(FLIGHTS, &body).await.expect_status(200).data();
        let right = plain
            .rows(
                "select carrier, count(*) n from flights where carrier in ('UA','B6') group by 1 order by 1",
            )
            .await;
        assert_eq!(partner, right);

        let nulls = json!({ "measures": [{ "fn": "count", "column": "c_address", "as": "n" }, { "fn": "max", "column": "c_address", "as": "m" }] });
        let analyst = gateway
            .role("analyst")
            .post("/v1/tables/customer/aggregate", &nulls)
            .await
            .expect_status(200)
            .data();
        assert_eq!(analyst, [json!({ "n": 0, "m": null })]);
        let exact = json!({ "measures": [{ "fn": "sum", "column": "c_acctbal", "as": "s" }] });
        let rounded = gateway
            .role("analyst")
            .post("/v1/tables/customer/aggregate", &exact)
            .await
            .expect_status(200)
            .data();
        assert!((rounded[0]["s"].as_f64().unwrap() % 1000.0).abs() < 1e-6, "{rounded:?}");
    });
}

#[test]
fn mistakes_are_named() {
    run(async {
        let gateway = Gateway::demo().await;
        let partner = gateway.role("partner");
        for (body, code) in [
            (
                json!({ "measures": [{ "fn": "median", "column": "dep_delay", "as": "m" }] }),
                "invalid_request",
            ),
            (json!({ "measures": [{ "fn": "sum", "as": "m" }] }), "invalid_request"),
            (json!({ "measures": [{ "fn": "sum", "column": "air_time", "as": "m" }] }), "unknown_column"),
            (
                json!({ "group_by": ["air_time"], "measures": [{ "fn": "count", "as": "n" }] }),
                "unknown_column",
            ),
            (json!({ "group_by": ["carrier"], "measures": [], "having": "zzz > 1" }), "unknown_column"),
            (json!({ "group_by": ["carrier"], "measures": [], "order": "zzz" }), "unknown_column"),
            (
                json!({ "group_by": [{ "date_trunc": "eon", "column": "time_hour", "as": "e" }], "measures": [] }),
                "invalid_expression",
            ),
            (json!({ "grop_by": ["carrier"] }), "invalid_request"),
            (json!({}), "invalid_request"),
            (json!([]), "invalid_request"),
        ] {
            let answer = partner.post(FLIGHTS, &body).await;
            assert_eq!((answer.status, answer.code().as_str()), (400, code), "{body}: {}", answer.text());
        }
    });
}

#[test]
fn groups_of_floats_have_their_least_and_greatest() {
    run(async {
        let policies = "version: 1\nroles:\n  reader: { tables: { t: { columns: '*' } } }\n";
        let setup = Setup::new("float-groups", policies).table(json!({ "name": "t", "location": "t" }));
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        let rows = [
            (1, Some(5.0)),
            (1, Some(nan)),
            (1, Some(7.0)),
            (2, Some(0.0)),
            (2, Some(nan)),
            (3, Some(-inf)),
            (4, Some(inf)),
            (5, None),
            (6, Some(nan)),
            (6, Some(-1.5)),
            (6, None),
        ];
        let groups: ArrayRef = Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>());
        let values: ArrayRef = Arc::new(rows.iter().map(|row| row.1).collect::<Float64Array>());
        let batch =
            RecordBatch::try_from_iter_with_nullable([("g", groups, true), ("f", values, true)]).unwrap();
        HandTable::create(&setup.place("t"), &batch.schema()).append(&[batch]);
        let gateway = setup.start().await;
        let reader = gateway.role("reader");
        let sql =
            "select g, cast(min(f) as varchar) lo, cast(max(f) as varchar) hi from t group by g order by g";
        let right = json!([
            { "g": 1, "lo": "5.0", "hi": "NaN" }, { "g": 2, "lo": "0.0", "hi": "NaN" },
            { "g": 3, "lo": "-inf", "hi": "-inf" }, { "g": 4, "lo": "inf", "hi": "inf" },
            { "g": 5, "lo": null, "hi": null }, { "g": 6, "lo": "-1.5", "hi": "NaN" },
        ]);
        assert_eq!(json!(reader.sql(sql).await.expect_status(200).data()), right);
        let body = json!({ "group_by": ["g"], "measures": [
            { "fn": "min", "column": "f", "as": "lo" }, { "fn": "max", "column": "f", "as": "hi" },
        ]});
        // NaN and infinities are null in JSON.
        let right = json!([
            { "g": 1, "lo": 5.0, "hi": null }, { "g": 2, "lo": 0.0, "hi": null }, { "g": 3, "lo": null, "hi": null },
            { "g": 4, "lo": null, "hi": null }, { "g": 5, "lo": null, "hi": null }, { "g": 6, "lo": -1.5, "hi": null },
        ]);
        let grouped = reader.post("/v1/tables/t/aggregate", &body).await.expect_status(200).data();
        assert_eq!(json!(grouped), right);
        gateway.shutdown().await;
    });
}

#[test]
fn both_zeros_are_one_at_every_door() {
    run(async {
        let policies = "version: 1\nroles:\n  reader: { tables: { t: { columns: '*' } } }\n";
        let setup = Setup::new("zeros", policies).table(json!({ "name": "t", "location": "t" }));
        let zeros = [0.0, -0.0, 1.0, -0.0, 0.0, -1.0];
        let ids: ArrayRef = Arc::new((0..6).collect::<Int64Array>());
        let values: ArrayRef = Arc::new(zeros.iter().map(|zero| Some(*zero)).collect::<Float64Array>());
        let batch =
            RecordBatch::try_from_iter_with_nullable([("id", ids, true), ("z", values, true)]).unwrap();
        HandTable::create(&setup.place("t"), &batch.schema()).append(&[batch]);
        let gateway = setup.start().await;
        let reader = gateway.role("reader");
        let ids = |rows: Vec<Value>| rows.iter().map(|row| row["id"].as_i64().unwrap()).collect::<Vec<_>>();
        let order = [5, 0, 1, 3, 4, 2];
        assert_eq!(ids(reader.walk("t", &[("order", "z,id"), ("limit", "2")]).await), order);
        assert_eq!(ids(reader.sql("select id from t order by z, id").await.data()), order);
        let body = json!({ "measures": [{ "fn": "count_distinct", "column": "z", "as": "n" }] });
        assert_eq!(reader.post("/v1/tables/t/aggregate", &body).await.data(), [json!({ "n": 3 })]);
        for (condition, matching) in
            [("z = -0.0", 4), ("z >= -0.0", 5), ("z IN (-0.0, 7)", 4), ("z < 0.0", 1)]
        {
            let asked = [("filter", condition), ("count", "exact")];
            let page = reader.ask("/v1/tables/t/rows", &asked).await.json();
            assert_eq!(page["page"]["total_rows"], matching, "{condition}");
            let counted = reader.sql(&format!("select count(*) n from t where {condition}")).await.data();
            assert_eq!(counted, [json!({ "n": matching })], "{condition}");
        }
        let sql = "select count(distinct z) a, count(distinct id) b, max(r) r from (select *, rank() over (order by z) r from t) q";
        assert_eq!(reader.sql(sql).await.data(), [json!({ "a": 3, "b": 6, "r": 6 })]);
        gateway.shutdown().await;
    });
}
