//! Random statements that mean the same in both engines: owns a small grammar over tables of one shape. It
//! leaves out what engines differ in by right: division of integers, text of numbers, ties that no order
//! breaks.

mod parts;

use rand::Rng;
use rand::rngs::StdRng;

use self::parts::{COMPARISONS, TABLES, column, condition, number, one_of, text, with_subquery};

/// What to ask.
pub(super) struct Statement {
    pub(super) sql: String,
    /// Its rows come in one order only.
    pub(super) ordered: bool,
}

/// Tables joined, and the aliases that the rest of the statement sees.
fn tables(random: &mut StdRng) -> (String, Vec<String>) {
    let first = format!("{} x", one_of(random, &TABLES));
    if random.random_bool(0.4) {
        return (first, vec!["x".to_owned()]);
    }
    let join = one_of(random, &["join", "left join", "right join", "full join"]);
    let both = ["x".to_owned(), "y".to_owned()];
    let key = one_of(random, &["x.g = y.g", "x.s = y.s", "x.id = y.id", "x.g = y.g and x.s = y.s"]);
    let on = match random.random_bool(0.5) {
        true => key,
        false => format!("{key} and {}", condition(random, &both, 1)),
    };
    (format!("{first} {join} {} y on {on}", one_of(random, &TABLES)), both.to_vec())
}

fn plain(random: &mut StdRng) -> Statement {
    let (from, scope) = tables(random);
    let filter = match random.random_bool(0.4) {
        true => format!("{} and {}", condition(random, &scope, 1), with_subquery(random, &scope)),
        false => condition(random, &scope, 3),
    };
    let distinct = one_of(random, &["", "distinct "]);
    let outs = format!(
        "{} as c1, {} as c2, {} as c3, {} as c4",
        number(random, &scope, 2),
        text(random, &scope, 1),
        column(random, &scope, &["d", "b", "day", "f", "id"]),
        condition(random, &scope, 1),
    );
    Statement { sql: format!("select {distinct}{outs} from {from} where {filter}"), ordered: false }
}

fn grouped(random: &mut StdRng) -> Statement {
    let (from, scope) = tables(random);
    let key = match random.random_range(0..3) {
        0 => column(random, &scope, &["g", "s", "b", "day"]),
        1 => text(random, &scope, 1),
        _ => number(random, &scope, 1),
    };
    let measure = |random: &mut StdRng| match random.random_range(0..8) {
        0 => "count(*)".to_owned(),
        1 => format!("count({})", column(random, &scope, &["g", "s", "d"])),
        2 => format!("sum({})", number(random, &scope, 1)),
        3 => format!("min({})", column(random, &scope, &["n", "s", "d", "day", "f"])),
        4 => format!("max({})", text(random, &scope, 1)),
        5 => format!("count(distinct {})", column(random, &scope, &["g", "s", "d", "b"])),
        6 => format!("avg({})", column(random, &scope, &["g", "n", "f"])),
        _ => format!(
            "sum({}) filter (where {})",
            column(random, &scope, &["g", "d", "n"]),
            condition(random, &scope, 1)
        ),
    };
    let (first, second) = (measure(random), measure(random));
    let having = match random.random_bool(0.4) {
        true => format!(" having count(*) {} {}", one_of(random, &COMPARISONS), random.random_range(1..6)),
        false => String::new(),
    };
    let filter = condition(random, &scope, 2);
    Statement {
        sql: format!(
            "select {key} as c1, {first} as c2, {second} as c3 from {from} where {filter} group by 1{having}"
        ),
        ordered: false,
    }
}

fn windowed(random: &mut StdRng) -> Statement {
    let scope = ["x".to_owned()];
    let order = format!(
        "order by {} {} nulls {}, x.id",
        column(random, &scope, &["g", "s", "d", "n"]),
        one_of(random, &["asc", "desc"]),
        one_of(random, &["first", "last"])
    );
    let partition = one_of(random, &["", "partition by x.g ", "partition by x.s, x.b "]);
    let frame = one_of(
        random,
        &[
            "",
            " rows between 2 preceding and current row",
            " rows between unbounded preceding and 1 following",
        ],
    );
    let call = match random.random_range(0..6) {
        0 => format!("row_number() over ({partition}{order})"),
        1 => format!("rank() over ({partition}{order})"),
        2 => format!("lag(x.n, {}) over ({partition}{order})", random.random_range(1..4)),
        3 => format!("first_value(x.s) over ({partition}{order}{frame})"),
        4 => format!("sum(x.g) over ({partition}{order}{frame})"),
        _ => format!("count(*) over ({partition}{order}{frame})"),
    };
    let filter = condition(random, &scope, 2);
    Statement {
        sql: format!("select x.id as c1, {call} as c2 from {} x where {filter}", one_of(random, &TABLES)),
        ordered: false,
    }
}

fn combined(random: &mut StdRng) -> Statement {
    let side = |random: &mut StdRng, table: &str| {
        let scope = [table.to_owned()];
        format!(
            "select {table}.g as c1, {} as c2 from {table} where {}",
            text(random, &scope, 1),
            condition(random, &scope, 1)
        )
    };
    let (left, right) = (side(random, "t"), side(random, "u"));
    let op = one_of(random, &["union", "union all", "intersect", "except"]);
    Statement { sql: format!("{left} {op} {right}"), ordered: false }
}

fn nested(random: &mut StdRng) -> Statement {
    let inner = ["x".to_owned()];
    let filter = condition(random, &inner, 2);
    let key = column(random, &inner, &["g", "s"]);
    let outer = one_of(random, &["join", "left join"]);
    Statement {
        sql: format!(
            "with c as (select {key} as k, count(*) as m, max(x.n) as o from t x where {filter} group by 1) \
             select u.id as c1, c.k as c2, c.m as c3, c.o as c4 from u {outer} c on c.m {} u.g where {}",
            one_of(random, &COMPARISONS),
            condition(random, &["u".to_owned()], 1),
        ),
        ordered: false,
    }
}

fn ordered(random: &mut StdRng) -> Statement {
    let scope = ["x".to_owned()];
    let key = column(random, &scope, &["g", "s", "d", "day", "f", "b"]);
    let by = format!(
        "{key} {} , x.id {}",
        one_of(random, &["", "desc", "nulls first"]),
        one_of(random, &["", "desc"])
    );
    let filter = condition(random, &scope, 2);
    let (limit, offset) = (random.random_range(0..20), random.random_range(0..5));
    Statement {
        sql: format!(
            "select x.id as c1, {key} as c2 from t x where {filter} order by {by} limit {limit} offset {offset}"
        ),
        ordered: true,
    }
}

/// One statement.
pub(super) fn statement(random: &mut StdRng) -> Statement {
    match random.random_range(0..8) {
        0..=2 => plain(random),
        3 => grouped(random),
        4 => windowed(random),
        5 => combined(random),
        6 => nested(random),
        _ => ordered(random),
    }
}
