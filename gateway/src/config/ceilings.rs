//! The most that a number of the configuration may be: owns the ceilings and their check. Beyond them clocks,
//! semaphores and the sizes of buffers overflow, and nobody means them. Knows no field.

/// A year. The end of a wait is a point in time, which must exist.
pub(super) const TIME_MS: u64 = 365 * 24 * 60 * 60 * 1_000;
/// How far clocks may be thought apart, in seconds.
pub(super) const LEEWAY_S: u64 = 24 * 60 * 60;
/// A PiB: sums of sizes do not overflow.
pub(super) const BYTES: u64 = 1 << 50;
/// Rows of a page or an answer.
pub(super) const ROWS: u64 = 1_000_000_000;
/// Semaphores and tables of this many entries can be made.
pub(super) const COUNT: u64 = 1_000_000;
/// Header fields: the HTTP/1 parser makes room for all of them with each request.
pub(super) const HEADERS: u64 = 10_000;
/// Threads of one pool, each with a stack of its own.
pub(super) const THREADS: u64 = 1_024;

/// The fields whose value is over their ceiling, each given as name, value and ceiling.
pub(super) fn exceeded<const N: usize>(fields: [(&'static str, u64, u64); N]) -> Vec<(&'static str, String)> {
    let over = fields.into_iter().filter(|(_, value, ceiling)| value > ceiling);
    over.map(|(field, _, ceiling)| (field, format!("must be at most {ceiling}"))).collect()
}
