//! The catalog through its public face, over logs written by hand: one binary, a module a concern.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod changes;
mod commits;
mod discovery;
mod features;
mod health;
mod lake;
mod order;
mod polling;
mod stores;
mod time_travel;
mod unsearched;
mod vectors;
