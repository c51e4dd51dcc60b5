//! The TLS certificate: owns reading its files, and taking new ones while the gateway runs, whole
//! or not at all. Does not shake hands.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum_server::tls_rustls::RustlsConfig;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::StartError;
use super::policy_keeper::KeeperReport;
use super::watched_files::WatchedFiles;
use crate::config::serving::TlsConfig;
use crate::telemetry::Metrics;

/// A certificate in force and the files that it came from.
pub(super) struct Certificate {
    cert_file: PathBuf,
    key_file: PathBuf,
    interval: Duration,
    files: WatchedFiles,
    in_force: RustlsConfig,
}

impl Certificate {
    /// Reads the chain and its key, when there are any; HTTP/2 and HTTP/1 are both offered.
    ///
    /// # Errors
    /// When the files cannot be read, or do not belong together.
    pub(super) async fn load(files: Option<&TlsConfig>) -> Result<Option<Self>, StartError> {
        let Some(TlsConfig { cert_file, key_file, reload_interval_ms }) = files.cloned() else {
            return Ok(None);
        };
        // Another gateway in this process may have installed the same provider already.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let interval = Duration::from_millis(reload_interval_ms);
        let files = WatchedFiles::as_they_are(vec![cert_file.clone(), key_file.clone()]).await;
        let (cert, key) = read(&cert_file, &key_file).await.map_err(StartError::Tls)?;
        let in_force = RustlsConfig::from_pem(cert, key).await.map_err(StartError::Tls)?;
        Ok(Some(Self { cert_file, key_file, interval, files, in_force }))
    }

    /// What handshakes use; follows every reload.
    pub(super) fn in_force(&self) -> RustlsConfig {
        self.in_force.clone()
    }

    /// Looks at the files until cancelled.
    pub(super) async fn keep(
        mut self,
        metrics: Metrics,
        reports: watch::Sender<KeeperReport>,
        cancel: CancellationToken,
    ) {
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        metrics.certificate_current(true);
        while cancel.run_until_cancelled(ticks.tick()).await.is_some() {
            let Some(looked) = cancel.run_until_cancelled(self.look()).await else { return };
            let Some(outcome) = looked else { continue };
            match &outcome {
                Ok(()) => info!("certificate taken"),
                Err(fault) => error!(%fault, "certificate refused, the old one stays in force"),
            }
            metrics.certificate_current(outcome.is_ok());
            reports.send_if_modified(|report| {
                let was = std::mem::replace(&mut report.certificate_refused, outcome.is_err());
                was != outcome.is_err()
            });
        }
    }

    /// Tries files that have changed. Renewals replace them one after the other: half of a new pair
    /// does not fit the other half of the old one and is refused, until the next look.
    async fn look(&mut self) -> Option<io::Result<()>> {
        let pair = self.files.if_changed(read(&self.cert_file, &self.key_file)).await?;
        Some(match pair {
            Ok((cert, key)) => self.in_force.reload_from_pem(cert, key).await,
            Err(fault) => Err(fault),
        })
    }
}

async fn read(cert_file: &Path, key_file: &Path) -> io::Result<(Vec<u8>, Vec<u8>)> {
    Ok((read_one(cert_file).await?, read_one(key_file).await?))
}

async fn read_one(file: &Path) -> io::Result<Vec<u8>> {
    let named = |fault: io::Error| io::Error::new(fault.kind(), format!("\"{}\": {fault}", file.display()));
    tokio::fs::read(file).await.map_err(named)
}
