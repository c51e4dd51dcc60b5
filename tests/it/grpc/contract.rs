//! The `.proto` files: that they are well formed, documented, and break no client of `proto/baseline.binpb`. That
//! file is written anew, by `buf build --exclude-source-info -o baseline.binpb` in `proto/`, when something is added.

use std::path::Path;

use sluice_tests::python::{interpreter, program};

#[test]
fn the_contract_is_sound_and_breaks_no_client() {
    let Some(python) = interpreter() else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto");
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
