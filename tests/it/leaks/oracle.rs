//! The pair of gateways: owns asking both the same and the comparison of what they answer.

use reqwest::Method;
use serde_json::{Map, Value, json};
use sluice_tests::client::{Answer, Caller};
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup};
use sluice_tests::json::sorted;
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
    _gateway: Gateway,
}

/// A question for either.
#[derive(Debug, Clone)]
pub(super) enum Question {
    Sql(String),
    Filter(String),
    Aggregate(Value),
    Get(String),
}

/// A pair for alice and one for bob.
pub(super) async fn pairs() -> &'static [Pair] {
    PAIRS
        .get_or_init(|| async {
            let secured = Box::leak(Box::new(secured().await));
            let mut pairs: Vec<Pair> = Vec::new();
            for (role, tenant) in [("alice", "a"), ("bob", "b")] {
                let gateway = copy_for(tenant).await;
                pairs.push(Pair {
                    role,
                    secured: accounts::caller(secured, role),
                    copy: gateway.role("reader"),
                    _gateway: gateway,
                });
            }
            pairs
        })
        .await
}

/// A gateway over the accounts with their policies.
pub(super) async fn secured() -> Gateway {
    let setup = Setup::new("secured", accounts::POLICIES).table(accounts::definition());
    accounts::write(&setup.place("accounts"));
    setup.start().await
}

async fn copy_for(tenant: &str) -> Gateway {
    let setup = Setup::new("copy", COPY_POLICIES).table(accounts::definition());
    let visible = accounts::visible(&accounts::raw(), tenant);
    let mut table = HandTable::create(&setup.place("accounts"), &visible.schema()).without_stats();
    let half = visible.num_rows() / 2;
    // The secured table is at version 3; so is the copy.
    table.append(&[visible.slice(0, half)]);
    table.append(&[visible.slice(half, visible.num_rows() - half)]);
    table.append(&[]);
    setup.start().await
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
            Self::Get(target) => caller.send(Method::GET, target, None).await,
        }
    }

    /// Whether the rows come in an order that the question names in full.
    fn is_ordered(&self) -> bool {
        matches!(self, Self::Sql(sql) if sql.contains("order by id"))
    }
}

impl Pair {
    /// Asks both, and fails unless they agree; gives the common status.
    pub(super) async fn agree(&self, question: &Question) -> u16 {
        let secured = question.ask(&self.secured).await;
        let copy = question.ask(&self.copy).await;
        let (left, right) = (essence(&secured, question), essence(&copy, question));
        assert_eq!(left, right, "{} and the copy differ on {question:?}", self.role);
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
        match object.get_mut("data") {
            Some(Value::Array(rows)) if !question.is_ordered() => {
                let lines = sorted(rows);
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
