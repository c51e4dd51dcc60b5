//! The REST door: owns what each call answers to each demo role. Attacks, limits and paging have
//! suites of their own.

mod aggregate;
mod arithmetic;
mod audit;
mod conditions;
mod decimals;
mod discovery;
mod framing;
mod functions;
mod health;
mod lookup;
mod nested;
mod problems;
mod protocol;
mod rows;
mod sql;
mod sql_names;
mod sql_scopes;
mod sql_semantics;
mod time_travel;
