//! The background task that follows logs: owns when each table is looked at. A slow table delays
//! no other, and one that fails slowly is tried less often.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::Catalog;
use crate::table::{Table, TableStatus};

/// A table that can't be read rests this many times as long as the attempt took.
const REST_FACTOR: u32 = 10;

struct Look {
    name: String,
    took: Duration,
    failed: bool,
}

/// Runs until cancelled; looks under way are dropped then.
pub(super) async fn run(catalog: Arc<Catalog>, cancel: CancellationToken) {
    let mut polls = interval(catalog.config.poll_interval_ms);
    let mut searches = interval(catalog.config.discover_interval_ms);
    let mut looks: JoinSet<Look> = JoinSet::new();
    let mut busy: HashSet<String> = HashSet::new();
    let mut resting: HashMap<String, Instant> = HashMap::new();
    let mut search: JoinSet<()> = JoinSet::new();
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = polls.tick() => {
                let now = Instant::now();
                resting.retain(|_, until| *until > now);
                for table in catalog.tables() {
                    let name = table.name();
                    if resting.contains_key(name) || !busy.insert(name.to_owned()) {
                        continue;
                    }
                    looks.spawn(look(Arc::clone(&catalog), table));
                }
            }
            _ = searches.tick() => {
                if search.is_empty() {
                    let catalog = Arc::clone(&catalog);
                    search.spawn(async move { catalog.discover().await });
                }
            }
            Some(_) = search.join_next() => {}
            Some(done) = looks.join_next() => match done {
                Ok(done) => {
                    if done.failed {
                        resting.insert(done.name.clone(), Instant::now() + done.took * REST_FACTOR);
                    }
                    busy.remove(&done.name);
                }
                Err(error) => {
                    // Which table it was is lost; no look may be left out for good.
                    tracing::error!(%error, "a look at a log ended abnormally");
                    if looks.is_empty() {
                        busy.clear();
                    }
                }
            },
        }
    }
}

async fn look(catalog: Arc<Catalog>, table: Arc<Table>) -> Look {
    let started = Instant::now();
    catalog.refresh_table(&table).await;
    let failed = !matches!(table.status(), TableStatus::Serving { stale: None });
    Look { name: table.name().to_owned(), took: started.elapsed(), failed }
}

fn interval(period_ms: u64) -> tokio::time::Interval {
    let mut interval = tokio::time::interval(Duration::from_millis(period_ms));
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
