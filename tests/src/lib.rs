//! The harness of the black-box tests: owns gateways on free ports, the clients that talk to them,
//! and tables made without Sluice's own writer. Does not assert what a suite is about.

// A harness that cannot set the scene fails the test at hand, and the panic says where.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod client;
pub mod delta;
pub mod doors;
pub mod events;
pub mod fifo;
pub mod gateway;
pub mod grpc;
pub mod json;
pub mod node;
pub mod process;
pub mod python;
pub mod random;
pub mod scratch;
pub mod waiting;
pub mod wire;
