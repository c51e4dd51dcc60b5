//! The doors: owns translation between wire formats and the one pipeline. A door parses, asks
//! [`crate::query`] and encodes; it never plans, caches or authorizes.

pub mod answer;
pub mod auth;
pub mod connection;
pub mod entry;
pub mod graphql;
pub mod grpc;
pub mod http;
pub mod json_values;
pub mod limits;
pub mod literal;
pub mod names;
pub mod readiness;
pub mod request_context;
pub mod rest;
pub mod row_limit;
pub mod status;
pub mod suggest;
pub mod versions;
