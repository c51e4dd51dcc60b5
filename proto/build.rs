//! Makes the Rust code of the contract, and its descriptors for reflection, without `protoc`.

use std::error::Error;
use std::path::PathBuf;

use prost::Message;

const FILES: [&str; 2] = ["sluice/v1/catalog.proto", "sluice/v1/query.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=sluice");
    let descriptors = protox::compile(FILES, ["."])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("sluice.v1.bin"), descriptors.encode_to_vec())?;
    // Rows in bulk travel as shared bytes, which nobody copies.
    tonic_prost_build::configure().bytes(".sluice.v1").compile_fds(descriptors)?;
    Ok(())
}
