//! Following a table, which no door of these tests does: owns asking the pipeline for it, and the promise that a
//! follower meets the rows that each commit added, as its role sees them, or is told that they can't be told.

mod kinds;
mod pace;
mod policies;
mod random;
mod stage;
