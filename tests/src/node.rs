//! Programs in JavaScript over packages that others wrote: owns the interpreter, and running the audits `audit.mjs`,
//! the client `request.mjs` and the subscribers `ws.mjs` and `sse.mjs`. `tests/run` sets up their packages and names the
//! interpreter beside them in `SLUICE_NODE`. Does not know what the suites ask of them.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// A program that says nothing for so long has hung.
const GIVE_UP: Duration = Duration::from_secs(60);

/// The interpreter; without one the suite at hand says so and passes.
pub fn interpreter() -> Option<PathBuf> {
    let found = std::env::var_os("SLUICE_NODE").map(PathBuf::from);
    if found.is_none() {
        eprintln!("skipped, SLUICE_NODE is not set; tests/run sets it");
    }
    found
}

/// A program that prints a JSON value a line. Dropping it ends it.
#[derive(Debug)]
pub struct Script {
    child: Child,
    lines: UnboundedReceiver<String>,
}

impl Script {
    /// Starts the script `name` of `tests/node`.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start(node: &Path, name: &str, arguments: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("node").join(name);
        // A module that is read from a file finds packages around that file; one from standard input, around the
        // directory that it runs in.
        let mut child = Command::new(node)
            .current_dir(node.parent().expect("a directory of packages"))
            .args(["--input-type=module", "-"])
            .args(arguments)
            .stdin(File::open(script).expect("the script"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("start the interpreter");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let (told, lines) = unbounded_channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = told.send(line);
            }
        });
        Self { child, lines }
    }

    /// What it prints next; nothing once it has ended.
    ///
    /// # Panics
    ///
    /// When it prints nothing for a minute, or no JSON.
    pub async fn next(&mut self) -> Option<Value> {
        let line = tokio::time::timeout(GIVE_UP, self.lines.recv()).await.expect("it goes on");
        line.map(|line| serde_json::from_str(&line).expect("a line of JSON"))
    }

    /// Everything that it prints until it ends, and whether it ended well.
    ///
    /// # Panics
    ///
    /// As [`Script::next`], and when it cannot be waited for.
    pub async fn finish(mut self) -> (Vec<Value>, bool) {
        let mut told: Vec<Value> = Vec::new();
        while let Some(value) = self.next().await {
            told.push(value);
        }
        let status = self.child.wait().expect("it ends");
        (told, status.success())
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
