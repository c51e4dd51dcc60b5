//! Some rows of each of many keys: owns the promise that each key has what a question about it alone has, rows,
//! order, cuts, counts and cursors, at the cost of one pass over the files that can hold any.

mod costs;
mod failures;
mod limits;
mod question;
mod values;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom as _};
use serde_json::json;
use sluice_gateway::engine::statement::{CompareOp, FilterNode, Literal, Operand, OrderKey};
use sluice_tests::gateway::run;
use sluice_tests::random::seeded;

use self::question::{Question, distinct};
use super::asked::Asked;
use super::model::random_order;
use super::stage::Stage;

const TABLES: usize = 4;
const QUESTIONS_PER_TABLE: usize = 16;
const ROLES: [&str; 4] = ["reader", "masked", "groupless", "blurred"];
/// In the order of the table.
const COLUMNS: [&[&str]; 6] =
    [&["id"], &["grp"], &["name"], &["grp", "name"], &["id", "grp", "name"], &["id", "name"]];

#[test]
fn each_key_has_what_it_has_alone() {
    run(async {
        let mut random = seeded("paging::keys");
        for _ in 0..TABLES {
            let mut stage = Stage::build(&mut random).await;
            if random.random_bool(0.7) {
                let rest = random.random_range(2..7);
                stage.delete_by_vector(rest);
                stage.settle().await;
            }
            for role in ROLES.into_iter().cycle().take(QUESTIONS_PER_TABLE) {
                let question = random_question(&stage, &mut random, role).await;
                question.check(&mut random).await;
            }
            stage.gateway.shutdown().await;
        }
    });
}

#[test]
fn keys_that_are_cut_by_bytes_are_cut_where_they_are_alone() {
    run(async {
        let mut random = seeded("paging::keys_by_bytes");
        for page_bytes_max in [1, 60, 150, 1_500] {
            let limits = json!({ "limits": { "page_bytes_max": page_bytes_max } });
            let stage = Stage::build_with(&mut random, limits).await;
            for role in ROLES.into_iter().cycle().take(QUESTIONS_PER_TABLE / 2) {
                let question = random_question(&stage, &mut random, role).await;
                // Beside a condition the same bytes are not sure: what of it the key says already is not read for it.
                Question { limit: Some(1_000), rest: None, ..question }.check(&mut random).await;
            }
            stage.gateway.shutdown().await;
        }
    });
}

async fn random_question<'a>(stage: &'a Stage, random: &mut StdRng, role: &'static str) -> Question<'a> {
    let columns = COLUMNS.choose(random).unwrap();
    let asked = Asked { gateway: &stage.gateway, role };
    let keys = distinct(asked, columns).await;
    let key = |key: super::model::Key| OrderKey {
        column: key.column.to_owned(),
        descending: key.descending,
        nulls_first: key.nulls_first,
    };
    let order = if random.random_bool(0.4) { Vec::new() } else { random_order(random) };
    Question {
        asked,
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        keys: question::with_strangers(&keys, random),
        show: random_show(random),
        rest: random_rest(random),
        order: order.into_iter().map(key).collect(),
        limit: [None, Some(1), Some(2), Some(3), Some(10), Some(1_000)].choose(random).copied().unwrap(),
        count_exact: random.random_bool(0.5),
    }
}

fn random_show(random: &mut StdRng) -> Option<Vec<String>> {
    let mut columns = ["id", "grp", "score", "name"].map(str::to_owned).to_vec();
    columns.shuffle(random);
    columns.truncate(random.random_range(0..=4));
    random.random_bool(0.6).then_some(columns)
}

/// Conditions that cross the barrier, such that do not, and one that fails on some rows.
fn random_rest(random: &mut StdRng) -> Option<FilterNode> {
    let compare = |column: &str, op, value| FilterNode::Compare { column: column.to_owned(), op, value };
    let number = |digits: &str| Operand::One(Literal::Number(digits.to_owned()));
    let small = || compare("score", CompareOp::Lt, number("1"));
    let early = || compare("id", CompareOp::Lt, number("60"));
    let rests = [
        small(),
        early(),
        FilterNode::Not(Box::new(small())),
        FilterNode::And(vec![early(), FilterNode::Not(Box::new(compare("grp", CompareOp::Eq, number("1"))))]),
        FilterNode::Or(vec![compare("name", CompareOp::IsNull, Operand::None), small()]),
        compare("name", CompareOp::Like, Operand::One(Literal::Text("%b%".to_owned()))),
        compare("name", CompareOp::Gt, number("5")),
        FilterNode::And(Vec::new()),
        FilterNode::Or(Vec::new()),
    ];
    let rest = rests.choose(random).cloned();
    rest.filter(|_| random.random_bool(0.6))
}
