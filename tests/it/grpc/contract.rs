//! The `.proto` files: that they are well formed, documented, and break no client of `proto/baseline.binpb`. That
//! file is written anew, by `buf build --exclude-source-info -o baseline.binpb` in `proto/`, when something is added.
//! And that what is made from them is kept: `UPDATE_GOLDEN=1` writes it.

use std::path::{Path, PathBuf};

use prost::Message;
use sluice_tests::python::{interpreter, program};

/// They import all others.
const FILES: [&str; 2] = ["sluice/v1/catalog.proto", "sluice/v1/query.proto"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto")
}

#[test]
fn the_contract_is_sound_and_breaks_no_client() {
    let Some(python) = interpreter() else { return };
    let folder = folder();
    for arguments in [
        vec!["lint"],
        vec!["format", "--diff", "--exit-code"],
        vec!["breaking", "--against", "baseline.binpb"],
    ] {
        let ran = program(&python, "buf").args(&arguments).current_dir(&folder).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "buf {}: {said}", arguments.join(" "));
    }
}

#[test]
fn the_code_of_the_contract_is_made_from_it() {
    let folder = folder();
    let descriptors = protox::compile(FILES, [&folder]).unwrap();
    let made = tempfile::tempdir().unwrap();
    std::fs::write(made.path().join("sluice.v1.binpb"), descriptors.encode_to_vec()).unwrap();
    // Rows in bulk travel as shared bytes, which nobody copies.
    let maker = tonic_prost_build::configure().bytes(".sluice.v1").out_dir(made.path());
    maker.compile_fds(descriptors).unwrap();
    for file in ["sluice.v1.rs", "sluice.v1.binpb"] {
        let (new, kept) = (made.path().join(file), folder.join("generated").join(file));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::copy(&new, &kept).unwrap();
        }
        let is_kept = std::fs::read(&new).unwrap() == std::fs::read(&kept).unwrap();
        assert!(
            is_kept,
            "proto/generated/{file} is not what the contract makes; write it with UPDATE_GOLDEN=1"
        );
    }
}
