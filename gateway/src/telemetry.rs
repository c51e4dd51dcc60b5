//! Logs and metrics: owns the log subscriber, and every metric's name and labels. Does not decide
//! what is worth logging.
//!
//! Each gateway has a recorder of its own, so that several in one process do not mix their
//! figures. No label names a table, a subject or a role: `/metrics` needs no token.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use metrics::{Label, with_local_recorder};
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::TryInitError;

use crate::config::serving::{LogFormat, TelemetryConfig};

/// Installs the process's log subscriber. Lines go to standard error.
///
/// # Errors
/// When one is installed already.
pub fn install_logs(config: &TelemetryConfig) -> Result<(), TryInitError> {
    use tracing_subscriber::util::SubscriberInitExt;

    let filter = EnvFilter::try_new(&config.log_filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.log_format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).finish().try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_span_list(false).finish().try_init(),
    }
}

/// The metrics of one gateway.
#[derive(Clone)]
pub struct Metrics {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// Upper bounds of the latency histogram, in seconds.
const LATENCY_BUCKETS_S: [f64; 13] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

impl Metrics {
    /// An empty set.
    ///
    /// # Errors
    /// When the histogram's bounds are refused.
    pub fn new() -> Result<Self, BuildError> {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &LATENCY_BUCKETS_S)?
            .build_recorder();
        let handle = recorder.handle();
        let metrics = Self { recorder: Arc::new(recorder), handle };
        metrics.describe();
        Ok(metrics)
    }

    /// The Prometheus text of every figure.
    pub fn render(&self) -> String {
        self.handle.run_upkeep();
        self.handle.render()
    }

    /// Folds recorded durations into their buckets; to be called every few seconds.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }

    /// A request was answered. `route` is the path's template, never the path.
    pub fn http_request(&self, method: &'static str, route: &str, status: u16) {
        self.local(|| {
            let labels = vec![
                Label::from_static_parts("method", method),
                Label::new("route", route.to_owned()),
                Label::new("status", status.to_string()),
            ];
            metrics::counter!("sluice_http_requests_total", labels).increment(1);
        });
    }

    /// A gRPC call was answered. `method` is one of a fixed list, never what the caller sent.
    pub fn grpc_request(&self, method: &'static str, code: &'static str) {
        self.local(|| {
            metrics::counter!("sluice_grpc_requests_total", "method" => method, "code" => code).increment(1);
        });
    }

    /// A query ended. `outcome` is `done`, `failed` or `cancelled`; `code` is `ok` when done.
    pub fn query_ended(&self, ended: &QueryEnded) {
        self.local(|| {
            metrics::counter!("sluice_queries_total", "door" => ended.door, "kind" => ended.kind,
                "outcome" => ended.outcome, "code" => ended.code, "tier" => ended.tier)
            .increment(1);
            metrics::histogram!("sluice_query_duration_seconds", "door" => ended.door, "kind" => ended.kind)
                .record(ended.elapsed.as_secs_f64());
            metrics::counter!("sluice_rows_returned_total", "door" => ended.door, "kind" => ended.kind)
                .increment(ended.rows);
        });
    }

    /// Queries of a class that hold a slot and that wait for one.
    pub fn admission(&self, class: &'static str, running: usize, queued: usize) {
        self.local(|| {
            metrics::gauge!("sluice_queries_running", "class" => class).set(count(running));
            metrics::gauge!("sluice_queries_queued", "class" => class).set(count(queued));
        });
    }

    /// Policies were looked at: whether the files as they are now are the ones in force.
    pub fn policies_current(&self, current: bool) {
        self.local(|| metrics::gauge!("sluice_policies_current").set(if current { 1.0 } else { 0.0 }));
    }

    /// Token key files were looked at: whether they, as they are now, are the keys in force.
    pub fn token_keys_current(&self, current: bool) {
        self.local(|| metrics::gauge!("sluice_token_keys_current").set(if current { 1.0 } else { 0.0 }));
    }

    /// Certificate files were looked at: whether they, as they are now, are in force. Absent without TLS.
    pub fn certificate_current(&self, current: bool) {
        self.local(|| metrics::gauge!("sluice_certificate_current").set(if current { 1.0 } else { 0.0 }));
    }

    /// The list of documents was looked at: whether the file, as it is now, is in force. Absent without one.
    pub fn allow_list_current(&self, current: bool) {
        self.local(|| metrics::gauge!("sluice_allow_list_current").set(if current { 1.0 } else { 0.0 }));
    }

    /// A changed policy set was tried.
    pub fn policies_reloaded(&self, outcome: &'static str) {
        self.local(|| metrics::counter!("sluice_policy_reloads_total", "outcome" => outcome).increment(1));
    }

    /// How many tables serve, serve from an old version, or do not serve.
    pub fn tables(&self, serving: usize, stale: usize, unavailable: usize) {
        self.local(|| {
            metrics::gauge!("sluice_tables", "state" => "serving").set(count(serving));
            metrics::gauge!("sluice_tables", "state" => "stale").set(count(stale));
            metrics::gauge!("sluice_tables", "state" => "unavailable").set(count(unavailable));
        });
    }

    /// How many places below the discovery prefixes the last search could not take in.
    pub fn discovery_troubles(&self, places: usize) {
        self.local(|| metrics::gauge!("sluice_discovery_troubles").set(count(places)));
    }

    fn describe(&self) {
        self.local(|| {
            metrics::describe_counter!("sluice_http_requests_total", "Requests answered, by path template");
            metrics::describe_counter!(
                "sluice_grpc_requests_total",
                "gRPC calls answered, by method and code"
            );
            metrics::describe_counter!("sluice_queries_total", "Queries ended, by outcome and code");
            metrics::describe_histogram!(
                "sluice_query_duration_seconds",
                "Time from a query's arrival to the last byte of its encoding"
            );
            metrics::describe_counter!("sluice_rows_returned_total", "Rows that left the gateway");
            metrics::describe_gauge!("sluice_queries_running", "Queries that hold a slot");
            metrics::describe_gauge!("sluice_queries_queued", "Queries that wait for a slot");
            metrics::describe_gauge!(
                "sluice_policies_current",
                "1 while the policy files are the set in force"
            );
            metrics::describe_gauge!(
                "sluice_token_keys_current",
                "1 while the token key files are the keys in force"
            );
            metrics::describe_gauge!(
                "sluice_certificate_current",
                "1 while the TLS certificate files are the pair in force"
            );
            metrics::describe_gauge!(
                "sluice_allow_list_current",
                "1 while the file of the list of documents is the list in force"
            );
            metrics::describe_counter!("sluice_policy_reloads_total", "Changed policy sets tried");
            metrics::describe_gauge!("sluice_tables", "Tables by state");
            metrics::describe_gauge!(
                "sluice_discovery_troubles",
                "Places below the discovery prefixes that the last search could not search or register"
            );
        });
    }

    fn local(&self, record: impl FnOnce()) {
        with_local_recorder(&*self.recorder, record);
    }
}

/// How a query ended, as metrics count it.
#[derive(Debug, Clone, Copy)]
pub struct QueryEnded {
    /// The door that it came by.
    pub door: &'static str,
    /// Kind of statement.
    pub kind: &'static str,
    /// `done`, `failed` or `cancelled`.
    pub outcome: &'static str,
    /// Stable error code, `ok`, or `cancelled`.
    pub code: &'static str,
    /// What answered; `none` when nothing did.
    pub tier: &'static str,
    /// Rows returned.
    pub rows: u64,
    /// Time that it took.
    pub elapsed: Duration,
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floats; counts here stay far below 2^52")]
fn count(value: usize) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn two_gateways_in_a_process_do_not_mix_their_figures() {
        let (one, other) = (Metrics::new().unwrap(), Metrics::new().unwrap());
        one.policies_reloaded("refused");
        assert!(one.render().contains("sluice_policy_reloads_total{outcome=\"refused\"} 1"));
        assert!(!other.render().contains("refused"));
    }
}
