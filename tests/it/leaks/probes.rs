//! Questions that an attacker asks: expressions that fail on hidden rows or raw values, ways around
//! the secured table, and everything that counts or orders.

use serde_json::{Value, json};
use sluice_tests::gateway::run;

use super::oracle::{Pair, Question, Tally, pairs};

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

/// Conditions of the same kind as trees, which every door can say: a column, an operator, a value.
const TREES: [&str; 30] = [
    r#"["ssn","like","S%"]"#,
    r#"["ssn","like","SECRET1%"]"#,
    r#"["ssn","eq","SECRET5"]"#,
    r#"["ssn","ne","7"]"#,
    r#"["ssn","gt","7"]"#,
    r#"["ssn","is_null"]"#,
    r#"["ssn","in",["SECRET1","SECRET2","7"]]"#,
    r#"["ssn","not_in",["7"]]"#,
    r#"["ssn","between",["S","T"]]"#,
    r#"["note","is_not_null"]"#,
    r#"["note","like","raw%"]"#,
    r#"["rate","gt",10]"#,
    r#"["rate","is_null"]"#,
    r#"["score","gt",1e300]"#,
    r#"["score","lt",0]"#,
    r#"["salary","eq",100331]"#,
    r#"["salary","eq",100000]"#,
    r#"["salary","ge",9000000000000]"#,
    r#"["big","gt",200]"#,
    r#"["big","eq",9223372036854775807]"#,
    r#"["price","between",[10.5,99.99]]"#,
    r#"["born","eq","1990-01-01"]"#,
    r#"["born","gt","2010-05-05"]"#,
    r#"["email","like","person%"]"#,
    r#"["email","eq","person4@two.example"]"#,
    r#"["email","eq","****@two.example"]"#,
    r#"["tenant","eq","b"]"#,
    r#"["id","ge",140]"#,
    r#"["id","in",[140,141,3,6,1]]"#,
    r#"["secret","is_null"]"#,
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
        let mut tally = Tally::new("leaks::probes, conditions");
        for pair in pairs().await {
            for condition in CONDITIONS {
                let measures = json!([{ "fn": "count", "as": "n" }]);
                for question in [
                    Question::Filter(condition.to_owned()),
                    Question::Sql(format!("select count(*) as n from accounts where {condition}")),
                    Question::Sql(format!("select * from accounts where {condition} order by id")),
                    Question::Sql(format!("select count(*) as n from accounts where not ({condition})")),
                    Question::Aggregate(json!({ "filter": condition, "measures": measures })),
                ] {
                    pair.agree(&question, &mut tally).await;
                }
            }
        }
        // Documents have no conditions as text, and no SQL.
        tally.expect_unsaid(0, 4 * CONDITIONS.len() * 5);
    });
}

/// A condition of [`TREES`].
fn tree(text: &str) -> Value {
    let parts: Value = serde_json::from_str(text).unwrap();
    let mut node = json!({ "column": parts[0], "op": parts[1] });
    if let Some(value) = parts.get(2) {
        node["value"] = value.clone();
    }
    node
}

#[test]
fn trees_tell_what_the_copy_tells() {
    run(async {
        let mut tally = Tally::new("leaks::probes, trees");
        for pair in pairs().await.iter().filter(|pair| pair.with_stats) {
            for condition in TREES.map(tree) {
                let failing = json!({ "and": [condition, { "column": "big", "op": "gt", "value": 3 }] });
                let measures = json!([{ "fn": "count" }, { "fn": "max", "column": "ssn" }]);
                for question in [
                    Question::Page(json!({ "filter": condition, "count": "exact", "limit": 1000 })),
                    Question::Page(json!({ "filter": failing, "select": ["id"], "order": "-ssn,-id",
                        "count": "exact", "limit": 7 })),
                    Question::Aggregate(
                        json!({ "filter": { "not": condition }, "group_by": ["ssn"], "measures": measures }),
                    ),
                ] {
                    pair.agree(&question, &mut tally).await;
                }
            }
        }
        tally.expect_unsaid(0, 0);
    });
}

#[test]
fn conditions_in_other_places_tell_no_more() {
    run(async {
        let mut tally = Tally::new("leaks::probes, conditions elsewhere");
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
                    pair.agree(&Question::Sql(sql), &mut tally).await;
                }
            }
        }
        tally.expect_unsaid(0, 2 * CONDITIONS.len() * 7);
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
        let mut tally = Tally::new("leaks::probes, sums and orders");
        for pair in pairs().await {
            for sql in QUERIES {
                pair.agree(&Question::Sql((*sql).to_owned()), &mut tally).await;
            }
        }
        tally.expect_unsaid(0, 4 * QUERIES.len());
    });
}

#[test]
fn measures_and_descriptions_tell_what_the_copy_tells() {
    run(async {
        let mut tally = Tally::new("leaks::probes, measures");
        for pair in pairs().await {
            agree_on_measures(pair, &mut tally).await;
            pair.agree(&Question::Describe, &mut tally).await;
            for key in [0, 1, 2, 3, 139, 140, 141, 199, 200] {
                pair.agree(&Question::Lookup(key), &mut tally).await;
            }
            for order in ["ssn", "-ssn,id", "secret", "-note,-id", "salary,id", "born:nulls_first,email,id"] {
                pair.agree(&Question::Ordered(order), &mut tally).await;
            }
        }
        // Documents have sums and averages of numbers only, no conditions as text, and describe themselves.
        tally.expect_unsaid(0, 4 * (2 * 2 * TEXTS_AND_DATES + 2));
    });
}

const COLUMNS: [&str; 11] =
    ["ssn", "email", "born", "note", "day_text", "id", "bal", "salary", "price", "rate", "secret"];
/// So many of the columns have no sum.
const TEXTS_AND_DATES: usize = 5;

async fn agree_on_measures(pair: &Pair, tally: &mut Tally) {
    for function in ["count", "count_distinct", "sum", "min", "max", "avg"] {
        for column in COLUMNS {
            let measures = json!([{ "fn": function, "column": column, "as": "m" }]);
            pair.agree(&Question::Aggregate(json!({ "measures": measures })), tally).await;
            pair.agree(&Question::Aggregate(json!({ "group_by": [column], "measures": measures })), tally)
                .await;
        }
    }
    let months = json!([{ "date_trunc": "month", "column": "born", "as": "m" }]);
    for having in [json!("n > 1"), json!({ "column": "n", "op": "gt", "value": 1 })] {
        let by_month = json!({ "group_by": months, "measures": [{ "fn": "count", "as": "n" }],
            "having": having, "order": "-n,m", "limit": 5 });
        pair.agree(&Question::Aggregate(by_month), tally).await;
    }
}

#[test]
fn whether_a_condition_fails_does_not_depend_on_statistics_of_hidden_rows() {
    run(async {
        let mut tally = Tally::new("leaks::probes, statistics");
        for pair in pairs().await.iter().filter(|pair| pair.with_stats) {
            for bound in (0..=200).step_by(5) {
                for condition in [
                    format!("1/(bal - bal) = 1 AND id > {bound}"),
                    format!("id > {bound} AND 1/(bal - bal) = 1"),
                    format!("1/(bal - bal) = 1 AND id < {bound}"),
                    format!("cast(tenant as int) = 1 AND big > {bound}"),
                ] {
                    let sql = format!("select id from accounts where {condition} order by id");
                    pair.agree(&Question::Filter(condition), &mut tally).await;
                    pair.agree(&Question::Sql(sql), &mut tally).await;
                }
            }
        }
        tally.expect_unsaid(0, 2 * 41 * 4 * 2);
    });
}
