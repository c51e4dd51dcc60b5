//! What following a log costs, in requests.

use std::path::Path;
use std::sync::Arc;

use sluice_catalog::catalog::Catalog;
use sluice_catalog::config::CatalogConfig;
use sluice_catalog::definition::TableDefinition;

use crate::lake::{TestTable, add, keys, metadata, protocol, remove, version};
use crate::stores::Requests;

const FILES: usize = 100_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_of_a_hundred_thousand_files_lists_once_and_a_commit_reads_its_own_file() {
    let table = TestTable::nothing();
    for commit in 0..5_usize {
        let mut lines = String::new();
        if commit == 0 {
            lines.push_str(&format!("{}\n{}\n", protocol(), metadata("id-1", &["a"])));
        }
        for file in (commit * FILES / 5)..((commit + 1) * FILES / 5) {
            lines.push_str(&format!("{}\n", add(&format!("part-{file:06}.parquet"))));
        }
        table.write_commit(commit as u64, &lines);
    }
    let requests = Arc::new(Requests::default());
    let (_catalog, followed) = table.open_with(requests.stores(), CatalogConfig::default()).await;
    assert_eq!(followed.current().unwrap().files().len(), FILES);
    requests.take();

    for _ in 0..3 {
        assert!(!followed.refresh().await.unwrap());
        assert_eq!(requests.take(), ["list _delta_log"]);
    }

    table.commit(5, &[add("part-x.parquet"), remove("part-000007.parquet")]);
    assert!(followed.refresh().await.unwrap());
    assert_eq!(requests.take(), ["list _delta_log", "get 00000000000000000005.json"]);
    let snapshot = followed.current().unwrap();
    assert_eq!(snapshot.version(), 5);
    assert_eq!(snapshot.files().len(), FILES);
    assert_eq!(snapshot.num_rows(), Some(3 * FILES as u64));
    assert_eq!(snapshot.num_bytes(), 10 * FILES as u64);
    assert!(!followed.refresh().await.unwrap());
    assert_eq!(requests.take(), ["list _delta_log"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_commits_are_followed_by_their_own_files() {
    let table = TestTable::simple();
    let requests = Arc::new(Requests::default());
    let (_catalog, followed) = table.open_with(requests.stores(), CatalogConfig::default()).await;
    requests.take();
    table.commit(1, &[add("b"), add("c")]);
    table.commit(2, &[remove("b"), add("a")]);
    followed.refresh().await.unwrap();
    let json = |version: u64| format!("get {version:020}.json");
    assert_eq!(requests.take(), ["list _delta_log".to_owned(), json(1), json(2)]);
    assert_eq!(keys(&followed.current().unwrap()), ["a", "c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_commits_than_the_limit_are_loaded_afresh() {
    for (commits, afresh) in [(2, false), (3, true)] {
        let table = TestTable::simple();
        let requests = Arc::new(Requests::default());
        let config = CatalogConfig { followed_commits_max: 2, ..CatalogConfig::default() };
        let (_catalog, followed) = table.open_with(requests.stores(), config).await;
        requests.take();
        for at in 1..=commits {
            table.commit(at, &[add(&format!("f{at}"))]);
        }
        followed.refresh().await.unwrap();
        assert_eq!(requests.take().len() as u64 > commits + 1, afresh);
        assert_eq!(version(&followed), Some(commits));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn larger_commits_than_the_limit_are_loaded_afresh() {
    let text = format!("{}\n", add("f"));
    for (limit, afresh) in [(text.len(), false), (text.len() - 1, true)] {
        let table = TestTable::simple();
        let requests = Arc::new(Requests::default());
        let config = CatalogConfig { followed_commit_bytes_max: limit as u64, ..CatalogConfig::default() };
        let (_catalog, followed) = table.open_with(requests.stores(), config).await;
        requests.take();
        table.write_commit(1, &text);
        followed.refresh().await.unwrap();
        assert_eq!(requests.take().len() > 2, afresh);
        assert_eq!(keys(&followed.current().unwrap()), ["f"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_log_is_listed_from_its_newest_checkpoint() {
    let table = TestTable::simple();
    for at in 1..=4 {
        table.commit(at, &[add(&format!("f{at}"))]);
    }
    let url = url::Url::from_directory_path(table.path()).unwrap();
    let written = deltalake_core::open_table(url).await.unwrap();
    deltalake_core::checkpoints::create_checkpoint(&written, None).await.unwrap();
    table.commit(5, &[add("f5"), remove("f2")]);
    let open = || async {
        let requests = Arc::new(Requests::default());
        let (_catalog, opened) = table.open_with(requests.stores(), CatalogConfig::default()).await;
        assert_eq!(keys(&opened.current().unwrap()), ["f1", "f3", "f4", "f5"]);
        requests.take_offsets()
    };
    let checkpoint = format!("{:020}", 4);
    let offsets = open().await;
    assert!(!offsets.is_empty() && offsets.iter().all(|offset| *offset >= checkpoint), "{offsets:?}");
    // What misleads is passed over.
    let hint = table.path().join("_delta_log/_last_checkpoint");
    for misleading in [r#"{"version":3,"size":1}"#, r#"{"version":99,"size":1}"#, "garbage", ""] {
        std::fs::write(&hint, misleading).unwrap();
        assert!(open().await.contains(&format!("{:020}", 0)), "{misleading}");
    }
}

/// Tables that are a multiple of each limit, so that reads can gather to the last.
#[tokio::test]
async fn as_many_logs_as_the_limit_are_read_at_once() {
    for limit in [2, 3] {
        let tables: Vec<TestTable> = (0..6).map(|_| TestTable::simple()).collect();
        let requests = Arc::new(Requests::default());
        let definition = |(at, table): (usize, &TestTable)| {
            TableDefinition::bare(format!("t{at}"), table.path().to_str().unwrap())
        };
        let config = CatalogConfig {
            tables: tables.iter().enumerate().map(definition).collect(),
            concurrent_loads_max: limit,
            ..CatalogConfig::default()
        };
        let catalog = Catalog::open(config, Path::new("/"), requests.stores()).await.unwrap();
        for table in &tables {
            table.commit(1, &[add("f")]);
        }
        requests.gather(limit);
        catalog.refresh().await;
        assert_eq!(requests.most_at_once(), limit);
        assert!(catalog.tables().iter().all(|table| version(table) == Some(1)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_follower_takes_commits_over_and_says_so() {
    let table = TestTable::simple();
    let config = CatalogConfig { poll_interval_ms: 5, ..CatalogConfig::default() };
    let (catalog, followed) = table.open_with(sluice_catalog::store::Stores::new(), config).await;
    let cancel = tokio_util::sync::CancellationToken::new();
    let mut changes = catalog.subscribe();
    changes.mark_unchanged();
    let follower = catalog.spawn_follower(cancel.clone());
    table.commit(1, &[add("f")]);
    changes.changed().await.unwrap();
    assert_eq!(version(&followed), Some(1));
    cancel.cancel();
    follower.await.unwrap();
}
