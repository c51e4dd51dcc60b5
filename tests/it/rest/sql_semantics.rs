//! What SQL means where engines get it wrong: nulls in `IN`, bags, outer joins, casts, precedence. Each
//! statement has its right answer, or is refused; none has another.

use serde_json::{Value, json};
use sluice_tests::gateway::{Gateway, Setup, run};

use crate::accounts;

const S: &str = "(values (1), (2), (null)) s(a)";
const T: &str = "(values (1), (null)) t(b)";

async fn answers(name: &str, cases: &[(&str, Option<Value>)]) {
    let setup = Setup::new(name, accounts::POLICIES).table(accounts::definition());
    accounts::write(&setup.place("accounts"));
    let gateway = setup.start().await;
    let admin = gateway.role("admin");
    for (sql, right) in cases {
        let sql = sql.replace("{S}", S).replace("{T}", T);
        let answer = admin.sql(&sql).await;
        match right {
            Some(right) => {
                let rows = answer.expect_status(200).data();
                let values: Vec<Value> = rows
                    .iter()
                    .map(|row| Value::from(row.as_object().unwrap().values().cloned().collect::<Vec<_>>()))
                    .collect();
                assert_eq!(Value::from(values), *right, "{sql}");
            }
            None => assert_eq!(
                (answer.status, answer.code().as_str()),
                (400, "unsupported_statement"),
                "{sql}: {}",
                answer.text()
            ),
        }
    }
    gateway.shutdown().await;
}

#[test]
fn in_a_subquery_knows_null() {
    run(answers(
        "semantics-in",
        &[
            ("select a from {S} where a in (select b from {T}) order by a", Some(json!([[1]]))),
            ("select a from {S} where a not in (select b from {T})", Some(json!([]))),
            ("select a from {S} where not (a in (select b from {T}))", Some(json!([]))),
            ("select a from {S} where a in (select b from {T}) or a = 2 order by a", Some(json!([[1], [2]]))),
            ("select a from {S} where a not in (select b from {T} where b is not null)", Some(json!([[2]]))),
            ("select a from {S} where not (a in (select b from {T})) or a = 99", None),
            ("select a from {S} where (a in (select b from {T})) is false", None),
            ("select a in (select b from {T}) as x from {S}", None),
            ("select a from {S} where a not in (select b from (values (2)) t(b) where t.b = s.a)", None),
            ("select a from {S} where case when a in (select b from {T}) then false else true end", None),
        ],
    ));
}

#[test]
fn an_aggregate_without_groups_always_gives_a_row() {
    run(answers(
        "semantics-exists",
        &[
            (
                "select a from {S} where exists (select count(*) from {T} where b = 7) order by a",
                Some(json!([[1], [2], [null]])),
            ),
            ("select a from {S} where not exists (select count(*) from {T} where t.b = s.a)", None),
            ("select a from {S} where 0 in (select count(*) from {T} where t.b = s.a)", None),
            ("select a from {S} where exists (select 1 from {T} where t.b = s.a offset 1)", None),
            ("select a from {S} where exists (select 1 from {T} where t.b = s.a)", Some(json!([[1]]))),
        ],
    ));
}

#[test]
fn bags_and_outer_joins_by_name_are_refused() {
    run(answers(
        "semantics-bags",
        &[
            ("select a from {S} intersect all select b from {T}", None),
            ("select a from {S} except all select b from {T}", None),
            ("select a from {S} union all (select a from {S} except all select b from {T})", None),
            (
                "select a from {S} where a = 1 union all select b from {T} where b = 1",
                Some(json!([[1], [1]])),
            ),
            ("select a from (values (1)) l(a) full join (values (2)) r(a) using (a)", None),
            ("select a from (values (1)) l(a) natural right join (values (2)) r(a)", None),
            ("select a from (values (1)) l(a) left join (values (2)) r(a) using (a)", Some(json!([[1]]))),
            ("select distinct on (id) id from accounts order by id, id", None),
            ("select id from accounts where (id, bal) < (2, 3)", None),
            ("select id from accounts where (id, bal) in ((2, 3))", None),
        ],
    ));
}

#[test]
fn casts_and_null_safe_equality_mean_what_they_say() {
    let d = "(values (cast(1.25 as decimal(10, 2))), (1.75), (2.00)) v(d)";
    let doubled = |sql: &str| sql.replace("{D}", d);
    let cases = [
        ("select count(*) as n from {D} where cast(d as int) = 1", Some(json!([[2]]))),
        ("select count(*) as n from {D} where cast(d as int) in (1, 7)", Some(json!([[2]]))),
        ("select count(*) as n from {D} where try_cast(d as int) < 2", Some(json!([[2]]))),
        (
            "select cast(d as int) as i, count(*) as n from {D} group by 1 having cast(d as int) = 1",
            Some(json!([[1, 2]])),
        ),
        (
            "select count(*) as n from (values (1, null::int)) l(a, b) join (values (1, null::int)) r(c, d) \
             on (l.a is not distinct from r.c) where l.b = r.d",
            Some(json!([[0]])),
        ),
        ("select count(*) as n from {S} join {T} on s.a is not distinct from t.b", Some(json!([[2]]))),
        (
            "select count(*) as n from (values (cast(1e-16 as double))) v(f) where f = cast(0 as decimal(4, 2))",
            Some(json!([[0]])),
        ),
        (
            "select count(*) as n from (values (cast(1e300 as double))) v(f) where f between cast(0 as decimal(4, 2)) and 1e301",
            Some(json!([[1]])),
        ),
    ];
    let cases: Vec<(String, Option<Value>)> =
        cases.into_iter().map(|(sql, right)| (doubled(sql), right)).collect();
    let borrowed: Vec<(&str, Option<Value>)> =
        cases.iter().map(|(sql, right)| (sql.as_str(), right.clone())).collect();
    run(answers("semantics-casts", &borrowed));
}

#[test]
fn null_comes_last_by_every_door() {
    run(async {
        let setup = Setup::new("semantics-order", accounts::POLICIES).table(accounts::definition());
        accounts::write(&setup.place("accounts"));
        let gateway = setup.start().await;
        let admin = gateway.role("admin");
        let sql = admin.sql("select id, price from accounts order by price desc, id limit 5").await;
        let page = admin
            .ask(
                "/v1/tables/accounts/rows",
                &[("select", "id,price"), ("order", "-price,id"), ("limit", "5")],
            )
            .await;
        assert_eq!(sql.expect_status(200).data(), page.expect_status(200).data());
        gateway.shutdown().await;
    });
}

#[test]
fn is_distinct_from_takes_nothing_in() {
    run(async {
        let setup = Setup::new("semantics-distinct", accounts::POLICIES).table(accounts::definition());
        accounts::write(&setup.place("accounts"));
        let gateway = setup.start().await;
        let admin = gateway.role("admin");
        for (condition, status) in [
            ("(id > 5) is distinct from true and id > 50", 400),
            ("((id > 5) is distinct from true) and id > 50", 200),
            ("id is distinct from 5 or id = 5", 400),
            ("bal is not distinct from id = 5", 400),
            ("id is not distinct from 5 + 1", 200),
            ("id > 50 and (id > 5) is distinct from true", 200),
        ] {
            let page = admin.ask("/v1/tables/accounts/rows", &[("filter", condition)]).await;
            assert_eq!(page.status, status, "{condition}: {}", page.text());
            let sql = admin.sql(&format!("select id from accounts where {condition}")).await;
            assert_eq!(sql.status, status, "{condition}: {}", sql.text());
        }
        gateway.shutdown().await;
    });
}

#[test]
fn columns_of_one_name_are_two_in_an_outer_join() {
    run(async {
        let gateway = Gateway::demo().await;
        let analyst = gateway.role("analyst");
        let asked = "select count(*) as n from flights f right join planes p on f.tailnum = p.tailnum \
                     where (f.year is null or f.year <> p.year) and p.seats + 0 > 2";
        let renamed = "select count(*) as n from (select tailnum, year as y from flights) f \
                       right join planes p on f.tailnum = p.tailnum \
                       where (f.y is null or f.y <> p.year) and p.seats + 0 > 2";
        let right = analyst.sql(renamed).await.expect_status(200).data();
        assert_eq!(analyst.sql(asked).await.expect_status(200).data(), right);
    });
}

#[test]
fn groups_of_what_is_not_true_are_found() {
    run(answers(
        "semantics-not-true",
        &[
            ("select distinct (a = 1) is not true as x from {S} order by 1", Some(json!([[false], [true]]))),
            ("select count(*) as n from {S} group by (a = 1) is true order by 1", Some(json!([[1], [2]]))),
            ("select distinct (a > 1) is unknown as x from {S} order by 1", Some(json!([[false], [true]]))),
        ],
    ));
}
