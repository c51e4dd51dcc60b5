//! What must be so for each error to come about: owns the gateways, variables and files around an
//! example of `docs/errors`.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use serde_json::{Value, json};
use sluice_gateway::query::error::ErrorCode;
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup};
use sluice_tests::waiting::until;
use tokio::task::JoinHandle;

/// The setting of one example.
pub(super) struct Scene {
    stage: Stage,
    /// Shell variables that the example uses.
    pub(super) variables: Vec<(&'static str, String)>,
    /// Files that it sends.
    pub(super) files: Vec<(&'static str, String)>,
    /// Figures of this scene, and those of a plain configuration, which the page shows.
    figures: Vec<(&'static str, &'static str)>,
    busy: Option<JoinHandle<()>>,
}

enum Stage {
    Demo(&'static Gateway),
    Own(Box<Gateway>),
}

const POLICIES: &str = "version: 1\nroles: { analyst: { tables: { flights: { columns: '*' } } } }\n";
const ROWS: &str = "/v1/tables/flights/rows";

/// Minutes of work for any machine, or too much for a small memory.
const HEAVY: &str = "select a.flight_id as x, b.flight_id as y, count(*) as n from flights a, flights b, flights c, flights d \
                     where a.flight_id + b.flight_id * c.flight_id > d.flight_id group by 1, 2 order by 3, 1, 2";

impl Scene {
    /// Everything in its place, so that the page's example fails under this code.
    pub(super) async fn of(code: ErrorCode) -> Self {
        match code {
            ErrorCode::CursorExpired => {
                let scene = Self::own(json!({ "cursors": { "ttl_ms": 1 } })).await;
                scene.with_cursor().await
            }
            ErrorCode::CursorMismatch => Self::demo().await.with_cursor().await,
            ErrorCode::DeadlineExceeded => {
                let limits = json!({ "limits": { "query_time_ms_max": 500, "queue_wait_ms_max": 100 } });
                Self::own(limits).await.sending("heavy.json", HEAVY).showing("500 ms", "30000 ms")
            }
            ErrorCode::ExpressionTooLarge => {
                let mut scene = Self::demo().await;
                let filter = vec!["distance = 1"; 3_000].join(" OR ");
                scene.files.push(("huge.json", json!({ "filter": filter }).to_string()));
                scene
            }
            ErrorCode::DocumentTooLarge => {
                let mut scene = Self::demo().await;
                let aliases: String = (0..101).map(|at| format!("a{at}: __typename ")).collect();
                let body = json!({ "query": format!("{{ {aliases} }}") });
                scene.files.push(("aliases.json", body.to_string()));
                scene
            }
            ErrorCode::DocumentNotAllowed => {
                let listed = json!({ "graphql": { "allow_list_file": "documents.json" } });
                let setup = Setup::new("documents", POLICIES).with(listed);
                let list = json!({
                    "format": "apollo-persisted-query-manifest", "version": 1, "operations": [],
                });
                std::fs::write(setup.place("documents.json"), list.to_string()).unwrap();
                Self::on(Stage::Own(Box::new(setup.start().await)))
            }
            ErrorCode::MemoryExceeded => {
                let limits = json!({ "limits": {
                    "memory_bytes_max": 1024 * 1024, "spill_bytes_max": 0, "engine_threads": 1,
                }});
                Self::own(limits).await.sending("heavy.json", HEAVY)
            }
            ErrorCode::Overloaded => Self::overloaded().await,
            ErrorCode::RateLimited => {
                Self::own(json!({ "limits": { "subject_requests_per_s": 1, "subject_burst_requests": 1 } }))
                    .await
            }
            ErrorCode::RequestTooLarge => {
                let mut scene = Self::demo().await;
                let rest = format!("{ROWS}?filter=").len();
                scene.variables.push(("LONG", "x".repeat(20_000 - rest)));
                scene
            }
            ErrorCode::TableUnavailable => {
                let setup = Setup::new("documents", POLICIES)
                    .table(json!({ "name": "flights", "location": "nowhere" }));
                Self::on(Stage::Own(Box::new(setup.start().await)))
            }
            _ => Self::demo().await,
        }
    }

    async fn demo() -> Self {
        Self::on(Stage::Demo(Gateway::demo().await))
    }

    /// A gateway with these settings and a small table of flights.
    async fn own(overrides: Value) -> Self {
        let schema = Arc::new(Schema::new(vec![
            Field::new("flight_id", DataType::Int64, false),
            Field::new("carrier", DataType::Utf8, false),
            Field::new("dep_delay", DataType::Float64, true),
        ]));
        let columns: Vec<ArrayRef> = vec![
            Arc::new((0..400).collect::<Int64Array>()),
            Arc::new((0..400).map(|id| Some(["UA", "B6"][id % 2])).collect::<StringArray>()),
            Arc::new((0..400).map(f64::from).map(Some).collect::<Float64Array>()),
        ];
        let rows = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        let setup = Setup::new("documents", POLICIES)
            .table(json!({ "name": "flights", "location": "flights", "primary_key": ["flight_id"] }))
            .with(overrides);
        HandTable::create(&setup.place("flights"), &schema).append(&[rows]);
        Self::on(Stage::Own(Box::new(setup.start().await)))
    }

    fn on(stage: Stage) -> Self {
        let mut scene =
            Self { stage, variables: Vec::new(), files: Vec::new(), figures: Vec::new(), busy: None };
        let token = scene.gateway().token("analyst", json!({}));
        scene.variables.push(("TOKEN", token));
        scene
    }

    async fn overloaded() -> Self {
        let limits = json!({ "limits": {
            "heavy_queries_concurrent_max": 1, "queries_queued_max": 1, "queue_wait_ms_max": 50,
        }});
        let mut scene = Self::own(limits).await.sending("heavy.json", HEAVY);
        let analyst = scene.gateway().role("analyst");
        let heavy = analyst.clone();
        scene.busy = Some(tokio::spawn(async move {
            let _ = heavy.sql(HEAVY).await;
        }));
        until("the slot is taken", || async {
            (analyst.sql("select 1 as one").await.code() == "overloaded").then_some(())
        })
        .await;
        scene
    }

    /// The cursor of a first page.
    async fn with_cursor(mut self) -> Self {
        let page = self.gateway().role("analyst").get(&format!("{ROWS}?limit=1")).await.expect_status(200);
        let cursor = page.json()["page"]["next_cursor"].as_str().unwrap().to_owned();
        self.variables.push(("CURSOR", cursor));
        self
    }

    fn sending(mut self, file: &'static str, sql: &str) -> Self {
        self.files.push((file, json!({ "sql": sql }).to_string()));
        self
    }

    fn showing(mut self, here: &'static str, on_the_page: &'static str) -> Self {
        self.figures.push((here, on_the_page));
        self
    }

    fn gateway(&self) -> &Gateway {
        match &self.stage {
            Stage::Demo(gateway) => gateway,
            Stage::Own(gateway) => gateway,
        }
    }

    /// Where its gateway is.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.gateway().addr())
    }

    /// The document without what differs from call to call.
    pub(super) fn comparable(&self, mut document: Value) -> Value {
        if let Some(members) = document.as_object_mut() {
            members.remove("request_id");
        }
        if let Some(errors) = document.get_mut("errors").and_then(Value::as_array_mut) {
            errors.iter_mut().for_each(|error| drop(error["extensions"]["request_id"].take()));
        }
        if let Some(detail) = document["detail"].as_str() {
            let replaced =
                self.figures.iter().fold(detail.to_owned(), |text, (here, page)| text.replace(here, page));
            document["detail"] = Value::from(replaced);
        }
        document
    }

    /// Stops what was started for it.
    pub(super) async fn end(self) {
        if let Some(busy) = self.busy {
            busy.abort();
        }
        if let Stage::Own(gateway) = self.stage {
            gateway.shutdown().await;
        }
    }
}
