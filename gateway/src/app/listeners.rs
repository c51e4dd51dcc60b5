//! The listening socket: owns HTTP/1 and HTTP/2 over plain text or TLS, with a bound on
//! everything that a connection can hold. Does not look at requests.

mod gate;

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use axum::Router;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use hyper_util::rt::TokioTimer;
use tokio_util::task::AbortOnDropHandle;
use tracing::error;

use self::gate::ConnectionGate;
use super::StartError;
use crate::config::limits::LimitsConfig;
use crate::config::serving::{ServerConfig, TlsConfig};

/// Time between HTTP/2 pings to a silent peer, and how long its answer may take.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// Streams that a peer may open and reset before they were looked at (rapid reset).
const PENDING_RESETS_MAX: usize = 20;
/// Up to this many header fields the HTTP/1 parser needs no memory of its own.
const PARSER_HEADERS: usize = 100;

/// A socket that accepts until drained or dropped.
#[derive(Debug)]
pub(super) struct Listener {
    addr: SocketAddr,
    handle: StopOnDrop,
    serving: AbortOnDropHandle<std::io::Result<()>>,
}

/// Connections are tasks of their own; without this they would outlive their listener.
#[derive(Debug)]
struct StopOnDrop(Handle<SocketAddr>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.shutdown();
    }
}

impl Listener {
    /// Binds and accepts.
    pub(super) async fn open(
        server: &ServerConfig,
        limits: &LimitsConfig,
        routes: Router,
    ) -> Result<Self, StartError> {
        let refused = |source| StartError::Listen { addr: server.http_addr, source };
        let tls = match &server.tls {
            Some(files) => Some(load_certificate(files).await?),
            None => None,
        };
        let socket = TcpListener::bind(server.http_addr).map_err(refused)?;
        socket.set_nonblocking(true).map_err(refused)?;
        let addr = socket.local_addr().map_err(refused)?;
        let handle = Handle::new();
        let gate = ConnectionGate::new(server, limits);
        let plain = axum_server::from_tcp(socket).map_err(refused)?.handle(handle.clone());
        let serving = match tls {
            Some(config) => {
                let first_bytes = Duration::from_millis(server.header_read_timeout_ms);
                let acceptor = RustlsAcceptor::new(config).handshake_timeout(first_bytes).acceptor(gate);
                let mut over_tls = plain.acceptor(acceptor);
                bound_http(&mut over_tls, server, limits);
                tokio::spawn(over_tls.serve(routes.into_make_service()))
            }
            None => {
                let mut over_tcp = plain.acceptor(gate);
                bound_http(&mut over_tcp, server, limits);
                tokio::spawn(over_tcp.serve(routes.into_make_service()))
            }
        };
        Ok(Self { addr, handle: StopOnDrop(handle), serving: AbortOnDropHandle::new(serving) })
    }

    /// The address with the port that was picked.
    pub(super) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops accepting and waits for the requests in flight, at most this long.
    pub(super) async fn drain(self, timeout: Duration) {
        self.handle.0.graceful_shutdown(Some(timeout));
        match self.serving.await {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => error!(%fault, "the listener failed"),
            Err(fault) => error!(%fault, "the listener stopped early"),
        }
    }
}

/// Reads the certificate chain and its key; HTTP/2 and HTTP/1 are both offered.
pub(super) async fn load_certificate(files: &TlsConfig) -> Result<RustlsConfig, StartError> {
    // Another gateway in this process may have installed the same provider already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    RustlsConfig::from_pem_file(&files.cert_file, &files.key_file).await.map_err(StartError::Tls)
}

fn bound_http<A>(server: &mut Server<SocketAddr, A>, config: &ServerConfig, limits: &LimitsConfig) {
    let header_bytes = u32::try_from(limits.header_bytes_max).unwrap_or(u32::MAX);
    let http = server.http_builder();
    let mut http1 = http.http1();
    http1
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(config.header_read_timeout_ms))
        .max_buf_size(limits.header_bytes_max);
    if limits.headers_max >= PARSER_HEADERS {
        http1.max_headers(limits.headers_max.saturating_add(1));
    }
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.connection_streams_max)
        .max_header_list_size(header_bytes)
        .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
        .max_local_error_reset_streams(PENDING_RESETS_MAX)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
}
