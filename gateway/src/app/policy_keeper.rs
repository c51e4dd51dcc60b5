//! Keeping policies and token keys current: owns looking at their files, trying what changed, and
//! taking a whole new set or keeping the whole old one. Does not judge policies itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sluice_catalog::catalog::Catalog;
use sluice_policies::diagnostic::Diagnostic;
use sluice_policies::keys::KeyRing;
use sluice_policies::table_policy::{PolicySet, TableShape};
use sluice_policies::token::TokenVerifier;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::assembly::{load_policies, shapes};
use super::own_thread;
use super::watched_files::WatchedFiles;
use crate::engine::secured::check;
use crate::engine::session::Engine;
use crate::telemetry::Metrics;

/// Longest look at policies: a network file system may hang, but a large set that takes its time to
/// compile must come into force.
const POLICY_LOOK_MAX: Duration = Duration::from_secs(120);

/// Longest look at token keys. While their files hang, policies wait this much longer for their turn.
const TOKEN_LOOK_MAX: Duration = Duration::from_secs(10);

/// What is wrong with the files as they are now; absent while they are what is in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct KeeperReport {
    /// Policy files that were refused: how many problems.
    pub(super) policy_problems: usize,
    /// Tables that appeared and that the policies do not fit.
    pub(super) unfit_tables: usize,
    /// Token key files that were refused: how many problems.
    pub(super) token_problems: usize,
    /// The policies in force do not define the role of callers without a token.
    pub(super) anonymous_role_undefined: bool,
    /// Policy or token key files could not be read in time.
    pub(super) files_hang: bool,
    /// Certificate files were refused.
    pub(super) certificate_refused: bool,
    /// The list of documents was refused: how many problems.
    pub(super) allow_list_problems: usize,
}

/// The task's parts.
pub(super) struct PolicyKeeper {
    pub(super) policy_files: WatchedFiles,
    pub(super) token_files: WatchedFiles,
    pub(super) anonymous_role: Option<String>,
    pub(super) interval: Duration,
    pub(super) mask_keys: Arc<KeyRing>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) engine: Arc<Engine>,
    pub(super) verifier: Arc<TokenVerifier>,
    pub(super) metrics: Metrics,
    pub(super) policies: watch::Sender<Arc<PolicySet>>,
    pub(super) reports: watch::Sender<KeeperReport>,
}

/// What the log was told last, so that it is not told again.
#[derive(Default)]
struct Said {
    /// Of policies that were refused.
    refused: Vec<Diagnostic>,
    /// Of tables that the policies do not fit.
    unfit: Vec<Vec<Diagnostic>>,
}

impl PolicyKeeper {
    /// Runs until cancelled.
    pub(super) async fn run(mut self, cancel: CancellationToken) {
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut catalog_changes = self.catalog.subscribe();
        let mut said = Said::default();
        self.metrics.policies_current(true);
        self.metrics.token_keys_current(true);
        if cancel.run_until_cancelled(self.bind_new_tables(&mut said)).await.is_none() {
            return;
        }
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                _ = ticks.tick() => {
                    if cancel.run_until_cancelled(self.look(&mut said)).await.is_none() {
                        return;
                    }
                }
                changed = catalog_changes.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    if cancel.run_until_cancelled(self.bind_new_tables(&mut said)).await.is_none() {
                        return;
                    }
                    if self.reports.borrow().policy_problems > 0 {
                        // What was refused may fit the tables as they are now.
                        self.policy_files.forget();
                    }
                }
            }
        }
    }

    /// Looks at policies and tokens apart, so that a file of the one that hangs does not keep the other
    /// waiting for ever.
    async fn look(&mut self, said: &mut Said) {
        let policies = tokio::time::timeout(POLICY_LOOK_MAX, self.look_at_policies(said)).await;
        let tokens = tokio::time::timeout(TOKEN_LOOK_MAX, self.look_at_tokens()).await;
        let hangs = policies.is_err() || tokens.is_err();
        if hangs && !self.reports.borrow().files_hang {
            error!("policy or token key files cannot be read in time, the old ones stay in force");
        }
        self.report(|report| report.files_hang = hangs);
    }

    async fn look_at_policies(&mut self, said: &mut Said) {
        let files = self.policy_files.files().to_vec();
        let load = load_policies(files, &self.mask_keys, &self.catalog, &self.engine);
        let Some(loaded) = self.policy_files.if_changed(load).await else { return };
        match loaded {
            Ok(policies) => {
                self.look_for_anonymous_role(&policies);
                self.policies.send_replace(Arc::new(policies));
                self.metrics.policies_reloaded("taken");
                info!("policies taken");
                said.refused = Vec::new();
                self.report(|report| (report.policy_problems, report.unfit_tables) = (0, 0));
            }
            Err(problems) => {
                self.metrics.policies_reloaded("refused");
                if said.refused != problems {
                    log("policies refused, the old ones stay in force", &problems);
                }
                self.report(|report| report.policy_problems = problems.len());
                said.refused = problems;
            }
        }
    }

    /// A set without the role is taken all the same: the old one may show callers without a token what
    /// the new one was written to take from them. They are refused then, which must not go unseen.
    fn look_for_anonymous_role(&self, policies: &PolicySet) {
        let undefined = self.anonymous_role.as_deref().filter(|role| !policies.has_role(role));
        if let Some(role) = undefined {
            error!(
                role,
                "the policies no longer define the anonymous role, callers without a token are refused"
            );
        }
        self.report(|report| report.anonymous_role_undefined = undefined.is_some());
    }

    /// Tables that appeared are bound one by one, so that one that the policies do not fit keeps
    /// no other out.
    async fn bind_new_tables(&self, said: &mut Said) {
        let current = Arc::clone(&self.policies.borrow());
        let catalog = Arc::clone(&self.catalog);
        let engine = Arc::clone(&self.engine);
        let work = own_thread::run(self.engine.threads(), move || bind_each(&current, &catalog, &engine));
        let Some((bound, problems)) = work.await else {
            error!("binding policies to new tables failed");
            return;
        };
        if let Some(bound) = bound {
            self.policies.send_replace(Arc::new(bound));
        }
        for found in problems.iter().filter(|found| !said.unfit.contains(found)) {
            log("policies do not fit a table, which stays not found", found);
        }
        self.report(|report| report.unfit_tables = problems.len());
        said.unfit = problems;
    }

    async fn look_at_tokens(&mut self) {
        let verifier = Arc::clone(&self.verifier);
        let read = own_thread::run(Handle::current(), move || verifier.read_again());
        let Some(read) = self.token_files.if_changed(read).await else { return };
        match read {
            Some(Ok(fresh)) => {
                if self.verifier.take(fresh) {
                    info!("token keys taken");
                }
                self.report(|report| report.token_problems = 0);
            }
            Some(Err(problems)) => {
                log("token keys refused, the old ones stay in force", &problems);
                self.report(|report| report.token_problems = problems.len());
            }
            None => error!("looking at token keys failed"),
        }
    }

    fn report(&self, change: impl FnOnce(&mut KeeperReport)) {
        self.reports.send_if_modified(|report| {
            let before = report.clone();
            change(report);
            *report != before
        });
        let report = self.reports.borrow();
        self.metrics.policies_current(report.policy_problems == 0);
        self.metrics.token_keys_current(report.token_problems == 0);
    }
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
        match so_far.rebind(&one) {
            Ok(fitting) => {
                let found = check(engine, &fitting, catalog, |name| one.contains_key(name));
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
