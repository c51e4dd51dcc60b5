//! The gRPC door: owns that it answers as the REST door does, and what is its own: its messages, its errors, its
//! formats and its health.

mod access;
mod arrow;
mod clients;
mod contract;
mod errors;
mod health;
mod limits;
mod parity;
mod streams;
