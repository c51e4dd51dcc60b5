//! Following a table, past all doors: owns asking the pipeline for it, and the promise that a
//! follower meets the rows that each commit added, as its role sees them, or is told that they can't be told.

mod kinds;
mod pace;
mod policies;
mod random;
pub(crate) mod stage;
