//! Cursors of single rows, which no door of these tests asks for: owns the check that each continues beside its row
//! in any door.

use rand::Rng;
use serde_json::Value;
use sluice_gateway::engine::statement::{Filter, OrderKey, Select, Side};
use sluice_gateway::query::response::Delivery;
use sluice_tests::client::Caller;
use sluice_tests::gateway::{Gateway, run};
use sluice_tests::json::rows;
use sluice_tests::random::seeded;

use super::asked::Asked;
use super::model::Key;
use super::stage::{GROUPLESS, MASKED, READER, Stage, Walk, rows_of};

const TABLES: usize = 3;
const WALKS_PER_TABLE: usize = 9;
/// Rows of one page whose cursors are tried.
const TRIED: usize = 6;
/// A place: file and row.
const ROW_BYTES: usize = 4 + 8;

fn question(walk: &Walk) -> Select {
    let key = |key: &Key| OrderKey {
        column: key.column.to_owned(),
        descending: key.descending,
        nulls_first: key.nulls_first,
    };
    Select {
        filter: Some(Filter::Text(walk.condition.sql.to_owned())),
        order: walk.order.iter().map(key).collect(),
        limit: Some(walk.limit),
        row_cursors: true,
        ..Select::default()
    }
}

async fn ask(gateway: &Gateway, role: &'static str, select: Select) -> Delivery {
    Asked { gateway, role }.select(select).await.unwrap()
}

#[test]
fn the_cursor_of_any_row_continues_beside_it() {
    run(async {
        let mut random = seeded("paging::row_cursors");
        for _ in 0..TABLES {
            let stage = Stage::build(&mut random).await;
            for viewer in [READER, MASKED, GROUPLESS].into_iter().cycle().take(WALKS_PER_TABLE) {
                let walk = Walk::plan(&stage, &mut random, viewer);
                let caller = stage.gateway.role(viewer.role);
                let whole = walk.whole(&caller).await;
                let side = [None, Some(Side::After), Some(Side::Before)][random.random_range(0..3)];
                let select = Select { side, ..question(&walk) };
                let page = ask(&stage.gateway, viewer.role, select).await.response;
                let shown = rows(&page.batches);
                let begin = if side == Some(Side::Before) { whole.len() - shown.len() } else { 0 };
                assert_eq!(shown, &whole[begin..begin + shown.len()]);
                let cursors = page.page.unwrap().row_cursors.expect("cursors of rows");
                let mut lengths = Vec::new();
                for _ in 0..TRIED.min(shown.len()) {
                    let at = random.random_range(0..shown.len());
                    let cursor = cursors.at(at).unwrap();
                    let limit = [1, 3, 1000][random.random_range(0..3)];
                    let walk = Walk { limit, ..walk.clone() };
                    continues(&walk, &caller, &whole, begin + at, &cursor).await;
                    lengths.push(cursor.len());
                }
                assert!(lengths.windows(2).all(|pair| pair[0] == pair[1]), "{lengths:?}");
                assert!(cursors.at(shown.len()).is_err(), "there is no such row");
            }
            stage.gateway.shutdown().await;
        }
    });
}

/// Holds the rows beside a cursor, which stands on row `at` of `whole`, against those.
async fn continues(walk: &Walk, caller: &Caller, whole: &[Value], at: usize, cursor: &str) {
    let told = format!("row {at} of {}, limit {}, order {:?}", whole.len(), walk.limit, walk.order);
    let end = (at + 1 + walk.limit).min(whole.len());
    for asked in [vec![("cursor", cursor)], vec![("cursor", cursor), ("side", "after")]] {
        let page = walk.page_with(caller, &asked).await;
        assert_eq!(rows_of(&page), &whole[at + 1..end], "after {told}");
    }
    let page = walk.page_with(caller, &[("cursor", cursor), ("side", "before")]).await;
    assert_eq!(rows_of(&page), &whole[at.saturating_sub(walk.limit)..at], "before {told}");
}

#[test]
fn cursors_of_rows_count_as_memory_and_only_where_they_are_asked_for() {
    run(async {
        let mut random = seeded("paging::row_cursor_bytes");
        let stage = Stage::build(&mut random).await;
        let walk = Walk { limit: 1000, order: Vec::new(), ..Walk::plan(&stage, &mut random, READER) };
        let with = ask(&stage.gateway, "reader", question(&walk)).await;
        let without = Select { row_cursors: false, ..question(&walk) };
        let without = ask(&stage.gateway, "reader", without).await;
        let rows = rows(&with.response.batches).len();
        assert_eq!(with.held.bytes(), without.held.bytes() + ROW_BYTES * rows);
        assert!(without.response.page.unwrap().row_cursors.is_none());
        stage.gateway.shutdown().await;
    });
}

#[test]
fn a_stream_has_neither_sides_nor_cursors_of_rows() {
    run(async {
        let mut random = seeded("paging::row_cursor_streams");
        let stage = Stage::build(&mut random).await;
        let select = |side, row_cursors| Select { side, row_cursors, ..Select::default() };
        for select in [select(Some(Side::Before), false), select(None, true)] {
            let request = Asked { gateway: &stage.gateway, role: "reader" }.request(select);
            let refused = stage.gateway.service().stream(request).await;
            assert_eq!(refused.unwrap_err().code.as_str(), "invalid_request");
        }
        stage.gateway.shutdown().await;
    });
}
