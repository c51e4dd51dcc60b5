//! Guessing names: whatever place of a question a hidden name is put in, at whatever door, the answer is that for a name
//! which never was, but for the name itself. Owns the guesses.

use std::sync::LazyLock;

use futures::future::join_all;
use regex::Regex;
use serde_json::{Value, json};
use sluice_tests::client::{Answer, Caller};
use sluice_tests::doors::question::question;
use sluice_tests::doors::{Door, doors_for};
use sluice_tests::gateway::run;

use super::shop::{HIDDEN_NAMES, Shop, shops};

/// Places of a document, where `NAME` is a name and `Name` the same with a capital.
const PLACES: &[&str] = &[
    "{ NAME { totalCount } }",
    "{ NAME }",
    "{ NAMEByPk(id: 1) { id } }",
    "{ NAMEAggregate { nodes { count } } }",
    "{ owners { NAME } }",
    "{ owners { nodes { NAME } } }",
    "{ owners { nodes { id NAME { id } } } }",
    "{ owners { nodes { NAME { totalCount } } } }",
    "{ owners { nodes { NAME(first: 1) { nodes { id } } } } }",
    "{ payments { nodes { NAME } } }",
    "{ payments { nodes { id: NAME } } }",
    "{ payments { nodes { NAME { id } } } }",
    "{ payments { edges { node { owner { NAME } } } } }",
    "{ ownersByPk(id: 1) { NAME } }",
    "{ ownersByPk(id: 1) { payments { nodes { NAME } } } }",
    "{ payments(where: {NAME: {eq: 1}}) { totalCount } }",
    "{ payments(where: {not: {NAME: {isNull: true}}}) { totalCount } }",
    "{ payments(where: {NAME: 1}) { totalCount } }",
    "{ payments(where: {amount: {NAME: 1}}) { totalCount } }",
    "{ owners { nodes { payments(where: {NAME: {eq: 1}}) { totalCount } } } }",
    "{ payments(orderBy: {column: NAME}) { totalCount } }",
    "{ payments(orderBy: [{NAME: true}]) { totalCount } }",
    "{ owners { nodes { payments(orderBy: {column: NAME}) { totalCount } } } }",
    "{ payments(NAME: 1) { totalCount } }",
    "{ paymentsByPk(NAME: 1) { id } }",
    "{ paymentsByPk(id: 1, NAME: 1) { id } }",
    "{ payments(first: NAME) { totalCount } }",
    "{ paymentsAggregate(groupBy: [NAME]) { nodes { count } } }",
    "{ paymentsAggregate(groupBy: [NAME_month]) { nodes { count } } }",
    "{ paymentsAggregate { nodes { key { NAME } } } }",
    "{ paymentsAggregate { nodes { NAME { amount } } } }",
    "{ paymentsAggregate { nodes { countOf { NAME } } } }",
    "{ paymentsAggregate { nodes { countDistinct { NAME } } } }",
    "{ paymentsAggregate { nodes { sum { NAME } } } }",
    "{ paymentsAggregate { nodes { avg { NAME } } } }",
    "{ paymentsAggregate { nodes { max { NAME } } } }",
    "{ paymentsAggregate(having: {NAME: {gt: 1}}) { nodes { count } } }",
    "{ paymentsAggregate(having: {max: {NAME: {gt: 1}}}) { nodes { count } } }",
    "{ paymentsAggregate(having: {countOf: {NAME: {gt: 1}}}) { nodes { count } } }",
    "{ paymentsAggregate(orderBy: [{key: NAME}]) { nodes { count } } }",
    "{ paymentsAggregate(orderBy: [{sum: NAME}]) { nodes { count } } }",
    "{ ...F } fragment F on NAME { id }",
    "{ ...F } fragment F on Name { id }",
    "{ ...F } fragment F on Query { NAME { totalCount } }",
    "{ ... on Name { id } }",
    "{ payments { nodes { ... on Name { id } } } }",
    "{ payments { ... on NameConnection { totalCount } } }",
    "query($v: NAME) { __typename }",
    "query($v: Name) { __typename }",
    "query($v: NameWhere) { payments(where: $v) { totalCount } }",
    "query($v: [NameOrder!]! = []) { payments(orderBy: $v) { totalCount } }",
    "query($v: [NameGroupBy!] = [id]) { paymentsAggregate(groupBy: $v) { nodes { count } } }",
    "query($v: PaymentsWhere = {NAME: {eq: 1}}) { payments(where: $v) { totalCount } }",
    "{ payments(first: $NAME) { totalCount } }",
    "{ __type(name: \"NAME\") { name kind fields { name } inputFields { name } enumValues { name } } }",
    "{ __type(name: \"Name\") { name kind fields { name } } }",
    "{ __type(name: \"NameWhere\") { name inputFields { name } } }",
    "{ __type(name: \"NameConnection\") { name fields { name } } }",
    "{ __type(name: \"NameColumn\") { name enumValues { name } } }",
    "{ __schema { NAME } }",
    "{ __typename @NAME }",
    "{ NAME: __typename ...NAME }",
    "query NAME { owners { NAME: id } }",
    "mutation { NAME { id } }",
    "subscription { NAME { id } }",
];

/// Places of variables: what stands in them has a type in the document.
const VARIABLES: [(&str, &str); 5] = [
    ("query($v: PaymentsWhere) { payments(where: $v) { totalCount } }", r#"{"NAME": {"eq": 1}}"#),
    ("query($v: PaymentsWhere) { payments(where: $v) { totalCount } }", r#"{"amount": {"NAME": 1}}"#),
    ("query($v: PaymentsOrder!) { payments(orderBy: [$v]) { totalCount } }", r#"{"column": "NAME"}"#),
    ("query($v: [PaymentsGroupBy!]) { paymentsAggregate(groupBy: $v) { nodes { count } } }", r#"["NAME"]"#),
    (
        "query($v: PaymentsHaving) { paymentsAggregate(having: $v) { nodes { count } } }",
        r#"{"max": {"NAME": {"eq": 1}}}"#,
    ),
];

/// Places of questions that REST and gRPC take.
const LINES: &[&str] = &[
    r#"rows payments {"select":["NAME"]}"#,
    r#"rows payments {"select":["id","NAME"]}"#,
    r#"rows payments {"filter":{"column":"NAME","op":"eq","value":1}}"#,
    r#"rows payments {"filter":{"not":{"column":"NAME","op":"is_null"}}}"#,
    r#"rows payments {"filter":{"column":"NAME.x","op":"eq","value":1}}"#,
    r#"rows payments {"filter":"NAME = 1"}"#,
    r#"rows payments {"filter":"payments.NAME = 1"}"#,
    r#"rows payments {"filter":"\"NAME\" = 1 or 1/0 = 1"}"#,
    r#"rows payments {"order":"NAME"}"#,
    r#"rows payments {"order":[{"column":"NAME","descending":true}]}"#,
    r#"lookup payments [1] {"select":["NAME"]}"#,
    r#"lookup NAME [1]"#,
    r#"rows NAME {}"#,
    r#"rows NAME {"limit":100000000}"#,
    r#"rows NAME {"version":1}"#,
    r#"describe NAME"#,
    r#"aggregate NAME {"measures":[{"fn":"count"}]}"#,
    r#"aggregate payments {"group_by":["NAME"]}"#,
    r#"aggregate payments {"group_by":[{"column":"NAME","date_trunc":"month"}]}"#,
    r#"aggregate payments {"measures":[{"fn":"max","column":"NAME"}]}"#,
    r#"aggregate payments {"measures":[{"fn":"count"}],"having":{"column":"NAME","op":"gt","value":1}}"#,
    r#"aggregate payments {"measures":[{"fn":"count"}],"order":"NAME"}"#,
    r#"sql {"sql":"select NAME from payments"}"#,
    r#"sql {"sql":"select payments.NAME from payments"}"#,
    r#"sql {"sql":"select count(*) from NAME"}"#,
    r#"sql {"sql":"select count(*) from payments, NAME"}"#,
    r#"sql {"sql":"select id from payments where id in (select id from NAME)"}"#,
    r#"sql {"sql":"select id from payments order by NAME"}"#,
    r#"sql {"sql":"select NAME(id) from payments"}"#,
];

/// Nothing that is visible is near to these, as to no hidden name. Of all lengths that hidden names have.
const INVENTED: [&str; 5] = ["qxzj", "qxzjw", "qxzjwv", "qxzjwvqx", "qxzjwvqxz"];

/// Slips in hidden names, to which no hint may know better.
const SLIPS: [&str; 6] = ["vaul", "vaults", "keeper_ids", "kepper", "content", "occupant"];

fn capital(name: &str) -> String {
    format!("{}{}", name[..1].to_uppercase(), &name[1..])
}

fn filled(place: &str, name: &str) -> String {
    place.replace("NAME", name).replace("Name", &capital(name))
}

/// The answer for a name without the name.
fn emptied(text: &str, name: &str) -> String {
    text.replace(name, "NAME").replace(&capital(name), "Name")
}

/// A name of the same length, so that places in a text are the same.
fn invented(name: &str) -> &'static str {
    INVENTED.into_iter().find(|one| one.len() == name.len()).expect("a name of every length")
}

fn bodies(name: &str) -> Vec<Value> {
    let documents = PLACES.iter().map(|place| json!({ "query": filled(place, name) }));
    let variables = VARIABLES.iter().map(|(document, value)| {
        let value: Value = serde_json::from_str(&filled(value, name)).unwrap();
        json!({ "query": document, "variables": { "v": value } })
    });
    let operation =
        json!({ "query": "query A { __typename } query B { __typename }", "operationName": name });
    documents.chain(variables).chain([operation]).collect()
}

/// How long an answer took, which is its own.
static ELAPSED: LazyLock<Regex> = LazyLock::new(|| Regex::new("\"elapsed_ms\":[0-9]+").unwrap());

/// Status, head and body, without the id of the request and the name.
fn told(answer: &Answer, name: &str) -> Value {
    let id = answer.header("x-request-id").to_owned();
    let mut head: Vec<String> =
        answer.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
    // The length is that of the body, which is told itself.
    head.retain(|line| !line.starts_with("date:") && !line.starts_with("content-length:"));
    head.sort();
    let head: Vec<String> = head.iter().map(|line| line.replace(&id, "")).collect();
    let text = ELAPSED.replace(&answer.text(), "").replace(&id, "");
    json!([answer.status, head, emptied(&text, name)])
}

/// A hint at what else may have been meant: the copy gives the same one.
static HINT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#","hint":"did you mean \\"[^"\\]*\\"\?""#).unwrap());

fn hintless(told: &Value) -> Value {
    let text = told[2].as_str().unwrap();
    json!([told[0], told[1], HINT.replace_all(text, "")])
}

async fn told_of(caller: &Caller, name: &str) -> Vec<Value> {
    let caller = caller.clone().header("Accept", "application/graphql-response+json");
    let mut all: Vec<Value> = Vec::new();
    for body in bodies(name) {
        all.push(told(&caller.post("/graphql", &body).await, name));
    }
    all
}

fn all_alike(who: &str, name: &str, of_hidden: &[Value], of_other: &[Value]) {
    for ((body, hidden), other) in bodies(name).iter().zip(of_hidden).zip(of_other) {
        assert_eq!(hidden, other, "{who} is told of \"{name}\" by {body}");
    }
}

#[test]
fn documents_know_no_hidden_name() {
    run(async {
        let mut guesses = 0;
        for shop in shops().await {
            for name in HIDDEN_NAMES {
                let other = invented(name);
                let told = join_all([
                    told_of(&shop.secured, name),
                    told_of(&shop.secured, other),
                    told_of(&shop.copy, name),
                ]);
                let told = told.await;
                all_alike(shop.role, name, &told[0], &told[2]);
                // Visible names may be near to the one and not to the other.
                let [of_hidden, of_other] =
                    [&told[0], &told[1]].map(|all| all.iter().map(hintless).collect::<Vec<_>>());
                all_alike(shop.role, name, &of_hidden, &of_other);
                guesses += of_hidden.len();
            }
        }
        assert!(guesses > 500, "{guesses} guesses");
    });
}

/// Hints know visible names only: the copy, which has no others, gives the same ones.
#[test]
fn slips_are_told_of_visible_names_only() {
    run(async {
        for shop in shops().await {
            for name in SLIPS {
                let told = join_all([told_of(&shop.secured, name), told_of(&shop.copy, name)]).await;
                all_alike(shop.role, name, &told[0], &told[1]);
            }
        }
    });
}

#[test]
fn whoever_has_no_token_is_told_nothing_at_all() {
    run(async {
        let shop = &shops().await[0];
        let nobody = shop.gateway.nobody();
        let mut answers: Vec<Value> = Vec::new();
        for name in HIDDEN_NAMES.into_iter().chain(["owners", "amount", invented("vault")]) {
            for (body, told) in bodies(name).iter().zip(told_of(&nobody, name).await) {
                assert_eq!(told[0], 401, "{body}");
                answers.push(told);
            }
            let query = format!("{{ {name} {{ totalCount }} }}");
            answers.push(told(&nobody.ask("/graphql", &[("query", &query)]).await, name));
            assert_eq!(answers[answers.len() - 1][0], 401);
        }
        answers.dedup_by_key(|told| (told[0].clone(), told[2].clone()));
        assert!(answers.len() <= 2 * (HIDDEN_NAMES.len() + 3), "{answers:#?}");
        let text = json!(answers).to_string();
        for name in HIDDEN_NAMES.into_iter().chain(["owners", "payments", "codes"]) {
            assert!(!text.contains(name), "{text}");
        }
    });
}

/// What a door that takes other questions than documents says of a line: the refusal in words, and how much came.
async fn said(door: &dyn Door, line: &str, name: &str) -> Option<(String, usize)> {
    let outcome = door.ask(&question(&filled(line, name)).unwrap(), None).await?;
    assert_ne!(outcome.code(), "answered", "{}: {line}", door.name());
    Some((emptied(&json!(outcome.said).to_string(), name), outcome.raw.len()))
}

#[test]
fn no_other_question_knows_a_hidden_name() {
    run(async {
        for shop in shops().await {
            let secured = doors_for(shop.gateway, &shop.secured_token);
            let copy = doors_for(shop.copy_gateway, &shop.copy_token);
            for (secured, copy) in secured.iter().zip(&copy) {
                for name in HIDDEN_NAMES {
                    for line in LINES {
                        agree(shop, [secured.as_ref(), copy.as_ref()], line, name).await;
                    }
                }
            }
        }
    });
}

async fn agree(shop: &Shop, [secured, copy]: [&dyn Door; 2], line: &str, name: &str) {
    let asked = [(secured, name), (secured, invented(name)), (copy, name)];
    let told = join_all(asked.map(|(door, name)| said(door, line, name))).await;
    let [hidden, other, of_copy] = told.as_slice() else { unreachable!() };
    // All that came has one length: nothing stands in details or trailers that the words do not tell.
    assert_eq!(hidden, other, "{} is told of \"{name}\" at {} by {line}", shop.role, secured.name());
    assert_eq!(hidden, of_copy, "{} is told of \"{name}\" at {} by {line}", shop.role, secured.name());
}
