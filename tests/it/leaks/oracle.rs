//! The pair of gateways: owns asking both the same, at every door that can say it, and the comparison of what they answer.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::future::{join, join_all};
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use sluice_tests::client::{Answer, Caller};
use sluice_tests::delta::HandTable;
use sluice_tests::doors::{self, Door, doors_for};
use sluice_tests::gateway::{Gateway, Setup};
use sluice_tests::json::rows;
use sluice_tests::random::seeded;
use tokio::sync::OnceCell;

use super::essence;
use crate::accounts;

static PAIRS: OnceCell<Vec<Pair>> = OnceCell::const_new();

/// What no answer to alice or bob holds: only masked and hidden columns do.
pub(super) const RAW_WORDS: [&str; 4] = ["SECRET", "raw note", "top secret", "person"];

const COPY_POLICIES: &str = "version: 1\nroles:\n  reader: { tables: { accounts: { columns: '*' } } }\n";

/// One role under its policy, and the reader of the copy made for it.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) role: &'static str,
    pub(super) secured: Caller,
    pub(super) copy: Caller,
    /// The other doors, of both.
    pub(super) doors: Vec<[Box<dyn Door>; 2]>,
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
    /// All rows in an order.
    Ordered(&'static str),
    Lookup(i64),
    Describe,
}

/// How many questions were asked, and how many of them each of the other doors has no way to say.
#[derive(Debug)]
pub(super) struct Tally {
    questions: usize,
    unsaid: BTreeMap<&'static str, usize>,
    random: StdRng,
}

/// Of the questions of which there are many, one in so many is asked over gRPC; by a printed seed.
const QUESTIONS_PER_ASKED_OVER_GRPC: u32 = 6;

impl Tally {
    pub(super) fn new(name: &str) -> Self {
        Self { questions: 0, unsaid: BTreeMap::new(), random: seeded(name) }
    }

    /// Whether this question is asked at this door this time.
    fn is_asked(&mut self, door: &dyn Door, question: &Question) -> bool {
        let is_one_of_many =
            !matches!(question, Question::Ordered(_) | Question::Lookup(_) | Question::Describe);
        let is_sampled = door.name() == "gRPC" && is_one_of_many;
        !is_sampled || self.random.random_ratio(1, QUESTIONS_PER_ASKED_OVER_GRPC)
    }

    /// Fails unless so many were left out, over gRPC and in GraphQL.
    pub(super) fn expect_unsaid(&self, over_grpc: usize, in_graphql: usize) {
        let of = |door: &str| self.unsaid.get(door).copied().unwrap_or_default();
        let told = [of("gRPC"), of("GraphQL")];
        assert_eq!(told, [over_grpc, in_graphql], "of {} questions", self.questions);
    }

    /// Questions that a door was asked.
    pub(super) fn said(&self, door: &str) -> usize {
        self.questions - self.unsaid.get(door).copied().unwrap_or_default()
    }
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
                    let of_copy = other_doors(&gateway, &gateway.role_token("reader"));
                    let doors = other_doors(secured, &accounts::token(secured, role)).zip(of_copy);
                    pairs.push(Pair {
                        role,
                        secured: accounts::caller(secured, role),
                        copy: gateway.role("reader"),
                        doors: doors.map(|(secured, copy)| [secured, copy]).collect(),
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

/// All but REST, which is asked in its plain form.
fn other_doors(gateway: &Gateway, token: &str) -> impl Iterator<Item = Box<dyn Door>> + use<> {
    doors_for(gateway, token).into_iter().skip(1)
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
            Self::Ordered(order) => {
                caller.ask("/v1/tables/accounts/rows", &[("limit", "1000"), ("order", order)]).await
            }
            Self::Lookup(key) => caller.get(&format!("/v1/tables/accounts/rows/{key}")).await,
            Self::Describe => caller.get("/v1/tables/accounts").await,
        }
    }

    /// The same as a line for other doors.
    fn line(&self) -> String {
        let rows = |body: Value| format!("rows accounts {body}");
        match self {
            Self::Sql(sql) => format!("sql {}", json!({ "sql": sql })),
            Self::Filter(filter) => rows(json!({ "filter": filter, "count": "exact", "limit": 1000 })),
            Self::Aggregate(body) => format!("aggregate accounts {body}"),
            Self::Page(body) => rows(body.clone()),
            Self::Ordered(order) => rows(json!({ "limit": 1000, "order": order })),
            Self::Lookup(key) => format!("lookup accounts [{key}]"),
            Self::Describe => "describe accounts".to_owned(),
        }
    }

    /// Whether the rows come in one order: one that the question names in full, or a page's, which the
    /// place of rows completes. That is the same in the copy.
    fn is_ordered(&self) -> bool {
        match self {
            Self::Sql(sql) => sql.contains("order by id"),
            Self::Filter(_) | Self::Page(_) | Self::Ordered(_) => true,
            Self::Aggregate(_) | Self::Lookup(_) | Self::Describe => false,
        }
    }
}

impl Pair {
    /// Asks both, at every door that can say it, and fails unless they agree; gives the common status.
    pub(super) async fn agree(&self, question: &Question, tally: &mut Tally) -> u16 {
        let line = doors::question::question(&question.line()).unwrap();
        let doors: Vec<&[Box<dyn Door>; 2]> =
            self.doors.iter().filter(|[door, _]| tally.is_asked(door.as_ref(), question)).collect();
        let at_others = join_all(doors.iter().map(|doors| self.agree_at(doors, question, &line)));
        let (status, said) = join(self.agree_over_rest(question), at_others).await;
        tally.questions += 1;
        for ([door, _], said) in doors.into_iter().zip(said) {
            *tally.unsaid.entry(door.name()).or_default() += usize::from(!said);
        }
        status
    }

    async fn agree_over_rest(&self, question: &Question) -> u16 {
        let (secured, copy) = join(question.ask(&self.secured), question.ask(&self.copy)).await;
        let is_ordered = question.is_ordered();
        let (left, right) = (essence::of_answer(&secured, is_ordered), essence::of_answer(&copy, is_ordered));
        assert_eq!(left, right, "{}", self.differing("REST", question));
        let body = secured.json();
        let detail = body["detail"].as_str().unwrap_or_default();
        self.tells_nothing(question, &secured.code(), detail, &secured.body);
        secured.status
    }

    /// Whether the door can say it.
    async fn agree_at(
        &self,
        [secured, copy]: &[Box<dyn Door>; 2],
        question: &Question,
        line: &doors::question::Question,
    ) -> bool {
        let (left, right) = match join(secured.ask(line, None), copy.ask(line, None)).await {
            (Some(left), Some(right)) => (left, right),
            (None, None) => return false,
            (left, _) => {
                panic!("{}, and one says nothing: {left:?}", self.differing(secured.name(), question))
            }
        };
        let is_ordered = question.is_ordered();
        let told = [essence::of_outcome(&left, is_ordered), essence::of_outcome(&right, is_ordered)];
        assert_eq!(told[0], told[1], "{}", self.differing(secured.name(), question));
        let message = left.said.get("message").and_then(Value::as_str).unwrap_or_default();
        self.tells_nothing(question, left.code(), message, &left.raw);
        true
    }

    fn differing(&self, door: &str, question: &Question) -> String {
        let stats = if self.with_stats { "with" } else { "without" };
        format!("{} and the copy, {stats} statistics, differ at {door} on {question:?}", self.role)
    }

    /// Neither a message nor anything else that came holds what is hidden.
    fn tells_nothing(&self, question: &Question, code: &str, message: &str, raw: &[u8]) {
        for value in essence::quoted_values(code, message) {
            let hidden = self.hidden.contains(&value.to_lowercase());
            assert!(!hidden, "{} is told of {value} by {question:?}", self.role);
        }
        let asked = format!("{question:?}");
        for word in RAW_WORDS {
            // A caller may see what it wrote itself.
            let told = raw.windows(word.len()).any(|window| window == word.as_bytes());
            assert!(!told || asked.contains(word), "{question:?}: {}", String::from_utf8_lossy(raw));
        }
    }
}
