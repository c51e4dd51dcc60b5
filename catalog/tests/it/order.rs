//! The canonical order and the content of file lists: the same however a version is loaded.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_catalog::data_file::DataFile;
use sluice_catalog::snapshot::Snapshot;

use crate::lake::{TestTable, add_with_vector, metadata_of, protocol_with, remove, remove_with_vector};

/// What a commit does to the file of a number.
#[derive(Debug, Clone, Copy)]
enum Change {
    Put,
    Delete,
    /// Other rows of it are deleted.
    Mark(u8),
}

type Commits = Vec<BTreeMap<u8, Change>>;

fn commits() -> impl Strategy<Value = Commits> {
    let change = prop_oneof![
        3 => Just(Change::Put),
        1 => Just(Change::Delete),
        2 => (0_u8..4).prop_map(Change::Mark),
    ];
    prop::collection::vec(prop::collection::btree_map(0_u8..24, change, 0..10), 1..9)
}

/// Paths whose order by bytes differs from other orders that one could take by mistake.
fn path(file: u8) -> String {
    let name = match file % 4 {
        0 => format!("p=a/{file}.parquet"),
        1 => format!("p=a%20b/{file}.parquet"),
        2 => format!("P-{file}.parquet"),
        _ => format!("p=%C3%A9/{file}.parquet"),
    };
    if file.is_multiple_of(7) { format!("z{name}") } else { name }
}

fn vector(mark: u8) -> Value {
    json!({"storageType": "u", "pathOrInlineDv": format!("{mark}vBn[lx{{q8@P<9BNH/isA"),
        "offset": 1 + i32::from(mark), "sizeInBytes": 40, "cardinality": 1 + i64::from(mark)})
}

fn put(file: u8, mark: Option<u8>) -> Value {
    let mut action = add_with_vector(&path(file), &mark.map_or(Value::Null, vector));
    action["add"]["partitionValues"] =
        json!({"p": if file.is_multiple_of(3) { Value::Null } else { json!("x") }});
    action["add"]["size"] = json!(u32::from(file) + 1);
    action
}

/// Writes the log, with each file's state carried along as a writer would.
fn write(table: &TestTable, commits: &Commits) {
    let field = |name: &str| json!({"name": name, "type": "string", "nullable": true, "metadata": {}});
    table.commit(
        0,
        &[
            protocol_with(&["deletionVectors"]),
            metadata_of("id-1", &[field("a"), field("p")], &["p"], &json!({})),
        ],
    );
    let mut live: BTreeMap<u8, Option<u8>> = BTreeMap::new();
    for (at, changes) in commits.iter().enumerate() {
        let mut actions = vec![json!({"commitInfo": {"operation": "WRITE"}})];
        for (&file, &change) in changes {
            let before = live.get(&file).copied();
            let gone = |mark: Option<u8>| match mark {
                Some(mark) => remove_with_vector(&path(file), &vector(mark)),
                None => remove(&path(file)),
            };
            match (change, before) {
                (Change::Put, None) => {
                    actions.push(put(file, None));
                    live.insert(file, None);
                }
                (Change::Delete, Some(mark)) => {
                    actions.push(gone(mark));
                    live.remove(&file);
                }
                (Change::Mark(mark), Some(before)) if before != Some(mark) => {
                    actions.extend([put(file, Some(mark)), gone(before)]);
                    live.insert(file, Some(mark));
                }
                _ => {}
            }
        }
        table.commit(at as u64 + 1, &actions);
    }
}

fn files(snapshot: &Snapshot) -> Vec<DataFile> {
    snapshot.files().iter().map(|file| file.as_ref().clone()).collect()
}

async fn check(commits: Commits, checkpoint_at: usize) -> Result<(), TestCaseError> {
    let table = TestTable::nothing();
    write(&table, &commits[..0].to_vec());
    let (_catalog, followed) = table.open().await;
    write(&table, &commits);
    // Writing again replaced version 0 by the same text: the follower starts from there afresh.
    let last = commits.len() as u64;
    let (_catalog, fresh) = table.open().await;
    let fresh = fresh.current().unwrap();
    prop_assert_eq!(fresh.version(), last);
    let keys: Vec<&str> = fresh.files().iter().map(|file| file.key.as_str()).collect();
    prop_assert!(keys.is_sorted_by(|a, b| a.as_bytes() < b.as_bytes()), "{:?}", keys);

    let stepwise = TestTable::nothing();
    write(&stepwise, &Commits::new());
    let (_catalog, stepped) = stepwise.open().await;
    for version in 1..=last {
        std::fs::copy(table.commit_path(version), stepwise.commit_path(version)).unwrap();
        stepped.refresh().await.unwrap();
    }
    let base = table.path().to_str().unwrap().to_owned();
    let other = stepwise.path().to_str().unwrap().to_owned();
    let moved = |file: DataFile| {
        let path = file.path.as_ref().replace(other.trim_start_matches('/'), base.trim_start_matches('/'));
        DataFile { path: path.into_path(), ..file }
    };
    let stepped: Vec<DataFile> = files(&stepped.current().unwrap()).into_iter().map(moved).collect();
    prop_assert_eq!(&stepped, &files(&fresh));

    followed.refresh().await.unwrap();
    prop_assert_eq!(files(&followed.current().unwrap()), files(&fresh));

    let at = (checkpoint_at % (commits.len() + 1)) as u64;
    let url = url::Url::from_directory_path(table.path()).unwrap();
    let written =
        deltalake_core::DeltaTableBuilder::from_url(url).unwrap().with_version(at).load().await.unwrap();
    deltalake_core::checkpoints::create_checkpoint(&written, None).await.unwrap();
    for version in 0..at {
        std::fs::remove_file(table.commit_path(version)).unwrap();
    }
    let (_catalog, from_checkpoint) = table.open().await;
    prop_assert_eq!(files(&from_checkpoint.current().unwrap()), files(&fresh));
    Ok(())
}

trait IntoPath {
    fn into_path(self) -> object_store::path::Path;
}

impl IntoPath for String {
    fn into_path(self) -> object_store::path::Path {
        object_store::path::Path::parse(self).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn fresh_followed_and_checkpoint_loads_agree(commits in commits(), checkpoint_at in 0_usize..100) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(check(commits, checkpoint_at))?;
    }
}
