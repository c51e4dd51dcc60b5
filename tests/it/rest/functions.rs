//! Every function that a caller may name, on odd arguments: whatever comes of it, it is the caller's
//! own mistake or an answer, never a fault of the gateway's.

mod plain_calls;

use rand::prelude::*;
use serde_json::json;
use sluice_tests::client::Caller;
use sluice_tests::gateway::{Setup, run};
use sluice_tests::random::seeded;
use tokio::task::JoinSet;

use crate::accounts;

/// Where the names are.
const LIST: &str = include_str!("../../../gateway/src/engine/functions.rs");

/// Calls of each function with each number of arguments.
const CALLS: [(usize, usize); 5] = [(0, 1), (1, 12), (2, 12), (3, 8), (4, 2)];

const ODD: [&str; 44] = [
    "null",
    "0",
    "-1",
    "1",
    "3",
    "2147483648",
    "9223372036854775807",
    "(-9223372036854775807 - 1)",
    "18446744073709551615",
    "0.0",
    "-0.5",
    "1e308",
    "cast('NaN' as double)",
    "cast('Infinity' as double)",
    "cast(1.5 as decimal(38, 10))",
    "cast(99999999999999999999999999999999999999 as decimal(38, 0))",
    "''",
    "'a'",
    "'['",
    "'(?P<'",
    "'a{1,1000000}'",
    "'\u{e9}\u{1f600}'",
    "'%Y-%Q-%'",
    "'day'",
    "'2024-02-30'",
    "'99999-01-01T00:00:00Z'",
    "'Nowhere/Land'",
    "true",
    "interval '0 seconds'",
    "interval '-1 day'",
    "interval '1 month'",
    "interval '100000 years'",
    "now()",
    "date '0001-01-01'",
    "date '9999-12-31'",
    "timestamp '1677-09-22T00:00:00'",
    "[1, 2]",
    "[]",
    "[null]",
    "['a', 'b']",
    "id",
    "price",
    "score",
    "day_text",
];

/// The names in the list of that name.
fn listed(list: &str) -> Vec<&'static str> {
    let (_, rest) = LIST.split_once(&format!("const {list}: &[&str] = &[")).expect(list);
    let (body, _) = rest.split_once("];").unwrap();
    let names: Vec<&str> = body.split('"').skip(1).step_by(2).collect();
    assert!(names.len() >= 10, "{list}: {names:?}");
    names
}

/// The queries of one function; `after` is what stands behind its call.
fn queries(name: &str, after: &str, random: &mut StdRng) -> Vec<String> {
    let mut queries = Vec::new();
    for (arity, calls) in CALLS {
        for _ in 0..calls {
            let arguments: Vec<&str> = (0..arity).map(|_| *ODD.choose(random).unwrap()).collect();
            queries.push(format!("select {name}({}){after} as x from accounts", arguments.join(", ")));
        }
    }
    queries
}

/// Asks them all, a few at a time; gives those that were no answer and no mistake of the caller's.
async fn faults(caller: &Caller, queries: &[String]) -> Vec<String> {
    let mut faults = Vec::new();
    for some in queries.chunks(8) {
        let mut asked = JoinSet::new();
        for query in some.iter().cloned() {
            let caller = caller.clone();
            asked.spawn(async move { (caller.sql(&query).await, query) });
        }
        while let Some(answered) = asked.join_next().await {
            let (answer, query) = answered.unwrap();
            let code = answer.code();
            let own =
                ["evaluation_failed", "invalid_expression", "expression_too_large"].contains(&code.as_str());
            if answer.status != 200 && !(answer.status == 400 && own) {
                faults.push(format!("{query}: {}", answer.text()));
            }
        }
    }
    faults
}

#[test]
fn no_argument_of_any_function_is_a_fault_of_the_gateway() {
    run(async {
        let setup = Setup::new("functions", accounts::POLICIES).table(accounts::definition());
        let _table = accounts::write(&setup.place("accounts"));
        let gateway = setup.start().await;
        let admin = gateway.role("admin");
        let mut random = seeded("functions");
        let mut all = Vec::new();
        for (list, after) in [("SCALAR", ""), ("AGGREGATE", ""), ("WINDOW", " over (order by id)")] {
            for name in listed(list) {
                all.extend(queries(name, after, &mut random));
            }
        }
        let faults = faults(&admin, &all).await;
        assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), all.len(), faults.join("\n"));
        gateway.shutdown().await;
    });
}

#[test]
fn the_known_odd_calls_are_the_callers_own_mistakes() {
    run(async {
        let setup = Setup::new("odd-calls", accounts::POLICIES).table(accounts::definition());
        let _table = accounts::write(&setup.place("accounts"));
        let gateway = setup.start().await;
        let admin = gateway.role("admin");
        let mut wrong: Vec<String> = Vec::new();
        for call in [
            "date_bin(interval '0 seconds', now(), now())",
            "date_bin(interval '1 month', now(), date '9999-12-31')",
            "regexp_like('a', '[')",
            "regexp_like(day_text, '(?P<')",
            "regexp_like(day_text, day_text)",
            "regexp_like(day_text, 'a', day_text)",
            "regexp_like(day_text, 'a', 'q')",
            "regexp_like(day_text, 'a{1,1000000}')",
            "date_trunc('fortnight', now())",
            "date_part('fortnight', now())",
            "to_timestamp('2024-02-30')",
            "to_date('x', '%Q')",
            "make_date(2024, 2, 30)",
            "chr(-1)",
            "lcm(9223372036854775807, 2)",
            "ntile(0) over (order by id)",
            "id / 0",
            "price / 0",
            "id % 0",
        ] {
            let answer = admin.sql(&format!("select {call} as x from accounts")).await;
            let filter = format!("cast({call} as varchar) > 'a'");
            let page = admin.ask("/v1/tables/accounts/rows", &[("filter", &filter)]).await;
            for answer in [answer, page] {
                let own = ["evaluation_failed", "invalid_expression", "expression_too_large"]
                    .contains(&answer.code().as_str());
                if answer.status != 400 || !own {
                    wrong.push(format!("{call}: {}", answer.text().chars().take(300).collect::<String>()));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        gateway.shutdown().await;
    });
}

#[test]
fn a_pattern_is_told_to_be_wrong_before_it_meets_a_row() {
    run(async {
        let setup = Setup::new("patterns", accounts::POLICIES).table(accounts::definition());
        let _table = accounts::write(&setup.place("accounts"));
        let gateway = setup.start().await;
        let admin = gateway.role("admin");
        for (pattern, said) in [
            ("[", "is not a regular expression: unclosed character class"),
            ("(?P<", "is not a regular expression: "),
            ("a{2,1}", "is not a regular expression: "),
            ("a{1,1000000}", "needs more than 524288 bytes once it is compiled"),
            ("(((a{1,100}){1,100}){1,100}){1,100}", "needs more than 524288 bytes once it is compiled"),
        ] {
            let call = format!("regexp_like(day_text, '{pattern}')");
            let sql = admin.sql(&format!("select {call} as x from accounts")).await;
            let page = admin.ask("/v1/tables/accounts/rows", &[("filter", &call)]).await;
            let code = if said.starts_with("needs") { "expression_too_large" } else { "invalid_expression" };
            for answer in [&sql, &page] {
                assert_eq!((answer.status, answer.code().as_str()), (400, code), "{call}");
                let document = answer.json();
                let detail = document["detail"].as_str().unwrap();
                assert!(detail.starts_with(&format!("the pattern of regexp_like {said}")), "{detail}");
            }
            assert!(code == "expression_too_large" || page.json()["position"].is_object(), "{}", page.text());
        }
        let dates = r"^\d{4}-\d{2}-\d{2}$";
        let sql = format!("select count(*) as n from accounts where regexp_like(day_text, '{dates}')");
        let found = admin.sql(&sql).await.expect_status(200).data();
        assert!(found[0]["n"].as_u64().unwrap() > 0);
        let given = "select count(*) as n from accounts where regexp_like(day_text, $1) and day_text like $2";
        let body = json!({ "sql": given, "params": [dates, "%-%"] });
        assert_eq!(admin.post("/v1/sql", &body).await.expect_status(200).data(), found);
        let built = "select count(*) as n from accounts where regexp_like(day_text, $1) and day_text like '%' || lower($2) || '%'";
        let body = json!({ "sql": built, "params": [dates, "-"] });
        assert_eq!(admin.post("/v1/sql", &body).await.expect_status(200).data(), found);
        for unknown in
            ["day_text like tenant || '%'", "day_text like X'2525'", "regexp_like(day_text, tenant)"]
        {
            let answer = admin.sql(&format!("select id from accounts where {unknown}")).await;
            assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_expression"), "{unknown}");
            assert_eq!(
                admin.ask("/v1/tables/accounts/rows", &[("filter", unknown)]).await.code(),
                "invalid_expression"
            );
        }
        gateway.shutdown().await;
    });
}

#[test]
fn arguments_that_a_function_does_not_take_are_told_by_their_types() {
    run(async {
        let setup = Setup::new("functions-types", accounts::POLICIES).table(accounts::definition());
        let _table = accounts::write(&setup.place("accounts"));
        let gateway = setup.start().await;
        let admin = gateway.role("admin");
        for (call, said) in [
            ("sum(tenant)", "function \"sum\" does not take (string)"),
            ("avg(distinct tenant)", "function \"avg\" does not take (string)"),
            ("sum(tenant) over ()", "function \"sum\" does not take (string)"),
            ("sum()", "function \"sum\" does not go without arguments"),
            ("max(1, 2.5)", "function \"max\" does not take (int64, float64)"),
            ("abs(date '2024-01-01')", "function \"abs\" does not take (date)"),
            ("round(1, 2, 3)", "function \"round\" does not take (int64, int64, int64)"),
        ] {
            let answer = admin.sql(&format!("select {call} from accounts")).await;
            assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_expression"), "{call}");
            assert_eq!(answer.json()["detail"], said, "{call}");
        }
        gateway.shutdown().await;
    });
}
