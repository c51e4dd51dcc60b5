//! Keeping policies and token keys current: owns looking at their files, trying what changed, and
//! taking a whole new set or keeping the whole old one. Does not judge policies itself.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use sluice_catalog::catalog::Catalog;
use sluice_policies::diagnostic::Diagnostic;
use sluice_policies::keys::KeyRing;
use sluice_policies::table_policy::{PolicySet, TableShape};
use sluice_policies::token::TokenVerifier;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::assembly::{load_policies, shapes};
use crate::engine::secured::check;
use crate::engine::session::Engine;
use crate::telemetry::Metrics;

/// A file that changes again within this time is still being written: half a policy file may well
/// be valid and open what the whole one closes.
pub(super) const SETTLING: Duration = Duration::from_millis(100);

/// What is wrong with the files as they are now; absent while they are what is in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct KeeperReport {
    /// Policy files that were refused: how many problems.
    pub(super) policy_problems: usize,
    /// Tables that appeared and that the policies do not fit.
    pub(super) unfit_tables: usize,
    /// Token key files that were refused: how many problems.
    pub(super) token_problems: usize,
    /// Certificate files were refused.
    pub(super) certificate_refused: bool,
}

/// The task's parts.
pub(super) struct PolicyKeeper {
    pub(super) files: Vec<PathBuf>,
    /// The files as they were before the first load: changes made meanwhile are seen as changes.
    pub(super) loaded: FilesDigest,
    pub(super) interval: Duration,
    pub(super) mask_keys: Arc<KeyRing>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) engine: Arc<Engine>,
    pub(super) verifier: Arc<TokenVerifier>,
    pub(super) metrics: Metrics,
    pub(super) policies: watch::Sender<Arc<PolicySet>>,
    pub(super) reports: watch::Sender<KeeperReport>,
}

/// Which files there are and what they hold.
pub(super) type FilesDigest = [u8; 32];

impl PolicyKeeper {
    /// Runs until cancelled.
    pub(super) async fn run(self, cancel: CancellationToken) {
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut catalog_changes = self.catalog.subscribe();
        let mut tried: Option<FilesDigest> = Some(self.loaded);
        self.metrics.policies_current(true);
        self.bind_new_tables().await;
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                _ = ticks.tick() => {
                    self.look_at_policies(&mut tried).await;
                    self.look_at_tokens().await;
                }
                changed = catalog_changes.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.bind_new_tables().await;
                    if self.reports.borrow().policy_problems > 0 {
                        // What was refused may fit the tables as they are now.
                        tried = None;
                    }
                }
            }
        }
    }

    async fn look_at_policies(&self, tried: &mut Option<FilesDigest>) {
        let found = digest_of(&self.files).await;
        if *tried == Some(found) {
            return;
        }
        tokio::time::sleep(SETTLING).await;
        if digest_of(&self.files).await != found {
            return;
        }
        let loaded = load_policies(self.files.clone(), &self.mask_keys, &self.catalog, &self.engine).await;
        if digest_of(&self.files).await != found {
            // Written while it was read: the next look sees the whole.
            return;
        }
        *tried = Some(found);
        match loaded {
            Ok(policies) => {
                self.policies.send_replace(Arc::new(policies));
                self.metrics.policies_reloaded("taken");
                info!("policies taken");
                self.report(|report| (report.policy_problems, report.unfit_tables) = (0, 0));
            }
            Err(problems) => {
                self.metrics.policies_reloaded("refused");
                log("policies refused, the old ones stay in force", &problems);
                self.report(|report| report.policy_problems = problems.len());
            }
        }
    }

    /// Tables that appeared are bound one by one, so that one that the policies do not fit keeps
    /// no other out.
    async fn bind_new_tables(&self) {
        let current = Arc::clone(&self.policies.borrow());
        let catalog = Arc::clone(&self.catalog);
        let engine = Arc::clone(&self.engine);
        let work = self.engine.threads().spawn_blocking(move || bind_each(&current, &catalog, &engine));
        let Ok((bound, problems)) = work.await else {
            error!("binding policies to new tables failed");
            return;
        };
        if let Some(bound) = bound {
            self.policies.send_replace(Arc::new(bound));
        }
        let unfit = problems.len();
        if unfit != self.reports.borrow().unfit_tables {
            for found in &problems {
                log("policies do not fit a table, which stays not found", found);
            }
        }
        self.report(|report| report.unfit_tables = unfit);
    }

    async fn look_at_tokens(&self) {
        let verifier = Arc::clone(&self.verifier);
        let looked = tokio::task::spawn_blocking(move || verifier.reload()).await;
        match looked {
            Ok(Ok(true)) => {
                info!("token keys taken");
                self.report(|report| report.token_problems = 0);
            }
            Ok(Ok(false)) => self.report(|report| report.token_problems = 0),
            Ok(Err(problems)) => {
                if problems.len() != self.reports.borrow().token_problems {
                    log("token keys refused, the old ones stay in force", &problems);
                }
                self.report(|report| report.token_problems = problems.len());
            }
            Err(_) => error!("looking at token keys failed"),
        }
    }

    fn report(&self, change: impl FnOnce(&mut KeeperReport)) {
        self.reports.send_if_modified(|report| {
            let before = report.clone();
            change(report);
            *report != before
        });
        self.metrics.policies_current(self.reports.borrow().policy_problems == 0);
    }
}

/// Reads the files.
pub(super) async fn digest_of(files: &[PathBuf]) -> FilesDigest {
    let mut digest = Sha256::new();
    for file in files {
        let content = tokio::fs::read(file).await;
        let (is_there, bytes) = match &content {
            Ok(bytes) => (1_u8, bytes.as_slice()),
            Err(_) => (0_u8, &[][..]),
        };
        digest.update([is_there]);
        digest.update((bytes.len() as u64).to_be_bytes());
        digest.update(bytes);
    }
    digest.finalize().into()
}

/// The set with every new table that it fits, when there is one, and what is wrong with each of
/// the others.
fn bind_each(
    current: &Arc<PolicySet>,
    catalog: &Catalog,
    engine: &Engine,
) -> (Option<PolicySet>, Vec<Vec<Diagnostic>>) {
    let mut bound: Option<PolicySet> = None;
    let mut problems: Vec<Vec<Diagnostic>> = Vec::new();
    for (table, shape) in shapes(catalog) {
        let so_far: &PolicySet = bound.as_ref().unwrap_or(current);
        if so_far.is_bound(&table) {
            continue;
        }
        let one: BTreeMap<String, TableShape> = BTreeMap::from([(table, shape)]);
        let known_problems = check(engine, so_far, catalog);
        match so_far.rebind(&one) {
            Ok(fitting) => {
                let mut found = check(engine, &fitting, catalog);
                found.retain(|problem| !known_problems.contains(problem));
                if found.is_empty() {
                    bound = Some(fitting);
                } else {
                    problems.push(found);
                }
            }
            Err(found) => problems.push(found),
        }
    }
    (bound, problems)
}

fn log(message: &str, problems: &[Diagnostic]) {
    for problem in problems {
        error!(%problem, "{message}");
    }
}
