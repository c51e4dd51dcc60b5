//! How fast followers read, and what becomes of those that do not: parts of a change, many followers, and changes
//! that are forgotten or gone.

use futures::FutureExt;
use futures::future::join_all;
use serde_json::{Value, json};
use sluice_gateway::query::error::ErrorCode;
use sluice_tests::gateway::run;

use super::stage::{Stage, clear, masked, next, of, say, told};

#[test]
fn a_change_comes_in_parts_of_as_many_rows_as_the_limit() {
    run(async {
        let limits = json!({ "limits": { "change_rows_max": 3 } });
        let mut stage = Stage::build("following-parts", limits).await;
        let mut reader = stage.follow("reader").await;
        let mut tenant = stage.follow("tenant").await;
        stage.table.append(&[of("a", 1..4)]);
        stage.table.append(&[of("a", 4..8)]);
        stage.table.append(&[of("b", 8..11)]);
        assert_eq!(told(&mut reader).await, (1, Some(clear("a", 1..4)), false));
        assert_eq!(told(&mut reader).await, (2, Some(clear("a", 4..7)), true));
        assert_eq!(told(&mut reader).await, (2, Some(clear("a", 7..8)), false));
        assert_eq!(told(&mut reader).await, (3, Some(clear("b", 8..11)), false));
        // Where hidden rows lie makes no parts.
        stage.table.append(&[of("b", 11..40), of("a", 40..43), of("b", 43..70)]);
        for (rows, more) in [(masked(1..4), false), (masked(4..7), true), (masked(7..8), false)] {
            let (_, told, goes_on) = told(&mut tenant).await;
            assert_eq!((told, goes_on), (Some(rows), more));
        }
        assert_eq!(told(&mut tenant).await, (3, Some(vec![]), false));
        assert_eq!(told(&mut tenant).await, (4, Some(masked(40..43)), false));
        stage.gateway.shutdown().await;
    });
}

#[test]
fn a_table_may_declare_smaller_parts_and_bytes_cut_them_too() {
    run(async {
        let smaller = json!({ "page_rows_max": 2 });
        let bytes = json!({ "limits": { "page_bytes_max": 1 } });
        for (definition, limits, expected) in [(smaller, json!({}), 2), (json!({}), bytes, 3)] {
            let mut stage = Stage::build_as("following-small", definition, limits).await;
            let mut reader = stage.follow("reader").await;
            stage.table.append(&[of("a", 1..4)]);
            let (mut met, mut more, mut parts) = (Vec::new(), true, 0);
            while more {
                let (version, rows, goes_on) = told(&mut reader).await;
                assert_eq!(version, 1);
                met.extend(rows.unwrap());
                (more, parts) = (goes_on, parts + 1);
            }
            assert_eq!(met, clear("a", 1..4));
            assert_eq!(parts, expected);
            stage.gateway.shutdown().await;
        }
    });
}

/// The rows lie in the order of what the role does not see.
#[test]
fn where_file_order_is_secret_all_rows_come_in_an_order_that_no_two_commits_share() {
    run(async {
        let limits = json!({ "limits": { "change_rows_max": 5 } });
        let mut stage = Stage::build_as("following-order", json!({ "clustered_by": ["ssn"] }), limits).await;
        let mut tenant = stage.follow("tenant").await;
        let mut orders: Vec<Vec<i64>> = Vec::new();
        for commit in 1..3_i64 {
            stage.table.append(&[of("a", commit * 100..commit * 100 + 16)]);
            let mut met: Vec<Value> = Vec::new();
            for more in [true, true, true, false] {
                let (version, rows, goes_on) = told(&mut tenant).await;
                assert_eq!((version, goes_on), (commit.unsigned_abs(), more));
                met.extend(rows.unwrap());
            }
            let order: Vec<i64> = met.iter().map(|row| row["id"].as_i64().unwrap() - commit * 100).collect();
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..16).collect::<Vec<i64>>());
            orders.push(order);
        }
        assert_ne!(orders[0], (0..16).collect::<Vec<i64>>());
        assert_ne!(orders[0], orders[1]);
        stage.gateway.shutdown().await;
    });
}

#[test]
fn a_slow_reader_gets_one_change_without_rows_at_the_newest_version() {
    run(async {
        let limits = json!({ "catalog": { "retained_changes_max": 2 }, "limits": { "change_rows_max": 2 } });
        let mut stage = Stage::build("following-slow", limits).await;
        let mut slow = stage.follow("reader").await;
        let mut slower = stage.follow("reader").await;
        let mut halfway = stage.follow("reader").await;
        stage.table.append(&[of("a", 1..5)]);
        assert_eq!(told(&mut halfway).await, (1, Some(clear("a", 1..3)), true));
        stage.table.append(&[of("a", [5])]);
        stage.settle().await;
        assert_eq!(told(&mut slow).await, (1, Some(clear("a", 1..3)), true));
        stage.table.append(&[of("a", [6])]);
        stage.table.append(&[of("a", [7])]);
        stage.settle().await;
        assert_eq!(told(&mut slower).await, (4, None, false));
        assert!(slower.due().now_or_never().is_none(), "it was told all that there is");
        // What has begun ends; what came after it is forgotten.
        for follower in [&mut slow, &mut halfway] {
            assert_eq!(told(follower).await, (1, Some(clear("a", 3..5)), false));
            assert_eq!(told(follower).await, (4, None, false));
        }
        stage.table.append(&[of("a", [8])]);
        for follower in [&mut slow, &mut slower, &mut halfway] {
            assert_eq!(told(follower).await, (5, Some(clear("a", [8])), false));
        }
        stage.gateway.shutdown().await;
    });
}

#[test]
fn a_change_whose_files_are_gone_has_no_rows() {
    run(async {
        let mut stage = Stage::build("following-vacuumed", json!({})).await;
        let mut reader = stage.follow("reader").await;
        stage.table.append(&[of("a", [1])]);
        stage.table.overwrite(&[of("a", [2])]);
        stage.settle().await;
        for entry in std::fs::read_dir(stage.gateway.directory.join("t")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "parquet") {
                std::fs::remove_file(path).unwrap();
            }
        }
        assert_eq!(told(&mut reader).await, (2, None, false));
        stage.table.append(&[of("a", [3])]);
        assert_eq!(told(&mut reader).await, (3, Some(clear("a", [3])), false));
        stage.gateway.shutdown().await;
    });
}

/// More followers than may read at once or queue for a slot, and a table that does not wait for them.
#[test]
fn every_one_of_many_followers_meets_every_commit() {
    const FOLLOWERS: usize = 24;
    const COMMITS: u64 = 8;
    run(async {
        let limits = json!({ "limits": {
            "change_reads_concurrent_max": 1, "queries_concurrent_max": 2, "queries_queued_max": 1,
        }});
        let mut stage = Stage::build("following-many", limits).await;
        let mut followers = Vec::new();
        for _ in 0..FOLLOWERS {
            followers.push(stage.follow("tenant").await);
        }
        let reading = join_all(followers.into_iter().map(|mut follower| async move {
            for version in 1..=COMMITS {
                let id = i64::try_from(version).unwrap();
                assert_eq!(told(&mut follower).await, (version, Some(masked([id])), false));
            }
        }));
        let writing = async {
            for id in 1..=i64::try_from(COMMITS).unwrap() {
                stage.table.append(&[of("a", [id]), of("b", [-id])]);
                stage.settle().await;
            }
        };
        tokio::join!(reading, writing);
        stage.gateway.shutdown().await;
    });
}

#[test]
fn what_is_refused_for_a_while_is_not_lost() {
    run(async {
        let limits = json!({ "limits": { "change_rows_max": 2, "subject_undelivered_bytes_max": 1 } });
        let mut stage = Stage::build("following-unread", limits).await;
        let mut reader = stage.follow("reader").await;
        stage.table.append(&[of("a", 1..4)]);
        let first = next(&mut reader).await.unwrap();
        assert_eq!(say(&first), (1, Some(clear("a", 1..3)), true));
        for _ in 0..2 {
            let refused = next(&mut reader).await.unwrap_err();
            assert_eq!(refused.code, ErrorCode::Overloaded);
            assert!(refused.retry_after.is_some());
        }
        drop(first);
        assert_eq!(told(&mut reader).await, (1, Some(clear("a", 3..4)), false));
        stage.gateway.shutdown().await;
    });
}

#[test]
fn a_reader_that_goes_away_in_the_middle_loses_nothing() {
    run(async {
        let mut stage = Stage::build("following-dropped", json!({})).await;
        let mut reader = stage.follow("reader").await;
        stage.table.append(&[of("a", [1])]);
        stage.settle().await;
        for _ in 0..3 {
            // Begun, and given up at its first wait.
            assert!(reader.next().now_or_never().is_none());
        }
        assert_eq!(told(&mut reader).await, (1, Some(clear("a", [1])), false));
        stage.gateway.shutdown().await;
    });
}
