//! The doors: owns translation between wire formats and the one pipeline. A door parses, asks
//! [`crate::query`] and encodes; it never plans, caches or authorizes.

pub mod auth;
pub mod connection;
pub mod limits;
pub mod readiness;
pub mod rest;
pub mod status;
