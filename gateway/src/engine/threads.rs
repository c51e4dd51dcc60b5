//! The engine's threads: owns two pools of them, apart from the threads that serve connections. Heavy
//! queries have a pool of their own, to which the system gives the processors after all others:
//! however many run, a light query finds one within moments. Does not decide which query is heavy.

use std::io;

use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};
use tokio::runtime::{Builder, Handle, Runtime};
use tracing::debug;

/// Stack of an engine thread. Planning and evaluation recurse over expressions; this holds the
/// largest that the expression limits admit, in a debug build too.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// Priority of heavy queries on a scale of 0 to 99, on which threads have 49 unless told otherwise:
/// a tenth of the time of a thread that competes on Linux (niceness 11).
const HEAVY_PRIORITY: u8 = 20;

/// Both pools.
#[derive(Debug)]
pub(super) struct Threads {
    light: Pool,
    heavy: Pool,
}

#[derive(Debug)]
struct Pool(Option<Runtime>);

impl Threads {
    /// Starts `threads` in each pool.
    pub(super) fn start(threads: usize) -> io::Result<Self> {
        let light = pool("sluice-engine", threads).build()?;
        let heavy = pool("sluice-heavy", threads).on_thread_start(give_way).build()?;
        Ok(Self { light: Pool(Some(light)), heavy: Pool(Some(heavy)) })
    }

    pub(super) fn light(&self) -> Handle {
        self.light.handle()
    }

    pub(super) fn heavy(&self) -> Handle {
        self.heavy.handle()
    }
}

fn pool(name: &str, threads: usize) -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(threads).thread_name(name).thread_stack_size(STACK_BYTES).enable_all();
    builder
}

/// Where the system refuses, heavy and light queries share the processors evenly.
fn give_way() {
    let lowered = ThreadPriorityValue::try_from(HEAVY_PRIORITY)
        .map(|value| set_current_thread_priority(ThreadPriority::Crossplatform(value)));
    if !matches!(lowered, Ok(Ok(()))) {
        debug!("the system does not let a thread give way");
    }
}

impl Pool {
    fn handle(&self) -> Handle {
        match &self.0 {
            Some(runtime) => runtime.handle().clone(),
            // Only while it is dropped, when nobody asks.
            None => Handle::current(),
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // A runtime may not block on its own shutdown inside another one.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
