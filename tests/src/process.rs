//! The real binary as a process of its own: owns starting `sluice serve`, its log, its signals and
//! its end. Does not know what the suites ask.
//!
//! It is the one beside the tests' own binary, or the one that `SLUICE_BINARY` names.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use crate::client::Caller;
use crate::gateway::{Setup, caller_at, token_of};
use crate::waiting::until;

/// A gateway in a process of its own. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    child: Child,
    addr: SocketAddr,
    log: Log,
    setup: Setup,
}

type Log = Arc<Mutex<String>>;

/// Where the binary is.
///
/// # Panics
///
/// When there is none.
pub fn binary() -> PathBuf {
    let found = match std::env::var_os("SLUICE_BINARY") {
        Some(named) => PathBuf::from(named),
        None => {
            let own = std::env::current_exe().expect("path of the test binary");
            own.ancestors().nth(2).expect("a profile directory around the test binary").join("sluice")
        }
    };
    assert!(found.is_file(), "there is no {}: build it with \"cargo build --bin sluice\"", found.display());
    found
}

impl Server {
    /// Starts `sluice serve` and waits until it listens.
    ///
    /// # Panics
    ///
    /// When it does not come to listen.
    pub async fn start(setup: Setup) -> Self {
        Self::run(Command::new(binary()), setup).await
    }

    /// The same, leaving the processors to other processes when they want them.
    pub async fn start_nicely(setup: Setup) -> Self {
        let mut command = Command::new("nice");
        command.arg("-n").arg("5").arg(binary());
        Self::run(command, setup).await
    }

    /// The same, after `ulimit` with these options.
    pub async fn start_limited(ulimit: &str, setup: Setup) -> Self {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("ulimit {ulimit} && exec \"$0\" \"$@\"")).arg(binary());
        Self::run(command, setup).await
    }

    async fn run(mut command: Command, setup: Setup) -> Self {
        let file = setup.write();
        let mut child = command
            .arg("serve")
            .arg("--config")
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("start the binary");
        let log = collect(&mut child);
        let addr = until("the binary listens", || async { listening(&log) }).await;
        Self { child, addr, log, setup }
    }

    /// Where it listens, with a wildcard replaced by loopback.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Directory of its files.
    pub fn directory(&self) -> &Path {
        self.setup.directory.path()
    }

    /// A caller in a role.
    pub fn role(&self, role: &str) -> Caller {
        caller_at(self.addr, Some(self.token(role)))
    }

    /// A caller without a token.
    pub fn nobody(&self) -> Caller {
        caller_at(self.addr, None)
    }

    /// A valid token of an hour.
    pub fn token(&self, role: &str) -> String {
        token_of(&self.setup, role)
    }

    /// What it has logged so far.
    ///
    /// # Panics
    ///
    /// When reading the log has failed.
    pub fn log(&self) -> String {
        self.log.lock().expect("the log").clone()
    }

    /// Looks at the log until it has this text.
    pub async fn logs(&self, text: &str) {
        until(&format!("the log has {text:?}"), || async { self.log().contains(text).then_some(()) }).await;
    }

    /// Asks it to stop.
    ///
    /// # Panics
    ///
    /// When the signal cannot be sent.
    pub fn terminate(&self) {
        // The shell's own: a small Debian has no other.
        let sent = Command::new("sh").args(["-c", "kill -TERM $0", &self.child.id().to_string()]).status();
        assert!(sent.expect("run kill").success(), "SIGTERM was not sent");
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// When it does not end within a minute.
    pub async fn exit(&mut self) -> ExitStatus {
        let child = Mutex::new(&mut self.child);
        until("the process ends", || async {
            child.lock().expect("the child").try_wait().expect("look at the child")
        })
        .await
    }

    /// The most memory that it has held, in bytes.
    ///
    /// # Panics
    ///
    /// When the system does not tell.
    pub fn peak_bytes(&self) -> u64 {
        let status = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(status).expect("read its status");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
        let kib: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number of KiB");
        kib * 1024
    }

    /// Processor time that it has used, in ticks of the system's clock (usually 10 ms).
    ///
    /// # Panics
    ///
    /// When the system does not tell.
    pub fn ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("read its stat");
        let (_, after_name) = stat.rsplit_once(')').expect("a name in brackets");
        let field = |at: usize| -> u64 {
            after_name
                .split_whitespace()
                .nth(at)
                .and_then(|text| text.parse().ok())
                .expect("a number of ticks")
        };
        field(11) + field(12)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the log as it grows; a full pipe would hold the process up.
fn collect(child: &mut Child) -> Log {
    let log = Log::default();
    let lines = BufReader::new(child.stderr.take().expect("a pipe of standard error")).lines();
    let collected = Arc::clone(&log);
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let mut text = collected.lock().expect("the log");
            text.push_str(&line);
            text.push('\n');
        }
    });
    log
}

fn listening(log: &Log) -> Option<SocketAddr> {
    let text = log.lock().expect("the log").clone();
    assert!(!text.lines().any(|line| line.starts_with("sluice: ")), "{text}");
    let line = text.lines().find(|line| line.contains("listening"))?;
    let (_, after) = line.split_once("addr=")?;
    let mut addr: SocketAddr = after.split_whitespace().next()?.parse().ok()?;
    if addr.ip().is_unspecified() {
        addr.set_ip([127, 0, 0, 1].into());
    }
    Some(addr)
}
