//! The Sluice gateway: owns the assembly of its layers (doors, pipeline, engine, app).
//! Does not own tables (`sluice_catalog`) or policies (`sluice_policies`).

pub mod app;
pub mod cli;
pub mod config;
pub mod demo;
pub mod engine;
pub mod protocol;
pub mod query;
pub mod telemetry;
