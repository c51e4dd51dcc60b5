//! Nothing leaks: owns the oracle. A second gateway serves a copy that was filtered and masked by
//! hand, to a role without any policy; for every question both must give the same rows, types and
//! errors, word for word, at every door that can be asked it.

mod bytes;
mod clairvoyance;
mod documents;
mod essence;
mod generated;
mod introspection;
mod masks;
mod oracle;
mod partitions;
mod persisted;
mod probes;
mod relations;
mod shop;
mod traces;
mod twins;
