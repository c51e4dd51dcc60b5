//! What exists: owns table definitions, Delta snapshots, following the logs, time travel,
//! deletion vectors and committing. Knows nothing of policies, queries or how rows are read.

pub mod catalog;
pub mod changes;
pub mod commit;
pub mod config;
pub mod data_file;
pub mod definition;
pub mod deletion_vector;
pub mod discovery;
pub mod error;
mod log;
pub mod name;
pub mod schema;
pub mod snapshot;
pub mod store;
pub mod table;
mod versions;
