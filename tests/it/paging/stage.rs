//! Where walks take place: owns random tables behind a gateway, who walks them, and what a walk must meet.

use std::collections::BTreeMap;

use arrow::array::{AsArray, BooleanArray};
use arrow::datatypes::Int64Type;
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use sluice_tests::client::Caller;
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup};
use sluice_tests::json::rows;
use sluice_tests::waiting::until;

use super::model::{
    CONDITIONS, Condition, Key, Row, batch, compare, order_text, random_order, random_rows, schema,
};

pub(super) const POLICIES: &str = "version: 1
roles:
  reader: { administrator: true, time_travel: true, tables: { t: { columns: all } } }
  masked: { tables: { t: { columns: '*', rows: 'grp < 2', masks: { name: null } } } }
  groupless: { tables: { t: { columns: '*', rows: 'grp < 2', masks: { grp: null } } } }
  blurred: { tables: { t: {
    columns: '*', rows: 'score IS NOT NULL', masks: { grp: { round: 10 }, name: { hash: {} } } } } }
";

/// Who walks, and what of a row there is for it.
#[derive(Clone, Copy)]
pub(super) struct Viewer {
    pub(super) role: &'static str,
    pub(super) sees: fn(&Row) -> Option<Row>,
}

pub(super) const READER: Viewer = Viewer { role: "reader", sees: |row| Some(row.clone()) };
/// The table is clustered by what is masked for this one: its order of files is secret.
pub(super) const MASKED: Viewer = Viewer {
    role: "masked",
    sees: |row| row.group.is_some_and(|group| group < 2).then(|| Row { name: None, ..row.clone() }),
};

/// The same, with long names to order by.
pub(super) const GROUPLESS: Viewer = Viewer {
    role: "groupless",
    sees: |row| row.group.is_some_and(|group| group < 2).then(|| Row { group: None, ..row.clone() }),
};

pub(super) fn definition(location: Value) -> Value {
    json!({ "name": "t", "location": location, "clustered_by": ["name", "grp"] })
}

/// A table with its rows in the model, and a gateway over it.
pub(super) struct Stage {
    pub(super) gateway: Gateway,
    pub(super) table: HandTable,
    rows: Vec<Row>,
    next_id: i64,
}

impl Stage {
    pub(super) async fn build(random: &mut StdRng) -> Self {
        // In the shortest of cursors there is no room for the keys of long names.
        let cursors = match random.random_bool(0.5) {
            true => json!({}),
            false => json!({ "cursors": { "cursor_bytes_max": 1024 } }),
        };
        Self::build_with(random, cursors).await
    }

    pub(super) async fn build_with(random: &mut StdRng, limits: Value) -> Self {
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

    pub(super) fn append(&mut self, random: &mut StdRng) {
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
    pub(super) fn disturb(&mut self, random: &mut StdRng) {
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

    /// Deletes rows without touching the files that hold them. Once at most.
    pub(super) fn delete_by_vector(&mut self, rest: i64) {
        self.table.delete_by_vector(|rows| {
            let ids = rows.column(0).as_primitive::<Int64Type>();
            ids.iter().map(|id| id.map(|id| id % rest == 0)).collect::<BooleanArray>()
        });
        self.rows.retain(|row| row.id % rest != 0);
    }

    /// Until the gateway has seen the newest version.
    pub(super) async fn settle(&self) {
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
#[derive(Clone)]
pub(super) struct Walk {
    pub(super) viewer: Viewer,
    pub(super) order: Vec<Key>,
    pub(super) condition: Condition,
    pub(super) limit: usize,
    pub(super) version: u64,
    /// Each id with its row as JSON.
    pub(super) expected: BTreeMap<i64, Value>,
    pub(super) model: BTreeMap<i64, Row>,
}

impl Walk {
    pub(super) fn plan(stage: &Stage, random: &mut StdRng, viewer: Viewer) -> Self {
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

    /// The page at a cursor, or the first one.
    pub(super) async fn page(&self, caller: &Caller, cursor: Option<&str>) -> Value {
        self.page_with(caller, cursor.map(|cursor| ("cursor", cursor)).as_slice()).await
    }

    /// A page with further parameters.
    pub(super) async fn page_with(&self, caller: &Caller, more: &[(&str, &str)]) -> Value {
        let order = order_text(&self.order);
        let limit = self.limit.to_string();
        let mut asked = vec![("filter", self.condition.sql), ("limit", limit.as_str())];
        if !order.is_empty() {
            asked.push(("order", &order));
        }
        asked.extend(more);
        let page = caller.ask("/v1/tables/t/rows", &asked).await.expect_status(200).json();
        assert_eq!(page["meta"]["version"], json!(self.version), "a walk stays at its version");
        page
    }

    /// Every row, by pages from the first on.
    pub(super) async fn whole(&self, caller: &Caller) -> Vec<Value> {
        let mut page = self.page(caller, None).await;
        let mut met = rows_of(&page);
        while let Some(next) = page["page"]["next_cursor"].as_str() {
            page = self.page(caller, Some(next)).await;
            met.extend(rows_of(&page));
            assert!(met.len() <= self.expected.len(), "more rows than there are; order {:?}", self.order);
        }
        self.check(&met);
        met
    }

    /// The last page.
    pub(super) async fn last_page(&self, caller: &Caller) -> Value {
        let page = self.page_with(caller, &[("side", "before")]).await;
        assert!(page["page"]["next_cursor"].is_null(), "nothing after the last page");
        assert_eq!(page["page"]["has_more"], json!(false));
        page
    }

    /// Every row, by pages from the last on.
    pub(super) async fn whole_from_the_end(&self, caller: &Caller) -> Vec<Value> {
        let mut page = self.last_page(caller).await;
        let mut met = rows_of(&page);
        while let Some(previous) = page["page"]["prev_cursor"].as_str() {
            page = self.page(caller, Some(previous)).await;
            met.splice(0..0, rows_of(&page));
            assert!(met.len() <= self.expected.len(), "more rows than there are; order {:?}", self.order);
        }
        met
    }

    /// Holds what a whole walk met against the model.
    pub(super) fn check(&self, met: &[Value]) {
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

/// The rows of a page.
pub(super) fn rows_of(page: &Value) -> Vec<Value> {
    page["data"].as_array().unwrap().clone()
}
