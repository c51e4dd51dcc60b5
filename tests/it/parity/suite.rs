//! Asking every statement at every door under every role: owns the walks and the report. Does not know what a
//! statement is about.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use futures::future::join_all;
use serde_json::{Value, json};
use sluice_tests::doors::question::{Question, Walk};
use sluice_tests::doors::{Cursor, Door, Outcome, doors_for};
use sluice_tests::gateway::Gateway;

use super::statement::Statement;

/// Of both gateways.
pub(super) const ROLES: [&str; 3] = ["admin", "analyst", "partner"];
/// The role that the headings speak of.
const FULL_ROLE: &str = "admin";
const PAGES_MAX: usize = 100;

/// Every door, for a role.
pub(super) fn doors_of(gateway: &Gateway, role: &str) -> Vec<Box<dyn Door>> {
    doors_for(gateway, &gateway.role_token(role))
}

/// What is wrong with the answers, a text for each role and statement.
pub(super) async fn failures(gateway: &Gateway, statements: &[Statement]) -> Vec<String> {
    join_all(ROLES.map(|role| failures_of(gateway, role, statements))).await.concat()
}

async fn failures_of(gateway: &Gateway, role: &str, statements: &[Statement]) -> Vec<String> {
    let doors = doors_of(gateway, role);
    let mut failures: Vec<String> = Vec::new();
    for statement in statements {
        // An answer that cannot be read shall not hide what is wrong with other lines.
        let judged = AssertUnwindSafe(judge(&doors, role, statement)).catch_unwind().await;
        let fault = match judged {
            Ok(Ok(())) => continue,
            Ok(Err(fault)) => fault,
            Err(_) => "an answer could not be read; the panic is above".to_owned(),
        };
        failures.push(format!("{}\n  as {role}: {fault}", statement.place));
    }
    failures
}

async fn judge(doors: &[Box<dyn Door>], role: &str, statement: &Statement) -> Result<(), String> {
    let Statement { expected, question, .. } = statement;
    let walk = question.walk();
    let next = |page: &Outcome| page.next.clone().filter(|_| walk != Walk::None);
    let pages = pages(doors, question, None, false, next).await?;
    let first = &pages[0];
    if role == FULL_ROLE && first.code() != expected {
        return Err(format!("every door says {}: {}", first.code(), json!(first.said.get("message"))));
    }
    if walk == Walk::None || first.code() != "answered" {
        return Ok(());
    }
    if role == FULL_ROLE && pages.len() == 1 {
        return Err("there is nothing to walk: the first page is the last".to_owned());
    }
    let (last, before) = pages.split_last().expect("a page");
    if let (Some(prev), Walk::AndBack) = (&last.prev, walk) {
        let mut back =
            self::pages(doors, question, Some(prev.clone()), true, |page| page.prev.clone()).await?;
        back.reverse();
        if rows(&back) != rows(before) {
            return Err("the way back has other rows than the way there".to_owned());
        }
    }
    Ok(())
}

fn rows(pages: &[Outcome]) -> Vec<&Value> {
    pages.iter().filter_map(|page| page.said.get("rows").and_then(Value::as_array)).flatten().collect()
}

/// The pages from a cursor on, as the first door gives them; the doors take turns in saying where the next one is.
async fn pages(
    doors: &[Box<dyn Door>],
    question: &Question,
    from: Option<String>,
    backward: bool,
    further: impl Fn(&Outcome) -> Option<String>,
) -> Result<Vec<Outcome>, String> {
    let mut cursor = from;
    let mut pages: Vec<Outcome> = Vec::new();
    while pages.len() < PAGES_MAX {
        let at = cursor.as_deref().map(|text| Cursor { text, backward });
        let asked = ask(doors, question, at).await;
        let mut outcomes = asked.map_err(|fault| format!("page {}: {fault}", pages.len() + 1))?;
        cursor = further(&outcomes[pages.len() % outcomes.len()]);
        pages.push(outcomes.swap_remove(0));
        if cursor.is_none() {
            return Ok(pages);
        }
    }
    Err(format!("{PAGES_MAX} pages, and more"))
}

/// What those doors say that can ask it, one after the other, where all say the same.
pub(super) async fn ask(
    doors: &[Box<dyn Door>],
    question: &Question,
    cursor: Option<Cursor<'_>>,
) -> Result<Vec<Outcome>, String> {
    let told = join_all(doors.iter().map(|door| door.ask(question, cursor))).await;
    let mut outcomes: Vec<Outcome> = Vec::new();
    let mut faults: Vec<String> = Vec::new();
    for (door, outcome) in doors.iter().zip(told) {
        let Some(outcome) = outcome else { continue };
        let differences = outcomes.first().map(|first| first.differences(&outcome, door.as_ref()));
        for difference in differences.into_iter().flatten() {
            faults.push(format!("{} and {} differ\n    {difference}", doors[0].name(), door.name()));
        }
        outcomes.push(outcome);
    }
    if faults.is_empty() { Ok(outcomes) } else { Err(faults.join("\n  ")) }
}
