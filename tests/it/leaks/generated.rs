//! Random questions: owns a small grammar of conditions and queries over every column of the
//! accounts, whatever they mean.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};
use sluice_tests::gateway::run;
use sluice_tests::random::seeded;

use super::oracle::{Question, Tally, pairs};

const QUESTIONS: usize = 150;

const NUMBERS: [&str; 8] =
    ["id", "bal", "salary", "price", "rate", "score", "big", "extract(year from born)"];
const TEXTS: [&str; 7] = ["tenant", "ssn", "email", "note", "day_text", "upper(email)", "substr(ssn, 1, 2)"];
const VALUES: [&str; 8] = ["0", "1", "7", "140", "-1", "99000", "1.5", "100000"];
/// Visible, masked and hidden ones, and one that never was.
const COLUMNS: [&str; 14] = [
    "id", "tenant", "ssn", "bal", "email", "salary", "price", "born", "note", "rate", "score", "big",
    "secret", "sekret",
];
const WORDS: [&str; 7] = ["'7'", "'a'", "'b'", "'SECRET5'", "'****@one.example'", "'2024-01-05'", "''"];

fn number(random: &mut StdRng, depth: u32) -> String {
    let plain = if random.random_bool(0.6) { NUMBERS.choose(random) } else { VALUES.choose(random) };
    let plain = (*plain.unwrap()).to_owned();
    if depth == 0 || random.random_bool(0.5) {
        return plain;
    }
    let inner = number(random, depth - 1);
    match random.random_range(0..6) {
        0 => format!("({plain} + {inner})"),
        1 => format!("({plain} - {inner})"),
        2 => format!("({plain} / {inner})"),
        3 => format!("coalesce({plain}, {inner})"),
        4 => format!("nullif({plain}, {inner})"),
        _ => format!("case when {} then {plain} else {inner} end", condition(random, depth - 1)),
    }
}

fn condition(random: &mut StdRng, depth: u32) -> String {
    if depth > 0 && random.random_bool(0.5) {
        let (left, right) = (condition(random, depth - 1), condition(random, depth - 1));
        return match random.random_range(0..3) {
            0 => format!("({left} AND {right})"),
            1 => format!("({left} OR {right})"),
            _ => format!("NOT ({left})"),
        };
    }
    let op = ["=", "<>", "<", "<=", ">", ">="].choose(random).unwrap();
    let text = TEXTS.choose(random).unwrap();
    let word = WORDS.choose(random).unwrap();
    match random.random_range(0..9) {
        0..=2 => format!("{} {op} {}", number(random, depth), number(random, depth.min(1))),
        3 => format!("{text} {op} {word}"),
        4 => format!("{text} LIKE '{}%'", ["S", "7", "****", "2024", "no"].choose(random).unwrap()),
        5 => format!("{text} IN ({word}, {})", WORDS.choose(random).unwrap()),
        6 => format!(
            "{} IS NOT NULL",
            if random.random_bool(0.5) { *text } else { NUMBERS.choose(random).unwrap() }
        ),
        7 => format!(
            "{} BETWEEN {} AND {}",
            number(random, 0),
            VALUES.choose(random).unwrap(),
            VALUES.choose(random).unwrap()
        ),
        _ => format!(
            "cast({text} as {}) {op} {}",
            ["int", "double"].choose(random).unwrap(),
            VALUES.choose(random).unwrap()
        ),
    }
}

/// A condition as a tree, whose values need not be of the column's type.
fn tree(random: &mut StdRng, depth: u32) -> Value {
    if depth > 0 && random.random_bool(0.5) {
        let (left, right) = (tree(random, depth - 1), tree(random, depth - 1));
        return match random.random_range(0..3) {
            0 => json!({ "and": [left, right] }),
            1 => json!({ "or": [left, right] }),
            _ => json!({ "not": left }),
        };
    }
    let column = *COLUMNS.choose(random).unwrap();
    let (one, two) = (value_for(random, column), value_for(random, column));
    match random.random_range(0..10) {
        0..=4 => {
            let op = ["eq", "ne", "lt", "le", "gt", "ge"].choose(random).unwrap();
            json!({ "column": column, "op": op, "value": one })
        }
        5 => json!({ "column": column, "op": "in", "value": [one, two] }),
        6 => json!({ "column": column, "op": "not_in", "value": [one] }),
        7 => json!({ "column": column, "op": "between", "value": [one, two] }),
        8 => {
            let pattern = ["S%", "%@one.example", "7", "%"].choose(random);
            json!({ "column": column, "op": "like", "value": pattern })
        }
        _ => {
            let op = ["is_null", "is_not_null"].choose(random);
            json!({ "column": column, "op": op })
        }
    }
}

fn value_for(random: &mut StdRng, column: &str) -> Value {
    if random.random_bool(0.1) {
        return json!("secret");
    }
    match column {
        "tenant" | "ssn" | "email" | "note" | "day_text" => {
            json!(WORDS.choose(random).unwrap().trim_matches('\''))
        }
        "born" => json!(["1990-01-01", "2001-06-15", "1970-01-01"].choose(random).unwrap()),
        _ => serde_json::from_str(VALUES.choose(random).unwrap()).unwrap(),
    }
}

fn query(random: &mut StdRng) -> Question {
    let filter = condition(random, 3);
    match random.random_range(0..8) {
        6 => {
            let order = ["id", "-ssn,id", "salary,-id", "email:nulls_first,id"].choose(random);
            let filter = tree(random, 3);
            Question::Page(json!({ "filter": filter, "count": "exact", "limit": 1000, "order": order }))
        }
        7 => {
            let (filter, group) = (tree(random, 2), TEXTS[..5].choose(random));
            Question::Aggregate(json!({
                "filter": filter, "group_by": [group],
                "measures": [{ "fn": "count", "as": "n" }, { "fn": "max", "column": "salary", "as": "m" }],
                "having": { "column": "n", "op": "gt", "value": 1 },
            }))
        }
        0 => Question::Filter(filter),
        1 => Question::Sql(format!(
            "select id, {} as v from accounts where {filter} order by id",
            number(random, 2)
        )),
        2 => Question::Sql(format!(
            "select {} as k, count(*) as n from accounts where {filter} group by 1",
            TEXTS.choose(random).unwrap()
        )),
        3 => Question::Sql(format!(
            "select max({}) as m, min({}) as l from accounts where {filter}",
            TEXTS.choose(random).unwrap(),
            number(random, 1)
        )),
        4 => Question::Sql(format!(
            "select count(*) as n from accounts a join accounts b on a.id = b.id + {} where {}",
            VALUES.choose(random).unwrap(),
            "a.bal > b.bal or a.ssn = b.ssn"
        )),
        _ => Question::Sql(format!(
            "with t as (select * from accounts where {filter}) select id, ssn, email from t where {} order by id",
            condition(random, 2)
        )),
    }
}

async fn ask_at_random(name: &str, with_stats: bool) {
    let mut random = seeded(name);
    let (mut answered, mut tally) = (0, Tally::new(&format!("{name}, doors")));
    for _ in 0..QUESTIONS {
        let question = query(&mut random);
        for pair in pairs().await.iter().filter(|pair| pair.with_stats == with_stats) {
            answered += usize::from(pair.agree(&question, &mut tally).await == 200);
        }
    }
    assert!(answered > QUESTIONS / 4, "only {answered} questions had an answer; the grammar asks nonsense");
    assert_eq!(tally.said("gRPC"), 2 * QUESTIONS);
    assert!(tally.said("GraphQL") > QUESTIONS / 25, "only {} questions are documents", tally.said("GraphQL"));
}

#[test]
fn random_questions_are_answered_as_from_the_copy() {
    run(ask_at_random("leaks::generated", false));
}

#[test]
fn random_questions_over_tables_with_statistics_are_answered_as_from_the_copy() {
    run(ask_at_random("leaks::generated with statistics", true));
}
