//! A table that is written to, a gateway over it, and followers of it: owns their making and what a change reads like.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use serde_json::{Value, json};
use sluice_gateway::engine::statement::Select;
use sluice_gateway::query::error::QueryError;
use sluice_gateway::query::follow::{Change, Follow};
use sluice_policies::principal::Principal;
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup};
use sluice_tests::json::rows;
use sluice_tests::waiting::until;

/// Longer than any change takes.
const GIVE_UP: Duration = Duration::from_secs(60);

pub(crate) const POLICIES: &str = "
version: 1
roles:
  admin: { administrator: true, tables: { t: { columns: all } } }
  reader: { tables: { t: { columns: '*' } } }
  tenant: { tables: { t: { columns: '*', rows: \"tenant = 'a'\", masks: { ssn: null } } } }
  stranger: { tables: {} }
";

pub(crate) struct Stage {
    pub(crate) gateway: Gateway,
    pub(crate) table: HandTable,
}

/// What a change says: its version, the rows that it added where that is told, and whether more of them come.
pub(crate) type Told = (u64, Option<Vec<Value>>, bool);

impl Stage {
    /// An empty table.
    pub(crate) async fn build(name: &str, overrides: Value) -> Self {
        Self::build_as(name, json!({}), overrides).await
    }

    /// The same with this said of the table.
    pub(crate) async fn build_as(name: &str, definition: Value, overrides: Value) -> Self {
        let mut table = json!({ "name": "t", "location": "t" });
        table.as_object_mut().unwrap().extend(definition.as_object().unwrap().clone());
        let setup = Setup::new(name, POLICIES).table(table).with(overrides);
        let table = HandTable::create(&setup.place("t"), &schema());
        Self { gateway: setup.start().await, table }
    }

    /// A follower that has been told where it begins.
    pub(crate) async fn follow(&self, role: &str) -> Follow {
        let mut follow = self.ask(role, select());
        assert_eq!(told(&mut follow).await, (self.table.version(), None, false));
        follow
    }

    pub(crate) fn ask(&self, role: &str, select: Select) -> Follow {
        self.ask_as(Principal::local(role, BTreeMap::new()), select).unwrap()
    }

    pub(crate) fn ask_as(&self, principal: Principal, select: Select) -> Result<Follow, QueryError> {
        let service = self.gateway.service();
        service.follow(service.count(principal).unwrap(), select)
    }

    /// Until the gateway has seen the newest version.
    pub(crate) async fn settle(&self) {
        let admin = self.gateway.role("admin");
        let newest = self.table.version();
        until("the gateway follows the table", || async {
            let described = admin.get("/v1/tables/t").await;
            (described.status == 200 && described.object()["version"].as_u64() == Some(newest)).then_some(())
        })
        .await;
    }
}

pub(crate) fn select() -> Select {
    Select { table: "t".to_owned(), ..Select::default() }
}

pub(crate) async fn next(follow: &mut Follow) -> Result<Change, QueryError> {
    tokio::time::timeout(GIVE_UP, follow.next()).await.expect("a change")
}

pub(crate) async fn told(follow: &mut Follow) -> Told {
    say(&next(follow).await.unwrap())
}

pub(crate) fn say(change: &Change) -> Told {
    assert_eq!(change.table.table, "t");
    let rows = change.rows.as_ref().map(|delivery| {
        assert_eq!(
            delivery.response.tables.iter().map(|table| table.version).collect::<Vec<_>>(),
            [change.table.version]
        );
        rows(&delivery.response.batches)
    });
    (change.table.version, rows, change.more)
}

pub(crate) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("tenant", DataType::Utf8, false),
        Field::new("ssn", DataType::Utf8, true),
    ]))
}

/// Rows of one tenant.
pub(crate) fn of(tenant: &str, ids: impl IntoIterator<Item = i64>) -> RecordBatch {
    let ids: Int64Array = ids.into_iter().collect();
    let tenants: StringArray = ids.iter().map(|_| Some(tenant)).collect();
    let ssns: StringArray = ids.values().iter().map(|id| Some(format!("s{id:05}"))).collect();
    let columns: Vec<ArrayRef> = vec![Arc::new(ids), Arc::new(tenants), Arc::new(ssns)];
    RecordBatch::try_new(schema(), columns).unwrap()
}

/// Which rows have one of these ids.
pub(crate) fn among(doomed: &[i64]) -> impl Fn(&RecordBatch) -> BooleanArray {
    move |rows| {
        let ids = rows.column(0).as_primitive::<Int64Type>();
        ids.values().iter().map(|id| Some(doomed.contains(id))).collect()
    }
}

/// Rows as `reader` sees them.
pub(crate) fn clear(tenant: &str, ids: impl IntoIterator<Item = i64>) -> Vec<Value> {
    ids.into_iter().map(|id| json!({ "id": id, "tenant": tenant, "ssn": format!("s{id:05}") })).collect()
}

/// Rows of tenant a as `tenant` sees them.
pub(crate) fn masked(ids: impl IntoIterator<Item = i64>) -> Vec<Value> {
    ids.into_iter().map(|id| json!({ "id": id, "tenant": "a", "ssn": null })).collect()
}
