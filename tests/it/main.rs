//! The one integration binary: a module for each concern, all through the wire.

// A test states what must hold; where it does not, the panic is the report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accounts;
mod auth;
mod commands;
mod demo;
mod documents;
mod following;
mod golden;
mod graphql;
mod grpc;
mod leaks;
mod lifecycle;
mod limits;
mod paging;
mod parity;
mod peer;
mod permission_matrix;
mod plain;
mod python_writers;
mod rest;
mod tidy;
