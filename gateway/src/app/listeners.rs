//! The listening sockets: owns HTTP/1 and HTTP/2 over plain text or TLS, with a bound on
//! everything that a connection can hold, and their end. Does not look at requests.

mod gate;
mod in_flight;
mod open_files;
mod places;
mod until_drained;

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use hyper_util::rt::TokioTimer;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, warn};

use self::gate::{ConnectionGate, patience};
use self::in_flight::{InFlight, count};
use self::open_files::room_for_connections;
use self::places::Places;
use self::until_drained::UntilDrained;
use super::StartError;
use crate::config::limits::LimitsConfig;
use crate::config::serving::ServerConfig;

/// Time between HTTP/2 pings to a silent peer, and how long its answer may take.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// Streams that a peer may open and reset before they were looked at (rapid reset).
const PENDING_RESETS_MAX: usize = 20;
/// Up to this many header fields the HTTP/1 parser needs no memory of its own.
const PARSER_HEADERS: usize = 100;
/// The parser takes heads this many times the limit, so that those between the two are refused by
/// us, in words.
const PARSER_HEAD_TIMES: usize = 2;
/// Time for peers to say goodbye, or to finish a head that they have begun, once nothing is in
/// flight.
const GOODBYE: Duration = Duration::from_secs(1);
/// Time for cut requests to be recorded as cancelled.
const CUT_WAIT: Duration = Duration::from_secs(1);

/// A socket that accepts until drained or dropped.
#[derive(Debug)]
pub(super) struct Listener {
    addr: SocketAddr,
    in_flight: InFlight,
    connections: StopOnDrop,
    serving: AbortOnDropHandle<std::io::Result<()>>,
}

/// Connections are tasks of their own; without this they would outlive their listener.
#[derive(Debug)]
struct StopOnDrop {
    handle: Handle<SocketAddr>,
    draining: CancellationToken,
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.draining.cancel();
        self.handle.shutdown();
    }
}

/// What all listeners of a gateway have in common. Clones share the places for connections.
#[derive(Debug, Clone)]
pub(super) struct Listening<'a> {
    server: &'a ServerConfig,
    limits: &'a LimitsConfig,
    /// Plain text when absent.
    certificate: Option<RustlsConfig>,
    places: Places,
}

impl<'a> Listening<'a> {
    /// Every place for a connection is free.
    pub(super) fn new(
        server: &'a ServerConfig,
        limits: &'a LimitsConfig,
        certificate: Option<RustlsConfig>,
    ) -> Self {
        let places = Places::new(room_for_connections(limits.connections_max), patience(server));
        Self { server, limits, certificate, places }
    }
}

impl Listener {
    /// Binds `addr` and accepts.
    pub(super) async fn open(
        addr: SocketAddr,
        listening: &Listening<'_>,
        routes: Router,
    ) -> Result<Self, StartError> {
        let Listening { server, limits, certificate, places } = listening.clone();
        let refused = |source| StartError::Listen { addr, source };
        let socket = TcpListener::bind(addr).map_err(refused)?;
        socket.set_nonblocking(true).map_err(refused)?;
        let addr = socket.local_addr().map_err(refused)?;
        let connections = StopOnDrop { handle: Handle::new(), draining: CancellationToken::new() };
        let in_flight = InFlight::new();
        let routes = routes.layer(from_fn_with_state(in_flight.clone(), count)).into_make_service();
        let gate = ConnectionGate::new(server, places, in_flight.clone());
        let plain = axum_server::from_tcp(socket).map_err(refused)?.handle(connections.handle.clone());
        let draining = connections.draining.clone();
        let serving = match certificate {
            Some(config) => {
                let first_bytes = Duration::from_millis(server.header_read_timeout_ms);
                let inner = RustlsAcceptor::new(config).handshake_timeout(first_bytes).acceptor(gate);
                let mut over_tls = plain.acceptor(UntilDrained { inner, draining });
                bound_http(&mut over_tls, server, limits);
                tokio::spawn(over_tls.serve(routes))
            }
            None => {
                let mut over_tcp = plain.acceptor(UntilDrained { inner: gate, draining });
                bound_http(&mut over_tcp, server, limits);
                tokio::spawn(over_tcp.serve(routes))
            }
        };
        Ok(Self { addr, in_flight, connections, serving: AbortOnDropHandle::new(serving) })
    }

    /// The address with the port that was picked.
    pub(super) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops accepting, closes what is idle and waits for the requests in flight, at most this
    /// long. What is left then is cut.
    pub(super) async fn drain(self, timeout: Duration) {
        let Self { in_flight, connections, serving, .. } = self;
        connections.draining.cancel();
        connections.handle.graceful_shutdown(None);
        let ending = async {
            tokio::select! {
                ended = serving => report_end(ended),
                () = quiet(&in_flight) => {}
            }
        };
        if tokio::time::timeout(timeout, ending).await.is_err() && !in_flight.is_none() {
            warn!(?timeout, "requests are cut that did not finish in time");
        }
        drop(connections);
        // One that does not even end now is not waited for.
        let _ = tokio::time::timeout(CUT_WAIT, in_flight.none()).await;
    }
}

/// Returns when nothing is in flight and has not been for a while. A connection may then still be
/// open: one whose peer has begun a head and stopped, or does not answer HTTP/2's goodbye.
async fn quiet(in_flight: &InFlight) {
    loop {
        in_flight.none().await;
        tokio::time::sleep(GOODBYE).await;
        if in_flight.is_none() {
            return;
        }
    }
}

fn report_end(ended: Result<std::io::Result<()>, JoinError>) {
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(fault)) => error!(%fault, "the listener failed"),
        Err(fault) => error!(%fault, "the listener stopped early"),
    }
}

fn bound_http<A>(server: &mut Server<SocketAddr, A>, config: &ServerConfig, limits: &LimitsConfig) {
    let head_bytes = limits.header_bytes_max.saturating_mul(PARSER_HEAD_TIMES);
    let header_list_bytes = u32::try_from(head_bytes).unwrap_or(u32::MAX);
    let http = server.http_builder();
    let mut http1 = http.http1();
    http1
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(config.header_read_timeout_ms))
        .max_buf_size(head_bytes);
    if limits.headers_max >= PARSER_HEADERS {
        http1.max_headers(limits.headers_max.saturating_add(1));
    }
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.connection_streams_max)
        .max_header_list_size(header_list_bytes)
        .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
        .max_local_error_reset_streams(PENDING_RESETS_MAX)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
}
