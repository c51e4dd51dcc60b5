//! The binary's commands as a user runs them: owns running them in a directory and what they print.
//! What the gateway that they start then answers is the matter of other suites.

mod arguments;
mod check;
mod demo;
mod explain;
mod pipes;
mod serve;
mod token;

use std::path::Path;
use std::process::Command;

use serde_json::json;
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::Setup;
use sluice_tests::process::binary;

use crate::accounts;

/// What a command left behind.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

/// Runs `sluice` with these arguments.
fn sluice(directory: &Path, arguments: &[&str]) -> Ran {
    let output = Command::new(binary()).args(arguments).current_dir(directory).output().unwrap();
    Ran {
        code: output.status.code().expect("it ends by itself"),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Ran {
    /// Standard output of a command that went well.
    fn good(self, what: &str) -> String {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{what}: {}", self.out);
        self.out
    }

    /// Standard error of a command that failed and printed nothing else.
    fn bad(self, what: &str) -> String {
        assert_eq!((self.code, self.out.as_str()), (1, ""), "{what}: {}", self.err);
        self.err
    }
}

/// The accounts table with its policies and a signing key, written down.
fn accounts_setup(name: &str) -> (Setup, HandTable) {
    let setup = Setup::new(name, accounts::POLICIES).table(accounts::definition()).with(json!({
        "signing": { "key_file": "keys/signing.yaml", "issuer": "tests", "audience": "sluice" },
    }));
    let table = accounts::write(&setup.place("accounts"));
    setup.write();
    (setup, table)
}
