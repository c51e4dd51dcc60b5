//! The wire contract of gRPC: owns the messages, the clients and the service traits that are made from
//! `sluice/v1/*.proto`, and their descriptors. Knows nothing of how they are answered.
//!
//! What is made lies in `generated/`, so that whoever builds the gateway does not build the makers as well. A test
//! (`grpc::contract`) makes it again and holds it against that; `UPDATE_GOLDEN=1` writes it.

/// Version 1 of the contract; documented in its `.proto` files.
#[allow(missing_docs, missing_debug_implementations, unreachable_pub, clippy::all, clippy::pedantic)]
pub mod v1 {
    include!("../generated/sluice.v1.rs");
}

/// The contract's files and everything that they import, as an encoded `FileDescriptorSet`.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("../generated/sluice.v1.binpb");
