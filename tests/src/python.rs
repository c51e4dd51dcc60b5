//! Programs in Python that others wrote: owns the interpreter, the Delta writer `write.py`, the S3 server
//! `bucket.py`, the other engine `peer.py` and the gRPC client `service.py`. `tests/run` sets up their packages and names the interpreter
//! in `SLUICE_PYTHON`. Does not know what the suites ask of them.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// The interpreter; without one the suite at hand says so and passes.
pub fn interpreter() -> Option<PathBuf> {
    let found = std::env::var_os("SLUICE_PYTHON").map(PathBuf::from);
    if found.is_none() {
        eprintln!("skipped, SLUICE_PYTHON is not set; tests/run sets it");
    }
    found
}

/// A program that a package brings, beside the interpreter.
pub fn program(python: &Path, name: &str) -> Command {
    Command::new(python.with_file_name(name))
}

fn script(python: &Path, name: &str) -> Command {
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join(name));
    command
}

/// The folder of the gRPC contract.
///
/// # Panics
///
/// When its path is not valid UTF-8.
pub fn contract() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto");
    folder.to_str().expect("a path in UTF-8").to_owned()
}

/// What the service `service.py` saw, asked with `arguments`.
///
/// # Panics
///
/// When it fails.
pub async fn service(python: &Path, arguments: &[&str]) -> Value {
    let mut command = script(python, "service.py");
    command.args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("it ends");
    let output = output.expect("run the service");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("what it saw, in JSON")
}

/// Writes one Delta table with the Python package `deltalake`.
#[derive(Debug)]
pub struct Writer {
    python: PathBuf,
    location: String,
    book: PathBuf,
    environment: Vec<(String, String)>,
}

impl Writer {
    /// Of the table in a directory.
    ///
    /// # Panics
    ///
    /// When the path is not valid UTF-8.
    pub fn local(python: &Path, directory: &Path) -> Self {
        let location = directory.to_str().expect("a path in UTF-8").to_owned();
        let book = PathBuf::from(format!("{location}.rows.json"));
        Self { python: python.to_owned(), location, book, environment: Vec::new() }
    }

    /// Of a table in a bucket; it keeps its own account of the rows in the file `book`.
    pub fn remote(python: &Path, bucket: &Bucket, location: &str, book: PathBuf) -> Self {
        let environment = bucket.environment();
        Self { python: python.to_owned(), location: location.to_owned(), book, environment }
    }

    /// Where the table is, as a definition names it.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// Runs one step and gives the version and rows that must be there after it.
    ///
    /// # Panics
    ///
    /// When the step fails.
    pub fn write(&self, step: &str) -> (u64, Vec<Value>) {
        let output = script(&self.python, "write.py")
            .args([self.location.as_str(), step])
            .arg(&self.book)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .output()
            .expect("run the writer");
        assert!(output.status.success(), "{step}: {}", String::from_utf8_lossy(&output.stderr));
        let told: Value = serde_json::from_slice(&output.stdout).expect("the writer's answer");
        (told["version"].as_u64().expect("a version"), told["rows"].as_array().expect("rows").clone())
    }
}

/// An S3 server with the bucket `lake`. Dropping it ends it.
#[derive(Debug)]
pub struct Bucket {
    child: Child,
    port: u16,
}

impl Bucket {
    /// What callers of [`Self::store`] must never see.
    pub const SECRET: &str = "SECRET-of-the-gateway";

    /// Starts one and waits until it serves.
    ///
    /// # Panics
    ///
    /// When it does not come to serve.
    pub fn start(python: &Path) -> Self {
        let mut child = script(python, "bucket.py")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("start the S3 server");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("its port");
        let port = line.trim().parse().expect("the S3 server prints its port: are its packages installed?");
        Self { child, port }
    }

    /// An entry of `catalog.stores` that reaches it; the secret stands in `directory`.
    ///
    /// # Panics
    ///
    /// When the secret cannot be written.
    pub fn store(&self, directory: &Path) -> Value {
        let secret = directory.join("store.secret");
        std::fs::write(&secret, format!("{}\n", Self::SECRET)).expect("write the secret");
        json!({
            "prefix": "s3://lake/",
            "options": {
                "endpoint": format!("http://127.0.0.1:{}", self.port), "allow_http": "true",
                "region": "us-east-1", "access_key_id": "gateway",
            },
            "option_files": { "secret_access_key": secret },
        })
    }

    fn environment(&self) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port).as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "writer"),
            ("AWS_SECRET_ACCESS_KEY", "writer's secret"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// Stops it without closing its connections, as a network that swallows everything would.
    ///
    /// # Panics
    ///
    /// When the signal cannot be sent.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    ///
    /// # Panics
    ///
    /// When the signal cannot be sent.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let arguments = ["-c", "kill -$0 $1", name, &self.child.id().to_string()];
        let sent = Command::new("sh").args(arguments).status();
        assert!(sent.expect("run kill").success(), "the signal was not sent");
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Another engine over the same files. Dropping it ends it.
#[derive(Debug)]
pub struct Peer {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts one over tables of Parquet files, by name.
    ///
    /// # Panics
    ///
    /// When it cannot be started, or cannot read the files.
    pub fn start(python: &Path, tables: &Value) -> Self {
        let mut child = script(python, "peer.py")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start the other engine");
        let answers = BufReader::new(child.stdout.take().expect("its output"));
        let mut peer = Self { child, answers };
        let read = peer.ask(tables);
        assert_eq!(read["rows"], json!([]), "{read}");
        peer
    }

    /// The rows of a statement, as lists of values, or its refusal.
    ///
    /// # Errors
    ///
    /// The engine's own words, when it refuses.
    ///
    /// # Panics
    ///
    /// When it has ended.
    pub fn rows(&mut self, sql: &str) -> Result<Vec<Value>, String> {
        let answer = self.ask(&json!({ "sql": sql }));
        match &answer["rows"] {
            Value::Array(rows) => Ok(rows.clone()),
            _ => Err(answer["error"].as_str().unwrap_or_default().to_owned()),
        }
    }

    fn ask(&mut self, line: &Value) -> Value {
        let questions = self.child.stdin.as_mut().expect("its input");
        writeln!(questions, "{line}").expect("ask the other engine");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("the other engine's answer");
        serde_json::from_str(&answer).expect("the other engine answers in JSON")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
