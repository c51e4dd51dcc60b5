//! The running gateway: owns putting the layers together from the bottom up, the tasks that keep
//! it current, and stopping it. Does not answer requests itself.

mod allowed_documents;
pub mod assembly;
mod certificate;
mod listeners;
mod own_thread;
mod policy_keeper;
mod readiness;
pub mod shutdown;
mod watched_files;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum_server::tls_rustls::RustlsConfig;
use sluice_catalog::catalog::Catalog;
use sluice_policies::diagnostic::Diagnostic;
use sluice_policies::table_policy::PolicySet;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use self::allowed_documents::AllowedDocuments;
use self::assembly::{Assembly, assemble};
use self::certificate::Certificate;
use self::listeners::{Listener, Listening};
use self::policy_keeper::{KeeperReport, PolicyKeeper};
use self::watched_files::WatchedFiles;
use crate::config::Config;
use crate::protocol::auth::Authenticator;
use crate::protocol::graphql::schemas::Schemas;
use crate::protocol::graphql::{self, AllowList, GraphqlDoor, Persisted, Places};
use crate::protocol::grpc::{self, GrpcDoor};
use crate::protocol::http::frame::Frame;
use crate::protocol::http::framed;
use crate::protocol::readiness::ReadinessReport;
use crate::protocol::rest::{self, RestDoor};
use crate::query::admission::Admission;
use crate::query::{QueryParts, QueryService};
use crate::telemetry::Metrics;

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration, or a file that it names, is not sound.
    #[error("the configuration is not sound:\n{}", lines(.0))]
    Problems(Vec<Diagnostic>),
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// The cause.
        source: std::io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error("cannot use the TLS certificate: {0}")]
    Tls(#[source] std::io::Error),
    /// The descriptors of the gRPC contract cannot be read.
    #[error("cannot set up gRPC reflection: {0}")]
    Reflection(#[from] grpc::ReflectionError),
    /// Metrics cannot be set up.
    #[error("cannot set up metrics: {0}")]
    Metrics(#[source] metrics_exporter_prometheus::BuildError),
}

fn lines(problems: &[Diagnostic]) -> String {
    problems.iter().map(|one| format!("  {one}")).collect::<Vec<String>>().join("\n")
}

/// Starts gateways.
#[derive(Debug)]
pub struct App;

/// A gateway that listens. Dropping it stops it at once; [`RunningApp::shutdown`] drains it.
#[derive(Debug)]
pub struct RunningApp {
    /// The address of the REST door, with the port that was picked.
    pub http_addr: SocketAddr,
    /// The address of the gRPC door; absent while that is off.
    pub grpc_addr: Option<SocketAddr>,
    /// What exists.
    pub catalog: Arc<Catalog>,
    /// The policies in force.
    pub policies: watch::Receiver<Arc<PolicySet>>,
    /// The pipeline.
    pub service: QueryService,
    /// The figures.
    pub metrics: Metrics,
    draining: watch::Sender<bool>,
    drain_delay: Duration,
    drain_timeout: Duration,
    http: Listener,
    grpc: Option<Listener>,
    cancel: CancellationToken,
    tasks: JoinSet<()>,
    follower: AbortOnDropHandle<()>,
}

/// How often recorded durations are folded into their buckets.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

impl App {
    /// Opens everything that the configuration names and listens.
    ///
    /// # Errors
    /// See [`StartError`]; nothing is left running.
    pub async fn start(config: Config) -> Result<RunningApp, StartError> {
        let (policy_files, token_files) = keeper_files(&config).await;
        let Assembly { verifier, cursor_keys, mask_keys, catalog, engine, policies, documents } =
            assemble(&config).await.map_err(StartError::Problems)?;
        let certificate = Certificate::load(config.server.tls.as_ref()).await?;
        let metrics = Metrics::new().map_err(StartError::Metrics)?;
        let cancel = CancellationToken::new();
        let mut tasks: JoinSet<()> = JoinSet::new();
        let (policies_out, policies) = watch::channel(Arc::new(policies));
        let (reports_out, reports) = watch::channel(KeeperReport::default());
        let (draining, draining_seen) = watch::channel(false);

        let service = QueryService::new(QueryParts {
            engine: Arc::clone(&engine),
            catalog: Arc::clone(&catalog),
            policies: policies.clone(),
            admission: Admission::new(&config.limits, &metrics),
            limits: config.limits.clone(),
            cursors: config.cursors.clone(),
            cursor_keys,
        });
        let keeper = PolicyKeeper {
            policy_files,
            token_files,
            anonymous_role: config.tokens.anonymous_role.clone(),
            interval: Duration::from_millis(config.policies.reload_interval_ms),
            mask_keys,
            catalog: Arc::clone(&catalog),
            engine,
            verifier: Arc::clone(&verifier),
            metrics: metrics.clone(),
            policies: policies_out,
            reports: reports_out.clone(),
        };
        let first_report = readiness::report(false, &KeeperReport::default(), &catalog, &metrics);
        let (readiness_out, readiness) = watch::channel(first_report);
        let doors = Doors {
            service: &service,
            authenticator: Authenticator::new(verifier, policies.clone()),
            readiness,
            metrics: &metrics,
            documents: documents.as_ref().map(AllowedDocuments::in_force),
        };
        let (http, grpc) = doors.open(&config, certificate.as_ref().map(Certificate::in_force)).await?;

        let follower = AbortOnDropHandle::new(catalog.spawn_follower(cancel.clone()));
        tasks.spawn(keeper.run(cancel.clone()));
        keep_files(&mut tasks, (certificate, documents), &metrics, &reports_out, &cancel);
        let watched = readiness::Watched { draining: draining_seen, reports, catalog: Arc::clone(&catalog) };
        tasks.spawn(readiness::keep(watched, metrics.clone(), readiness_out, cancel.clone()));
        tasks.spawn(keep_metrics(metrics.clone(), cancel.clone()));
        announce(&config, &http, grpc.as_ref());
        Ok(RunningApp {
            http_addr: http.addr(),
            grpc_addr: grpc.as_ref().map(Listener::addr),
            catalog,
            policies,
            service,
            metrics,
            draining,
            drain_delay: Duration::from_millis(config.server.drain_delay_ms),
            drain_timeout: Duration::from_millis(config.server.drain_timeout_ms),
            http,
            grpc,
            cancel,
            tasks,
            follower,
        })
    }
}

/// Follows the files that are neither configuration nor policies, where there are any.
fn keep_files(
    tasks: &mut JoinSet<()>,
    (certificate, documents): (Option<Certificate>, Option<AllowedDocuments>),
    metrics: &Metrics,
    reports: &watch::Sender<KeeperReport>,
    cancel: &CancellationToken,
) {
    if let Some(certificate) = certificate {
        tasks.spawn(certificate.keep(metrics.clone(), reports.clone(), cancel.clone()));
    }
    if let Some(documents) = documents {
        tasks.spawn(documents.keep(metrics.clone(), reports.clone(), cancel.clone()));
    }
}

/// What both doors are made of.
struct Doors<'a> {
    service: &'a QueryService,
    authenticator: Authenticator,
    readiness: watch::Receiver<ReadinessReport>,
    metrics: &'a Metrics,
    documents: Option<watch::Receiver<Arc<AllowList>>>,
}

impl Doors<'_> {
    /// Opens the doors that the configuration asks for; they share the places for connections.
    async fn open(
        self,
        config: &Config,
        certificate: Option<RustlsConfig>,
    ) -> Result<(Listener, Option<Listener>), StartError> {
        let listening = Listening::new(&config.server, &config.limits, certificate);
        let body_read_timeout = Duration::from_millis(config.server.body_read_timeout_ms);
        let rest = RestDoor {
            service: self.service.clone(),
            authenticator: self.authenticator.clone(),
            readiness: self.readiness.clone(),
            metrics: self.metrics.clone(),
            limits: config.limits.clone(),
            body_read_timeout,
        };
        let mut routes = rest::routes(Arc::new(rest));
        if config.graphql.enabled {
            routes = routes.merge(graphql::routes(Arc::new(self.graphql(config, body_read_timeout))));
        }
        let frame = Frame { metrics: self.metrics.clone(), limits: config.limits.clone() };
        let routes = framed(routes, frame, &config.server.cors.allowed_origins);
        let http = Listener::open(config.server.http_addr, &listening, routes).await?;
        let Some(addr) = config.server.grpc_addr else { return Ok((http, None)) };
        let door = GrpcDoor {
            service: self.service.clone(),
            authenticator: self.authenticator,
            readiness: self.readiness,
            metrics: self.metrics.clone(),
            limits: config.limits.clone(),
            body_read_timeout,
            health_access: config.server.grpc_health_access,
            reflection_access: config.server.grpc_reflection_access,
        };
        let routes = grpc::router(&Arc::new(door))?;
        Ok((http, Some(Listener::open(addr, &listening, routes).await?)))
    }

    fn graphql(&self, config: &Config, body_read_timeout: Duration) -> GraphqlDoor {
        GraphqlDoor {
            service: self.service.clone(),
            authenticator: self.authenticator.clone(),
            metrics: self.metrics.clone(),
            limits: config.limits.clone(),
            schemas: Schemas::new(config.graphql.clone()),
            persisted: Persisted::new(&config.graphql, self.documents.clone()),
            places: Places::new(&config.graphql),
            allowed_origins: config.server.cors.allowed_origins.clone(),
            readiness: self.readiness.clone(),
            sign_of_life_interval: sign_of_life_interval(config),
            config: config.graphql.clone(),
            body_read_timeout,
        }
    }
}

/// As configured, but often enough for connections that end once nothing was heard on them for a while.
fn sign_of_life_interval(config: &Config) -> Duration {
    let often_enough = config.server.connection_idle_ms_max / 3;
    Duration::from_millis(config.graphql.ping_interval_ms.min(often_enough).max(1))
}

impl RunningApp {
    /// Says so in `/readyz`, stops accepting, closes idle connections, lets requests in flight finish
    /// until the drain timeout, cancels the rest, and stops.
    pub async fn shutdown(self) {
        let Self { draining, drain_delay, drain_timeout, http, grpc, cancel, mut tasks, follower, .. } = self;
        info!(?drain_timeout, "draining");
        draining.send_replace(true);
        tokio::time::sleep(drain_delay).await;
        let drain_grpc = async {
            if let Some(listener) = grpc {
                listener.drain(drain_timeout).await;
            }
        };
        tokio::join!(http.drain(drain_timeout), drain_grpc);
        cancel.cancel();
        while tasks.join_next().await.is_some() {}
        // A follower that panicked has nothing left to stop.
        let _ = follower.await;
        info!("stopped");
    }
}

/// Reads the TLS files, when there are any, as starting would.
///
/// # Errors
/// When they cannot be used.
pub async fn check_certificate(config: &Config) -> Result<(), StartError> {
    Certificate::load(config.server.tls.as_ref()).await.map(|_| ())
}

/// Policy files and token key files as they are before the first load.
async fn keeper_files(config: &Config) -> (WatchedFiles, WatchedFiles) {
    let policies = WatchedFiles::as_they_are(config.policies.files.clone()).await;
    (policies, WatchedFiles::as_they_are(config.tokens.key_files(&config.base_dir)).await)
}

async fn keep_metrics(metrics: Metrics, cancel: CancellationToken) {
    let mut ticks = tokio::time::interval(METRICS_UPKEEP);
    while cancel.run_until_cancelled(ticks.tick()).await.is_some() {
        metrics.upkeep();
    }
}

fn announce(config: &Config, http: &Listener, grpc: Option<&Listener>) {
    announce_one(config, "listening", http.addr());
    if let Some(grpc) = grpc {
        announce_one(config, "listening for gRPC", grpc.addr());
    }
}

fn announce_one(config: &Config, what: &str, addr: SocketAddr) {
    let tls = config.server.tls.is_some();
    info!(%addr, tls, "{what}");
    if !tls && !addr.ip().is_loopback() {
        warn!(
            %addr,
            "SERVING PLAIN TEXT ON AN ADDRESS THAT OTHER MACHINES CAN REACH: tokens and rows can be read \
             on the way; set \"server.tls\", or terminate TLS in front and listen on loopback"
        );
    }
}
