//! Settings of the listeners and of the logs: owns addresses, TLS files, CORS origins, connection
//! timeouts, the drain and the log's form. Does not listen or log.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ceilings::{self, exceeded};
use super::limits::LimitsConfig;

/// The listeners.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Address of the REST door; port 0 picks a free one.
    pub http_addr: SocketAddr,
    /// Address of the gRPC door; port 0 picks a free one, `null` turns the door off.
    pub grpc_addr: Option<SocketAddr>,
    /// Who may ask gRPC's health service.
    pub grpc_health_access: GrpcAccess,
    /// Who may ask gRPC's reflection service.
    pub grpc_reflection_access: GrpcAccess,
    /// Certificate files; plain text when absent.
    pub tls: Option<TlsConfig>,
    /// Cross-origin requests.
    pub cors: CorsConfig,
    /// Time for a connection's first bytes, its TLS handshake and each request's header fields,
    /// in milliseconds.
    pub header_read_timeout_ms: u64,
    /// Time for a request's body to arrive, in milliseconds.
    pub body_read_timeout_ms: u64,
    /// Time without a byte in either direction after which a connection is closed, in
    /// milliseconds; longer than any query may take.
    pub connection_idle_ms_max: u64,
    /// Time between `/readyz` saying 503 and the listener closing, in milliseconds.
    pub drain_delay_ms: u64,
    /// Time that requests in flight get to finish when the server stops, in milliseconds.
    pub drain_timeout_ms: u64,
}

/// Who may use a service of the gRPC door that shows no data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GrpcAccess {
    /// Everybody who can connect.
    #[default]
    Anyone,
    /// Callers with a token, or of the anonymous role.
    Token,
    /// Nobody: the service does not exist.
    Off,
}

/// TLS by certificate files.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// Certificate chain, PEM.
    pub cert_file: PathBuf,
    /// Private key, PEM.
    pub key_file: PathBuf,
    /// Time between two looks at the files, in milliseconds.
    #[serde(default = "reload_interval_ms")]
    pub reload_interval_ms: u64,
}

/// Renewals come days before the old certificate ends.
const fn reload_interval_ms() -> u64 {
    10_000
}

/// Cross-origin requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct CorsConfig {
    /// Origins (`https://app.example`) whose pages may call; none when empty. No wildcards.
    pub allowed_origins: Vec<String>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            http_addr: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
            grpc_addr: Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 50_051)),
            grpc_health_access: GrpcAccess::Anyone,
            grpc_reflection_access: GrpcAccess::Anyone,
            tls: None,
            cors: CorsConfig::default(),
            header_read_timeout_ms: 30_000,
            body_read_timeout_ms: 30_000,
            connection_idle_ms_max: 120_000,
            drain_delay_ms: 0,
            drain_timeout_ms: 30_000,
        }
    }
}

impl ServerConfig {
    /// Every relation that does not hold, as the field to blame and the reason.
    pub fn problems(&self, limits: &LimitsConfig) -> Vec<(&'static str, String)> {
        let mut found: Vec<(&'static str, String)> = exceeded([
            ("header_read_timeout_ms", self.header_read_timeout_ms, ceilings::TIME_MS),
            ("body_read_timeout_ms", self.body_read_timeout_ms, ceilings::TIME_MS),
            ("connection_idle_ms_max", self.connection_idle_ms_max, ceilings::TIME_MS),
            ("drain_delay_ms", self.drain_delay_ms, ceilings::TIME_MS),
            ("drain_timeout_ms", self.drain_timeout_ms, ceilings::TIME_MS),
        ]);
        for (field, value) in [
            ("header_read_timeout_ms", self.header_read_timeout_ms),
            ("body_read_timeout_ms", self.body_read_timeout_ms),
        ] {
            if value == 0 {
                found.push((field, "must be at least 1".to_owned()));
            }
        }
        if self.grpc_addr == Some(self.http_addr) && self.http_addr.port() != 0 {
            found.push(("grpc_addr", "must differ from http_addr".to_owned()));
        }
        let is_interval = |ms: u64| (1..=ceilings::TIME_MS).contains(&ms);
        if self.tls.as_ref().is_some_and(|tls| !is_interval(tls.reload_interval_ms)) {
            let message = format!("needs a \"reload_interval_ms\" of 1 to {}", ceilings::TIME_MS);
            found.push(("tls", message));
        }
        let longest_silence = limits.query_time_ms_max.max(self.body_read_timeout_ms);
        if self.connection_idle_ms_max <= longest_silence {
            found.push((
                "connection_idle_ms_max",
                format!("must be more than query_time_ms_max and body_read_timeout_ms ({longest_silence})"),
            ));
        }
        for origin in &self.cors.allowed_origins {
            if !is_origin(origin) {
                found
                    .push(("cors", format!("\"{origin}\" is not an origin such as \"https://app.example\"")));
            }
        }
        found
    }
}

/// Scheme, host and port and nothing else, as a browser sends it.
fn is_origin(text: &str) -> bool {
    url::Url::parse(text)
        .is_ok_and(|url| url.origin().is_tuple() && url.origin().ascii_serialization() == text)
}

/// Logs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// `text` for people, `json` for collectors.
    pub log_format: LogFormat,
    /// What is logged, as `level` or `module=level` parts (`warn,sluice_catalog=debug`).
    pub log_filter: String,
}

/// Form of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Lines for people, with colour on a terminal.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Our own life cycle, and what goes wrong elsewhere: libraries narrate at `info`.
const DEFAULT_LOG_FILTER: &str = "warn,buoyant_kernel=off,sluice=info";

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { log_format: LogFormat::Text, log_filter: DEFAULT_LOG_FILTER.to_owned() }
    }
}

impl TelemetryConfig {
    /// Every relation that does not hold, as the field to blame and the reason.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        match tracing_subscriber::EnvFilter::try_new(&self.log_filter) {
            Ok(_) => Vec::new(),
            Err(error) => vec![("log_filter", error.to_string())],
        }
    }
}
