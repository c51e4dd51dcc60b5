//! Limits on statements that are not sizes of their texts: each at n and at n + 1, through the wire.

use serde_json::{Value, json};
use sluice_tests::client::{Answer, Caller};
use sluice_tests::gateway::run;

use super::limited;

const LIMITS: &[(&str, usize)] = &[
    ("text_bytes_max", 300),
    ("window_text_bytes_max", 100),
    ("parameter_bytes_max", 1_000),
    ("pattern_bytes_max", 20),
    ("tables_max", 3),
    ("grouping_sets_max", 4),
    ("order_columns_max", 3),
];

fn statements() -> Value {
    let fields = LIMITS.iter().map(|(field, most)| ((*field).to_owned(), json!(most)));
    json!({ "limits": { "statements": Value::Object(fields.collect()) } })
}

fn x(count: usize) -> String {
    "x".repeat(count)
}

/// One way to ask for `count` of what the limit is on.
async fn ask(caller: &Caller, way: &str, count: usize) -> Answer {
    let few = |names: &[&str]| names.iter().take(count).copied().collect::<Vec<_>>().join(", ");
    let sql = match way {
        "text in a select list" => format!("select id, '{}' as t from accounts", x(count)),
        "text below a function" => {
            format!("select id from accounts where coalesce(note, '{}') = 'a'", x(count))
        }
        "text in a filter" => {
            let filter = format!("coalesce(tenant, '{}') <> 'a'", x(count));
            return caller.ask("/v1/tables/accounts/rows", &[("filter", &filter)]).await;
        }
        "text in a having" => {
            let having = format!("coalesce(tenant, '{}') <> 'a'", x(count));
            let measures = json!([{ "fn": "count", "as": "n" }]);
            let body = json!({ "group_by": ["tenant"], "having": having, "measures": measures });
            return caller.post("/v1/tables/accounts/aggregate", &body).await;
        }
        "window" => format!("select lead(tenant, 1, '{}') over (order by id) as t from accounts", x(count)),
        "parameter" => {
            let body = json!({
                "sql": "select id from accounts where tenant = $1 or tenant = $2 or tenant = $1",
                "params": [x(400), x(count - 800)],
            });
            return caller.post("/v1/sql", &body).await;
        }
        "pattern" => format!("select id from accounts where regexp_like(tenant, '{}')", x(count)),
        "pattern in a filter" => {
            let filter = format!("regexp_like(tenant, '{}')", x(count));
            return caller.ask("/v1/tables/accounts/rows", &[("filter", &filter)]).await;
        }
        "like" => format!("select id from accounts where tenant like '{}'", x(count)),
        "structured like" => {
            let filter = json!({ "column": "tenant", "op": "like", "value": x(count) });
            return caller.post("/v1/tables/accounts/query", &json!({ "filter": filter })).await;
        }
        "tables" => {
            let tables = few(&["accounts a", "accounts b", "accounts c", "accounts d"]);
            let same = (1..count).map(|at| format!("a.id = {}.id", ["a", "b", "c", "d"][at]));
            format!("select a.id from {tables} where {}", same.collect::<Vec<_>>().join(" and "))
        }
        "rollup" => {
            let columns =
                few(&["tenant", "note", "email", "id", "bal"]).rsplit_once(", ").unwrap().0.to_owned();
            format!("select count(*) as n from accounts group by rollup ({columns})")
        }
        "grouping sets" => {
            let sets = few(&["(tenant)", "(note)", "(email)", "(id)", "(bal)"]);
            format!("select count(*) as n from accounts group by grouping sets ({sets})")
        }
        "order" => {
            let order = few(&["tenant", "note", "email", "bal"]).replace(' ', "");
            return caller.ask("/v1/tables/accounts/rows", &[("order", &order)]).await;
        }
        _ => panic!("{way}"),
    };
    caller.sql(&sql).await
}

#[test]
fn each_is_kept_at_the_limit_and_refused_past_it() {
    run(async {
        let gateway = limited("statements", statements()).await;
        let admin = gateway.role("admin");
        for (field, ways) in [
            (
                "text_bytes_max",
                &["text in a select list", "text below a function", "text in a filter", "text in a having"][..],
            ),
            ("window_text_bytes_max", &["window"]),
            ("parameter_bytes_max", &["parameter"]),
            ("pattern_bytes_max", &["pattern", "pattern in a filter", "like", "structured like"]),
            ("tables_max", &["tables"]),
            ("grouping_sets_max", &["rollup", "grouping sets"]),
            ("order_columns_max", &["order"]),
        ] {
            let most = LIMITS.iter().find(|(name, _)| *name == field).unwrap().1;
            for way in ways {
                let _ = ask(&admin, way, most).await.expect_status(200);
                let over = ask(&admin, way, most + 1).await;
                assert_eq!(
                    (over.status, over.code().as_str()),
                    (400, "expression_too_large"),
                    "{way}: {}",
                    over.text()
                );
                let detail = over.json()["detail"].as_str().unwrap().to_owned();
                assert!(detail.contains(&format!("than {most} ")), "{detail}");
            }
        }
        gateway.shutdown().await;
    });
}

/// The most that is accepted of what planning makes of `sql`, under the limit.
async fn most(limit: usize, sql: impl Fn(usize) -> String) -> usize {
    let limits = json!({ "limits": { "statements": { "expanded_nodes_max": limit } } });
    let gateway = limited("expanded", limits).await;
    let admin = gateway.role("admin");
    let (mut accepted, mut refused) = (1, 1_000);
    while refused - accepted > 1 {
        let middle = usize::midpoint(accepted, refused);
        let answer = admin.sql(&sql(middle)).await;
        let is_accepted = answer.status == 200;
        assert!(is_accepted || answer.code() == "expression_too_large", "{}", answer.text());
        if is_accepted { accepted = middle } else { refused = middle }
    }
    gateway.shutdown().await;
    accepted
}

#[test]
fn what_planning_writes_out_is_counted_part_by_part() {
    run(async {
        // Each use of `a` is an operator and the four parts that stand for it.
        let inlined = |uses| {
            let sum = vec!["a"; uses].join(" + ");
            format!("select {sum} as s from (select bal - bal as a from accounts) as t")
        };
        let fewer = most(500, inlined).await;
        assert_eq!(most(505, inlined).await, fewer + 1);
        // The list is written twice below AND, and both of that once more below OR.
        let copied = |items: usize| {
            let list = (0..items).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
            let first = format!("10 / (id + 1) in ({list})");
            format!("select ({first} and 10 / (id + 3) > 2) or 10 / (id + 2) > 3 as b from accounts")
        };
        let fewer = most(500, copied).await;
        assert_eq!(most(503, copied).await, fewer + 1);
    });
}
