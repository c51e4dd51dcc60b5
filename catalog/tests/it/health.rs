//! Tables that break, change and come back.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use sluice_catalog::catalog::Catalog;
use sluice_catalog::config::CatalogConfig;
use sluice_catalog::definition::TableDefinition;
use sluice_catalog::store::Stores;
use sluice_catalog::table::TableStatus;

use crate::lake::{TestTable, add, add_with_vector, keys, metadata, protocol, remove, trouble, version};
use crate::stores::Requests;

#[tokio::test(flavor = "multi_thread")]
async fn cut_and_garbled_commits_leave_the_last_good_version_and_heal() {
    let whole = format!("{}\n{}\n", add("b"), add("c"));
    let cut = &whole[..whole.len() - 20];
    for broken in [cut, "", "\n", "garbage", "{\"add\":{\"path\":1}}\n"] {
        let table = TestTable::simple();
        table.commit(1, &[add("a")]);
        let (_catalog, followed) = table.open().await;
        table.write_commit(2, broken);
        assert!(followed.refresh().await.is_err(), "{broken}");
        assert!(followed.refresh().await.is_err(), "{broken}");
        assert_eq!(keys(&followed.current().unwrap()), ["a"]);
        let TableStatus::Serving { stale: Some(stale) } = followed.status() else {
            panic!("not stale after {broken:?}");
        };
        assert!(stale.reason.contains("commit 2 is malformed"), "{}", stale.reason);
        assert!(stale.since >= followed.verified_at().unwrap());
        table.write_commit(2, &whole);
        assert!(followed.refresh().await.unwrap());
        assert_eq!(followed.status(), TableStatus::Serving { stale: None });
        assert_eq!(keys(&followed.current().unwrap()), ["a", "b", "c"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_whose_last_commit_is_cut_is_not_opened_short() {
    for broken in ["", "{\"add\":{\"path\":\"b\"", "garbage\n"] {
        let table = TestTable::simple();
        table.write_commit(1, broken);
        let (_catalog, followed) = table.open().await;
        assert!(followed.current().is_none(), "{broken}");
        table.commit(1, &[add("b")]);
        followed.refresh().await.unwrap();
        assert_eq!(keys(&followed.current().unwrap()), ["b"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn good_commits_before_a_broken_one_are_taken_over() {
    let table = TestTable::simple();
    let (_catalog, followed) = table.open().await;
    table.commit(1, &[add("a")]);
    table.write_commit(2, "{");
    assert!(followed.refresh().await.is_err());
    assert_eq!(version(&followed), Some(1));
    assert!(trouble(&followed).unwrap().contains("commit 2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_cut_at_a_line_is_read_again_when_it_is_repaired() {
    let table = TestTable::simple();
    let (_catalog, followed) = table.open().await;
    table.commit(1, &[add("a")]);
    followed.refresh().await.unwrap();
    table.commit(1, &[add("a"), add("b")]);
    followed.refresh().await.unwrap();
    assert_eq!(keys(&followed.current().unwrap()), ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_leave_the_table_stop_that_version_only() {
    let vector = |path: &str| json!({"storageType": "p", "pathOrInlineDv": path, "offset": 1, "sizeInBytes": 4, "cardinality": 1});
    let relative = |prefix: &str| {
        let stored = format!("{prefix}vBn[lx{{q8@P<9BNH/isA");
        json!({"storageType": "u", "pathOrInlineDv": stored, "offset": 1, "sizeInBytes": 4, "cardinality": 1})
    };
    for escape in [
        add("../../etc/passwd"),
        add("%2e%2e/x"),
        add("..%2fx"),
        add("/etc/passwd"),
        add("file:///etc/passwd"),
        add("https://evil.example/x?X-Amz-Signature=1"),
        add_with_vector("b", &vector("file:///etc/passwd")),
        add_with_vector("b", &vector("https://evil.example/x?sp=1")),
        add_with_vector("b", &relative("../../x")),
        add_with_vector("b", &relative("/etc")),
    ] {
        let table = TestTable::simple();
        table.commit(1, &[add("a")]);
        let (_catalog, followed) = table.open().await;
        table.commit(2, std::slice::from_ref(&escape));
        let error = followed.refresh().await.unwrap_err().to_string();
        assert!(error.contains("is refused"), "{escape}: {error}");
        assert_eq!(version(&followed), Some(1), "{escape}");
        assert!(trouble(&followed).is_some());
        let (_catalog, fresh) = table.open().await;
        assert!(fresh.current().is_none(), "{escape}");
        assert!(trouble(&fresh).unwrap().contains("is refused"), "{escape}");
        table.commit(2, &[add("b")]);
        followed.refresh().await.unwrap();
        assert_eq!(keys(&followed.current().unwrap()), ["a", "b"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_object_listed_under_two_spellings_is_refused() {
    for twin in ["a%20b", "./a b"] {
        let table = TestTable::simple();
        table.commit(1, &[add("a b")]);
        let (_catalog, followed) = table.open().await;
        table.commit(2, &[add(twin)]);
        assert!(followed.refresh().await.is_err(), "{twin}");
        let (_catalog, fresh) = table.open().await;
        assert!(fresh.current().is_none(), "{twin}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_under_another_spelling_is_refused_rather_than_missed() {
    let table = TestTable::simple();
    let path = table.path().to_str().unwrap().to_owned();
    let (plain, url) = (format!("{path}/f"), format!("file:{path}/f"));
    table.commit(1, &[add(&plain)]);
    let (_catalog, followed) = table.open().await;
    assert_eq!(version(&followed), Some(1));
    table.commit(2, &[remove(&url)]);
    let error = followed.refresh().await.unwrap_err().to_string();
    assert!(error.contains("named in two ways"), "{error}");
    assert_eq!(version(&followed), Some(1));
    let (_catalog, fresh) = table.open().await;
    assert!(fresh.current().is_none() && trouble(&fresh).unwrap().contains("named in two ways"));

    let table = TestTable::simple();
    let path = table.path().to_str().unwrap().to_owned();
    table.commit(1, &[add("f"), add(&format!("{path}/g"))]);
    let (_catalog, followed) = table.open().await;
    table.commit(2, &[remove(&format!("file://{path}/f"))]);
    assert!(followed.refresh().await.is_err());
    table.commit(2, &[remove("f"), remove(&format!("{path}/g"))]);
    assert!(followed.refresh().await.is_ok());
    assert!(followed.current().unwrap().files().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_marks_the_table_stale_without_its_secrets() {
    let table = TestTable::simple();
    let requests = Arc::new(Requests::default());
    let (_catalog, followed) = table.open_with(requests.stores(), CatalogConfig::default()).await;
    let verified = followed.verified_at().unwrap();
    requests.fail(true);
    let first = followed.refresh().await;
    assert!(first.is_err());
    let reason = trouble(&followed).unwrap();
    assert!(reason.contains("store.example"), "{reason}");
    assert!(!reason.contains("hunter"), "{reason}");
    let TableStatus::Serving { stale: Some(before) } = followed.status() else { panic!("not stale") };
    assert!(followed.refresh().await.is_err());
    let TableStatus::Serving { stale: Some(after) } = followed.status() else { panic!("not stale") };
    assert_eq!(before.since, after.since);
    assert_eq!(followed.verified_at(), Some(verified));
    requests.fail(false);
    assert!(followed.refresh().await.unwrap());
    assert_eq!(followed.status(), TableStatus::Serving { stale: None });
    assert!(followed.verified_at().unwrap() > verified);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_appears_after_start_is_served() {
    let table = TestTable::nothing();
    let (_catalog, followed) = table.open().await;
    assert_eq!(trouble(&followed).unwrap(), "no delta log found");
    assert!(followed.at_version(0).await.is_err());
    table.commit(0, &[protocol(), metadata("id-1", &["a"])]);
    assert!(followed.refresh().await.unwrap());
    assert_eq!(version(&followed), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_made_anew_replaces_the_old_one_whole() {
    for (versions_before, versions_after) in [(3, 1), (1, 3), (2, 2)] {
        let table = TestTable::simple();
        let (_catalog, followed) = table.open().await;
        for at in 1..=versions_before {
            table.commit(at, &[add(&format!("old-{at}"))]);
            followed.refresh().await.unwrap();
        }
        let old = followed.current().unwrap();
        table.remove_log();
        assert!(followed.refresh().await.is_err());
        assert_eq!(version(&followed), Some(versions_before), "the last good version is served on");
        table.commit(0, &[protocol(), metadata("id-2", &["x", "y"])]);
        for at in 1..=versions_after {
            table.commit(at, &[add(&format!("new-{at}"))]);
        }
        assert!(followed.refresh().await.unwrap());
        let new = followed.current().unwrap();
        assert_ne!(new.table_id(), old.table_id());
        assert_eq!(new.version(), versions_after);
        assert!(keys(&new).iter().all(|key| key.starts_with("new-")));
        assert_eq!(new.columns().len(), 2);
        let first = followed.at_version(0).await.unwrap();
        assert_eq!(first.table_id(), new.table_id(), "old versions are not mixed in");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_swapped_between_two_polls_is_noticed_at_the_same_version() {
    let table = TestTable::simple();
    table.commit(1, &[add("old")]);
    let (_catalog, followed) = table.open().await;
    table.remove_log();
    table.commit(0, &[protocol(), metadata("id-2", &["a"])]);
    table.commit(1, &[add("new")]);
    followed.refresh().await.unwrap();
    assert_eq!(keys(&followed.current().unwrap()), ["new"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn schema_changes_appear_and_older_versions_keep_their_own() {
    let table = TestTable::simple();
    table.commit(1, &[add("a")]);
    let (_catalog, followed) = table.open().await;
    table.commit(2, &[metadata("id-1", &["a", "b"]), add("b")]);
    assert!(followed.refresh().await.unwrap());
    let names = |snapshot: &sluice_catalog::snapshot::Snapshot| -> Vec<String> {
        snapshot.columns().iter().map(|column| column.name.clone()).collect()
    };
    assert_eq!(names(&followed.current().unwrap()), ["a", "b"]);
    assert_eq!(keys(&followed.current().unwrap()), ["a", "b"]);
    assert_eq!(names(&followed.at_version(1).await.unwrap()), ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_and_adding_a_file_again_keeps_it_once() {
    let table = TestTable::simple();
    table.commit(1, &[add("a"), add("b")]);
    let (_catalog, followed) = table.open().await;
    table.commit(2, &[remove("a")]);
    table.commit(3, &[add("a"), remove("missing")]);
    followed.refresh().await.unwrap();
    assert_eq!(keys(&followed.current().unwrap()), ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_never_answers_is_given_up_and_taken_up_again() {
    for made_anew in [false, true] {
        let table = TestTable::simple();
        let requests = Arc::new(Requests::default());
        let config = CatalogConfig { load_timeout_ms: 300, ..CatalogConfig::default() };
        let (_catalog, followed) = table.open_with(requests.stores(), config).await;
        if made_anew {
            // Noticed by the listing alone, so that it is the fresh load that hangs.
            table.remove_log();
            table.commit(0, &[protocol(), metadata("id-2", &["a"])]);
        }
        table.commit(1, &[add("a")]);
        requests.hang(true);
        let error = followed.refresh().await.unwrap_err().to_string();
        assert!(error.contains("longer than 300 ms"), "{error}");
        assert_eq!(version(&followed), Some(0));
        requests.hang(false);
        assert!(followed.refresh().await.unwrap());
        assert_eq!(version(&followed), Some(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn log_cleanup_past_the_known_version_is_caught_up_with() {
    let table = TestTable::simple();
    table.commit(1, &[add("a")]);
    let (_catalog, behind) = table.open().await;
    table.commit(2, &[add("b")]);
    let (_catalog, level) = table.open().await;
    let url = url::Url::from_directory_path(table.path()).unwrap();
    let written = deltalake_core::open_table(url).await.unwrap();
    deltalake_core::checkpoints::create_checkpoint(&written, None).await.unwrap();
    for version in 0..=2 {
        std::fs::remove_file(table.commit_path(version)).unwrap();
    }
    for followed in [behind, level] {
        followed.refresh().await.unwrap();
        assert_eq!(version(&followed), Some(2));
        assert_eq!(keys(&followed.current().unwrap()), ["a", "b"]);
        assert!(!followed.refresh().await.unwrap());
    }
    table.commit(3, &[add("c")]);
    let (_catalog, fresh) = table.open().await;
    assert_eq!(keys(&fresh.current().unwrap()), ["a", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_in_the_log_is_never_skipped() {
    let table = TestTable::simple();
    let (_catalog, followed) = table.open().await;
    table.commit(2, &[add("late")]);
    let error = followed.refresh().await.unwrap_err().to_string();
    assert!(error.contains("gap before version 2"), "{error}");
    assert_eq!(version(&followed), Some(0));
    table.commit(1, &[add("early")]);
    followed.refresh().await.unwrap();
    assert_eq!(keys(&followed.current().unwrap()), ["early", "late"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_contradicts_itself_is_read_as_a_fresh_load_reads_it() {
    for actions in [
        vec![add("a"), remove("a")],
        vec![remove("a"), add("a")],
        vec![remove("b"), add("b")],
        vec![add("b"), add("b")],
    ] {
        let table = TestTable::simple();
        table.commit(1, &[add("a")]);
        let (_catalog, followed) = table.open().await;
        table.commit(2, &actions);
        let refreshed = followed.refresh().await;
        let (_catalog, fresh) = table.open().await;
        match fresh.current() {
            Some(fresh) => assert_eq!(keys(&followed.current().unwrap()), keys(&fresh), "{actions:?}"),
            None => assert!(refreshed.is_err(), "{actions:?}"),
        }
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_set_anew_leads_to_the_other_table() {
    let (first, second, links) = (TestTable::simple(), TestTable::simple(), tempfile::tempdir().unwrap());
    first.commit(1, &[add("a")]);
    second.commit(1, &[add("b")]);
    let link = links.path().join("current");
    let lead_to = |table: &TestTable| {
        let fresh = links.path().join("fresh");
        std::os::unix::fs::symlink(table.path(), &fresh).unwrap();
        std::fs::rename(&fresh, &link).unwrap();
    };
    lead_to(&first);
    let definition = TableDefinition::bare("t", link.to_str().unwrap());
    let config = CatalogConfig { tables: vec![definition], ..CatalogConfig::default() };
    let catalog = Catalog::open(config, Path::new("/"), Stores::new()).await.unwrap();
    let table = catalog.table("t").unwrap();
    assert_eq!(keys(&table.current().unwrap()), ["a"]);
    lead_to(&second);
    assert!(table.refresh().await.unwrap());
    assert_eq!(keys(&table.current().unwrap()), ["b"]);
    assert!(!table.refresh().await.unwrap());
    // While it leads nowhere, what was good is served and said to be stale.
    std::fs::remove_file(&link).unwrap();
    table.refresh().await.unwrap_err();
    assert_eq!(keys(&table.current().unwrap()), ["b"]);
    assert!(trouble(&table).is_some());
    lead_to(&first);
    table.refresh().await.unwrap();
    assert_eq!((keys(&table.current().unwrap()), trouble(&table)), (vec!["a".to_owned()], None));
}
