//! Relations as a way around: rows that are hidden above, below and on the way, keys that are masked, counts and cursors
//! below a relation, and how much of a document is refused. Owns what documents are asked of the shop.

use futures::future::join_all;
use serde_json::{Value, json};
use sluice_tests::client::{Answer, Caller};
use sluice_tests::gateway::run;
use sluice_tests::random::seeded;

use super::documents::{self, AFTER};
use super::shop::{Shop, shops};

const PAGES: usize = 50;
const OTHERS: usize = 40;

/// Documents that look for one thing each.
const PROBES: &[&str] = &[
    // What is hidden above, below, and on the way.
    "{ owners(first: 100) { totalCount nodes { id name payments(first: 3) { totalCount nodes { id amount } pageInfo { hasNextPage } } } } }",
    "{ payments(first: 200) { totalCount nodes { id owner_id owner { id name tenant } } } }",
    "{ payments(first: 200, where: {owner_id: {ge: 1000}}) { totalCount nodes { owner_id owner { id } } } }",
    "{ payments(first: 50, orderBy: {column: id}) { nodes { owner { payments(first: 2) { totalCount nodes { owner { id payments(first: 1) { totalCount } } } } } } } }",
    "{ codes(first: 20) { totalCount nodes { code label payments(first: 5) { totalCount nodes { id code } } } } }",
    "{ payments(first: 60, where: {code: {isNull: false}}) { nodes { code tariff { code label payments(first: 1) { totalCount } } } } }",
    "{ payments(first: 100) { nodes { referred_by referrer { id name } } } }",
    "{ owners(first: 100) { nodes { id referrals(first: 5) { totalCount nodes { id } } } } }",
    // Orders, conditions and counts inside.
    "{ owners(first: 100) { nodes { id payments(first: 3, orderBy: [{column: amount, descending: true}]) { nodes { id amount } } } } }",
    "{ owners(first: 100) { nodes { id payments(first: 3, orderBy: [{column: code}, {column: id}]) { nodes { id code } } } } }",
    "{ owners(first: 100) { nodes { payments(first: 3, where: {amount: {ge: 800}}) { totalCount nodes { id } pageInfo { hasNextPage } } } } }",
    "{ owners(first: 100) { nodes { payments(first: 3, where: {code: {like: \"%raw%\"}}) { totalCount } } } }",
    "{ owners(first: 100) { nodes { payments(first: 3, where: {referred_by: {isNull: false}}) { totalCount } } } }",
    "{ owners(where: {name: {like: \"z%\"}}) { totalCount } a: owners(where: {tenant: {eq: \"b\"}}) { totalCount } b: owners(where: {id: {eq: 3}}) { totalCount nodes { payments { totalCount } } } }",
    "{ codes(where: {label: {eq: \"hidden\"}}) { totalCount nodes { payments { totalCount } } } }",
    // Pages of one parent: where it is hidden, masked, missing.
    "{ ownersByPk(id: 3) { id payments(last: 2) { totalCount nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor } } } }",
    "{ ownersByPk(id: 500) { id payments(last: 2) { totalCount } } }",
    "{ ownersByPk(id: 1001) { id payments(last: 2) { totalCount } } }",
    "{ paymentsByPk(id: 10001) { id owner { id } } a: paymentsByPk(id: 9999) { id owner { id } } }",
    "{ ownersByPk(id: 5) { payments(first: 4, where: {amount: {gt: 100}}, orderBy: {column: amount}) { totalCount edges { cursor node { id amount } } pageInfo { endCursor } } } }",
    // What is refused while it runs, by how many different keys or rows there are.
    "{ owners(first: 100) { nodes { payments(last: 2) { nodes { id } } } } }",
    "{ codes(first: 20) { nodes { payments(last: 2) { nodes { id } } } } }",
    "{ payments(first: 30) { nodes { tariff { payments(last: 1) { nodes { id } } } } } }",
    "{ payments(first: 30) { nodes { owner { payments(last: 1) { nodes { id } } } } } }",
    "{ payments(first: 30) { nodes { referrer { payments(last: 1) { nodes { id } } } } } }",
    // What is refused before.
    "{ owners(first: 1000) { nodes { payments(first: 1000) { nodes { id } } } } }",
    "{ owners(first: 100000) { nodes { id } } }",
    "{ owners { nodes { payments { nodes { owner { payments { nodes { owner { payments { nodes { id } } } } } } } } } } }",
    "{ owners(version: 99) { totalCount } }",
    "{ owners(first: 2, after: \"AAAA\") { totalCount } }",
    // Groups over keys that are masked or lead to what is hidden.
    "{ paymentsAggregate(groupBy: [owner_id]) { nodes { key { owner_id } count sum { amount } max { code } } } }",
    "{ paymentsAggregate(groupBy: [code, referred_by]) { nodes { key { code referred_by } count countDistinct { owner_id } } } }",
    "{ ownersAggregate { nodes { count min { id name } max { id name } countDistinct { name tenant } } } codesAggregate { nodes { count max { code label } } } }",
];

#[test]
fn documents_tell_what_the_copy_tells() {
    run(async {
        let mut answered = 0;
        for shop in shops().await {
            for document in PROBES {
                answered += usize::from(agree(shop, document).await.is_some());
            }
        }
        assert!(answered > PROBES.len(), "only {answered} documents were answered");
    });
}

#[test]
fn random_documents_tell_what_the_copy_tells() {
    run(async {
        let mut random = seeded("leaks::relations");
        let (mut answered, mut continued) = (0, 0);
        for at in 0..PAGES + OTHERS {
            let is_page = at < PAGES;
            let document = if is_page { documents::page(&mut random) } else { documents::other(&mut random) };
            for shop in shops().await {
                let cursors = agree(shop, &document.replace(AFTER, "")).await;
                answered += usize::from(cursors.is_some());
                if let Some(cursors) = cursors.filter(|cursors| is_page && !cursors.is_empty()) {
                    continued += 1;
                    let further =
                        cursors.iter().map(|cursor| document.replace(AFTER, &format!(", after: {cursor}")));
                    agree_on(shop, &further.collect::<Vec<String>>()).await;
                }
            }
        }
        assert!(answered > PAGES, "only {answered} documents were answered: the grammar asks nonsense");
        assert!(continued > PAGES / 10, "only {continued} pages had another");
    });
}

/// Rows that are not there and rows that are hidden are the same: no row.
#[test]
fn a_hidden_row_is_a_missing_row() {
    run(async {
        let alice = &shops().await[0].secured;
        let said = async |key: i64| {
            let document = format!(
                "{{ t: paymentsByPk(id: {key}) {{ id owner {{ id }} }} o: ownersByPk(id: {key}) {{ name payments {{ totalCount }} }} }}"
            );
            let answer = ask(alice, &document).await;
            (answer.status, told(&answer, Cursors::Length))
        };
        let missing = said(999_999).await;
        assert_eq!(missing.1["body"]["data"], json!({ "t": null, "o": null }));
        for hidden in 1_000..1_024 {
            assert_eq!(said(hidden).await, missing, "{hidden}");
        }
        for hidden in 10_000..10_100 {
            assert_eq!(said(hidden).await, missing, "{hidden}");
        }
    });
}

/// What of a cursor two answers must share.
#[derive(Debug, Clone, Copy)]
enum Cursors {
    /// That there is one.
    There,
    /// Its length as well.
    Length,
}

async fn ask(caller: &Caller, document: &str) -> Answer {
    caller.post("/graphql", &json!({ "query": document })).await
}

/// Asks both, and the twin, and fails unless they agree; gives the cursors of the page at the root, if it answered.
async fn agree(shop: &Shop, document: &str) -> Option<Vec<Value>> {
    agree_on(shop, &vec![document.to_owned(); 3]).await
}

/// The same with a document for each: for the secured table, the copy and the twin.
async fn agree_on(shop: &Shop, documents: &[String]) -> Option<Vec<Value>> {
    let callers: Vec<&Caller> = [&shop.secured, &shop.copy].into_iter().chain(&shop.twin).collect();
    let asked = callers.iter().zip(documents).map(|(caller, document)| ask(caller, document));
    let answers: Vec<Answer> = join_all(asked).await;
    let [secured, copy] = [0, 1].map(|at| told(&answers[at], Cursors::There));
    assert_eq!(secured, copy, "{} and the copy differ on {}", shop.role, documents[0]);
    if let Some(twin) = answers.get(2) {
        let [secured, twin] = [&answers[0], twin].map(|answer| told(answer, Cursors::Length));
        assert_eq!(secured, twin, "{} and the twin differ on {}", shop.role, documents[0]);
        nothing_raw(&answers[0], &documents[0]);
    }
    if answers[0].json().get("errors").is_some() {
        return None;
    }
    let ends = answers.iter().map(|answer| answer.json()["data"]["t"]["pageInfo"].clone());
    Some(ends.filter(|page| page["hasNextPage"] == true).map(|page| page["endCursor"].clone()).collect())
}

/// What alice's columns hold below their masks.
fn nothing_raw(answer: &Answer, document: &str) {
    let text = answer.text();
    for raw in ["-raw-", "hidden", "gold"] {
        assert!(!text.contains(raw), "{raw} in {text}, asked {document}");
    }
}

/// Everything but ids, times and what cursors hold.
fn told(answer: &Answer, cursors: Cursors) -> Value {
    let mut body = answer.json();
    without_chance(&mut body, cursors);
    let media_type = answer.headers.get("content-type").map(|value| value.to_str().unwrap().to_owned());
    json!({ "status": answer.status, "type": media_type, "body": body })
}

fn without_chance(value: &mut Value, cursors: Cursors) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| without_chance(item, cursors)),
        Value::Object(members) => {
            for by_chance in ["request_id", "as_of", "age_ms", "elapsed_ms"] {
                members.remove(by_chance);
            }
            for (name, inner) in members {
                match (name.as_str(), inner.as_str()) {
                    ("cursor" | "startCursor" | "endCursor", Some(text)) => {
                        *inner = match cursors {
                            Cursors::There => json!(true),
                            Cursors::Length => json!(text.len()),
                        };
                    }
                    _ => without_chance(inner, cursors),
                }
            }
        }
        _ => {}
    }
}
