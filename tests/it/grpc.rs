//! The gRPC door: owns what is its own: its messages, its errors, its formats and its health. That it answers as the
//! other doors do is held in `parity`.

mod access;
mod arrow;
mod clients;
mod contract;
mod errors;
mod health;
mod limits;
mod streams;
