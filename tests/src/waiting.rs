//! Waiting for what happens in the background: owns the one loop that looks again until a condition
//! holds. Nothing in the tests waits for a length of time.

use std::time::{Duration, Instant};

const GIVE_UP: Duration = Duration::from_secs(60);
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// Looks until `found` gives a value.
///
/// # Panics
///
/// When it gives none within a minute.
pub async fn until<T, F>(what: &str, mut found: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let started = Instant::now();
    let mut ticks = tokio::time::interval(BETWEEN_LOOKS);
    loop {
        if let Some(value) = found().await {
            return value;
        }
        assert!(started.elapsed() < GIVE_UP, "gave up waiting until {what}");
        ticks.tick().await;
    }
}
