//! The REST door: owns what each call answers to each demo role. Attacks, limits and paging have
//! suites of their own.

mod aggregate;
mod discovery;
mod health;
mod lookup;
mod problems;
mod protocol;
mod rows;
mod sql;
mod time_travel;
