//! Tables by other people's writers: owns reading the unpacked golden tables that
//! `tests/run --golden DIR` names in `SLUICE_GOLDEN_DIR`. Right values, by every way of reading, or
//! a refusal that `golden/refused.tsv` expects; without the variable the test says so and passes.

mod expected;
mod liars;
mod manifest;
mod reading;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sluice_tests::client::Caller;
use sluice_tests::gateway::{Gateway, Setup, run};
use sluice_tests::json::sorted;

use self::manifest::{Golden, incomparable, manifest, refusals};
use self::reading::{Failed, counted, in_pages, in_sql, number_in_sql};

pub(super) const POLICIES: &str = "version: 1\nroles:\n  admin: { administrator: true, time_travel: true, tables: { '*': { columns: all } } }\n";

/// Tables with the right values beside them.
const WITH_VALUES: usize = 71;
/// Larger tables are read in pages only, and where nothing says what is right, counted.
const ROWS_COMPARED_MAX: u64 = 200_000;

/// What reading one table came to.
enum Outcome {
    /// Every value is right.
    Compared,
    /// Pages and SQL agree on the rows, and on their number with another reader's.
    Counted,
    Wrong(String),
    Refused(String),
}

#[test]
fn golden_tables_read_right_or_are_refused_by_name() {
    let Some(root) = std::env::var_os("SLUICE_GOLDEN_DIR").map(PathBuf::from) else {
        eprintln!("golden: skipped, SLUICE_GOLDEN_DIR is not set; run tests/run --golden DIR");
        return;
    };
    run(async {
        let tables = manifest(&root);
        let mut expected = refusals();
        let gateway = gateway(&root, &tables).await;
        let admin = gateway.role("admin").header("sluice-json", "safe, nan=string");
        let unavailable = unavailable(&admin).await;
        let mut wrong: Vec<String> = Vec::new();
        let (mut compared, mut counted, mut refused) = (0, 0, 0);
        for table in &tables {
            let outcome = match unavailable.get(&table.name) {
                Some(reason) => refused_everywhere(table, reason, &admin).await,
                None => read(&root, table, &admin).await,
            };
            let words = expected.remove(&table.path);
            match (outcome, words) {
                (Outcome::Refused(reason), Some(words)) if reason.contains(&words) => refused += 1,
                (Outcome::Refused(reason), _) => wrong.push(format!("{}\trefused: {reason}", table.path)),
                (Outcome::Wrong(what), _) => wrong.push(format!("{}: {what}", table.path)),
                (_, Some(_)) => wrong.push(format!("{}: served, but in refused.tsv", table.path)),
                (Outcome::Compared, None) => compared += 1,
                (Outcome::Counted, None) => counted += 1,
            }
        }
        wrong.extend(expected.into_keys().map(|table| format!("{table}: in refused.tsv, but no table")));
        eprintln!("golden: {compared} compared by value, {counted} read in two ways, {refused} refused");
        assert!(wrong.is_empty(), "{} of {} tables:\n{}", wrong.len(), tables.len(), wrong.join("\n"));
        assert_eq!(compared, WITH_VALUES, "tables with expected values");
        drop(gateway);
    });
}

async fn gateway(root: &Path, tables: &[Golden]) -> Gateway {
    let mut setup = Setup::new("golden", POLICIES).with(json!({
        "catalog": { "poll_interval_ms": 60_000 },
        "limits": {
            "query_time_ms_max": 110_000, "page_rows_max": 100_000, "page_bytes_max": 256 * 1024 * 1024,
            "result_rows_max": ROWS_COMPARED_MAX, "result_bytes_max": 256 * 1024 * 1024,
        },
    }));
    for table in tables {
        let location = root.join(&table.path);
        setup = setup.table(json!({ "name": table.name, "location": location.to_str().unwrap() }));
    }
    setup.start().await
}

/// Why tables cannot be read, by name.
async fn unavailable(admin: &Caller) -> BTreeMap<String, String> {
    let listed = admin.get("/v1/tables").await.expect_status(200).data();
    let reason =
        |table: &Value| Some((table["name"].as_str()?.to_owned(), table["unavailable"].as_str()?.to_owned()));
    listed.iter().filter_map(reason).collect()
}

/// A table that is unavailable must be so whatever is asked of it.
async fn refused_everywhere(table: &Golden, reason: &str, admin: &Caller) -> Outcome {
    let tried = [
        in_pages(admin, &table.name, 1).await.err(),
        in_sql(admin, &table.name).await.err(),
        counted(admin, &table.name).await.err(),
    ];
    for failed in tried {
        match failed {
            Some(Failed::Unavailable(_)) => {}
            Some(Failed::Otherwise(what)) => return Outcome::Wrong(what),
            None => return Outcome::Wrong(format!("read although unavailable: {reason}")),
        }
    }
    Outcome::Refused(reason.to_owned())
}

async fn read(root: &Path, table: &Golden, admin: &Caller) -> Outcome {
    match compare(root, table, admin).await {
        Ok(outcome) => outcome,
        Err(Failed::Unavailable(reason)) => Outcome::Refused(reason),
        Err(Failed::Otherwise(what)) => Outcome::Wrong(what),
    }
}

async fn compare(root: &Path, table: &Golden, admin: &Caller) -> Result<Outcome, Failed> {
    let total = counted(admin, &table.name).await?;
    if table.rows.is_some_and(|rows| rows != total) {
        return Ok(Outcome::Wrong(format!("{total} rows, not {:?}", table.rows)));
    }
    let summed = number_in_sql(admin, &table.name).await?;
    if summed != total {
        return Ok(Outcome::Wrong(format!("{total} rows, and {summed} by SQL")));
    }
    let page_rows = total.div_ceil(4).clamp(1, 100_000);
    let paged = in_pages(admin, &table.name, page_rows).await?;
    if paged.len() as u64 != total {
        return Ok(Outcome::Wrong(format!("{total} rows, and {} in pages", paged.len())));
    }
    let right = expected::rows(&root.join(&table.path));
    if right.is_none() && total > ROWS_COMPARED_MAX {
        return Ok(Outcome::Counted);
    }
    let paged = sorted(&paged);
    if total <= ROWS_COMPARED_MAX
        && let Some(difference) = difference(&sorted(&in_sql(admin, &table.name).await?), &paged)
    {
        return Ok(Outcome::Wrong(format!("SQL and pages differ: {difference}")));
    }
    let Some(right) = right else { return Ok(Outcome::Counted) };
    let without = incomparable(&table.path);
    let difference = if without.is_empty() {
        difference(&paged, &sorted(&right))
    } else {
        let rows = in_pages(admin, &table.name, page_rows).await?;
        difference(&sorted(&reduced(rows, &without)), &sorted(&reduced(right, &without)))
    };
    Ok(difference.map_or(Outcome::Compared, Outcome::Wrong))
}

/// The rows without some columns.
fn reduced(mut rows: Vec<Value>, without: &[&str]) -> Vec<Value> {
    for row in rows.iter_mut().filter_map(Value::as_object_mut) {
        row.retain(|name, _| !without.contains(&name.as_str()));
    }
    rows
}

/// How two sorted lists of rows differ first.
fn difference(is: &[String], right: &[String]) -> Option<String> {
    if is == right {
        return None;
    }
    let at = is.iter().zip(right).position(|(a, b)| a != b).unwrap_or(is.len().min(right.len()));
    Some(format!(
        "{} rows for {}; first difference:\n    is    {:?}\n    right {:?}",
        is.len(),
        right.len(),
        is.get(at),
        right.get(at)
    ))
}
