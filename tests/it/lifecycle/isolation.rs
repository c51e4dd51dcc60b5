//! Beside eight heavy joins no light query is refused. Prints how long the light ones took; for a
//! figure that means something, name an optimized binary:
//!
//! ```sh
//! SLUICE_BINARY=target/release/sluice SLUICE_LIGHT_QUERIES=2000 tests/run isolation -- --nocapture
//! ```

use std::time::{Duration, Instant};

use serde_json::json;
use sluice_tests::gateway::run;
use sluice_tests::process::Server;
use sluice_tests::waiting::until;
use sluice_tests::wire::{Wire, post};

use super::{of_flights, running};

const HEAVY: usize = 8;

/// Pairs of flights of a month and carrier: minutes of work for any machine.
const JOIN: &str = "select count(*) as n from flights a join flights b on a.month = b.month and a.carrier = b.carrier \
                    where a.distance * b.dep_delay > b.distance * a.arr_delay";

/// Lookups and first pages.
const LIGHT: [&str; 5] = [
    "/v1/tables/airlines/rows/UA",
    "/v1/tables/flights/rows/100000",
    "/v1/tables/flights/rows?limit=100",
    "/v1/tables/flights/rows?filter=carrier%20%3D%20%27UA%27&limit=100",
    "/v1/tables/airports/rows?order=name&limit=50",
];

#[test]
fn light_queries_are_answered_beside_heavy_joins() {
    run(async {
        let asked = std::env::var("SLUICE_LIGHT_QUERIES").map_or(10, |text| text.parse().unwrap());
        let limits = json!({
            "server": { "connection_idle_ms_max": 700_000 },
            "limits": { "heavy_queries_concurrent_max": HEAVY, "query_time_ms_max": 600_000 },
        });
        // Other suites run at the same time, some with a deadline.
        let server = Server::start_nicely(of_flights("isolation", limits).await).await;
        let (nobody, admin) = (server.nobody(), server.role("admin"));
        let join = post("/v1/sql", &server.token("admin"), &json!({ "sql": JOIN }).to_string());
        let mut joins: Vec<Wire> = Vec::new();
        for _ in 0..HEAVY {
            let mut wire = Wire::open(server.addr()).await;
            assert!(wire.send(&join).await);
            joins.push(wire);
        }
        until("every join runs", || async {
            let log = server.log();
            assert!(!log.contains("kind=\"sql\""), "a join has ended: {log}");
            (running(&nobody, "heavy").await == HEAVY as u64).then_some(())
        })
        .await;

        let mut times: Vec<Duration> = Vec::with_capacity(asked);
        for path in LIGHT.iter().cycle().take(asked) {
            let began = Instant::now();
            let answer = admin.get(path).await;
            times.push(began.elapsed());
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        }
        let still = running(&nobody, "heavy").await;
        drop(joins);
        times.sort_unstable();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100];
        eprintln!("{asked} light queries beside {still} heavy joins: p50 {:?}, p99 {:?}", at(50), at(99));
        assert_eq!(still, HEAVY as u64, "the joins ended before the light queries did");
    });
}
