//! Random commits, read by followers of two roles at their own pace: each meets what a model says.

use std::collections::BTreeSet;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};
use sluice_gateway::query::follow::Follow;
use sluice_tests::gateway::run;
use sluice_tests::random::seeded;

use super::stage::{Stage, among, clear, masked, of, told};

const COMMITS: usize = 40;

/// What a commit added, as ids of tenants a and b; `None` where that can't be told.
type Expected = Option<(Vec<i64>, Vec<i64>)>;

struct Writer {
    stage: Stage,
    /// Rows of files without a vector.
    untouched: BTreeSet<i64>,
    next_id: i64,
}

impl Writer {
    fn commit(&mut self, random: &mut StdRng) -> Expected {
        match random.random_range(0..10) {
            0..5 => Some(self.append(random)),
            5..7 => {
                let ids: Vec<i64> = self.untouched.iter().copied().collect();
                let doomed: Vec<i64> = ids.choose_multiple(random, 2).copied().collect();
                // Nor do the rest of their files take a second one.
                self.untouched.clear();
                self.stage.table.delete_by_vector(among(&doomed));
                Some((vec![], vec![]))
            }
            7..9 => {
                self.stage.table.compact();
                Some((vec![], vec![]))
            }
            _ => self.overwrite(),
        }
    }

    fn overwrite(&mut self) -> Expected {
        // What replaces no file has only added rows.
        let replaces = self.stage.table.file_count() > 0;
        let ids = [self.next_id];
        self.next_id += 1;
        self.untouched = ids.into();
        self.stage.table.overwrite(&[of("a", ids)]);
        (!replaces).then(|| (ids.to_vec(), vec![]))
    }

    fn append(&mut self, random: &mut StdRng) -> (Vec<i64>, Vec<i64>) {
        let mut fresh = |random: &mut StdRng| -> Vec<i64> {
            let count = random.random_range(0..9);
            let ids = (self.next_id..self.next_id + count).collect();
            self.next_id += count;
            ids
        };
        let (a, b) = (fresh(random), fresh(random));
        self.untouched.extend(a.iter().chain(&b));
        let batches = [of("a", a.iter().copied()), of("b", b.iter().copied())];
        let files: Vec<_> = batches.into_iter().filter(|batch| batch.num_rows() > 0).collect();
        self.stage.table.append(&files);
        (a, b)
    }
}

fn sorted(mut rows: Vec<Value>) -> Vec<Value> {
    rows.sort_by_key(|row| row["id"].as_i64());
    rows
}

/// Reads one commit in all its parts.
async fn meet(follow: &mut Follow, version: u64, expected: Option<Vec<Value>>) {
    let mut met: Option<Vec<Value>> = expected.is_some().then(Vec::new);
    loop {
        let (at, rows, more) = told(follow).await;
        assert_eq!(at, version);
        assert_eq!(rows.is_some(), expected.is_some(), "version {version}");
        if let (Some(met), Some(rows)) = (&mut met, rows) {
            met.extend(rows);
        }
        if !more {
            break;
        }
    }
    assert_eq!(met.map(sorted), expected, "version {version}");
}

#[test]
fn followers_meet_what_each_commit_added() {
    run(async {
        let mut random = seeded("following::random");
        let limits = json!({ "limits": { "change_rows_max": 3 } });
        let mut stage = Stage::build("following-random", limits).await;
        stage.table.append(&[of("a", [0])]);
        stage.table.delete_by_vector(among(&[0]));
        stage.settle().await;
        let mut reader = stage.follow("reader").await;
        let mut tenant = stage.follow("tenant").await;
        let mut writer = Writer { stage, untouched: BTreeSet::new(), next_id: 1 };
        let mut unread: Vec<(u64, Expected)> = Vec::new();
        for commit in 1..=COMMITS {
            let expected = writer.commit(&mut random);
            unread.push((writer.stage.table.version(), expected));
            if random.random_bool(0.7) && commit < COMMITS {
                continue;
            }
            for (version, expected) in unread.drain(..) {
                let all = |(a, b): (Vec<i64>, Vec<i64>)| sorted([clear("a", a), clear("b", b)].concat());
                meet(&mut tenant, version, expected.clone().map(|(a, _)| masked(a))).await;
                meet(&mut reader, version, expected.map(all)).await;
            }
        }
        writer.stage.gateway.shutdown().await;
    });
}
