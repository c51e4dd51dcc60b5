//! Sizes of expressions: counted before anything recursive touches them, on every way in.

use reqwest::Method;
use serde_json::{Value, json};
use sluice_tests::client::{Answer, Caller};
use sluice_tests::gateway::{Gateway, run};

use super::limited;

/// Room for the large texts below, so that the count of parts refuses them and not their bytes.
async fn roomy() -> Gateway {
    limited("roomy", json!({ "limits": { "body_bytes_max": 64 * 1024 * 1024 } })).await
}

fn assert_too_large(what: &str, answer: &Answer) {
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "expression_too_large"),
        "{what}: {}",
        answer.text()
    );
}

async fn filter(caller: &Caller, text: &str) -> Answer {
    caller.post("/v1/tables/accounts/query", &json!({ "filter": text })).await
}

/// The same text on every way in that takes text.
async fn every_way(caller: &Caller, text: &str) -> Vec<(&'static str, Answer)> {
    let measures = json!([{ "fn": "count", "as": "n" }]);
    let aggregate = json!({ "filter": text, "measures": measures });
    let having = json!({ "group_by": ["id"], "having": text, "measures": measures });
    vec![
        ("query", filter(caller, text).await),
        ("aggregate", caller.post("/v1/tables/accounts/aggregate", &aggregate).await),
        ("having", caller.post("/v1/tables/accounts/aggregate", &having).await),
        ("where", caller.sql(&format!("select id from accounts where {text}")).await),
        ("select list", caller.sql(&format!("select {text} as c from accounts")).await),
        (
            "on",
            caller
                .sql(&format!(
                    "select accounts.id from accounts join accounts b on {}",
                    text.replace("id", "b.id")
                ))
                .await,
        ),
    ]
}

#[test]
fn texts_made_to_break_a_parser_are_refused() {
    run(async {
        let gateway = roomy().await;
        let admin = gateway.role("admin");
        let ors = vec!["id = 1"; 100_000].join(" OR ");
        let ands = vec!["id = 1"; 100_000].join(" AND ");
        let list = format!("id IN ({})", (0..1_000_000).map(|n| n.to_string()).collect::<Vec<_>>().join(","));
        let parens = format!("{}id = 1{}", "(".repeat(5_000), ")".repeat(5_000));
        let nots = format!("{}id = 1", "NOT ".repeat(5_000));
        let negations = format!("{}id = 1", "- ".repeat(5_000));
        let cases = format!("{}1{} = 1", "case when id = 1 then ".repeat(5_000), " end".repeat(5_000));
        let sums = format!("id = {}", vec!["1"; 100_000].join("+"));
        let casts = format!("id{} = 1", "::int".repeat(5_000));
        let calls = format!("{}id{} = 1", "abs(".repeat(5_000), ")".repeat(5_000));
        let open = "(".repeat(1_000_000);
        for (what, text) in [
            ("ors", &ors),
            ("ands", &ands),
            ("list", &list),
            ("parens", &parens),
            ("nots", &nots),
            ("negations", &negations),
            ("cases", &cases),
            ("sums", &sums),
            ("casts", &casts),
            ("calls", &calls),
            ("open", &open),
        ] {
            for (way, answer) in every_way(&admin, text).await {
                assert_too_large(&format!("{what} in {way}"), &answer);
            }
        }
        let _ = admin.get("/v1/tables").await.expect_status(200);
        gateway.shutdown().await;
    });
}

#[test]
fn trees_made_to_break_a_reader_are_refused() {
    run(async {
        let gateway = roomy().await;
        let admin = gateway.role("admin");
        let leaf = json!({ "column": "id", "op": "eq", "value": 1 }).to_string();
        let nested = |open: &str, close: &str, depth: usize| {
            format!("{}{leaf}{}", open.repeat(depth), close.repeat(depth))
        };
        let many = format!("{{\"or\":[{}]}}", vec![leaf.as_str(); 100_000].join(","));
        let values: Vec<Value> = (0..1_000_000).map(Value::from).collect();
        let list = json!({ "column": "id", "op": "in", "value": values }).to_string();
        for (what, tree) in [
            ("many", many),
            ("list", list),
            ("nots", nested("{\"not\":", "}", 5_000)),
            ("ands", nested("{\"and\":[", "]}", 5_000)),
            ("brackets", "[".repeat(100_000)),
        ] {
            for path in ["/v1/tables/accounts/query", "/v1/tables/accounts/aggregate"] {
                let body = format!("{{\"filter\":{tree}}}").into_bytes();
                let answer = admin.send(Method::POST, path, Some(("application/json", body))).await;
                // What is nested too deeply may be refused as JSON before it is known to be a filter.
                let known = ["expression_too_large", "invalid_request"].contains(&answer.code().as_str());
                assert!(answer.status == 400 && known, "{what} {path}: {} {}", answer.status, answer.text());
            }
        }
        let _ = admin.get("/v1/tables").await.expect_status(200);
        gateway.shutdown().await;
    });
}

#[test]
fn statements_made_to_break_a_planner_are_refused_or_answered() {
    run(async {
        let gateway = roomy().await;
        let admin = gateway.role("admin");
        let nested = format!("{}select 1 as x{}", "select * from (".repeat(1_000), ") t".repeat(1_000));
        let unions = vec!["select 1 as x"; 5_000].join(" union all ");
        let columns = format!(
            "select {} from accounts",
            (0..10_000).map(|n| format!("id as c{n}")).collect::<Vec<_>>().join(",")
        );
        let joins = format!(
            "select 1 from accounts a {}",
            (0..500).map(|n| format!("join accounts t{n} on true")).collect::<Vec<_>>().join(" ")
        );
        let ctes = format!(
            "with {} select 1",
            (0..5_000).map(|n| format!("t{n} as (select 1)")).collect::<Vec<_>>().join(",")
        );
        let chain = (1..200).fold("with t0 as (select 1 as x)".to_owned(), |sql, n| {
            format!("{sql}, t{n} as (select a.x from t{} a cross join t{} b)", n - 1, n - 1)
        }) + " select count(*) from t199";
        let chain_in_limit =
            chain.replace("select count(*) from t199", "select 1 limit (select count(*) from t199)");
        let growing = (0..30).fold("select 1 as a".to_owned(), |sql, n| {
            format!("select a + a as a from ({sql}) t{n} where a > 0")
        });
        let any = format!("select 1 as x from accounts where id = any ({growing})");
        let long_name = format!("select {} from accounts", "a".repeat(1_000_000));
        let long_text = format!("select '{}' as t", "x".repeat(10_000_000));
        for (what, sql) in [
            ("nested", nested),
            ("unions", unions),
            ("columns", columns),
            ("joins", joins),
            ("ctes", ctes),
            ("chain", chain),
            ("chain in a limit", chain_in_limit),
            ("any", any),
            ("long name", long_name),
            ("long text", long_text),
            ("repeat", "select repeat('x', 2000000000) as r".to_owned()),
            ("lpad", "select lpad('x', 2000000000) as r".to_owned()),
            ("replace", "select replace(repeat('x', 100000), 'x', repeat('y', 100000)) as r".to_owned()),
            ("space", "select space(2000000000) as r".to_owned()),
            ("series", "select range(0, 2000000000) as r".to_owned()),
            ("array", "select array_repeat(1, 2000000000) as r".to_owned()),
            ("digits", "select to_char(1, repeat('9', 1000000)) as r".to_owned()),
            ("pattern", "select regexp_like('x', '(a{1000}){1000}{1000}') as r".to_owned()),
        ] {
            let answer = admin.sql(&sql).await;
            let fine = answer.status == 200
                || (400..500).contains(&answer.status)
                || [503, 504].contains(&answer.status);
            assert!(
                fine,
                "{what}: {} {}",
                answer.status,
                answer.text().chars().take(300).collect::<String>()
            );
            assert_ne!(answer.code(), "internal", "{what}");
        }
        let _ = admin.get("/v1/tables").await.expect_status(200);
        gateway.shutdown().await;
    });
}

#[test]
fn lists_of_an_aggregate_count_as_parts() {
    run(async {
        let limits = json!({ "limits": { "statements": { "nodes_max": 60 } } });
        let gateway = limited("aggregate-lists", limits).await;
        let admin = gateway.role("admin");
        for (measures, status) in [(58, 200), (59, 400)] {
            let counts: Vec<_> =
                (0..measures).map(|n| json!({ "fn": "count", "as": format!("n{n}") })).collect();
            let body = json!({ "group_by": ["tenant"], "order": ["tenant"], "measures": counts });
            let answer = admin.post("/v1/tables/accounts/aggregate", &body).await;
            assert_eq!(answer.status, status, "{measures}: {}", answer.text());
            assert!(status == 200 || answer.code() == "expression_too_large", "{}", answer.text());
        }
        gateway.shutdown().await;
    });
}

/// The largest size that is accepted, when sizes up to some are and larger ones are not.
async fn largest<F: Future<Output = bool>>(accepted: impl Fn(usize) -> F) -> usize {
    let (mut low, mut high) = (1, 4_096);
    while high - low > 1 {
        let middle = usize::midpoint(low, high);
        if accepted(middle).await { low = middle } else { high = middle }
    }
    low
}

#[test]
fn the_counts_are_those_of_the_configuration() {
    run(async {
        let mut most: Vec<(usize, usize)> = Vec::new();
        for (nodes, depth) in [(101, 20), (102, 21), (201, 40)] {
            let limits = json!({ "limits": { "statements": { "nodes_max": nodes, "depth_max": depth } } });
            let gateway = limited("counts", limits).await;
            let admin = gateway.role("admin");
            let items = largest(|count| {
                let admin = admin.clone();
                async move {
                    let text = format!("id IN ({})", vec!["1"; count].join(","));
                    let answer = filter(&admin, &text).await;
                    assert!(
                        answer.status == 200 || answer.code() == "expression_too_large",
                        "{}",
                        answer.text()
                    );
                    answer.status == 200
                }
            })
            .await;
            let nested = largest(|count| {
                let admin = admin.clone();
                async move {
                    let text = format!("{}id = 1{}", "(".repeat(count), ")".repeat(count));
                    let answer = filter(&admin, &text).await;
                    assert!(
                        answer.status == 200 || answer.code() == "expression_too_large",
                        "{}",
                        answer.text()
                    );
                    answer.status == 200
                }
            })
            .await;
            most.push((items, nested));
            gateway.shutdown().await;
        }
        assert_eq!(most[1].0, most[0].0 + 1, "one node more is one item more: {most:?}");
        assert_eq!(most[2].0, most[0].0 + 100, "{most:?}");
        assert_eq!(most[1].1, most[0].1 + 1, "one level more is one parenthesis more: {most:?}");
        assert_eq!(most[2].1, most[0].1 + 20, "{most:?}");
    });
}

#[test]
fn what_the_default_limits_allow_is_answered() {
    run(async {
        let gateway = roomy().await;
        let admin = gateway.role("admin");
        let ors = vec!["id = 1"; 400].join(" OR ");
        assert_eq!(filter(&admin, &ors).await.expect_status(200).data().len(), 1);
        let list = format!("id IN ({})", (0..1_500).map(|n| n.to_string()).collect::<Vec<_>>().join(","));
        assert!(!filter(&admin, &list).await.expect_status(200).data().is_empty());
        let parens = format!("{}id = 1{}", "(".repeat(40), ")".repeat(40));
        assert_eq!(filter(&admin, &parens).await.expect_status(200).data().len(), 1);
        let nots = format!("{}id = 1", "NOT ".repeat(40));
        assert_eq!(filter(&admin, &nots).await.expect_status(200).data().len(), 1);
        gateway.shutdown().await;
    });
}

/// Where NULL matters, an operand that can fail stands twice in what is run.
#[test]
fn operands_that_can_fail_do_not_double_without_end() {
    run(async {
        let gateway = limited("doubling", json!({})).await;
        let admin = gateway.role("admin");
        let nested = |alternations: usize| {
            let wrap = |inner: String, at: usize| {
                format!("({inner} {} 10/bal > {at})", if at.is_multiple_of(2) { "and" } else { "or" })
            };
            let inner = (0..alternations).fold("10/bal > 1".to_owned(), wrap);
            format!("id = 199 and {inner} is null")
        };
        for (alternations, code) in [(4, ""), (25, "expression_too_large"), (55, "expression_too_large")] {
            let filter = nested(alternations);
            let page = admin.ask("/v1/tables/accounts/rows", &[("filter", &filter)]).await;
            assert_eq!(page.code(), code, "{alternations}: {}", page.text());
            let sql = admin.sql(&format!("select count(*) as n from accounts where {filter}")).await;
            assert!(sql.status == 200 || sql.code() == code, "{alternations}: {}", sql.text());
        }
        gateway.shutdown().await;
    });
}
