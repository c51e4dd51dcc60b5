//! That the order of rows and the first failure say nothing of hidden rows: which files are read
//! depends on statistics that cover those, and how files are dealt to partitions must not show it.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use serde_json::json;
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup, run};

const POLICIES: &str = "
version: 1
roles:
  tenant: { tables: { events: { columns: '*', rows: \"tenant = 'a'\" } } }
";

/// Questions asked of either lake: chance must have its turn.
const ROUNDS: usize = 12;

/// Four files of a hundred visible rows; the first has one hidden row.
async fn lake(name: &str, hidden: i64) -> Gateway {
    let setup = Setup::new(name, POLICIES).table(json!({ "name": "events", "location": "events" }));
    let files: Vec<RecordBatch> =
        (0..4).map(|file| rows(file * 100, (file == 0).then_some(hidden))).collect();
    let mut table = HandTable::create(&setup.place("events"), &files[0].schema()).numbered();
    for file in &files {
        table.append(std::slice::from_ref(file));
    }
    setup.start().await
}

fn rows(after: i64, hidden: Option<i64>) -> RecordBatch {
    let visible = (after + 1..=after + 100).map(|id| (id, "a"));
    let all: Vec<(i64, &str)> = visible.chain(hidden.map(|id| (id, "b"))).collect();
    let ids: ArrayRef = Arc::new(all.iter().map(|row| row.0).collect::<Int64Array>());
    let tenants: ArrayRef = Arc::new(all.iter().map(|row| Some(row.1)).collect::<StringArray>());
    RecordBatch::try_from_iter_with_nullable([("id", ids, true), ("tenant", tenants, true)]).unwrap()
}

#[test]
fn rows_come_and_fail_in_one_order_whatever_is_hidden() {
    run(async {
        for hidden in [50, 5_000] {
            let gateway = lake(&format!("partitions-{hidden}"), hidden).await;
            let caller = gateway.role("tenant");
            for _ in 0..ROUNDS {
                let answer =
                    caller.sql("select id from events where id > 150").await.expect_status(200).json();
                assert_eq!(answer["data"][0]["id"], 151, "hidden: {hidden}");
                assert_eq!(answer["data"][249]["id"], 400, "hidden: {hidden}");
                let failing =
                    "select id from events where id > 150 and cast('x' || cast(id as varchar) as int) > 0";
                let failed = caller.sql(failing).await.expect_status(400).json();
                let detail = failed["detail"].as_str().unwrap();
                assert!(detail.contains("'x151'"), "hidden: {hidden}: {detail}");
                // The page ends before the first row that fails; the count does not.
                let counting = "id > 150 and cast(case when id < 160 then '1' else 'x' || cast(id as varchar) end as int) > 0";
                let asked = [("filter", counting), ("limit", "1"), ("count", "exact")];
                let failed = caller.ask("/v1/tables/events/rows", &asked).await.expect_status(400).json();
                let detail = failed["detail"].as_str().unwrap();
                assert!(detail.contains("'x160'"), "hidden: {hidden}: {detail}");
            }
        }
    });
}
