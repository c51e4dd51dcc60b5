//! Limits: owns each limit at n and n + 1, and the requests that are made to break a server. No
//! test looks at the clock; `loadtest/bounds.py` measures how soon they are refused.

mod connections;
mod expressions;
mod load;
mod memory;
mod requests;
mod sizes;
mod statements;
mod streams;
mod undelivered;

use serde_json::Value;
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup};

use crate::accounts;

/// The accounts behind a gateway with these limits.
async fn limited(name: &str, overrides: Value) -> Gateway {
    let setup = Setup::new(name, accounts::POLICIES).table(accounts::definition());
    let _table: HandTable = accounts::write(&setup.place("accounts"));
    setup.with(overrides).start().await
}
