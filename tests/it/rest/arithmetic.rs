//! Integers and decimals at the ends of their range: a result that does not fit is said, never a
//! smaller number, and of no concern to who may not see the row that it is made from.

use serde_json::{Value, json};
use sluice_tests::client::{Answer, Caller};
use sluice_tests::gateway::{Gateway, Setup, run};

use crate::accounts;

async fn gateway(name: &str) -> Gateway {
    let setup = Setup::new(name, accounts::POLICIES).table(accounts::definition());
    accounts::write(&setup.place("accounts"));
    setup.start().await
}

fn expect_overflow(answer: &Answer, question: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (400, "evaluation_failed"), "{question}");
    let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
    let said = detail.contains("is out of the range of its type") || detail.contains("does not fit the type");
    assert!(said, "{question}: {detail}");
}

async fn value(caller: &Caller, expression: &str) -> Value {
    let answer = caller.sql(&format!("select {expression} as v from accounts limit 1")).await;
    answer.expect_status(200).data()[0]["v"].clone()
}

#[test]
fn an_integer_that_does_not_fit_is_an_error() {
    run(async {
        let gateway = gateway("arithmetic-integers").await;
        let admin = gateway.role("admin");
        let alice = accounts::caller(&gateway, "alice");
        for (expression, said) in [
            ("9223372036854775807 + 1", "9223372036854775807 + 1"),
            ("9223372036854775807 * 2 - 1", "9223372036854775807 * 2"),
            ("0 - 9223372036854775807 - 2", "-9223372036854775807 - 2"),
            ("-(0 - 9223372036854775807 - 1)", "- -9223372036854775808"),
            ("cast(2000000000 as int) + cast(2000000000 as int)", "2000000000 + 2000000000"),
        ] {
            let answer = admin.sql(&format!("select {expression} as v from accounts")).await;
            expect_overflow(&answer, expression);
            let detail = answer.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.starts_with(said), "{expression}: {detail}");
            let filter = format!("{expression} > 0");
            expect_overflow(&admin.ask("/v1/tables/accounts/rows", &[("filter", &filter)]).await, &filter);
        }
        for expression in ["big + 1", "big * 2", "id - (0 - big)", "-big - 2", "2 * big - big"] {
            let question = format!("select {expression} as v from accounts");
            expect_overflow(&admin.sql(&question).await, &question);
            assert_eq!(alice.sql(&question).await.status, 200, "{question}");
        }
        assert_eq!(
            value(&admin, "9223372036854775807 - 1 + 1 - 1 * 2").await,
            json!(9_223_372_036_854_775_805_i64)
        );
        assert_eq!(value(&admin, "-9223372036854775808").await, json!(i64::MIN));
        assert_eq!(value(&admin, "7 - 2 - 1").await, json!(4));
        assert_eq!(value(&admin, "7 - (2 - 1) * -3").await, json!(10));
        gateway.shutdown().await;
    });
}

#[test]
fn a_sum_that_does_not_fit_is_an_error() {
    run(async {
        let gateway = gateway("arithmetic-sums").await;
        let admin = gateway.role("admin");
        let alice = accounts::caller(&gateway, "alice");
        for measure in [
            "sum(big)",
            "sum(distinct big)",
            "sum(big) over (order by id)",
            "sum(big) over (order by id rows between 2 preceding and current row)",
            "sum(cast(99999999999999999999999999999999999999 as decimal(38, 0)))",
        ] {
            let question = format!("select {measure} as v from accounts");
            expect_overflow(&admin.sql(&question).await, &question);
        }
        let grouped = "select tenant, sum(big) as v from accounts group by tenant";
        expect_overflow(&admin.sql(grouped).await, grouped);
        let body = json!({ "measures": [{ "fn": "sum", "column": "big", "as": "v" }] });
        expect_overflow(&admin.post("/v1/tables/accounts/aggregate", &body).await, "aggregate");

        let visible: i64 = (0..140).filter(|id| id % 3 != 0).sum();
        let sum = alice.post("/v1/tables/accounts/aggregate", &body).await;
        assert_eq!(sum.expect_status(200).data()[0]["v"], json!(visible));
        for measure in ["sum(big)", "sum(distinct big)"] {
            assert_eq!(value(&alice, measure).await, json!(visible), "{measure}");
        }
        let window = "select id, sum(big) over (order by id rows between 1 preceding and current row) as v \
                      from accounts order by id limit 3";
        let rows = alice.sql(window).await.expect_status(200).data().clone();
        assert_eq!(Value::from(rows), json!([{"id": 1, "v": 1}, {"id": 2, "v": 3}, {"id": 4, "v": 6}]));
        // The engine's own would wrap around.
        let distinct = admin.sql(&window.replace("sum(big)", "sum(distinct big)")).await;
        assert_eq!(distinct.code(), "unsupported_statement", "{}", distinct.text());
        gateway.shutdown().await;
    });
}

#[test]
fn what_passes_the_range_on_its_way_is_no_matter() {
    run(async {
        let gateway = gateway("arithmetic-on-the-way").await;
        let admin = gateway.role("admin");
        let terms = "case id when 150 then 9223372036854775807 when 151 then 5 when 152 then -6 end";
        assert_eq!(value(&admin, &format!("sum({terms})")).await, json!(9_223_372_036_854_775_806_i64));
        assert_eq!(value(&admin, &format!("sum({terms}) filter (where id < 150)")).await, Value::Null);
        gateway.shutdown().await;
    });
}

#[test]
fn outputs_are_named_as_they_are_written() {
    run(async {
        let gateway = gateway("arithmetic-names").await;
        let admin = gateway.role("admin");
        let answer =
            admin.sql("select bal + 1 - 2, -bal, sum(id * 2) from accounts group by 1, 2 order by 1 limit 1");
        let row = answer.await.expect_status(200).data()[0].clone();
        let mut names: Vec<&String> = row.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, ["-bal", "bal + 1 - 2", "sum(id * 2)"]);
        let grouped = "select bal + 1 as b, count(*) as n from accounts group by bal + 1 having bal + 1 > 2 order by bal + 1";
        let rows = admin.sql(grouped).await.expect_status(200).data().clone();
        assert_eq!(rows.first().map(|row| row["b"].clone()), Some(json!(3)));
        gateway.shutdown().await;
    });
}

#[test]
fn arithmetic_stands_wherever_an_expression_may() {
    run(async {
        let gateway = gateway("arithmetic-anywhere").await;
        let admin = gateway.role("admin");
        for (sql, right) in [
            ("select count(*) filter (where id + 8 < 18) as n from accounts", json!(10)),
            ("select sum(id) filter (where id - 1 = 4 and -id = -5) as n from accounts", json!(5)),
            ("select count(distinct id % 2) filter (where id * 2 > 4) as n from accounts", json!(2)),
            (
                "select max(n) as n from (select sum(id) over (order by id + 1) as n from accounts where id < 4) t",
                json!(6),
            ),
            (
                "select max(n) as n from (select rank() over (partition by id % 2 order by -id) as n from accounts) t",
                json!(100),
            ),
            (
                "select count(*) as n from accounts a join accounts b on a.id + 1 = b.id and a.id - b.id < 0",
                json!(199),
            ),
            (
                "select count(*) as n from (select id + 1 as i from accounts group by id + 1 having sum(id + 1) > 100) t",
                json!(100),
            ),
            ("select count(*) as n from accounts where id + 1 in (select id - 1 from accounts)", json!(198)),
        ] {
            assert_eq!(admin.sql(sql).await.expect_status(200).data(), [json!({ "n": right })], "{sql}");
        }
        gateway.shutdown().await;
    });
}
