//! Random documents over the tables of the shop: owns a small grammar of pages, conditions, orders and relations, as deep
//! as a document may be. Does not ask.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::shop::{MISSING, OWNERS, PAYMENTS, SOME_HIDDEN_OWNERS};

/// Where the cursor of a further page goes, in a document that has one.
pub(super) const AFTER: &str = "$after$";

const DEPTH: u32 = 3;

struct Table {
    name: &'static str,
    numbers: &'static [&'static str],
    texts: &'static [&'static str],
    /// Relations to one row, and to many.
    one: &'static [(&'static str, usize)],
    many: &'static [(&'static str, usize)],
}

const TABLES: [Table; 3] = [
    Table {
        name: "owners",
        numbers: &["id", "box_id"],
        texts: &["tenant", "name"],
        one: &[],
        many: &[("payments", 1), ("referrals", 1)],
    },
    Table {
        name: "payments",
        numbers: &["id", "owner_id", "referred_by", "amount"],
        texts: &["code"],
        one: &[("owner", 0), ("referrer", 0), ("tariff", 2)],
        many: &[],
    },
    Table { name: "codes", numbers: &[], texts: &["code", "label"], one: &[], many: &[("payments", 1)] },
];

const TEXTS: [&str; 9] = ["a", "b", "c", "a-raw-1", "b%", "%raw%", "hidden", "7", ""];

/// A document with a page of a table at its root, which may go on after a cursor.
pub(super) fn page(random: &mut StdRng) -> String {
    let table = &TABLES[random.random_range(0..3)];
    let arguments = [filter(random, table), order(random, table), format!("first: {}", rows(random, 12))];
    let arguments: Vec<String> = arguments.into_iter().filter(|one| !one.is_empty()).collect();
    let arguments = arguments.join(", ");
    let (table, page) = (table.name, connection(random, table, DEPTH));
    format!("{{ t: {table}({arguments}{AFTER}) {{ {page} pageInfo {{ hasNextPage endCursor }} }} }}")
}

/// A document about one row, or about groups.
pub(super) fn other(random: &mut StdRng) -> String {
    let owner = [0, 3, 5, OWNERS - 1, MISSING, SOME_HIDDEN_OWNERS + 1, SOME_HIDDEN_OWNERS + 2];
    let payment = [0, 1, 77, PAYMENTS, 10_000, 10_001, 10_002, 10_003];
    match random.random_range(0..3) {
        0 => format!(
            "{{ t: ownersByPk(id: {}) {{ {} }} }}",
            owner.choose(random).unwrap(),
            row(random, &TABLES[0], DEPTH)
        ),
        1 => {
            let (key, row) = (payment.choose(random).unwrap(), row(random, &TABLES[1], DEPTH));
            format!("{{ t: paymentsByPk(id: {key}) {{ {row} }} }}")
        }
        _ => groups(random),
    }
}

fn groups(random: &mut StdRng) -> String {
    let key = ["owner_id", "code", "referred_by", "amount"].choose(random).unwrap();
    let filter = filter(random, &TABLES[1]);
    let comma = if filter.is_empty() { "" } else { ", " };
    let order = ["{count: true, descending: true}", "{sum: amount}", "{max: code, nullsFirst: true}"];
    let (order, first) = (order.choose(random).unwrap(), rows(random, 9));
    format!(
        "{{ t: paymentsAggregate({filter}{comma}groupBy: [{key}], orderBy: [{order}], first: {first}, \
         having: {{count: {{gt: {}}}}}) {{ nodes {{ key {{ {key} }} count sum {{ amount }} max {{ code id }} \
         countDistinct {{ code owner_id }} }} pageInfo {{ hasNextPage }} }} }}",
        random.random_range(0..3)
    )
}

fn rows(random: &mut StdRng, most: u32) -> u32 {
    random.random_range(1..=most)
}

fn connection(random: &mut StdRng, table: &Table, depth: u32) -> String {
    let row = row(random, table, depth);
    let total = if random.random_bool(0.5) { "totalCount" } else { "" };
    match random.random_range(0..3) {
        0 => format!("edges {{ cursor node {{ {row} }} }} {total}"),
        1 => format!("nodes {{ {row} }} {total} info: pageInfo {{ hasPreviousPage startCursor }}"),
        _ => format!("nodes {{ {row} }} {total}"),
    }
}

/// Some columns, and some of what belongs to the row.
fn row(random: &mut StdRng, table: &Table, depth: u32) -> String {
    let mut fields: Vec<String> = vec!["__typename".to_owned()];
    for name in table.numbers.iter().chain(table.texts) {
        if random.random_bool(0.5) {
            fields.push((*name).to_owned());
        }
    }
    for (name, target) in table.one.iter().filter(|_| depth > 0) {
        if random.random_bool(0.5) {
            fields.push(format!("{name} {{ {} }}", self::row(random, &TABLES[*target], depth - 1)));
        }
    }
    for (name, target) in table.many.iter().filter(|_| depth > 0) {
        if random.random_bool(0.6) {
            let target = &TABLES[*target];
            let arguments =
                [filter(random, target), order(random, target), format!("first: {}", rows(random, 4))];
            let arguments: Vec<String> = arguments.into_iter().filter(|one| !one.is_empty()).collect();
            let page = connection(random, target, depth - 1);
            fields.push(format!(
                "{name}({}) {{ {page} pageInfo {{ hasNextPage endCursor }} }}",
                arguments.join(", ")
            ));
        }
    }
    fields.join(" ")
}

fn filter(random: &mut StdRng, table: &Table) -> String {
    if random.random_bool(0.4) { String::new() } else { format!("where: {}", condition(random, table, 2)) }
}

fn condition(random: &mut StdRng, table: &Table, depth: u32) -> String {
    if depth > 0 && random.random_bool(0.4) {
        let (left, right) = (condition(random, table, depth - 1), condition(random, table, depth - 1));
        return match random.random_range(0..3) {
            0 => format!("{{and: [{left}, {right}]}}"),
            1 => format!("{{or: [{left}, {right}]}}"),
            _ => format!("{{not: {left}}}"),
        };
    }
    if table.numbers.is_empty() || random.random_bool(0.3) {
        let (name, value) = (table.texts.choose(random).unwrap(), TEXTS.choose(random).unwrap());
        let operator = ["eq", "ne", "lt", "ge", "like"].choose(random).unwrap();
        return format!("{{{name}: {{{operator}: \"{value}\"}}}}");
    }
    let name = table.numbers.choose(random).unwrap();
    let values = [0, 3, 5, 12, 100, 500, 799, 800, 1_003, 10_001];
    let value = values.choose(random).unwrap();
    match random.random_range(0..6) {
        0 => format!("{{{name}: {{isNull: {}}}}}", random.random_bool(0.5)),
        1 => format!("{{{name}: {{in: [{value}, {}, 7]}}}}", values.choose(random).unwrap()),
        _ => {
            let operator = ["eq", "ne", "lt", "le", "gt", "ge"].choose(random).unwrap();
            format!("{{{name}: {{{operator}: {value}}}}}")
        }
    }
}

fn order(random: &mut StdRng, table: &Table) -> String {
    let names: Vec<&str> = table.numbers.iter().chain(table.texts).copied().collect();
    let mut keys: Vec<String> = Vec::new();
    for name in names.choose_multiple(random, 2) {
        if random.random_bool(0.4) {
            let (down, nulls) = (random.random_bool(0.5), random.random_bool(0.3));
            keys.push(format!("{{column: {name}, descending: {down}, nullsFirst: {nulls}}}"));
        }
    }
    if keys.is_empty() { String::new() } else { format!("orderBy: [{}]", keys.join(", ")) }
}
