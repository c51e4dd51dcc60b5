//! Names in SQL: the query's own beside the tables', and columns that a wildcard leaves out.

use serde_json::{Value, json};
use sluice_tests::gateway::{Gateway, run};

fn tables_of(answer: &sluice_tests::client::Answer) -> Vec<String> {
    let listed = answer.json()["meta"]["tables"].as_array().unwrap().clone();
    listed.iter().map(|table| table["table"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_table_is_listed_only_where_it_is_read() {
    run(async {
        let gateway = Gateway::demo().await;
        let analyst = gateway.role("analyst");
        for (sql, rows, read) in [
            ("with flights as (select 1 as n) select * from flights", 1, &[][..]),
            ("with flights as (select carrier from airlines) select * from flights", 16, &["airlines"]),
            (
                "with flights as (select * from flights where flight_id = 1) select * from flights",
                1,
                &["flights"],
            ),
            (
                "with a as (select * from airlines), airlines as (select 1 as n) select * from airlines, a",
                16,
                &["airlines"],
            ),
            (
                "select (with airlines as (select 7 as n) select max(n) from airlines) as n, carrier from airlines",
                16,
                &["airlines"],
            ),
            ("with x as (with flights as (select 2 as n) select * from flights) select * from x", 1, &[]),
            ("with Flights as (select 3 as n) select * from Flights", 1, &[]),
        ] {
            let answer = analyst.sql(sql).await.expect_status(200);
            assert_eq!(answer.data().len(), rows, "{sql}");
            assert_eq!(tables_of(&answer), read, "{sql}");
        }
    });
}

#[test]
fn a_name_of_the_querys_own_opens_no_hidden_table() {
    run(async {
        let gateway = Gateway::demo().await;
        let partner = gateway.role("partner").header("x-request-id", "same");
        let answer = partner.sql("with customer as (select 1 as n) select * from customer").await;
        assert_eq!(answer.expect_status(200).data(), [json!({ "n": 1 })]);
        for sql in [
            "with customer as (select * from customer) select * from customer",
            "select * from (with customer as (select 1 as n) select * from customer) x, customer",
            "with x as (select * from customer), customer as (select 1 as n) select * from customer",
        ] {
            let hidden = partner.sql(sql).await.expect_status(404);
            let missing = partner.sql(&sql.replace("customer", "customxx")).await.expect_status(404);
            assert_eq!(hidden.text().replace("customer", "customxx"), missing.text(), "{sql}");
        }
    });
}

/// Names of the first row's columns, sorted.
fn columns(answer: &sluice_tests::client::Answer) -> Vec<String> {
    answer.data()[0].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn columns_without_a_name_are_named_as_they_are_written() {
    run(async {
        let analyst = Gateway::demo().await.role("analyst");
        for (sql, named) in [
            ("select 1", &["1"][..]),
            ("select (carrier), ((a.name)) from airlines a limit 1", &["carrier", "name"]),
            (
                "select 1.5 + 1, 'x', null, -1e3, $1 is null",
                &["1.5 + 1", "'x'", "NULL", "-1e3", "$1 IS NULL"],
            ),
            ("select count(*), SUM(dep_delay) from flights", &["count(*)", "SUM(dep_delay)"]),
            (
                "select f.carrier, f.Month, upper(f.carrier) from flights f limit 1",
                &["carrier", "month", "upper(f.carrier)"],
            ),
            ("select * from (select 1+1, lower('X')) t", &["1 + 1", "lower('X')"]),
            ("with t as (select max(name) from airlines) select * from t", &["max(name)"]),
            ("select count(*) from airlines union all select 1", &["count(*)"]),
            (
                "select carrier, count(*) from airlines group by carrier having count(*) > 0 order by count(*), 1 limit 1",
                &["carrier", "count(*)"],
            ),
            ("select distinct lower(name) from airlines order by lower(name) limit 1", &["lower(name)"]),
            (
                "select distinct lower(name) as l, 1 as m from airlines order by Lower(name) desc limit 1",
                &["l", "m"],
            ),
            (
                "select carrier from airlines where lower(carrier) in \
                 (select \"lower(carrier)\" from (select lower(carrier) from airlines) x) limit 1",
                &["carrier"],
            ),
            ("select lower(name) from airlines order by upper(name), lower(name) limit 1", &["lower(name)"]),
            ("select name || '!' from airlines group by name || '!' order by 1 limit 1", &["name || '!'"]),
            (
                "select row_number() over (order by carrier) from airlines limit 1",
                &["row_number() OVER (ORDER BY carrier)"],
            ),
        ] {
            let params = if sql.contains("$1") { json!([1]) } else { json!([]) };
            let answer = analyst.post("/v1/sql", &json!({ "sql": sql, "params": params })).await;
            let mut named = named.to_vec();
            named.sort_unstable();
            assert_eq!(columns(&answer.expect_status(200)), named, "{sql}");
        }
        let twice = analyst.sql("select 1, 1").await;
        assert_eq!((twice.status, twice.code().as_str()), (400, "invalid_expression"), "{}", twice.text());
    });
}

#[test]
fn distinct_rows_are_ordered_by_what_sql_says() {
    run(async {
        let analyst = Gateway::demo().await.role("analyst");
        let names = "(values ('a', 'z'), ('b', 'y'), ('c', 'x')) t(m, n)";
        for (sql, right) in [
            ("select distinct m, 1 from {T} order by 1 desc", ["c", "b", "a"]),
            ("select distinct m, 1 as one from {T} order by 1 desc", ["c", "b", "a"]),
            ("select distinct m as n, n as m from {T} order by m", ["x", "y", "z"]),
            ("select distinct upper(m) as n, n as m from {T} order by upper(m) desc", ["x", "y", "z"]),
            ("select distinct lower(m) as n, m from {T} order by lower(m) desc", ["c", "b", "a"]),
        ] {
            let rows = analyst.sql(&sql.replace("{T}", names)).await.expect_status(200).data();
            let got: Vec<&str> = rows.iter().map(|row| row["m"].as_str().unwrap()).collect();
            assert_eq!(got, right, "{sql}");
        }
    });
}

#[test]
fn a_wildcard_can_leave_columns_out() {
    run(async {
        let gateway = Gateway::demo().await;
        for role in ["admin", "analyst"] {
            let caller = gateway.role(role);
            let all = columns(&caller.sql("select * from planes limit 1").await.expect_status(200));
            let left = |out: &[&str]| -> Vec<String> {
                all.iter().filter(|name| !out.contains(&name.as_str())).cloned().collect()
            };
            for (sql, out) in [
                ("select * exclude (tailnum, speed) from planes limit 1", &["tailnum", "speed"][..]),
                ("select * exclude tailnum from planes limit 1", &["tailnum"]),
                ("select * except (engine) from planes limit 1", &["engine"]),
                ("select p.* exclude (Engine) from planes p limit 1", &["engine"]),
                ("select * exclude (TAILNUM) from planes limit 1", &["tailnum"]),
                ("select * exclude (tailnum) from (select * from planes) x limit 1", &["tailnum"]),
            ] {
                assert_eq!(columns(&caller.sql(sql).await.expect_status(200)), left(out), "{role}: {sql}");
            }
        }
        // What is left is masked as ever.
        let sql = "select * exclude (c_custkey) from customer where c_custkey = 1";
        let row = gateway.role("analyst").sql(sql).await.expect_status(200).data()[0].clone();
        assert_eq!(row["c_address"], Value::Null);
        assert_eq!(row["c_name"].as_str().unwrap().len(), 32);
        assert!(row.get("c_custkey").is_none(), "{row}");
    });
}

#[test]
fn leaving_out_a_hidden_column_is_as_wrong_as_one_that_never_was() {
    run(async {
        let gateway = Gateway::demo().await;
        let partner = gateway.role("partner").header("x-request-id", "same");
        let hidden = partner.sql("select * exclude (air_time) from flights limit 1").await;
        let never = partner.sql("select * exclude (aiq_time) from flights limit 1").await;
        assert_eq!((hidden.status, hidden.code().as_str()), (400, "unknown_column"), "{}", hidden.text());
        assert_eq!(hidden.text().replace("air_time", "aiq_time"), never.text());
        let slip = partner.sql("select * exclude (dep_dely) from flights limit 1").await;
        assert_eq!(slip.json()["hint"], json!("did you mean \"dep_delay\"?"), "{}", slip.text());
        let twice = partner.sql("select * exclude (carrier, carrier) from flights limit 1").await;
        assert_eq!((twice.status, twice.code().as_str()), (400, "invalid_expression"), "{}", twice.text());
    });
}

#[test]
fn what_else_a_wildcard_does_elsewhere_is_refused_by_name() {
    run(async {
        let gateway = Gateway::demo().await;
        let admin = gateway.role("admin");
        for (sql, named) in [
            ("select * replace (1 as name) from airlines", "REPLACE after *"),
            ("select * rename (name as n) from airlines", "RENAME after *"),
            ("select * ilike 'n%' from airlines", "ILIKE after *"),
            ("select a.* replace (1 as name) from airlines a", "REPLACE after *"),
            ("select * from (select * replace (1 as name) from airlines) x", "REPLACE after *"),
        ] {
            let answer = admin.sql(sql).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (400, "unsupported_statement"),
                "{sql}: {}",
                answer.text()
            );
            assert_eq!(answer.json()["detail"], json!(format!("{named} is not supported")), "{sql}");
        }
    });
}
