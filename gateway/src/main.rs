//! The `sluice` binary: owns nothing but the call into [`sluice_gateway::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    sluice_gateway::cli::run()
}
