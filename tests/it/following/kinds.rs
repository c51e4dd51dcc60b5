//! What followers are told of each kind of commit, and whom nothing is told.

use std::collections::BTreeMap;

use futures::FutureExt;
use serde_json::json;
use sluice_gateway::engine::statement::{Filter, OrderKey, Select, Side};
use sluice_gateway::query::error::ErrorCode;
use sluice_policies::principal::Principal;
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::run;
use sluice_tests::waiting::until;

use super::stage::{Stage, among, clear, masked, next, of, schema, select, told};

#[test]
fn each_kind_of_commit_is_told_as_what_it_added() {
    run(async {
        let mut stage = Stage::build("following-kinds", json!({})).await;
        let mut reader = stage.follow("reader").await;
        let mut tenant = stage.follow("tenant").await;
        // Several at once: each is told by itself.
        stage.table.append(&[of("a", [1, 2])]);
        stage.table.append(&[of("b", [3, 4])]);
        stage.table.compact();
        assert_eq!(told(&mut reader).await, (1, Some(clear("a", [1, 2])), false));
        assert_eq!(told(&mut reader).await, (2, Some(clear("b", [3, 4])), false));
        assert_eq!(told(&mut reader).await, (3, Some(vec![]), false));
        // Hidden rows are as none, and as a compaction.
        assert_eq!(told(&mut tenant).await, (1, Some(masked([1, 2])), false));
        assert_eq!(told(&mut tenant).await, (2, Some(vec![]), false));
        assert_eq!(told(&mut tenant).await, (3, Some(vec![]), false));
        // The first vector comes with another protocol, which is more than a change of files.
        stage.table.delete_by_vector(among(&[1]));
        for follower in [&mut reader, &mut tenant] {
            assert_eq!(told(follower).await, (4, None, false));
        }
        stage.table.append(&[of("a", [5, 6]), of("b", [7])]);
        stage.table.delete_by_vector(among(&[6, 7]));
        let fifth = next(&mut reader).await.unwrap().rows.unwrap();
        assert_eq!(fifth.response.batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 3);
        assert_eq!(told(&mut reader).await, (6, Some(vec![]), false));
        assert_eq!(told(&mut tenant).await, (5, Some(masked([5, 6])), false));
        assert_eq!(told(&mut tenant).await, (6, Some(vec![]), false));
        // What is written anew can't be told from what is new.
        stage.table.overwrite(&[of("a", [8])]);
        stage.table.append(&[of("a", [9, 10])]);
        stage.table.delete(among(&[10]));
        stage.table.append(&[of("a", [11])]);
        for (version, rows) in [(7, None), (8, Some([9, 10].as_slice())), (9, None), (10, Some(&[11]))] {
            let clear = rows.map(|ids| clear("a", ids.iter().copied()));
            let masked = rows.map(|ids| masked(ids.iter().copied()));
            assert_eq!(told(&mut reader).await, (version, clear, false));
            assert_eq!(told(&mut tenant).await, (version, masked, false));
        }
        stage.settle().await;
        assert!(reader.due().now_or_never().is_none(), "there is no more to read");
        stage.gateway.shutdown().await;
    });
}

#[test]
fn a_follower_has_the_columns_and_the_condition_that_it_asked_for() {
    run(async {
        let mut stage = Stage::build("following-asks", json!({})).await;
        let filter = Some(Filter::Text("id % 2 = 0 and ssn is null".to_owned()));
        let columns = Some(vec!["id".to_owned()]);
        let mut follow = stage.ask("tenant", Select { columns, filter, ..select() });
        assert_eq!(told(&mut follow).await, (0, None, false));
        stage.table.append(&[of("a", 1..6), of("b", 6..9)]);
        stage.table.append(&[of("a", [9])]);
        assert_eq!(told(&mut follow).await, (1, Some(vec![json!({ "id": 2 }), json!({ "id": 4 })]), false));
        assert_eq!(told(&mut follow).await, (2, Some(vec![]), false));
        stage.gateway.shutdown().await;
    });
}

#[test]
fn what_is_asked_wrongly_or_of_what_is_not_there_is_refused() {
    run(async {
        let stage = Stage::build("following-refused", json!({})).await;
        let key = OrderKey { column: "id".to_owned(), descending: false, nulls_first: false };
        for select in [
            Select { order: vec![key], ..select() },
            Select { limit: Some(1), ..select() },
            Select { cursor: Some("c".to_owned()), ..select() },
            Select { side: Some(Side::After), ..select() },
            Select { count_exact: true, ..select() },
            Select { row_cursors: true, ..select() },
        ] {
            let reader = Principal::local("reader", BTreeMap::new());
            let refused = stage.ask_as(reader, select.clone()).unwrap_err();
            assert_eq!(refused.code, ErrorCode::InvalidRequest, "{select:?}");
        }
        let filter = |text: &str| Select { filter: Some(Filter::Text(text.to_owned())), ..select() };
        let columns = Select { columns: Some(vec!["nothing".to_owned()]), ..select() };
        for (select, code) in [
            (columns, ErrorCode::UnknownColumn),
            (filter("nothing > 1"), ErrorCode::UnknownColumn),
            (filter("id >"), ErrorCode::InvalidExpression),
        ] {
            let refused = next(&mut stage.ask("reader", select)).await.unwrap_err();
            assert_eq!(refused.code, code, "{}", refused.message);
        }
        let hidden = next(&mut stage.ask("stranger", select())).await.unwrap_err();
        let nowhere = Select { table: "nowhere".to_owned(), ..select() };
        let absent = next(&mut stage.ask("stranger", nowhere)).await.unwrap_err();
        assert_eq!((hidden.code, absent.code), (ErrorCode::NotFound, ErrorCode::NotFound));
        assert_eq!(hidden.message.replace("\"t\"", ""), absent.message.replace("\"nowhere\"", ""));
        stage.gateway.shutdown().await;
    });
}

#[test]
fn a_table_that_is_gone_and_back_is_followed_on_and_one_made_anew_from_its_newest_version() {
    run(async {
        let mut stage = Stage::build("following-gone", json!({})).await;
        stage.table.append(&[of("a", [1])]);
        stage.settle().await;
        let mut reader = stage.follow("reader").await;
        let place = stage.gateway.directory.join("t");
        let elsewhere = stage.gateway.directory.join("elsewhere");
        std::fs::rename(&place, &elsewhere).unwrap();
        let admin = stage.gateway.role("admin");
        let stale = |wanted: bool| {
            let admin = &admin;
            until("the table is stale, or is not", move || async move {
                let described = admin.get("/v1/tables/t").await.expect_status(200).object();
                (described["stale"].as_bool().unwrap_or(false) == wanted).then_some(())
            })
        };
        stale(true).await;
        assert!(reader.due().now_or_never().is_none(), "nothing was committed");
        std::fs::rename(&elsewhere, &place).unwrap();
        stage.table.append(&[of("a", [2])]);
        assert_eq!(told(&mut reader).await, (2, Some(clear("a", [2])), false));

        std::fs::rename(&place, &elsewhere).unwrap();
        stage.table = HandTable::create(&place, &schema());
        assert_eq!(told(&mut reader).await, (0, None, false));
        stage.table.append(&[of("a", [8])]);
        assert_eq!(told(&mut reader).await, (1, Some(clear("a", [8])), false));
        stage.gateway.shutdown().await;
    });
}
