//! Tables by other people's writers: owns reading the unpacked golden tables that
//! `tests/run --golden DIR` names in `SLUICE_GOLDEN_DIR`. Right values, or a refusal that
//! `golden/refused.tsv` expects; without the variable the test says so and passes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sluice_tests::client::Caller;
use sluice_tests::gateway::{Gateway, Setup, run};
use sluice_tests::json::sorted;

use crate::plain::Plain;

const POLICIES: &str = "version: 1\nroles:\n  admin: { administrator: true, time_travel: true, tables: { '*': { columns: all } } }\n";

/// One line of the manifest.
#[derive(Debug)]
struct Golden {
    /// Path below the golden directory.
    path: String,
    /// Name in the catalog.
    name: String,
    /// Rows that another reader counted; none where it failed.
    rows: Option<u64>,
}

fn manifest(root: &Path) -> Vec<Golden> {
    let text = fs::read_to_string(root.join("manifest.tsv")).expect("manifest.tsv in the golden directory");
    text.lines()
        .skip(1)
        .enumerate()
        .map(|(number, line)| {
            let fields: Vec<&str> = line.split('\t').collect();
            let counted =
                [fields.get(5), fields.get(4)].into_iter().flatten().find_map(|field| field.parse().ok());
            Golden { path: fields[0].to_owned(), name: format!("golden_{number}"), rows: counted }
        })
        .collect()
}

/// Tables that may be refused, each with the reason why that is right.
fn refused() -> BTreeMap<String, String> {
    let text = include_str!("../golden/refused.tsv");
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            line.split_once('\t').map(|(table, reason)| (table.to_owned(), reason.to_owned())).unwrap()
        })
        .collect()
}

/// Columns whose expected values are known not to be comparable.
fn incomparable(table: &str) -> Vec<&'static str> {
    let lines = include_str!("../golden/differs.tsv").lines().filter(|line| !line.starts_with('#'));
    let fields = lines.map(|line| line.split('\t').collect::<Vec<&str>>());
    fields.filter(|fields| fields[0] == table).map(|fields| fields[1]).collect()
}

/// The rows in a form that both sides share, as lines in a fixed order.
fn comparable(rows: Vec<Value>, without: &[&str]) -> Vec<String> {
    let mut rows: Vec<Value> = rows.iter().map(loosened).collect();
    for row in &mut rows {
        row.as_object_mut().unwrap().retain(|name, _| !without.contains(&name.as_str()));
    }
    sorted(&rows)
}

async fn gateway(root: &Path, tables: &[Golden]) -> Gateway {
    let mut setup = Setup::new("golden", POLICIES).with(json!({
        "catalog": { "poll_interval_ms": 60_000 },
        "limits": { "query_time_ms_max": 110_000, "page_rows_max": 100_000, "page_bytes_max": 256 * 1024 * 1024 },
    }));
    for table in tables {
        let location = root.join(&table.path);
        setup = setup.table(json!({ "name": table.name, "location": location.to_str().unwrap() }));
    }
    setup.start().await
}

#[test]
fn golden_tables_read_right_or_are_refused_by_name() {
    let Some(root) = std::env::var_os("SLUICE_GOLDEN_DIR").map(PathBuf::from) else {
        eprintln!("golden: skipped, SLUICE_GOLDEN_DIR is not set; run tests/run --golden DIR");
        return;
    };
    run(async {
        let tables = manifest(&root);
        let expected_refusals = refused();
        let gateway = gateway(&root, &tables).await;
        let admin = gateway.role("admin");
        let unavailable: BTreeMap<String, String> = unavailable(&admin).await;
        let mut wrong: Vec<String> = Vec::new();
        let mut refusals: BTreeSet<&str> = BTreeSet::new();
        let (mut compared, mut counted) = (0, 0);
        for table in &tables {
            let outcome = match unavailable.get(&table.name) {
                Some(reason) => Outcome::Refused(reason.clone()),
                None => read(&root, table, &admin).await,
            };
            match outcome {
                Outcome::Compared => compared += 1,
                Outcome::Counted => counted += 1,
                Outcome::Wrong(what) => wrong.push(format!("{}: {what}", table.path)),
                Outcome::Refused(reason) => {
                    refusals.insert(&table.path);
                    if !expected_refusals.contains_key(&table.path) {
                        wrong.push(format!("{}\trefused: {reason}", table.path));
                    }
                }
            }
        }
        for table in expected_refusals.keys().filter(|table| !refusals.contains(table.as_str())) {
            wrong.push(format!("{table}: in refused.tsv but not refused"));
        }
        eprintln!("golden: {compared} compared by value, {counted} by count, {} refused", refusals.len());
        assert!(wrong.is_empty(), "{} of {} tables:\n{}", wrong.len(), tables.len(), wrong.join("\n"));
        assert_eq!(compared, 71, "tables with expected values");
        gateway.shutdown().await;
    });
}

enum Outcome {
    Compared,
    Counted,
    Wrong(String),
    Refused(String),
}

async fn unavailable(admin: &Caller) -> BTreeMap<String, String> {
    let listed = admin.get("/v1/tables").await.expect_status(200).data();
    listed
        .iter()
        .filter_map(|table| {
            let reason = table["unavailable"].as_str()?;
            Some((table["name"].as_str().unwrap().to_owned(), reason.to_owned()))
        })
        .collect()
}

async fn read(root: &Path, table: &Golden, admin: &Caller) -> Outcome {
    let rows = format!("/v1/tables/{}/rows", table.name);
    let counted = admin.get(&format!("{rows}?count=exact&limit=1")).await;
    match counted.status {
        200 => {}
        503 if counted.code() == "table_unavailable" => return Outcome::Refused(counted.text()),
        _ => return Outcome::Wrong(format!("{} {}", counted.status, counted.text())),
    }
    let total = counted.json()["page"]["total_rows"].as_u64();
    if table.rows.is_some() && total != table.rows {
        return Outcome::Wrong(format!("{total:?} rows, not {:?}", table.rows));
    }
    // A table with right values lies beside them, in `delta`.
    let expected = root.join(&table.path).parent().unwrap().join("expected");
    let is_whole = table.path.ends_with("/delta") && expected.is_dir();
    if !is_whole {
        return Outcome::Counted;
    }
    let right = expected_rows(&expected).await;
    let read = admin.walk(&table.name, &[("limit", "100000")]).await;
    let without = incomparable(&table.path);
    let (read, right) = (comparable(read, &without), comparable(right, &without));
    if read == right {
        return Outcome::Compared;
    }
    let at = read.iter().zip(&right).position(|(a, b)| a != b).unwrap_or(read.len().min(right.len()));
    Outcome::Wrong(format!(
        "{} rows for {}; first difference:\n    is    {:?}\n    right {:?}",
        read.len(),
        right.len(),
        read.get(at),
        right.get(at)
    ))
}

async fn expected_rows(expected: &Path) -> Vec<Value> {
    let plain = Plain::empty();
    plain.parquet("expected", expected).await;
    plain.rows("select * from expected").await
}

/// The expected files keep moments without a zone; they are UTC. Digits of seconds that are zero
/// say nothing.
fn loosened(value: &Value) -> Value {
    match value {
        Value::String(text) if is_moment(text) => {
            let bare = text.trim_end_matches('Z');
            let bare =
                if bare.contains('.') { bare.trim_end_matches('0').trim_end_matches('.') } else { bare };
            json!(bare)
        }
        Value::Array(items) => items.iter().map(loosened).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), loosened(value))).collect()
        }
        other => other.clone(),
    }
}

fn is_moment(text: &str) -> bool {
    let shape: String = text.chars().take(19).map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00T00:00:00"
}
