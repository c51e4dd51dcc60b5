//! The `sluice` binary: owns the call into [`sluice_gateway::cli`] and the choice of allocator.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Admission looks at resident memory, so memory that is freed has to leave the process.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    sluice_gateway::cli::run()
}
