//! What commits added, as followers of a table are told it: the kinds of commits, several at once, and what is
//! forgotten.

use std::sync::Arc;

use serde_json::{Value, json};
use sluice_catalog::changes::FollowPlace;
use sluice_catalog::config::CatalogConfig;
use sluice_catalog::store::Stores;
use sluice_catalog::table::Table;

use crate::lake::{
    TestTable, add, add_with_vector, keys, metadata, protocol_with, remove, remove_with_vector,
};

/// One that has read the newest version.
struct Follower {
    table: Arc<Table>,
    place: FollowPlace,
}

impl Follower {
    fn new(table: &Arc<Table>) -> Self {
        let mut follower = Self { table: Arc::clone(table), place: FollowPlace::default() };
        let newest = table.current().unwrap().version();
        assert_eq!(follower.next(), Some((newest, None)));
        assert_eq!(follower.next(), None);
        follower
    }

    /// The version of the next change, and the files that it added where that is told.
    fn next(&mut self) -> Option<(u64, Option<Vec<String>>)> {
        let (place, delta) = self.table.change_after(&self.place)?;
        self.place = place;
        assert!(delta.exact || delta.added.files().is_empty());
        Some((delta.added.version(), delta.exact.then(|| keys(&delta.added))))
    }
}

fn added(version: u64, files: &[&str]) -> Option<(u64, Option<Vec<String>>)> {
    Some((version, Some(files.iter().map(|&file| file.to_owned()).collect())))
}

fn not_told(version: u64) -> Option<(u64, Option<Vec<String>>)> {
    Some((version, None))
}

fn vector(cardinality: u64) -> Value {
    json!({"storageType": "u", "pathOrInlineDv": format!("{cardinality}vBn[lx{{q8@P<9BNH/isA"), "offset": 1,
        "sizeInBytes": 40, "cardinality": cardinality})
}

/// A file that holds rows which were in the table before, or a removal of such rows from where they were.
fn unchanging(mut action: Value) -> Value {
    let inner = action.as_object_mut().unwrap().values_mut().next().unwrap();
    inner["dataChange"] = json!(false);
    action
}

/// Version 1 has the files `a` and `b`, two of whose rows are deleted.
fn two_files() -> TestTable {
    let table = TestTable::nothing();
    table.commit(0, &[protocol_with(&["deletionVectors"]), metadata("id-1", &["a"])]);
    table.commit(1, &[add("a"), add_with_vector("b", &vector(2))]);
    table
}

/// What a commit is called, its actions, and the files that it adds, where that can be told.
type Case = (&'static str, Vec<Value>, Option<&'static [&'static str]>);

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_commit_adds_what_it_says_or_is_not_told() {
    let unflagged = || {
        let mut action = add("x");
        action["add"].as_object_mut().unwrap().remove("dataChange");
        action
    };
    let restore = json!({"commitInfo": {"operation": "RESTORE"}});
    let cases: Vec<Case> = vec![
        ("an append, in canonical order", vec![add("x"), add("aa")], Some(&["aa", "x"])),
        ("no word of a change of data", vec![unflagged()], Some(&["x"])),
        ("nothing of files", vec![json!({"txn": {"appId": "x", "version": 1}})], Some(&[])),
        ("a compaction", vec![unchanging(remove("a")), unchanging(add("x"))], Some(&[])),
        ("a file deleted whole", vec![remove("a")], Some(&[])),
        ("a file written anew", vec![remove("a"), add("x")], None),
        ("one that went unchanged, into one that is not", vec![unchanging(remove("a")), add("x")], None),
        ("a compaction with an append", vec![unchanging(remove("a")), unchanging(add("x")), add("y")], None),
        ("rows deleted from a file", vec![remove("a"), add_with_vector("a", &vector(1))], Some(&[])),
        (
            "an update by vector",
            vec![remove_with_vector("b", &vector(2)), add_with_vector("b", &vector(3)), add("x")],
            Some(&["x"]),
        ),
        (
            "a vector that was written anew",
            vec![
                remove_with_vector("b", &vector(2)),
                add_with_vector("b", &{
                    let mut moved = vector(2);
                    moved["offset"] = json!(9);
                    moved
                }),
            ],
            Some(&[]),
        ),
        (
            "rows that come back",
            vec![remove_with_vector("b", &vector(2)), add_with_vector("b", &vector(1))],
            None,
        ),
        ("all rows of a file that come back", vec![remove_with_vector("b", &vector(2)), add("b")], None),
        ("a file listed once more", vec![unchanging(add("a"))], Some(&[])),
        ("the same with a change of data", vec![add("a")], Some(&[])),
        ("old rows out of nowhere", vec![unchanging(add("x"))], None),
        ("a removal of what is not there", vec![remove("nowhere"), add("x")], Some(&["x"])),
        ("a removal under another vector", vec![remove_with_vector("a", &vector(7)), add("x")], Some(&["x"])),
        ("an older version brought back", vec![restore, add("x")], None),
        ("another schema", vec![metadata("id-1", &["a", "b"]), add("x")], None),
    ];
    for (what, actions, expected) in cases {
        let table = two_files();
        let (_catalog, followed) = table.open().await;
        let mut follower = Follower::new(&followed);
        table.commit(2, &actions);
        followed.refresh().await.unwrap();
        assert_eq!(follower.next(), expected.map_or(not_told(2), |files| added(2, files)), "{what}");
        assert_eq!(follower.next(), None, "{what}");
        table.commit(3, &[add("z")]);
        followed.refresh().await.unwrap();
        assert_eq!(follower.next(), added(3, &["z"]), "after {what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_come_one_by_one_however_many_are_followed_at_once() {
    let table = two_files();
    let (_catalog, followed) = table.open().await;
    let mut follower = Follower::new(&followed);
    table.commit(2, &[add("x")]);
    table.commit(3, &[remove("x"), add("y")]);
    table.commit(4, &[remove("y"), remove("a")]);
    followed.refresh().await.unwrap();
    table.commit(5, &[add("c"), add("d")]);
    followed.refresh().await.unwrap();
    let late = Follower::new(&followed);
    assert_eq!(follower.next(), added(2, &["x"]));
    assert_eq!(follower.next(), not_told(3));
    assert_eq!(follower.next(), added(4, &[]));
    assert_eq!(follower.next(), added(5, &["c", "d"]));
    assert_eq!(follower.next(), None);
    assert_eq!(late.table.change_after(&late.place).map(drop), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_of_its_own_version() {
    let table = two_files();
    let (_catalog, followed) = table.open().await;
    let mut follower = Follower::new(&followed);
    table.commit(2, &[add("x")]);
    table.touch(2, 4_000_000_000_000);
    table.commit(3, &[add("y")]);
    followed.refresh().await.unwrap();
    let (place, delta) = followed.change_after(&follower.place).unwrap();
    assert_eq!(delta.added.committed_at().timestamp_millis(), 4_000_000_000_000);
    assert_eq!(delta.added.num_rows(), Some(3));
    assert_eq!(delta.added.table_id(), "id-1");
    follower.place = place;
    assert_eq!(follower.next(), added(3, &["y"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_commits_as_the_limit_are_remembered() {
    for (commits, remembered) in [(2, true), (3, false)] {
        let table = two_files();
        let config = CatalogConfig { retained_changes_max: 2, ..CatalogConfig::default() };
        let (_catalog, followed) = table.open_with(Stores::new(), config).await;
        let mut follower = Follower::new(&followed);
        for at in 2..2 + commits {
            table.commit(at, &[add(&format!("f{at}"))]);
        }
        followed.refresh().await.unwrap();
        if remembered {
            assert_eq!(follower.next(), added(2, &["f2"]));
            assert_eq!(follower.next(), added(3, &["f3"]));
        } else {
            assert_eq!(follower.next(), not_told(4));
        }
        assert_eq!(follower.next(), None);
        table.commit(2 + commits, &[add("x")]);
        followed.refresh().await.unwrap();
        assert_eq!(follower.next(), added(2 + commits, &["x"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_added_files_as_the_limit_are_remembered_and_the_newest_commit_always_is() {
    for (files, remembered) in [(2, true), (3, false)] {
        let table = two_files();
        let config = CatalogConfig { retained_change_files_max: 3, ..CatalogConfig::default() };
        let (_catalog, followed) = table.open_with(Stores::new(), config).await;
        let mut follower = Follower::new(&followed);
        table.commit(2, &[add("x")]);
        let many: Vec<Value> = (0..files).map(|at| add(&format!("y{at}"))).collect();
        table.commit(3, &many);
        followed.refresh().await.unwrap();
        let first = follower.next();
        assert_eq!(first, if remembered { added(2, &["x"]) } else { not_told(3) });
        let mut alone = Follower::new(&followed);
        let many: Vec<Value> = (0..9).map(|at| add(&format!("z{at}"))).collect();
        table.commit(4, &many);
        followed.refresh().await.unwrap();
        assert_eq!(alone.next().unwrap().1.unwrap().len(), 9);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_known_of_a_table_made_anew_says_nothing_of_it() {
    let table = two_files();
    let (_catalog, followed) = table.open().await;
    let mut follower = Follower::new(&followed);
    for (id, versions) in [("id-2", 1), ("id-2", 3), ("id-3", 2)] {
        table.remove_log();
        table.commit(0, &[protocol_with(&["deletionVectors"]), metadata(id, &["a"])]);
        (1..=versions).for_each(|version| table.commit(version, &[add(&format!("f{version}"))]));
        followed.refresh().await.unwrap();
        // Others have followed it past the version at which this one stands.
        table.commit(versions + 1, &[add("g")]);
        followed.refresh().await.unwrap();
        assert_eq!(follower.next(), not_told(versions + 1), "{id}");
        table.commit(versions + 2, &[add("h")]);
        followed.refresh().await.unwrap();
        assert_eq!(follower.next(), added(versions + 2, &["h"]), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_read_for_a_while_is_followed_on() {
    let table = two_files();
    let (_catalog, followed) = table.open().await;
    let mut follower = Follower::new(&followed);
    table.commit(2, &[add("x")]);
    table.write_commit(3, "{\"add\":{\"path\":\"cut");
    // What is good is taken over first; the next look meets the failure.
    assert!(followed.refresh().await.is_err());
    assert_eq!(follower.next(), added(2, &["x"]));
    assert_eq!(follower.next(), None);
    table.commit(3, &[add("y")]);
    followed.refresh().await.unwrap();
    assert_eq!(follower.next(), added(3, &["y"]));
}
