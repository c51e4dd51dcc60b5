//! Randomness of the tests: owns seeds that are printed, and taken back from `SLUICE_TEST_SEED`.

use rand::SeedableRng;
use rand::rngs::StdRng;

/// A generator whose seed is printed under `name`; the variable `SLUICE_TEST_SEED` repeats a run.
///
/// # Panics
///
/// When the variable holds no number.
pub fn seeded(name: &str) -> StdRng {
    let seed = match std::env::var("SLUICE_TEST_SEED") {
        Ok(text) => text.parse().expect("SLUICE_TEST_SEED is a number"),
        Err(_) => rand::random::<u64>(),
    };
    eprintln!("{name}: SLUICE_TEST_SEED={seed}");
    StdRng::seed_from_u64(seed)
}
