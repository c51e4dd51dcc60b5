//! Sides of a cursor: walks that begin at the end, every cursor continued to either side, and what pages at either end
//! say of the rows beyond them.

use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use sluice_tests::client::Caller;
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Setup, run};
use sluice_tests::random::seeded;

use super::model::{CONDITIONS, schema};
use super::stage::{GROUPLESS, MASKED, POLICIES, READER, Stage, Viewer, Walk, definition, rows_of};

const TABLES: usize = 4;
const WALKS_PER_TABLE: usize = 9;
/// Cursors of one walk that are tried.
const CURSORS: usize = 12;
const ROLES: [&str; 3] = ["reader", "masked", "groupless"];

/// A random walk; one in three in file order, or in what stands for it.
fn plan(stage: &Stage, random: &mut StdRng, viewer: Viewer) -> Walk {
    let walk = Walk::plan(stage, random, viewer);
    if random.random_ratio(1, 3) { Walk { order: Vec::new(), ..walk } } else { walk }
}

#[test]
fn walks_from_the_end_are_walks_from_the_start_reversed() {
    run(async {
        let mut random = seeded("paging::from_the_end");
        for _ in 0..TABLES {
            let mut stage = Stage::build(&mut random).await;
            for viewer in [READER, MASKED, GROUPLESS].into_iter().cycle().take(WALKS_PER_TABLE) {
                let walk = plan(&stage, &mut random, viewer);
                from_the_end(&mut stage, &mut random, &walk).await;
                stage.settle().await;
            }
            stage.gateway.shutdown().await;
        }
    });
}

async fn from_the_end(stage: &mut Stage, random: &mut StdRng, walk: &Walk) {
    let caller = stage.gateway.role(walk.viewer.role);
    let forward = walk.whole(&caller).await;
    let mut page = walk.last_page(&caller).await;
    let mut left = forward.len();
    loop {
        let begins = left.saturating_sub(walk.limit);
        let told = format!("rows {begins}..{left} from the end; order {:?}", walk.order);
        assert_eq!(rows_of(&page), &forward[begins..left], "{told}");
        assert_eq!(page["page"]["has_previous"], json!(begins > 0), "{told}");
        assert_eq!(page["page"]["has_more"], json!(left < forward.len()), "{told}");
        left = begins;
        let Some(previous) = page["page"]["prev_cursor"].as_str() else { break };
        if random.random_bool(0.2) {
            stage.disturb(random);
        }
        page = walk.page(&caller, Some(previous)).await;
    }
    assert_eq!(left, 0, "the way from the end ends at the first row; order {:?}", walk.order);
}

#[test]
fn any_cursor_continues_to_either_side() {
    run(async {
        let mut random = seeded("paging::sides");
        for _ in 0..TABLES {
            let stage = Stage::build(&mut random).await;
            for viewer in [READER, MASKED, GROUPLESS].into_iter().cycle().take(WALKS_PER_TABLE) {
                let walk = plan(&stage, &mut random, viewer);
                let caller = stage.gateway.role(viewer.role);
                let whole = walk.whole(&caller).await;
                let mut cursors = cursors_of(&walk, &caller).await;
                for _ in 0..CURSORS.min(cursors.len()) {
                    let (at, cursor) = cursors.swap_remove(random.random_range(0..cursors.len()));
                    let limit = [1, 2, 5, 1000][random.random_range(0..4)];
                    let walk = Walk { limit, ..walk.clone() };
                    beside(&walk, &caller, &whole, at, &cursor).await;
                }
            }
            stage.gateway.shutdown().await;
        }
    });
}

/// Every cursor of a walk there and back, with the index of the row that it stands on.
async fn cursors_of(walk: &Walk, caller: &Caller) -> Vec<(usize, String)> {
    let mut cursors = Vec::new();
    let mut page = walk.page(caller, None).await;
    let mut end = rows_of(&page).len();
    while let Some(next) = page["page"]["next_cursor"].as_str().map(str::to_owned) {
        page = walk.page(caller, Some(&next)).await;
        cursors.push((end - 1, next));
        let previous = page["page"]["prev_cursor"].as_str().expect("a way back");
        cursors.push((end, previous.to_owned()));
        end += rows_of(&page).len();
    }
    cursors
}

/// Holds both sides of a cursor, which stands on row `at` of `whole`, against the rows there.
async fn beside(walk: &Walk, caller: &Caller, whole: &[Value], at: usize, cursor: &str) {
    let told = format!("row {at} of {}, limit {}, order {:?}", whole.len(), walk.limit, walk.order);
    let after = walk.page_with(caller, &[("cursor", cursor), ("side", "after")]).await;
    let end = (at + 1 + walk.limit).min(whole.len());
    assert_eq!(rows_of(&after), &whole[at + 1..end], "after {told}");
    assert_eq!(after["page"]["has_more"], json!(end < whole.len()), "after {told}");
    assert_eq!(after["page"]["has_previous"], json!(true), "after {told}");
    let before = walk.page_with(caller, &[("cursor", cursor), ("side", "before")]).await;
    let begin = at.saturating_sub(walk.limit);
    assert_eq!(rows_of(&before), &whole[begin..at], "before {told}");
    assert_eq!(before["page"]["has_more"], json!(true), "before {told}");
    assert_eq!(before["page"]["has_previous"], json!(begin > 0), "before {told}");
    for (page, is_empty) in [(after, at + 1 == whole.len()), (before, at == 0)] {
        let cursors = [&page["page"]["next_cursor"], &page["page"]["prev_cursor"]];
        let tells = [&page["page"]["has_more"], &page["page"]["has_previous"]];
        for (cursor, has) in cursors.into_iter().zip(tells) {
            assert_eq!(cursor.is_string(), has == &json!(true) && !is_empty, "{told}");
        }
    }
}

#[test]
fn a_table_without_rows_has_an_empty_page_at_either_end() {
    run(async {
        let setup = Setup::new("empty", POLICIES).table(definition(json!("t")));
        let _table = HandTable::create(&setup.place("t"), &schema());
        let gateway = setup.start().await;
        for role in ROLES {
            for order in ["", "id", "-name:nulls_first"] {
                for side in ["after", "before"] {
                    let mut asked = vec![("side", side), ("limit", "1"), ("count", "exact")];
                    if !order.is_empty() {
                        asked.push(("order", order));
                    }
                    let page = gateway.role(role).ask("/v1/tables/t/rows", &asked).await.expect_status(200);
                    assert_eq!(page.data(), Vec::<Value>::new());
                    let expected = json!({
                        "next_cursor": null, "prev_cursor": null, "has_more": false, "has_previous": false,
                        "total_rows": 0,
                    });
                    assert_eq!(page.json()["page"], expected, "{role}, order {order:?}, {side}");
                }
            }
        }
        gateway.shutdown().await;
    });
}

#[test]
fn a_page_of_all_rows_has_none_beside_it_and_one_of_less_has() {
    run(async {
        let mut random = seeded("paging::ends");
        let stage = Stage::build(&mut random).await;
        for viewer in [READER, MASKED, GROUPLESS] {
            let caller = stage.gateway.role(viewer.role);
            for _ in 0..4 {
                let walk = Walk { condition: CONDITIONS[0], ..plan(&stage, &mut random, viewer) };
                let all = rows_of(&Walk { limit: 1000, ..walk.clone() }.page(&caller, None).await);
                let rows = all.len();
                for limit in [rows.saturating_sub(1).max(1), rows.max(1), rows + 1] {
                    let walk = Walk { limit, ..walk.clone() };
                    let first = walk.page_with(&caller, &[("side", "after")]).await;
                    let last = walk.last_page(&caller).await;
                    let shown = limit.min(rows);
                    assert_eq!(rows_of(&first), &all[..shown], "the first {limit} of {rows}");
                    assert_eq!(rows_of(&last), &all[rows - shown..], "the last {limit} of {rows}");
                    let beyond = json!(limit < rows);
                    assert_eq!(first["page"]["has_more"], beyond, "the first {limit} of {rows}");
                    assert_eq!(last["page"]["has_previous"], beyond, "the last {limit} of {rows}");
                    assert_eq!(first["page"]["has_previous"], json!(false));
                }
            }
        }
        stage.gateway.shutdown().await;
    });
}

#[test]
fn a_side_that_is_none_is_refused() {
    run(async {
        let setup = Setup::new("side", POLICIES).table(definition(json!("t")));
        let _table = HandTable::create(&setup.place("t"), &schema());
        let gateway = setup.start().await;
        let reader = gateway.role("reader");
        let asked = [
            reader.get("/v1/tables/t/rows?side=end").await,
            reader.post("/v1/tables/t/query", &json!({ "side": "Before" })).await,
        ];
        for answer in asked {
            assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_request"));
            assert_eq!(answer.json()["detail"], json!("\"side\" takes \"after\" and \"before\""));
        }
        gateway.shutdown().await;
    });
}
