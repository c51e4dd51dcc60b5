//! Work on a thread of its own: owns that what keeps the rules in force waits for nobody else's reads,
//! which may hang with the store that they read from. Does not know the work.

use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// Parsing and planning recurse as far as the expression limits admit.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// Runs `work` on a new thread, within `runtime`. `None` when there is no thread to be had, or it
/// panicked.
pub(super) async fn run<T: Send + 'static>(
    runtime: Handle,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (send, done) = oneshot::channel();
    let thread = std::thread::Builder::new().name("sluice-keeper".to_owned()).stack_size(STACK_BYTES);
    let body = move || {
        let _within = runtime.enter();
        // Whoever asked may have given up waiting.
        let _ = send.send(work());
    };
    thread.spawn(body).ok()?;
    done.await.ok()
}
