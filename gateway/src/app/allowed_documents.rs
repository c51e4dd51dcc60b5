//! The list of GraphQL documents that may be asked for: owns reading its file, and taking a new one while the gateway
//! runs, whole or not at all. Does not know what a list says.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sluice_policies::diagnostic::Diagnostic;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::own_thread;
use super::policy_keeper::KeeperReport;
use super::watched_files::WatchedFiles;
use crate::config::Config;
use crate::config::graphql::GraphqlConfig;
use crate::protocol::graphql::AllowList;
use crate::telemetry::Metrics;

/// Longest look at the file: a network file system may hang.
const LOOK_MAX: Duration = Duration::from_secs(10);

/// A list in force and the file that it came from.
#[derive(Debug)]
pub(super) struct AllowedDocuments {
    file: PathBuf,
    config: GraphqlConfig,
    interval: Duration,
    files: WatchedFiles,
    in_force: watch::Sender<Arc<AllowList>>,
}

impl AllowedDocuments {
    /// Reads the list, when there is one.
    ///
    /// # Errors
    /// Every fault of the file.
    pub(super) async fn load(config: &Config) -> Result<Option<Self>, Vec<Diagnostic>> {
        let Some(file) = config.graphql.allow_list_file.clone() else { return Ok(None) };
        let files = WatchedFiles::as_they_are(vec![file.clone()]).await;
        let list = read(&file, &config.graphql).await?;
        let interval = Duration::from_millis(config.policies.reload_interval_ms);
        let (in_force, _) = watch::channel(Arc::new(list));
        Ok(Some(Self { file, config: config.graphql.clone(), interval, files, in_force }))
    }

    /// What the door obeys; follows every reload.
    pub(super) fn in_force(&self) -> watch::Receiver<Arc<AllowList>> {
        self.in_force.subscribe()
    }

    /// Looks at the file until cancelled.
    pub(super) async fn keep(
        mut self,
        metrics: Metrics,
        reports: watch::Sender<KeeperReport>,
        cancel: CancellationToken,
    ) {
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut said: Vec<Diagnostic> = Vec::new();
        metrics.allow_list_current(true);
        while cancel.run_until_cancelled(ticks.tick()).await.is_some() {
            let Some(looked) = cancel.run_until_cancelled(self.look()).await else { return };
            let Some(outcome) = looked else { continue };
            let problems = match outcome {
                Ok(list) => {
                    self.in_force.send_replace(Arc::new(list));
                    info!("list of documents taken");
                    Vec::new()
                }
                Err(problems) => problems,
            };
            if said != problems {
                for problem in &problems {
                    error!(%problem, "list of documents refused, the old one stays in force");
                }
            }
            metrics.allow_list_current(problems.is_empty());
            reports.send_if_modified(|report| {
                std::mem::replace(&mut report.allow_list_problems, problems.len()) != problems.len()
            });
            said = problems;
        }
    }

    /// Tries a file that has changed, or that could not be read in time.
    async fn look(&mut self) -> Option<Result<AllowList, Vec<Diagnostic>>> {
        let read = read(&self.file, &self.config);
        if let Ok(looked) = tokio::time::timeout(LOOK_MAX, self.files.if_changed(read)).await {
            return looked;
        }
        self.files.forget();
        Some(Err(vec![Diagnostic::file(&self.file, "cannot be read in time")]))
    }
}

async fn read(file: &Path, config: &GraphqlConfig) -> Result<AllowList, Vec<Diagnostic>> {
    let (owned, config) = (file.to_path_buf(), config.clone());
    let read = own_thread::run(Handle::current(), move || AllowList::load(&owned, &config));
    read.await.unwrap_or_else(|| Err(vec![Diagnostic::file(file, "could not be checked")]))
}
