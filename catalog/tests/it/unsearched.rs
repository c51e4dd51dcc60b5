//! Places that discovery cannot look into: what lies beside them, what was found in them before, and
//! what is told of them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use object_store::ObjectStore;
use object_store::memory::InMemory;
use sluice_catalog::catalog::Catalog;
use sluice_catalog::config::CatalogConfig;
use sluice_catalog::definition::DiscoverDefinition;
use sluice_catalog::store::Stores;
use tempfile::TempDir;

use crate::discovery::{entry, make, names, open};
use crate::stores::Requests;

fn reasons(catalog: &Catalog) -> Vec<String> {
    catalog.discovery_troubles().iter().map(|trouble| trouble.reason.clone()).collect()
}

fn odd_name() -> &'static OsStr {
    OsStr::from_bytes(b"b\xffd")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_odd_entry_is_told_and_hides_nothing_beside_it() {
    let lake = TempDir::new().unwrap();
    for path in ["gold/people", "gold/sales/orders", "gold/co\nntrol/t", "elsewhere/t"] {
        make(lake.path(), path);
    }
    let gold = lake.path().join("gold");
    symlink("loop", gold.join("loop")).unwrap();
    symlink("..", gold.join("sales/up")).unwrap();
    symlink("nowhere", gold.join("sales/lost")).unwrap();
    symlink("../elsewhere", gold.join("linked")).unwrap();
    make(&gold.join(odd_name()), "t");
    std::fs::write(gold.join("sales").join(odd_name()), "").unwrap();
    std::fs::write(gold.join("sales/a\x01file"), "").unwrap();

    let catalog = open(lake.path(), vec![], entry("gold")).await;
    assert_eq!(names(&catalog), ["linked.t", "people", "sales.orders"]);
    let told = [
        r#"has directory "b�d" that cannot be searched: its name is not UTF-8 or holds control characters"#,
        r#"has directory "co\nntrol" that cannot be searched: its name is not UTF-8 or holds control characters"#,
        r#"has directory "loop" that cannot be searched: Too many levels of symbolic links (os error 40)"#,
        r#"has directory "sales/lost" that cannot be searched: it is a link to something that does not exist"#,
        r#"has directory "sales/up" that cannot be searched: it leads back to a directory that it lies in"#,
    ];
    let mut reasons_now = reasons(&catalog);
    reasons_now.sort();
    assert_eq!(reasons_now, told);
    assert!(catalog.discovery_troubles().iter().all(|trouble| trouble.prefix == "gold"));

    std::fs::remove_dir_all(gold.join("people")).unwrap();
    make(&gold, "sales/refunds");
    catalog.refresh().await;
    assert_eq!(names(&catalog), ["linked.t", "sales.orders", "sales.refunds"]);
    assert_eq!(reasons(&catalog).len(), told.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_searched_anyway_is_not_told() {
    let lake = TempDir::new().unwrap();
    make(lake.path(), "gold/people");
    let gold = lake.path().join("gold");
    for link in ["_tmp", ".tmp", "people/broken"] {
        symlink("nowhere", gold.join(link)).unwrap();
    }
    std::fs::create_dir_all(gold.join("deep/er")).unwrap();
    symlink("nowhere", gold.join("deep/lost")).unwrap();
    for (depth_max, told) in [(1, 0), (2, 1)] {
        let catalog = open(lake.path(), vec![], DiscoverDefinition { depth_max, ..entry("gold") }).await;
        assert_eq!((names(&catalog), reasons(&catalog).len()), (vec!["people".to_owned()], told));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_found_in_a_place_stays_while_that_cannot_be_searched() {
    let lake = TempDir::new().unwrap();
    for path in ["gold/people", "gold/vault_of/t", "store/a", "store/b/c"] {
        make(lake.path(), path);
    }
    let (store, gone) = (lake.path().join("store"), lake.path().join("gone"));
    symlink("../store", lake.path().join("gold/vault")).unwrap();
    let catalog = open(lake.path(), vec![], entry("gold")).await;
    let all = ["people", "vault.a", "vault.b.c", "vault_of.t"];
    assert_eq!(names(&catalog), all);
    assert!(reasons(&catalog).is_empty());

    std::fs::rename(&store, &gone).unwrap();
    std::fs::remove_dir_all(lake.path().join("gold/people")).unwrap();
    std::fs::remove_dir_all(lake.path().join("gold/vault_of")).unwrap();
    for _ in 0..2 {
        catalog.refresh().await;
        assert_eq!(names(&catalog), ["vault.a", "vault.b.c"]);
        assert_eq!(reasons(&catalog).len(), 1);
    }

    std::fs::rename(&gone, &store).unwrap();
    std::fs::remove_dir_all(store.join("a")).unwrap();
    catalog.refresh().await;
    assert_eq!(names(&catalog), ["vault.b.c"]);
    assert!(reasons(&catalog).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_looked_at_leaves_its_table_where_it_was() {
    let lake = TempDir::new().unwrap();
    make(lake.path(), "gold/people");
    let log = lake.path().join("gold/people/_delta_log");
    let catalog = open(lake.path(), vec![], entry("gold")).await;
    std::fs::rename(&log, lake.path().join("log")).unwrap();
    symlink("_delta_log", &log).unwrap();
    catalog.refresh().await;
    assert_eq!(names(&catalog), ["people"]);
    assert!(reasons(&catalog).concat().contains("has directory \"people\""), "{:?}", reasons(&catalog));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_that_is_not_there_is_told_and_may_come_and_go() {
    let lake = TempDir::new().unwrap();
    make(lake.path(), "other/x");
    let config = CatalogConfig { discover: vec![entry("gold"), entry("other")], ..CatalogConfig::default() };
    let stores = Stores::new();
    let catalog = Catalog::open(config, lake.path(), stores).await.unwrap();
    assert_eq!(names(&catalog), ["x"]);
    assert_eq!(reasons(&catalog), ["does not exist"]);
    assert_eq!(catalog.discovery_troubles()[0].prefix, "gold");

    make(lake.path(), "gold/t");
    make(lake.path(), "other/y");
    catalog.refresh().await;
    assert_eq!(names(&catalog), ["t", "x", "y"]);
    assert!(reasons(&catalog).is_empty());

    std::fs::rename(lake.path().join("gold"), lake.path().join("away")).unwrap();
    std::fs::remove_dir_all(lake.path().join("other/x")).unwrap();
    catalog.refresh().await;
    assert_eq!(names(&catalog), ["t", "y"], "the other prefix is searched as usual");
    assert_eq!(reasons(&catalog), ["does not exist"]);
    std::fs::write(lake.path().join("gold"), "").unwrap();
    catalog.refresh().await;
    assert_eq!(names(&catalog), ["t", "y"]);
    assert!(reasons(&catalog)[0].starts_with("cannot be searched: listing it failed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stays_counts_as_one_of_the_tables_that_may_be_registered() {
    for (tables_max, found) in [(2, vec!["people", "vault.a"]), (3, vec!["people", "vault.a", "zoo"])] {
        let lake = TempDir::new().unwrap();
        make(lake.path(), "gold/people");
        make(lake.path(), "store/a");
        symlink("../store", lake.path().join("gold/vault")).unwrap();
        let config = CatalogConfig {
            discover: vec![entry("gold")],
            discovered_tables_max: tables_max,
            ..CatalogConfig::default()
        };
        let catalog = Catalog::open(config, lake.path(), Stores::new()).await.unwrap();
        std::fs::remove_dir_all(lake.path().join("store")).unwrap();
        make(lake.path(), "gold/zoo");
        catalog.refresh().await;
        assert_eq!(names(&catalog), found);
        let told = reasons(&catalog).iter().any(|reason| reason.contains("discovered_tables_max"));
        assert_eq!(told, tables_max == 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_whose_path_makes_no_name_is_told() {
    let lake = TempDir::new().unwrap();
    make(lake.path(), "gold/2024/x");
    make(lake.path(), "gold/y");
    let catalog = open(lake.path(), vec![], entry("gold")).await;
    assert_eq!(names(&catalog), ["y"]);
    let told = r#"has a table at "2024/x" that is left out: table name "2024.x" is not valid"#;
    assert!(reasons(&catalog)[0].starts_with(told), "{:?}", reasons(&catalog));
}

/// Counts warnings.
struct Warnings(Arc<AtomicUsize>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN && metadata.target().contains("search")
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

/// On one thread, so that the log of no other test is counted.
#[tokio::test]
async fn a_trouble_is_logged_and_announced_when_it_is_new_and_not_again() {
    let logged = Arc::new(AtomicUsize::new(0));
    let _guard = tracing::subscriber::set_default(Warnings(Arc::clone(&logged)));
    let lake = TempDir::new().unwrap();
    make(lake.path(), "gold/2024/x");
    let catalog = open(lake.path(), vec![], entry("gold")).await;
    assert_eq!(logged.load(Ordering::SeqCst), 1);

    let mut changes = catalog.subscribe();
    for (change, total) in [(None, 1), (Some("one"), 2), (None, 2), (Some("two"), 3)] {
        if let Some(name) = change {
            symlink("nowhere", lake.path().join("gold").join(name)).unwrap();
        }
        changes.mark_unchanged();
        catalog.refresh().await;
        assert_eq!(changes.has_changed().unwrap(), change.is_some());
        assert_eq!(logged.load(Ordering::SeqCst), total);
    }
}

const GOLD: &str = "s3://lake/gold";

async fn bucket(paths: &[&str]) -> Arc<dyn ObjectStore> {
    let bucket: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    for path in paths {
        put(&bucket, path).await;
    }
    bucket
}

async fn put(bucket: &Arc<dyn ObjectStore>, path: &str) {
    let log = object_store::path::Path::from(format!("{path}/_delta_log/{:020}.json", 0));
    bucket.put_opts(&log, "{}".into(), object_store::PutOptions::default()).await.unwrap();
}

async fn open_bucket(prefixes: &[&str], stores: Stores) -> Arc<Catalog> {
    let config = CatalogConfig {
        discover: prefixes.iter().map(|prefix| entry(prefix)).collect(),
        load_timeout_ms: 300,
        ..CatalogConfig::default()
    };
    Catalog::open(config, Path::new("/"), stores).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_of_a_bucket_that_cannot_be_listed_hides_nothing_beside_it() {
    let bucket = bucket(&["gold/a", "gold/odd/b", "gold/odder"]).await;
    let requests = Arc::new(Requests::default());
    let catalog = open_bucket(&[GOLD], requests.stores_of(&bucket)).await;
    assert_eq!(names(&catalog), ["a", "odd.b", "odder"]);
    assert!(reasons(&catalog).is_empty());

    requests.fail_in(Some("odd"));
    put(&bucket, "gold/c").await;
    catalog.refresh().await;
    assert_eq!(names(&catalog), ["a", "c", "odd.b", "odder"]);
    let told = reasons(&catalog).concat();
    assert!(told.starts_with("has directory \"odd\" that cannot be searched: "), "{told}");
    assert!(told.contains("store.example") && !told.contains("hunter"), "{told}");

    requests.fail_in(Some("gold"));
    catalog.refresh().await;
    assert_eq!(names(&catalog), ["a", "c", "odd.b", "odder"]);
    assert!(reasons(&catalog)[0].starts_with("cannot be searched: object store failed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_does_not_answer_or_holds_nothing_is_told() {
    let bucket = bucket(&["other/a"]).await;
    let requests = Arc::new(Requests::default());
    let catalog = open_bucket(&[GOLD], requests.stores_of(&bucket)).await;
    assert_eq!(reasons(&catalog), ["holds nothing"]);
    put(&bucket, "gold/a").await;
    catalog.refresh().await;
    assert_eq!(names(&catalog), ["a"]);

    requests.hang(true);
    catalog.refresh().await;
    assert_eq!(names(&catalog), ["a"]);
    assert_eq!(reasons(&catalog), ["was not searched whole within 300 ms"]);
    // The second prefix has no turn before the catalog is opened.
    let unheard = open_bucket(&[GOLD, "s3://lake/other"], requests.stores_of(&bucket)).await;
    assert_eq!((names(&unheard).len(), reasons(&unheard).len()), (0, 2), "{:?}", reasons(&unheard));
}

/// Thirty directories that each lead to all others: far more ways than a second is enough for.
#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_takes_too_long_keeps_what_it_found() {
    let lake = TempDir::new().unwrap();
    make(lake.path(), "gold/a");
    let maze: Vec<_> = (0..30).map(|at| lake.path().join(format!("gold/maze{at}"))).collect();
    for room in &maze {
        std::fs::create_dir_all(room).unwrap();
        for (at, other) in maze.iter().enumerate().filter(|(_, other)| *other != room) {
            symlink(other, room.join(format!("to{at}"))).unwrap();
        }
    }
    let config =
        CatalogConfig { discover: vec![entry("gold")], load_timeout_ms: 1_000, ..CatalogConfig::default() };
    let catalog = Catalog::open(config, lake.path(), Stores::new()).await.unwrap();
    // The start waits no longer than the search may take; this one ends a moment later.
    catalog.refresh().await;
    assert_eq!(names(&catalog), ["a"]);
    assert_eq!(reasons(&catalog), ["was not searched whole within 1000 ms"]);
}
