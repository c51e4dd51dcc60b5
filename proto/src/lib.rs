//! The wire contract of gRPC: owns the messages, the clients and the service traits that are made from
//! `sluice/v1/*.proto`, and their descriptors. Knows nothing of how they are answered.

/// Version 1 of the contract; documented in its `.proto` files.
#[allow(missing_docs, missing_debug_implementations, unreachable_pub, clippy::all, clippy::pedantic)]
pub mod v1 {
    tonic::include_proto!("sluice.v1");
}

/// The contract's files and everything that they import, as an encoded `FileDescriptorSet`.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/sluice.v1.bin"));
