//! Walks over random tables: owns the property, and the writes between two pages.

use std::collections::BTreeMap;

use arrow::array::{AsArray, BooleanArray};
use arrow::datatypes::Int64Type;
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use sluice_proto::v1::{RowFormat, StreamRowsRequest};
use sluice_tests::client::Caller;
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup, run};
use sluice_tests::grpc::questions;
use sluice_tests::grpc::stream::stream_rows;
use sluice_tests::json::rows;
use sluice_tests::random::seeded;
use sluice_tests::waiting::until;

use super::model::{
    CONDITIONS, Condition, Key, Row, batch, compare, order_text, random_order, random_rows, schema,
};

const TABLES: usize = 6;
const WALKS_PER_TABLE: usize = 9;
const POLICIES: &str = "version: 1
roles:
  reader: { administrator: true, tables: { t: { columns: all } } }
  masked: { tables: { t: { columns: '*', rows: 'grp < 2', masks: { name: null } } } }
  groupless: { tables: { t: { columns: '*', rows: 'grp < 2', masks: { grp: null } } } }
";

/// Who walks, and what of a row there is for it.
#[derive(Clone, Copy)]
struct Viewer {
    role: &'static str,
    sees: fn(&Row) -> Option<Row>,
}

const READER: Viewer = Viewer { role: "reader", sees: |row| Some(row.clone()) };
/// The table is clustered by what is masked for this one: its order of files is secret.
const MASKED: Viewer = Viewer {
    role: "masked",
    sees: |row| row.group.is_some_and(|group| group < 2).then(|| Row { name: None, ..row.clone() }),
};

/// The same, with long names to order by.
const GROUPLESS: Viewer = Viewer {
    role: "groupless",
    sees: |row| row.group.is_some_and(|group| group < 2).then(|| Row { group: None, ..row.clone() }),
};

fn definition(location: Value) -> Value {
    json!({ "name": "t", "location": location, "clustered_by": ["name", "grp"] })
}

/// A table with its rows in the model, and a gateway over it.
struct Stage {
    gateway: Gateway,
    table: HandTable,
    rows: Vec<Row>,
    next_id: i64,
}

impl Stage {
    async fn build(random: &mut StdRng) -> Self {
        // In the shortest of cursors there is no room for the keys of long names.
        let cursors = match random.random_bool(0.5) {
            true => json!({}),
            false => json!({ "cursors": { "cursor_bytes_max": 1024 } }),
        };
        Self::build_with(random, cursors).await
    }

    async fn build_with(random: &mut StdRng, limits: Value) -> Self {
        let setup = Setup::new("paging", POLICIES).table(definition(json!("t"))).with(limits);
        let table =
            HandTable::create(&setup.place("t"), &schema()).row_group_rows(random.random_range(3..20));
        let table = if random.random_bool(0.3) { table.without_stats() } else { table };
        let mut stage = Self { gateway: setup.start().await, table, rows: Vec::new(), next_id: 0 };
        for _ in 0..random.random_range(2..5) {
            stage.append(random);
        }
        stage.settle().await;
        stage
    }

    fn append(&mut self, random: &mut StdRng) {
        let mut batches = Vec::new();
        for _ in 0..random.random_range(1..4) {
            let count = random.random_range(3..40);
            let fresh = random_rows(random, self.next_id, count);
            self.next_id += i64::try_from(fresh.len()).unwrap();
            batches.push(batch(&fresh));
            self.rows.extend(fresh);
        }
        self.table.append(&batches);
    }

    /// A random write: more rows, fewer rows, or the same rows elsewhere.
    fn disturb(&mut self, random: &mut StdRng) {
        match random.random_range(0..3) {
            0 => self.append(random),
            1 => {
                let rest = random.random_range(2..6);
                self.table.delete(|rows| {
                    let ids = rows.column(0).as_primitive::<Int64Type>();
                    ids.iter().map(|id| id.map(|id| id % rest == 0)).collect::<BooleanArray>()
                });
                self.rows.retain(|row| row.id % rest != 0);
            }
            _ => {
                self.table.compact();
            }
        }
    }

    /// Until the gateway has seen the newest version.
    async fn settle(&self) {
        let reader = self.gateway.role("reader");
        let newest = self.table.version();
        until("the gateway follows the table", || async {
            let described = reader.get("/v1/tables/t").await;
            (described.status == 200 && described.object()["version"].as_u64() == Some(newest)).then_some(())
        })
        .await;
    }
}

/// One walk: how it is asked, and what it must meet.
struct Walk {
    viewer: Viewer,
    order: Vec<Key>,
    condition: Condition,
    limit: usize,
    version: u64,
    /// Each id with its row as JSON.
    expected: BTreeMap<i64, Value>,
    model: BTreeMap<i64, Row>,
}

impl Walk {
    fn plan(stage: &Stage, random: &mut StdRng, viewer: Viewer) -> Self {
        let condition = CONDITIONS[random.random_range(0..CONDITIONS.len())];
        let kept: Vec<Row> =
            stage.rows.iter().filter_map(viewer.sees).filter(|row| (condition.holds)(row)).collect();
        let as_json = rows(&[batch(&kept)]);
        let expected = as_json.into_iter().map(|row| (row["id"].as_i64().unwrap(), row)).collect();
        let model = kept.into_iter().map(|row| (row.id, row)).collect();
        let limit = [1, 2, 3, 7, 20, 1000][random.random_range(0..6)];
        Self {
            viewer,
            order: random_order(random),
            condition,
            limit,
            version: stage.table.version(),
            expected,
            model,
        }
    }

    async fn page(&self, caller: &Caller, cursor: Option<&str>) -> Value {
        let order = order_text(&self.order);
        let limit = self.limit.to_string();
        let mut asked = vec![("filter", self.condition.sql), ("limit", limit.as_str())];
        if !order.is_empty() {
            asked.push(("order", &order));
        }
        if let Some(cursor) = cursor {
            asked.push(("cursor", cursor));
        }
        let page = caller.ask("/v1/tables/t/rows", &asked).await.expect_status(200).json();
        assert_eq!(page["meta"]["version"], json!(self.version), "a walk stays at its version");
        page
    }

    /// Holds what a whole walk met against the model.
    fn check(&self, met: &[Value]) {
        let ids: Vec<i64> = met.iter().map(|row| row["id"].as_i64().unwrap()).collect();
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        let all: Vec<i64> = self.expected.keys().copied().collect();
        assert_eq!(sorted, all, "every row once; order {:?}, filter {}", self.order, self.condition.sql);
        for row in met {
            assert_eq!(row, &self.expected[&row["id"].as_i64().unwrap()]);
        }
        for pair in ids.windows(2) {
            let (before, after) = (&self.model[&pair[0]], &self.model[&pair[1]]);
            assert!(
                compare(&self.order, before, after).is_le(),
                "{:?}: {before:?} before {after:?}",
                self.order
            );
        }
    }
}

#[test]
fn every_row_of_the_pinned_version_is_met_once_in_order_whatever_is_written() {
    run(async {
        let mut random = seeded("paging::walks");
        for _ in 0..TABLES {
            let mut stage = Stage::build(&mut random).await;
            for viewer in [READER, MASKED, GROUPLESS].into_iter().cycle().take(WALKS_PER_TABLE) {
                walk_forth_and_back(&mut stage, &mut random, viewer).await;
                stage.settle().await;
            }
            stage.gateway.shutdown().await;
        }
    });
}

async fn walk_forth_and_back(stage: &mut Stage, random: &mut StdRng, viewer: Viewer) {
    let walk = Walk::plan(stage, random, viewer);
    let caller = stage.gateway.role(viewer.role);
    let mut met: Vec<Value> = Vec::new();
    let mut pages: Vec<Vec<Value>> = Vec::new();
    let mut page = walk.page(&caller, None).await;
    assert!(page["page"]["prev_cursor"].is_null(), "nothing before the first page");
    loop {
        let data = page["data"].as_array().unwrap().clone();
        assert!(data.len() <= walk.limit);
        met.extend(data.iter().cloned());
        assert!(met.len() <= walk.expected.len(), "more rows than there are; order {:?}", walk.order);
        pages.push(data);
        let next = page["page"]["next_cursor"].as_str().map(str::to_owned);
        assert_eq!(page["page"]["has_more"], json!(next.is_some()));
        if random.random_bool(0.2) {
            stage.disturb(random);
        }
        let Some(next) = next else { break };
        page = walk.page(&caller, Some(&next)).await;
    }
    walk.check(&met);

    // Back from the last page to the first: the same pages in reverse.
    for expected in pages.iter().rev().skip(1) {
        let previous = page["page"]["prev_cursor"].as_str().expect("a way back").to_owned();
        page = walk.page(&caller, Some(&previous)).await;
        assert_eq!(page["data"].as_array().unwrap(), expected, "the way back shows the same pages");
        assert_eq!(page["page"]["has_more"], json!(true));
    }
    assert!(page["page"]["prev_cursor"].is_null(), "the way back ends at the first page");
}

#[test]
fn unordered_and_ordered_walks_meet_the_same_rows_with_any_limit() {
    run(async {
        let mut random = seeded("paging::limits");
        let stage = Stage::build(&mut random).await;
        let reader = stage.gateway.role("reader");
        let whole = reader.walk("t", &[("limit", "10000")]).await;
        for limit in ["1", "2", "5", "16", "17"] {
            assert_eq!(
                reader.walk("t", &[("limit", limit)]).await,
                whole,
                "file order does not depend on the page size"
            );
            let by_score = reader.walk("t", &[("limit", limit), ("order", "-score")]).await;
            assert_eq!(by_score, reader.walk("t", &[("limit", "10000"), ("order", "-score")]).await);
        }
        stage.gateway.shutdown().await;
    });
}

#[test]
fn a_row_inserted_or_deleted_between_pages_shifts_nothing() {
    run(async {
        let mut random = seeded("paging::shift");
        let mut stage = Stage::build(&mut random).await;
        let reader = stage.gateway.role("reader");
        let ids = |rows: &[Value]| rows.iter().map(|row| row["id"].as_i64().unwrap()).collect::<Vec<i64>>();
        let before = reader.walk("t", &[("order", "id")]).await;
        let page = reader.get("/v1/tables/t/rows?order=id&limit=2").await.expect_status(200).json();
        let cursor = page["page"]["next_cursor"].as_str().unwrap().to_owned();
        stage.table.delete(|rows| {
            rows.column(0)
                .as_primitive::<Int64Type>()
                .iter()
                .map(|id| id.map(|id| id <= 3))
                .collect::<BooleanArray>()
        });
        stage.table.compact();
        stage.settle().await;
        let next = reader
            .get(&format!("/v1/tables/t/rows?order=id&limit=2&cursor={cursor}"))
            .await
            .expect_status(200)
            .json();
        assert_eq!(ids(next["data"].as_array().unwrap()), ids(&before)[2..4]);
        stage.gateway.shutdown().await;
    });
}

#[test]
fn a_table_followed_commit_by_commit_pages_like_one_loaded_afresh() {
    run(async {
        let mut random = seeded("paging::loads");
        let mut stage = Stage::build(&mut random).await;
        let followed = stage.gateway.role("reader");
        for _ in 0..4 {
            stage.disturb(&mut random);
            stage.settle().await;
            let location = stage.gateway.directory.join("t");
            let setup = Setup::new("afresh", POLICIES).table(definition(json!(location.to_str().unwrap())));
            let afresh = setup.start().await;
            for order in ["", "grp", "-score:nulls_first"] {
                let mut asked = vec![("limit", "5")];
                if !order.is_empty() {
                    asked.push(("order", order));
                }
                let right = followed.walk("t", &asked).await;
                assert_eq!(afresh.role("reader").walk("t", &asked).await, right, "order {order:?}");
            }
            afresh.shutdown().await;
        }
        stage.gateway.shutdown().await;
    });
}

#[test]
fn pages_that_are_cut_by_bytes_meet_every_row_once_in_either_direction() {
    run(async {
        let mut random = seeded("paging::bytes");
        for page_bytes_max in [1, 150, 700] {
            let limits = json!({
                "limits": { "page_bytes_max": page_bytes_max },
                "cursors": { "cursor_bytes_max": 1024 },
            });
            let stage = Stage::build_with(&mut random, limits).await;
            for viewer in [READER, MASKED, GROUPLESS] {
                for order in [Vec::new(), random_order(&mut random), random_order(&mut random)] {
                    let walk = Walk { order, limit: 1000, ..Walk::plan(&stage, &mut random, viewer) };
                    there_and_back(&stage, &walk).await;
                }
            }
            stage.gateway.shutdown().await;
        }
    });
}

/// The rows of all pages at once.
async fn streamed(stage: &Stage, walk: &Walk) -> Vec<Value> {
    let mut asked = json!({ "filter": walk.condition.sql });
    let order = order_text(&walk.order);
    if !order.is_empty() {
        asked["order"] = json!(order);
    }
    let caller = stage.gateway.grpc_role(walk.viewer.role);
    let format = RowFormat::ArrowIpc.into();
    let asked = StreamRowsRequest { format, ..questions::stream_rows("t", &asked) };
    let streamed = stream_rows(&caller, asked).await.unwrap();
    assert!(streamed.failure.is_none(), "{:?}", streamed.failure);
    assert_eq!(streamed.head.meta.as_ref().unwrap().tables[0].version, walk.version);
    streamed.arrow_rows()
}

/// From the first page to the last, and from there back to the first.
async fn there_and_back(stage: &Stage, walk: &Walk) {
    let caller = stage.gateway.role(walk.viewer.role);
    let rows = |page: &Value| page["data"].as_array().unwrap().clone();
    let mut page = walk.page(&caller, None).await;
    let mut met = rows(&page);
    while let Some(next) = page["page"]["next_cursor"].as_str() {
        page = walk.page(&caller, Some(next)).await;
        met.extend(rows(&page));
        assert!(met.len() <= walk.expected.len(), "more rows than there are; order {:?}", walk.order);
    }
    walk.check(&met);
    assert_eq!(streamed(stage, walk).await, met, "the same rows as a stream; order {:?}", walk.order);
    let mut back = rows(&page);
    while let Some(previous) = page["page"]["prev_cursor"].as_str() {
        page = walk.page(&caller, Some(previous)).await;
        back.splice(0..0, rows(&page));
    }
    assert_eq!(back, met, "the same rows on the way back; order {:?}", walk.order);
}
