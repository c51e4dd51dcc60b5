//! Walks over random tables: owns the property, and the writes between two pages.

use arrow::array::{AsArray, BooleanArray};
use arrow::datatypes::Int64Type;
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use sluice_proto::v1::{RowFormat, StreamRowsRequest};
use sluice_tests::gateway::{Setup, run};
use sluice_tests::grpc::questions;
use sluice_tests::grpc::stream::stream_rows;
use sluice_tests::random::seeded;

use super::model::{order_text, random_order};
use super::stage::{GROUPLESS, MASKED, POLICIES, READER, Stage, Viewer, Walk, definition, rows_of};

const TABLES: usize = 6;
const WALKS_PER_TABLE: usize = 9;

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
    let mut page = walk.page(&caller, None).await;
    let mut met = rows_of(&page);
    while let Some(next) = page["page"]["next_cursor"].as_str() {
        page = walk.page(&caller, Some(next)).await;
        met.extend(rows_of(&page));
        assert!(met.len() <= walk.expected.len(), "more rows than there are; order {:?}", walk.order);
    }
    walk.check(&met);
    assert_eq!(streamed(stage, walk).await, met, "the same rows as a stream; order {:?}", walk.order);
    let mut back = rows_of(&page);
    while let Some(previous) = page["page"]["prev_cursor"].as_str() {
        page = walk.page(&caller, Some(previous)).await;
        back.splice(0..0, rows_of(&page));
    }
    assert_eq!(back, met, "the same rows on the way back; order {:?}", walk.order);
    let from_the_end = walk.whole_from_the_end(&caller).await;
    assert_eq!(from_the_end, met, "the same rows from the end; order {:?}", walk.order);
}
