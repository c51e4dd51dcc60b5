//! Questions that an attacker asks: expressions that fail on hidden rows or raw values, ways around
//! the secured table, and everything that counts or orders.

use serde_json::{Value, json};
use sluice_tests::gateway::run;

use super::oracle::{Question, pairs};

/// Conditions that tell something apart on hidden rows or raw values, if anything does.
const CONDITIONS: [&str; 62] = [
    "cast(ssn as int) > 0",
    "cast(ssn as bigint) = 7",
    "1/bal > 0",
    "1/(bal-1) > 0",
    "1/(salary-100000) > 0",
    "1/(salary-100331) > 0",
    "salary % 1000 <> 0",
    "100000000/(salary % 1000) > 0",
    "ssn LIKE 'S%'",
    "ssn LIKE 'SECRET1%'",
    "ssn = 'SECRET5'",
    "ssn <> '7'",
    "ssn > '7'",
    "ssn IS NULL",
    "ssn IN ('SECRET1', 'SECRET2', '7')",
    "ssn BETWEEN 'S' AND 'T'",
    "regexp_like(ssn, '^SECRET[0-9]+$')",
    "regexp_like(ssn, '(')",
    "substr(ssn, 1, 1) = 'S'",
    "starts_with(ssn, 'SECRET')",
    "strpos(ssn, 'E') > 0",
    "case when ssn like 'S%' then 1/0 else 1 end = 1",
    "case when tenant = 'b' then 1/0 else 1 end = 1",
    "case when note is not null then 1/0 else 1 end = 1",
    "case when secret is not null then 1/0 else 1 end = 1",
    "coalesce(1/nullif(bal, 0), 1) > 0",
    "note IS NOT NULL",
    "note LIKE 'raw%'",
    "coalesce(note, 'x') = 'x'",
    "length(note) > 3",
    "rate > 10",
    "rate IS NULL",
    "isnan(score)",
    "score = score",
    "score > 1e308",
    "score < 0",
    "cast(score as int) > 0",
    "cast(day_text as date) > '2024-01-10'",
    "to_date(day_text) > '2024-01-10'",
    "cast(day_text as timestamp) IS NOT NULL",
    "big + 1 > 0",
    "big * 2 > 0",
    "cast(big as int) > 0",
    "-big < 0",
    "abs(big) > 100",
    "power(big, 2) > 0",
    "price * price * price > 0",
    "price / (price - price) > 0",
    "cast(price as int) > 5",
    "cast(price * 1000000000000 as decimal(14,2)) > 0",
    "born = date_trunc('year', born)",
    "extract(month from born) <> 1",
    "email LIKE 'person%'",
    "email = 'person4@two.example'",
    "split_part(email, '@', 2) = 'two.example'",
    "tenant = 'b'",
    "tenant <> 'a' OR 1/0 = 1",
    "id >= 140",
    "id IN (140, 141, 3, 6, 1)",
    "id = 3 AND 1/bal > 0",
    "tenant = 'b' AND cast(ssn as int) = 1",
    "secret = 'top secret 1'",
];

/// Queries whose sums, orders, joins and subqueries could tell of hidden rows or raw values.
const QUERIES: &[&str] = &[
    "select * from accounts order by id",
    "select distinct ssn from accounts",
    "select distinct note, rate from accounts",
    "select count(*) as a, count(ssn) as b, count(note) as c, count(distinct ssn) as d from accounts",
    "select min(ssn) as a, max(ssn) as b, min(salary) as c, max(salary) as d, sum(salary / 1000) as e from accounts",
    "select min(email) as a, max(email) as b, min(born) as c, max(born) as d, max(note) as e from accounts",
    "select min(id) as a, max(id) as b, sum(bal) as c, min(big) as d, max(big) as e from accounts",
    "select min(score) as a, max(score) as b, max(day_text) as c, min(price) as d, max(price) as e from accounts",
    "select approx_distinct(ssn) as a, approx_distinct(id) as b from accounts",
    "select ssn, count(*) as n from accounts group by ssn",
    "select email, count(*) as n from accounts group by email",
    "select salary, born, count(*) as n from accounts group by salary, born",
    "select id, row_number() over (order by ssn, id) as r from accounts order by id",
    "select id, rank() over (order by salary) as r from accounts order by id",
    "select id, lag(note) over (order by id) as l, lead(ssn) over (order by id) as m from accounts order by id",
    "select id, first_value(email) over (partition by tenant order by id) as f from accounts order by id",
    "select a.id from accounts a join accounts b on a.ssn = b.ssn and a.id < b.id and a.id < 20 and b.id < 30 order by id",
    "select count(*) as n from accounts a join accounts b on a.email = b.email",
    "select count(*) as n from accounts a left join accounts b on a.id = b.id + 1 where b.id is null",
    "select count(*) as n from accounts a full join accounts b on a.id = b.id + 3",
    "select id from accounts where id in (select id + 1 from accounts) order by id",
    "select id from accounts where ssn not in (select ssn from accounts where ssn is not null) order by id",
    "select (select max(ssn) from accounts) as s, (select count(*) from accounts) as n",
    "select id, (select max(b.bal) from accounts b where b.tenant = a.tenant) as m from accounts a order by id",
    "select * from (select id, ssn from accounts union all select id, email from accounts) t order by id, ssn",
    "select id from accounts except select id from accounts where tenant = 'a'",
    "select id from accounts intersect select id + 3 from accounts",
    "with accounts as (select id, ssn from accounts) select * from accounts order by id",
    "with t as (select * from accounts) select count(*) as n from t where ssn like 'S%'",
    "select * from accounts a where exists (select 1 from accounts b where b.id = a.id + 1 and b.tenant = 'b') order by id",
    "select l.n from (select count(*) as n from accounts) l, accounts a order by n limit 3",
    "select a.id, x.m from accounts a, lateral (select max(id) as m from accounts b where b.id < a.id) x order by id",
    "select id, 1/bal as q from accounts order by id",
    "select id, cast(ssn as int) as c from accounts order by id",
    "select id, to_date(day_text) as d from accounts order by id",
    "select id, big + 1 as b from accounts order by id",
    "select sum(big) as s from accounts",
    "select sum(1/bal) as s from accounts",
    "select avg(salary) as a, stddev(salary) as b, median(salary) as c from accounts",
    "select corr(salary, id) as c from accounts",
    "select max(case when tenant = 'b' then ssn end) as m from accounts",
    "select count(*) as n from accounts where id between 0 and 1000000",
    "select count(*) as n from accounts",
    "select 1 as one from accounts limit 0",
    "select secret from accounts",
    "select a.secret from accounts a",
    "select \"secret\" from accounts",
    "select count(secret) as n from accounts",
    "select id from accounts order by secret",
    "select accounts from accounts",
    "select accounts.* from accounts order by id",
    "select * except (secret) from accounts order by id",
    "select * exclude (ssn) from accounts order by id",
    "select * replace (1 as ssn) from accounts order by id",
    "select tenant, grouping(tenant) as g, count(*) as n from accounts group by rollup (tenant)",
    "select count(*) as n from accounts tablesample bernoulli (50)",
    "select * from accounts natural join accounts b order by id",
    "select id from accounts where (id, ssn) in (select id, ssn from accounts) order by id",
    "select count(*) as n from accounts a join accounts b using (ssn)",
    "select id from accounts where ssn = any(select ssn from accounts) order by id",
    "select id from accounts order by id fetch first 5 rows only",
    "select id from accounts where ssn is distinct from '7' order by id",
    "select id from accounts where ssn similar to 'SECRET%' order by id",
    "select id from accounts where ssn ~ 'SECRET' order by id",
    "select id from accounts where ssn ilike 'secret%' order by id",
];

#[test]
fn conditions_tell_what_the_copy_tells() {
    run(async {
        for pair in pairs().await {
            for condition in CONDITIONS {
                pair.agree(&Question::Filter(condition.to_owned())).await;
                pair.agree(&Question::Sql(format!("select count(*) as n from accounts where {condition}")))
                    .await;
                pair.agree(&Question::Sql(format!("select * from accounts where {condition} order by id")))
                    .await;
                pair.agree(&Question::Sql(format!(
                    "select count(*) as n from accounts where not ({condition})"
                )))
                .await;
                let measures = json!([{ "fn": "count", "as": "n" }]);
                pair.agree(&Question::Aggregate(json!({ "filter": condition, "measures": measures }))).await;
            }
        }
    });
}

#[test]
fn conditions_in_other_places_tell_no_more() {
    run(async {
        for pair in pairs().await.iter().filter(|pair| !pair.with_stats) {
            for condition in CONDITIONS {
                for sql in [
                    format!("select id, {condition} as c from accounts order by id"),
                    format!("select count(*) filter (where {condition}) as n from accounts"),
                    format!("select {condition} as c, count(*) as n from accounts group by 1"),
                    format!(
                        "select a.id from accounts a join accounts b on a.id = b.id and ({}) order by id",
                        qualified(condition)
                    ),
                    format!(
                        "select tenant, count(*) as n from accounts group by tenant having bool_or({condition})"
                    ),
                    format!("select count(*) as n from (select * from accounts where {condition}) t"),
                    format!("select id from accounts order by ({condition}), id limit 500"),
                ] {
                    pair.agree(&Question::Sql(sql)).await;
                }
            }
        }
    });
}

/// Column names after `b.`, so that the condition fits a join.
fn qualified(condition: &str) -> String {
    let mut out = condition.to_owned();
    for column in [
        "id", "tenant", "ssn", "bal", "email", "salary", "price", "born", "note", "rate", "score",
        "day_text", "big", "secret",
    ] {
        let mut renamed = String::new();
        let mut rest = out.as_str();
        while let Some(at) = rest.find(column) {
            let is_word =
                |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '\'' || c == '.');
            let whole = !is_word(rest[..at].chars().next_back())
                && !is_word(rest[at + column.len()..].chars().next());
            renamed.push_str(&rest[..at]);
            renamed.push_str(if whole { "b." } else { "" });
            renamed.push_str(column);
            rest = &rest[at + column.len()..];
        }
        renamed.push_str(rest);
        out = renamed;
    }
    out
}

#[test]
fn sums_orders_and_joins_tell_what_the_copy_tells() {
    run(async {
        for pair in pairs().await {
            for sql in QUERIES {
                pair.agree(&Question::Sql((*sql).to_owned())).await;
            }
        }
    });
}

#[test]
fn measures_and_descriptions_tell_what_the_copy_tells() {
    run(async {
        for pair in pairs().await {
            let functions = ["count", "count_distinct", "sum", "min", "max", "avg"];
            let columns = [
                "id", "ssn", "bal", "email", "salary", "price", "born", "note", "rate", "day_text", "secret",
            ];
            for function in functions {
                for column in columns {
                    let measures = json!([{ "fn": function, "column": column, "as": "m" }]);
                    pair.agree(&Question::Aggregate(json!({ "measures": measures }))).await;
                    pair.agree(&Question::Aggregate(json!({ "group_by": [column], "measures": measures })))
                        .await;
                }
            }
            let by_year: Value = json!({ "group_by": [{ "date_trunc": "month", "column": "born", "as": "m" }],
                "measures": [{ "fn": "count", "as": "n" }], "having": "n > 1", "order": "-n,m", "limit": 5 });
            pair.agree(&Question::Aggregate(by_year)).await;
            pair.agree(&Question::Get("/v1/tables/accounts".to_owned())).await;
            for key in [0, 1, 2, 3, 139, 140, 141, 199, 200] {
                pair.agree(&Question::Get(format!("/v1/tables/accounts/rows/{key}"))).await;
            }
            for order in ["ssn", "-ssn,id", "secret", "-note,-id", "salary,id", "born:nulls_first,email,id"] {
                pair.agree(&Question::Get(format!("/v1/tables/accounts/rows?limit=1000&order={order}")))
                    .await;
            }
        }
    });
}

#[test]
fn whether_a_condition_fails_does_not_depend_on_statistics_of_hidden_rows() {
    run(async {
        for pair in pairs().await.iter().filter(|pair| pair.with_stats) {
            for bound in (0..=200).step_by(5) {
                for condition in [
                    format!("1/(bal - bal) = 1 AND id > {bound}"),
                    format!("id > {bound} AND 1/(bal - bal) = 1"),
                    format!("1/(bal - bal) = 1 AND id < {bound}"),
                    format!("cast(tenant as int) = 1 AND big > {bound}"),
                ] {
                    pair.agree(&Question::Filter(condition.clone())).await;
                    pair.agree(&Question::Sql(format!(
                        "select id from accounts where {condition} order by id"
                    )))
                    .await;
                }
            }
        }
    });
}
