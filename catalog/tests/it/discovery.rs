//! Tables that nobody declared.

use std::path::Path;
use std::sync::Arc;

use sluice_catalog::catalog::Catalog;
use sluice_catalog::config::CatalogConfig;
use sluice_catalog::definition::{DiscoverDefinition, TableDefinition};
use sluice_catalog::store::Stores;
use tempfile::TempDir;

use crate::lake::{metadata, protocol};

pub(crate) fn make(lake: &Path, path: &str) {
    let log = lake.join(path).join("_delta_log");
    std::fs::create_dir_all(&log).unwrap();
    let text = format!("{}\n{}\n", protocol(), metadata("id-1", &["a"]));
    std::fs::write(log.join(format!("{:020}.json", 0)), text).unwrap();
}

pub(crate) fn names(catalog: &Catalog) -> Vec<String> {
    catalog.tables().iter().map(|table| table.name().to_owned()).collect()
}

pub(crate) async fn open(
    lake: &Path,
    tables: Vec<TableDefinition>,
    entry: DiscoverDefinition,
) -> Arc<Catalog> {
    let config = CatalogConfig { tables, discover: vec![entry], ..CatalogConfig::default() };
    Catalog::open(config, lake, Stores::new()).await.unwrap()
}

pub(crate) fn entry(prefix: &str) -> DiscoverDefinition {
    serde_json::from_value(serde_json::json!({"prefix": prefix})).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_below_a_prefix_are_registered_by_their_path() {
    let lake = TempDir::new().unwrap();
    for path in
        ["gold/sales/orders", "gold/people", "gold/_hidden/x", "gold/.tmp/x", "gold/2024/x", "other/y"]
    {
        make(lake.path(), path);
    }
    make(lake.path(), "gold/people/nested");
    let catalog = open(lake.path(), vec![], entry("gold")).await;
    assert_eq!(names(&catalog), ["people", "sales.orders"]);
    assert!(catalog.table("sales.orders").unwrap().current().is_some());

    make(lake.path(), "gold/sales/refunds");
    std::fs::remove_dir_all(lake.path().join("gold/people")).unwrap();
    let changes = catalog.subscribe();
    let kept = catalog.table("sales.orders").unwrap();
    catalog.refresh().await;
    assert_eq!(names(&catalog), ["sales.orders", "sales.refunds"]);
    assert!(changes.has_changed().unwrap());
    assert!(Arc::ptr_eq(&kept, &catalog.table("sales.orders").unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn declared_tables_win_by_name_and_by_place() {
    let lake = TempDir::new().unwrap();
    for path in ["gold/a", "gold/b", "elsewhere"] {
        make(lake.path(), path);
    }
    let declared = vec![TableDefinition::bare("a", "elsewhere"), TableDefinition::bare("mine", "gold/b")];
    let catalog = open(lake.path(), declared, entry("gold")).await;
    assert_eq!(names(&catalog), ["a", "mine"]);
    assert_eq!(catalog.table("a").unwrap().definition().location, "elsewhere");
}

#[tokio::test(flavor = "multi_thread")]
async fn depth_and_number_of_discovered_tables_are_bounded() {
    let lake = TempDir::new().unwrap();
    for path in ["g/a", "g/b", "g/c/d"] {
        make(lake.path(), path);
    }
    for (depth_max, found) in [(0, vec![]), (1, vec!["x_a", "x_b"]), (2, vec!["x_a", "x_b", "x_c.d"])] {
        let entry = DiscoverDefinition { depth_max, name_prefix: "x_".to_owned(), ..entry("g") };
        let catalog = open(lake.path(), vec![], entry).await;
        assert_eq!(names(&catalog), found);
    }
    for (tables_max, found) in [(2, vec!["a", "b"]), (3, vec!["a", "b", "c.d"])] {
        let config = CatalogConfig {
            discover: vec![entry("g")],
            discovered_tables_max: tables_max,
            ..CatalogConfig::default()
        };
        let catalog = Catalog::open(config, lake.path(), Stores::new()).await.unwrap();
        assert_eq!(names(&catalog), found);
        let troubles = catalog.discovery_troubles();
        assert_eq!(troubles.len(), usize::from(tables_max == 2), "{troubles:?}");
        assert!(troubles.iter().all(|trouble| trouble.reason.contains("discovered_tables_max")));
    }
}
