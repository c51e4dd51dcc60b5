//! Gateways in this process: owns their runtime, their configuration files and their callers'
//! tokens. Does not know what the suites ask.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use sluice_gateway::app::{App, RunningApp};
use sluice_gateway::config::Config;
use sluice_gateway::demo::{self, DemoOptions};
use sluice_gateway::query::QueryService;
use sluice_policies::keys::KeyRing;
use sluice_policies::token::{MintSpec, mint};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

use crate::client::Caller;
use crate::grpc::GrpcCaller;
use crate::scratch;

/// Gateways outlive the test that started them, so all share one runtime.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(8 * 1024 * 1024)
        .build()
        .expect("start a runtime")
});
static HTTP: LazyLock<reqwest::Client> = LazyLock::new(|| {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(Duration::from_secs(120))
        .build()
        .expect("build an HTTP client")
});
static DEMO: OnceCell<Gateway> = OnceCell::const_new();

/// Runs a test on the runtime that the gateways live on.
pub fn run<F: Future>(test: F) -> F::Output {
    RUNTIME.block_on(test)
}

/// A gateway that listens, and what is needed to call it.
#[derive(Debug)]
pub struct Gateway {
    app: RunningApp,
    /// Directory of its configuration, policies, keys and (where it made them) tables.
    pub directory: PathBuf,
    signing: KeyRing,
    issuer: String,
    kept_alive: Option<TempDir>,
}

/// What a gateway is started from.
#[derive(Debug)]
pub struct Setup {
    /// Holds the files; relative locations count from here.
    pub directory: TempDir,
    /// Table definitions as in the configuration file.
    pub tables: Vec<Value>,
    /// Policy file, in YAML (or JSON, which is YAML).
    pub policies: String,
    /// Laid over the configuration, object by object.
    pub overrides: Value,
}

impl Setup {
    /// A gateway of no tables and these policies.
    pub fn new(name: &str, policies: impl Into<String>) -> Self {
        Self {
            directory: scratch::fresh(name),
            tables: Vec::new(),
            policies: policies.into(),
            overrides: json!({}),
        }
    }

    /// Declares one more table.
    #[must_use]
    pub fn table(mut self, definition: Value) -> Self {
        self.tables.push(definition);
        self
    }

    /// Lays `overrides` over the configuration.
    #[must_use]
    pub fn with(mut self, overrides: Value) -> Self {
        merge(&mut self.overrides, overrides);
        self
    }

    /// Where the table `name` is expected when its location is its name.
    pub fn place(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes the files; gives the configuration's path.
    ///
    /// # Panics
    ///
    /// When a file cannot be written.
    pub fn write(&self) -> PathBuf {
        let path = self.directory.path();
        std::fs::create_dir_all(path.join("keys")).expect("make the key directory");
        for ring in ["signing", "cursor", "mask"] {
            KeyRing::generate("test-1")
                .to_file(&path.join(format!("keys/{ring}.yaml")))
                .expect("write a key ring");
        }
        std::fs::write(path.join("policies.yaml"), &self.policies).expect("write policies");
        let mut config = base_config();
        config["catalog"]["tables"] = Value::Array(self.tables.clone());
        merge(&mut config, self.overrides.clone());
        let file = path.join("sluice.yaml");
        std::fs::write(&file, config.to_string()).expect("write the configuration");
        file
    }

    /// Writes the files and starts.
    ///
    /// # Panics
    ///
    /// When the gateway does not start.
    pub async fn start(self) -> Gateway {
        let file = self.write();
        let loaded = Config::load(&file).expect("a valid configuration");
        let mut gateway = Gateway::start(loaded, self.directory.path(), "tests").await;
        gateway.kept_alive = Some(self.directory);
        gateway
    }
}

/// Defaults of the tests: a free port, no rate, quick polling, and no bound on the memory of the process,
/// which many gateways share here.
fn base_config() -> Value {
    json!({
        "server": { "http_addr": "127.0.0.1:0", "grpc_addr": "127.0.0.1:0" },
        "tokens": { "issuers": [{
            "issuer": "tests", "audiences": ["sluice"], "algorithms": ["HS256"],
            "keys": [{ "secret": "keys/signing.yaml" }],
        }]},
        "keys": { "cursor": "keys/cursor.yaml", "mask": "keys/mask.yaml" },
        "policies": { "files": ["policies.yaml"], "reload_interval_ms": 50 },
        "catalog": { "poll_interval_ms": 50, "tables": [] },
        "limits": { "subject_requests_per_s": 0, "resident_bytes_max": 0 },
    })
}

fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}

impl Gateway {
    /// The demo, made once and shared by every test that only reads.
    pub async fn demo() -> &'static Self {
        DEMO.get_or_init(Self::open_demo).await
    }

    /// The demo over again, for those who count what is done to it.
    ///
    /// # Panics
    ///
    /// As for the shared one.
    pub async fn own_demo() -> Self {
        let config = Self::demo().await.directory.join("sluice.yaml");
        let mut config = Config::load(&config).expect("the demo's configuration");
        config.server.http_addr = SocketAddr::from(([127, 0, 0, 1], 0));
        config.server.grpc_addr = None;
        let directory = config.base_dir.clone();
        Self::start(config, &directory, "sluice-demo").await
    }

    async fn open_demo() -> Self {
        let directory = scratch::kept("demo");
        let http_addr = SocketAddr::from(([127, 0, 0, 1], 0));
        let options = DemoOptions { data_dir: directory.clone(), http_addr, grpc_addr: http_addr };
        // Configuration and policies of an earlier build may differ; the lake is what is dear.
        for file in ["sluice.yaml", "policies.yaml"] {
            let _ = std::fs::remove_file(directory.join(file));
        }
        let mut config = demo::prepare(&options).await.expect("prepare the demo");
        config.limits.subject_requests_per_s = 0;
        config.limits.resident_bytes_max = 0;
        Self::start(config, &directory, "sluice-demo").await
    }

    async fn start(config: Config, directory: &Path, issuer: &str) -> Self {
        let app = App::start(config).await.expect("start the gateway");
        let signing = KeyRing::load(&directory.join("keys/signing.yaml")).expect("load the signing ring");
        Self { app, directory: directory.to_path_buf(), signing, issuer: issuer.to_owned(), kept_alive: None }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.app.http_addr
    }

    /// Its pipeline, for questions that no door asks.
    pub fn service(&self) -> &QueryService {
        &self.app.service
    }

    /// Where it listens for gRPC, if it does.
    pub fn own_grpc_addr(&self) -> Option<SocketAddr> {
        self.app.grpc_addr
    }

    /// Where it listens for gRPC.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub fn grpc_addr(&self) -> SocketAddr {
        self.own_grpc_addr().expect("the gRPC door is open")
    }

    /// A caller of the gRPC door, with or without a token.
    pub fn grpc(&self, token: Option<String>) -> GrpcCaller {
        GrpcCaller::new(self.grpc_addr(), token)
    }

    /// A caller of the gRPC door in a role; with the same claims as in [`Gateway::role`].
    pub fn grpc_role(&self, role: &str) -> GrpcCaller {
        self.grpc(Some(self.role_token(role)))
    }

    /// A caller without a token.
    pub fn nobody(&self) -> Caller {
        caller_at(self.addr(), None)
    }

    /// A caller with any token text.
    pub fn bearer(&self, token: &str) -> Caller {
        caller_at(self.addr(), Some(token.to_owned()))
    }

    /// A caller in a role; the demo's partner gets the demo's carriers.
    pub fn role(&self, role: &str) -> Caller {
        self.bearer(&self.role_token(role))
    }

    /// A caller in a role, with further claims.
    ///
    /// # Panics
    ///
    /// When `claims` is no object.
    pub fn role_with(&self, role: &str, claims: Value) -> Caller {
        self.bearer(&self.token(role, claims))
    }

    /// A valid token of an hour.
    ///
    /// # Panics
    ///
    /// When `claims` is no object.
    pub fn token(&self, role: &str, claims: Value) -> String {
        let Value::Object(claims) = claims else { panic!("claims are an object") };
        let claims: BTreeMap<String, Value> = claims.into_iter().collect();
        mint_for(&self.signing, &self.issuer, role, claims)
    }

    /// The token of a caller in a role, with the same claims as in [`Gateway::role`].
    pub fn role_token(&self, role: &str) -> String {
        self.token(role, claims_of(role))
    }

    /// The secret that its tokens are signed with, and the id of it.
    pub fn signing_key(&self) -> (&str, &[u8]) {
        (self.signing.current().id(), self.signing.current().secret())
    }

    /// Stops listening and waits for what is in flight.
    pub async fn shutdown(self) {
        self.app.shutdown().await;
    }
}

fn claims_of(role: &str) -> Value {
    if role == "partner" { json!({ "carriers": ["UA", "B6"] }) } else { json!({}) }
}

/// An hour is longer than any run of the tests.
const TOKEN_LIFE: Duration = Duration::from_secs(3600);

/// A caller of any gateway.
pub(crate) fn caller_at(addr: SocketAddr, token: Option<String>) -> Caller {
    Caller::new(HTTP.clone(), addr, token)
}

/// A valid token of a gateway that was set up by [`Setup`].
pub(crate) fn token_of(setup: &Setup, role: &str) -> String {
    let ring = KeyRing::load(&setup.place("keys/signing.yaml")).expect("load the signing ring");
    mint_for(&ring, "tests", role, BTreeMap::new())
}

fn mint_for(ring: &KeyRing, issuer: &str, role: &str, claims: BTreeMap<String, Value>) -> String {
    let spec = MintSpec {
        issuer: issuer.to_owned(),
        audience: "sluice".to_owned(),
        subject: "tester".to_owned(),
        role: Some(role.to_owned()),
        roles: Vec::new(),
        claims,
        ttl: TOKEN_LIFE,
    };
    mint(ring.current(), &spec, SystemTime::now()).expect("mint a token")
}
