//! The pair of gateways: owns asking both the same and the comparison of what they answer.

use std::collections::BTreeSet;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use reqwest::Method;
use serde_json::{Map, Value, json};
use sluice_tests::client::{Answer, Caller};
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup};
use sluice_tests::json::{rows, sorted};
use tokio::sync::OnceCell;

use crate::accounts;

static PAIRS: OnceCell<Vec<Pair>> = OnceCell::const_new();

const COPY_POLICIES: &str = "version: 1\nroles:\n  reader: { tables: { accounts: { columns: '*' } } }\n";

/// One role under its policy, and the reader of the copy made for it.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) role: &'static str,
    pub(super) secured: Caller,
    pub(super) copy: Caller,
    /// Both tables carry statistics, each of its own rows.
    pub(super) with_stats: bool,
    /// Values that only hidden rows and masked columns hold, in lower case.
    hidden: BTreeSet<String>,
    _gateway: Gateway,
}

/// A question for either.
#[derive(Debug, Clone)]
pub(super) enum Question {
    Sql(String),
    Filter(String),
    Aggregate(Value),
    /// The body of a page, whose filter may be a tree.
    Page(Value),
    Get(String),
}

/// Pairs for alice and bob, over tables with and without statistics.
pub(super) async fn pairs() -> &'static [Pair] {
    PAIRS
        .get_or_init(|| async {
            let mut pairs: Vec<Pair> = Vec::new();
            for with_stats in [false, true] {
                let secured = Box::leak(Box::new(secured(with_stats).await));
                for (role, tenant) in [("alice", "a"), ("bob", "b")] {
                    let gateway = copy_for(tenant, with_stats).await;
                    pairs.push(Pair {
                        role,
                        secured: accounts::caller(secured, role),
                        copy: gateway.role("reader"),
                        with_stats,
                        hidden: hidden_values(tenant),
                        _gateway: gateway,
                    });
                }
            }
            pairs
        })
        .await
}

/// Short values say nothing: a count may be any of them.
fn hidden_values(tenant: &str) -> BTreeSet<String> {
    let raw = accounts::raw();
    let visible = accounts::visible(&raw, tenant);
    values(raw).difference(&values(visible)).filter(|value| value.len() > 3).cloned().collect()
}

fn values(batch: RecordBatch) -> BTreeSet<String> {
    let rows = rows(&[batch]);
    let members = rows.iter().flat_map(|row| row.as_object().unwrap().values());
    members
        .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned).to_lowercase())
        .collect()
}

/// A gateway over the accounts with their policies.
pub(super) async fn secured(with_stats: bool) -> Gateway {
    let setup = Setup::new("secured", accounts::POLICIES).table(accounts::definition());
    accounts::write_as(empty(&setup, &accounts::schema(), with_stats), RecordBatch::clone);
    setup.start().await
}

/// A gateway over what a tenant's role may see of them.
async fn copy_for(tenant: &str, with_stats: bool) -> Gateway {
    let setup = Setup::new("copy", COPY_POLICIES).table(accounts::definition());
    let schema = accounts::visible(&accounts::raw(), tenant).schema();
    accounts::write_as(empty(&setup, &schema, with_stats), |rows| accounts::visible(rows, tenant));
    setup.start().await
}

fn empty(setup: &Setup, schema: &SchemaRef, with_stats: bool) -> HandTable {
    let table = HandTable::create(&setup.place("accounts"), schema).numbered();
    if with_stats { table } else { table.without_stats() }
}

impl Question {
    async fn ask(&self, caller: &Caller) -> Answer {
        match self {
            Self::Sql(sql) => caller.sql(sql).await,
            Self::Filter(filter) => {
                let asked = [("filter", filter.as_str()), ("count", "exact"), ("limit", "1000")];
                caller.ask("/v1/tables/accounts/rows", &asked).await
            }
            Self::Aggregate(body) => caller.post("/v1/tables/accounts/aggregate", body).await,
            Self::Page(body) => caller.post("/v1/tables/accounts/query", body).await,
            Self::Get(target) => caller.send(Method::GET, target, None).await,
        }
    }

    /// Whether the rows come in one order: one that the question names in full, or a page's, which the
    /// place of rows completes. That is the same in the copy.
    fn is_ordered(&self) -> bool {
        match self {
            Self::Sql(sql) => sql.contains("order by id"),
            Self::Filter(_) | Self::Page(_) => true,
            Self::Get(target) => target.contains("/rows"),
            Self::Aggregate(_) => false,
        }
    }
}

impl Pair {
    /// Asks both, and fails unless they agree; gives the common status.
    pub(super) async fn agree(&self, question: &Question) -> u16 {
        let secured = question.ask(&self.secured).await;
        let copy = question.ask(&self.copy).await;
        let (left, right) = (essence(&secured, question), essence(&copy, question));
        let stats = if self.with_stats { "with" } else { "without" };
        assert_eq!(left, right, "{} and the copy, {stats} statistics, differ on {question:?}", self.role);
        for value in quoted_values(&secured) {
            let hidden = self.hidden.contains(&value.to_lowercase());
            assert!(!hidden, "{} is told of {value} by {question:?}", self.role);
        }
        let text = secured.text();
        for raw in ["SECRET", "raw note", "top secret"] {
            // A caller may see what it wrote itself.
            let own = format!("{question:?}").contains(raw);
            assert!(own || !text.contains(raw), "{question:?}: {text}");
        }
        secured.status
    }
}

/// What must be equal: everything but times, ids, sizes and cursors.
fn essence(answer: &Answer, question: &Question) -> Value {
    let mut body = answer.json();
    if let Some(object) = body.as_object_mut() {
        object.remove("request_id");
        object.remove("meta");
        if let Some(Value::Object(page)) = object.get_mut("page") {
            page.remove("next_cursor");
            page.remove("prev_cursor");
        }
        // Which of several failing rows is met first, and so in which way it fails, is left to chance
        // where all rows are visible; that the row is visible is not.
        if object.get("code") == Some(&json!("evaluation_failed")) {
            object.remove("detail");
        }
        match object.get_mut("data") {
            Some(Value::Array(rows)) if !question.is_ordered() => {
                let lines = sorted(&rows.iter().map(rounded).collect::<Vec<Value>>());
                object.insert("data".to_owned(), json!(lines));
            }
            Some(Value::Object(described)) => only_what_is_seen(described),
            _ => {}
        }
    }
    json!({ "status": answer.status, "body": body })
}

/// That a column is masked is no secret, and neither is the time of a commit.
fn only_what_is_seen(described: &mut Map<String, Value>) {
    for part in ["age_ms", "as_of", "rows", "bytes", "stale"] {
        described.remove(part);
    }
    for column in described.get_mut("columns").and_then(Value::as_array_mut).into_iter().flatten() {
        column.as_object_mut().unwrap().remove("masked");
    }
}

/// Floats to twelve digits: the last ones depend on where a batch ends.
fn rounded(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            let text = number.as_f64().map(|float| format!("{float:.11e}"));
            json!(text)
        }
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), rounded(value))).collect()
        }
        other => other.clone(),
    }
}

/// The values that the message of a failed evaluation repeats.
fn quoted_values(answer: &Answer) -> Vec<String> {
    if answer.code() != "evaluation_failed" {
        return Vec::new();
    }
    let document = answer.json();
    values_in(document["detail"].as_str().unwrap_or_default()).into_iter().map(str::to_owned).collect()
}

/// The apostrophe of "can't" opens no quotation.
fn plain(detail: &str) -> &str {
    detail.strip_prefix("can't").unwrap_or(detail)
}

/// What stands in quotes, and every word that is a number.
fn values_in(detail: &str) -> Vec<&str> {
    let quoted = plain(detail).split('\'').skip(1).step_by(2);
    let numbers = detail.split_whitespace().filter(|word| word.parse::<f64>().is_ok());
    quoted.chain(numbers).collect()
}
