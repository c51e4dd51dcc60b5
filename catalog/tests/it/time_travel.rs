//! Older versions by number and by time.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::json;
use sluice_catalog::config::CatalogConfig;
use sluice_catalog::error::CatalogError;

use crate::lake::{TestTable, add, keys, metadata_of, protocol, protocol_with};
use crate::stores::Requests;

fn at(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_found_by_number() {
    let table = TestTable::simple();
    table.commit(1, &[add("a")]);
    table.commit(2, &[add("b")]);
    let (_catalog, followed) = table.open().await;
    for (version, files) in [(0, vec![]), (1, vec!["a"]), (2, vec!["a", "b"])] {
        let snapshot = followed.at_version(version).await.unwrap();
        assert_eq!(snapshot.version(), version);
        assert_eq!(keys(&snapshot), files);
    }
    assert!(matches!(followed.at_version(3).await, Err(CatalogError::VersionNotFound { version: 3 })));
    std::fs::remove_file(table.commit_path(0)).unwrap();
    let (_catalog, cleaned) = table.open().await;
    assert!(cleaned.current().is_none(), "a log without its start is refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn commit_file_times_count_in_the_order_of_versions() {
    let table = TestTable::simple();
    // Version 2 was written by a clock that is behind.
    for (version, millis) in [(0, 1_000), (1, 5_000), (2, 3_000), (3, 9_000)] {
        if version > 0 {
            table.commit(version, &[add(&format!("f{version}"))]);
        }
        table.touch(version, millis);
    }
    let (_catalog, followed) = table.open().await;
    assert_eq!(followed.current().unwrap().committed_at(), at(9_000));
    for (millis, version) in
        [(1_000, 0), (4_999, 0), (5_000, 1), (5_001, 2), (8_999, 2), (9_000, 3), (99_000, 3)]
    {
        assert_eq!(followed.as_of(at(millis)).await.unwrap().version(), version, "{millis}");
    }
    assert_eq!(followed.at_version(2).await.unwrap().committed_at(), at(5_001));
    assert!(matches!(followed.as_of(at(999)).await, Err(CatalogError::NoVersionAsOf { .. })));

    table.commit(4, &[add("f4")]);
    table.touch(4, 2_000);
    followed.refresh().await.unwrap();
    assert_eq!(followed.current().unwrap().committed_at(), at(9_001));
}

#[tokio::test(flavor = "multi_thread")]
async fn times_that_commits_carry_win_over_those_of_their_files() {
    let table = TestTable::nothing();
    let field = json!({"name": "a", "type": "integer", "nullable": true, "metadata": {}});
    let enabled = json!({"delta.enableInCommitTimestamps": "true",
        "delta.inCommitTimestampEnablementVersion": "2", "delta.inCommitTimestampEnablementTimestamp": "20000"});
    let stamped = |millis: i64| json!({"commitInfo": {"inCommitTimestamp": millis}});
    table.commit(0, &[protocol(), metadata_of("id-1", std::slice::from_ref(&field), &[], &json!({}))]);
    table.commit(1, &[add("f1")]);
    let features = json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 7,
        "writerFeatures": ["inCommitTimestamp"]}});
    table.commit(2, &[stamped(20_000), features, metadata_of("id-1", &[field], &[], &enabled)]);
    table.commit(3, &[stamped(30_000), add("f3")]);
    table.commit(4, &[stamped(40_000), add("f4")]);
    for (version, millis) in [(0, 1_000), (1, 2_000), (2, 90_000), (3, 80_000), (4, 70_000)] {
        table.touch(version, millis);
    }
    let (_catalog, followed) = table.open().await;
    assert_eq!(followed.current().unwrap().committed_at(), at(40_000));
    for (millis, version) in
        [(1_500, 0), (2_000, 1), (19_999, 1), (20_000, 2), (30_000, 3), (39_999, 3), (40_000, 4)]
    {
        assert_eq!(followed.as_of(at(millis)).await.unwrap().version(), version, "{millis}");
    }
    table.commit(5, &[stamped(50_000), add("f5")]);
    followed.refresh().await.unwrap();
    assert_eq!(followed.current().unwrap().committed_at(), at(50_000));
    table.commit(6, &[add("f6")]);
    let error = followed.refresh().await.unwrap_err().to_string();
    assert!(error.contains("in-commit timestamp"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn retained_versions_are_bounded_and_dropped_ones_are_read_again() {
    let table = TestTable::simple();
    let requests = Arc::new(Requests::default());
    let config = CatalogConfig { retained_versions_max: 2, ..CatalogConfig::default() };
    let (_catalog, followed) = table.open_with(requests.stores(), config).await;
    for version in 1..=4 {
        table.commit(version, &[add(&format!("f{version}"))]);
        followed.refresh().await.unwrap();
    }
    requests.take();
    for (version, read) in [(4, false), (3, false), (2, false), (1, true), (1, false)] {
        assert_eq!(followed.at_version(version).await.unwrap().version(), version);
        assert_eq!(!requests.take().is_empty(), read, "version {version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_that_nobody_uses_are_dropped_after_their_time() {
    let table = TestTable::simple();
    let requests = Arc::new(Requests::default());
    let config = CatalogConfig { retained_ms: 0, ..CatalogConfig::default() };
    let (_catalog, followed) = table.open_with(requests.stores(), config).await;
    table.commit(1, &[add("f1")]);
    followed.refresh().await.unwrap();
    requests.take();
    followed.at_version(0).await.unwrap();
    assert!(!requests.take().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_version_with_a_feature_that_is_not_read_is_refused_alone() {
    let table = TestTable::nothing();
    let field = json!({"name": "a", "type": "integer", "nullable": true, "metadata": {}});
    let meta = metadata_of("id-1", &[field], &[], &json!({}));
    table.commit(0, &[protocol_with(&["typeWidening-preview"]), meta]);
    table.commit(1, &[protocol()]);
    let (_catalog, followed) = table.open().await;
    assert_eq!(followed.current().unwrap().version(), 1);
    assert!(matches!(followed.at_version(0).await, Err(CatalogError::UnsupportedFeature { .. })));
}
