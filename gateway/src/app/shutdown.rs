//! When to stop: owns waiting for the signals that ask for it. Does not stop anything.

use tokio::signal::unix::{SignalKind, signal};

/// Returns at the first SIGTERM or SIGINT.
///
/// # Errors
/// When the process cannot listen for signals.
pub async fn requested() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
