//! Parts of statements: owns random values and conditions over the columns of the tables in reach.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

pub(super) const TABLES: [&str; 3] = ["t", "u", "v"];
pub(super) const COMPARISONS: [&str; 6] = ["=", "<>", "<", "<=", ">", ">="];
const PATTERNS: [&str; 7] = ["a%", "%b", "_", "a_b", "%", "", "%a%"];
const WORDS: [&str; 5] = ["'a'", "'ab'", "''", "'b'", "'zz'"];

/// The aliases of tables whose columns a part may use.
pub(super) type Scope = [String];

pub(super) fn one_of(random: &mut StdRng, choices: &[&str]) -> String {
    (*choices.choose(random).unwrap()).to_owned()
}

pub(super) fn column(random: &mut StdRng, scope: &Scope, names: &[&str]) -> String {
    format!("{}.{}", scope.choose(random).unwrap(), names.choose(random).unwrap())
}

pub(super) fn number(random: &mut StdRng, scope: &Scope, depth: u32) -> String {
    let plain = match random.random_bool(0.75) {
        true => column(random, scope, &["id", "g", "n"]),
        false => random.random_range(-3..9).to_string(),
    };
    if depth == 0 || random.random_bool(0.5) {
        return plain;
    }
    let inner = number(random, scope, depth - 1);
    match random.random_range(0..8) {
        0 => format!("({plain} + {inner})"),
        1 => format!("({plain} - {inner})"),
        2 => format!("({plain} * {inner})"),
        3 => format!("coalesce({plain}, {inner})"),
        4 => format!("nullif({plain}, {inner})"),
        5 => format!("abs({plain})"),
        6 => format!("character_length({})", text(random, scope, 0)),
        _ => format!("(case when {} then {plain} else {inner} end)", condition(random, scope, depth - 1)),
    }
}

pub(super) fn text(random: &mut StdRng, scope: &Scope, depth: u32) -> String {
    let plain = column(random, scope, &["s"]);
    if depth == 0 || random.random_bool(0.6) {
        return plain;
    }
    match random.random_range(0..5) {
        0 => format!("lower({plain})"),
        1 => format!("coalesce({plain}, {})", one_of(random, &WORDS)),
        2 => format!("substr({plain}, 1, {})", random.random_range(1..3)),
        3 => format!("({plain} || {})", text(random, scope, depth - 1)),
        _ => format!("nullif({plain}, {})", one_of(random, &WORDS)),
    }
}

pub(super) fn condition(random: &mut StdRng, scope: &Scope, depth: u32) -> String {
    if depth > 0 && random.random_bool(0.5) {
        let (left, right) = (condition(random, scope, depth - 1), condition(random, scope, depth - 1));
        return match random.random_range(0..4) {
            0 => format!("({left} and {right})"),
            1 => format!("({left} or {right})"),
            2 => format!("not ({left})"),
            _ => format!(
                "(({left}) is {})",
                one_of(random, &["true", "not true", "false", "null", "not null"])
            ),
        };
    }
    let op = one_of(random, &COMPARISONS);
    let not = one_of(random, &["", "not "]);
    match random.random_range(0..11) {
        0 | 1 => format!("{} {op} {}", number(random, scope, depth), number(random, scope, depth.min(1))),
        2 => format!("{} {op} {}", text(random, scope, depth), one_of(random, &WORDS)),
        3 => format!("{} {not}like '{}'", text(random, scope, depth), one_of(random, &PATTERNS)),
        4 => format!(
            "{} {not}in ({}, 3, {})",
            number(random, scope, 0),
            number(random, scope, 0),
            one_of(random, &["1", "null"])
        ),
        5 => format!("{} {not}between 0 and {}", number(random, scope, 1), number(random, scope, 0)),
        6 => format!("{} is {not}null", column(random, scope, &["g", "n", "s", "d", "b", "day", "f"])),
        7 => format!(
            "{} {op} {}",
            column(random, scope, &["d"]),
            one_of(random, &["0.5", "1", "-1.25", "2.00"])
        ),
        8 => {
            format!("{} {op} date '2024-01-{}'", column(random, scope, &["day"]), random.random_range(20..30))
        }
        9 => {
            format!("{} {op} {}", column(random, scope, &["f"]), one_of(random, &["0.5", "1.5", "-1.0", "2"]))
        }
        _ => format!("({} is {not}distinct from {})", number(random, scope, 1), number(random, scope, 0)),
    }
}

/// A condition that may ask another table.
pub(super) fn with_subquery(random: &mut StdRng, scope: &Scope) -> String {
    let table = one_of(random, &TABLES);
    let inner = ["q".to_owned()];
    let outer = scope.choose(random).unwrap().clone();
    let linked = match random.random_range(0..3) {
        0 => "true".to_owned(),
        1 => format!("q.g = {outer}.g"),
        _ => format!("q.s = {outer}.s"),
    };
    let filter = format!("{linked} and {}", condition(random, &inner, 1));
    let not = one_of(random, &["", "not "]);
    match random.random_range(0..4) {
        0 => format!("{not}exists (select 1 from {table} q where {filter})"),
        1 => format!("{outer}.g {not}in (select q.g from {table} q where {})", condition(random, &inner, 1)),
        2 => format!("{outer}.n in (select q.n from {table} q where {filter})"),
        _ => {
            let measure = one_of(random, &["max(q.n)", "min(q.id)", "count(*)", "count(q.g)", "sum(q.g)"]);
            let op = one_of(random, &COMPARISONS);
            format!("{outer}.g {op} (select {measure} from {table} q where {filter})")
        }
    }
}
