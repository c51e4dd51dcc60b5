//! Probing for rows that are hidden: owns comparing everything that a caller can observe of a hidden
//! key and of one that never was. Times are printed and judged by nobody: the machine decides them.

use std::time::{Duration, Instant};

use rand::seq::SliceRandom;
use serde_json::Value;
use sluice_tests::client::{Answer, Caller};
use sluice_tests::gateway::{Gateway, Setup, run};
use sluice_tests::random::seeded;

use crate::accounts;

const PAIRS: usize = 200;

/// Everything of an answer that a caller sees, but for what is the request's own.
fn observed(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let mut headers: Vec<(String, String)> = answer
        .headers
        .iter()
        .filter(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    let mut document: Value = answer.json();
    forget_moments(&mut document);
    // A page's length is that of its answer: `elapsed_ms` has more digits in a slow one.
    headers.retain(|(name, _)| name != "content-length" || answer.status != 200);
    (answer.status, headers, document.to_string())
}

/// Takes out what differs from one moment to the next.
fn forget_moments(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !["request_id", "elapsed_ms", "age_ms"].contains(&name.as_str()));
            members.values_mut().for_each(forget_moments);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_moments),
        _ => {}
    }
}

/// Every figure that needs no token, but for durations.
async fn figures(gateway: &Gateway) -> Vec<(String, f64)> {
    let text = gateway.nobody().get("/metrics").await.expect_status(200).text();
    let mut figures: Vec<(String, f64)> = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.contains("_seconds") && !line.contains("bytes"))
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect();
    figures.sort_by(|one, other| one.0.cmp(&other.0));
    figures
}

/// What each figure grew by.
fn growth(before: &[(String, f64)], after: &[(String, f64)]) -> Vec<(String, f64)> {
    let was = |name: &str| before.iter().find(|(known, _)| known == name).map_or(0.0, |(_, value)| *value);
    let grown = after.iter().map(|(name, value)| (name.clone(), value - was(name)));
    grown.filter(|(name, by)| *by != 0.0 && !name.contains("route=\"/metrics\"")).collect()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// The ways to ask for a key.
async fn probe(caller: &Caller, way: usize, key: &str) -> Answer {
    match way {
        0 => caller.get(&format!("/v1/tables/accounts/rows/{key}")).await,
        1 => caller.ask("/v1/tables/accounts/rows", &[("filter", &format!("id = {key}"))]).await,
        2 => caller.sql(&format!("select * from accounts where id = {key}")).await,
        _ => {
            caller.ask("/v1/tables/accounts/rows", &[("filter", &format!("1 / (id - {key}) is null"))]).await
        }
    }
}

#[test]
fn a_hidden_key_looks_like_a_missing_one() {
    run(async {
        let setup = Setup::new("probing", accounts::POLICIES).table(accounts::definition());
        let _table = accounts::write(&setup.place("accounts"));
        let gateway = setup.start().await;
        let alice = accounts::caller(&gateway, "alice");
        let mut random = seeded("probing");
        for way in 0..4 {
            // Ids of tenant b, and ids that nobody has, of as many digits.
            let hidden: Vec<String> = (140..200).map(|id| id.to_string()).collect();
            let missing: Vec<String> = (640..700).map(|id| id.to_string()).collect();
            let mut times = [Vec::new(), Vec::new()];
            let mut grown = [Vec::new(), Vec::new()];
            let mut expected = None;
            for pair in 0..PAIRS / 4 {
                let mut turns = [(0, &hidden), (1, &missing)];
                turns.shuffle(&mut random);
                for (kind, keys) in turns {
                    let key = &keys[pair % keys.len()];
                    let before = figures(&gateway).await;
                    let began = Instant::now();
                    let answer = probe(&alice, way, key).await;
                    times[kind].push(began.elapsed());
                    grown[kind].push(growth(&before, &figures(&gateway).await));
                    let seen = observed(&answer);
                    let first = expected.get_or_insert_with(|| seen.clone());
                    assert_eq!(seen, *first, "way {way}, key {key}");
                }
            }
            assert!(!grown[0][0].is_empty(), "a question is counted");
            assert_eq!(grown[0], grown[1], "figures tell a hidden key of way {way} from a missing one");
            let [hidden, missing] = times;
            eprintln!(
                "way {way}: median of a hidden key {:?}, of a missing one {:?}",
                median(&mut hidden.clone()),
                median(&mut missing.clone())
            );
        }
        gateway.shutdown().await;
    });
}
