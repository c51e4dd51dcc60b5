//! What `/readyz` is to say: owns gathering it from the parts whenever one of them changes. Names
//! no table: the report is readable without a token.

use std::sync::Arc;

use sluice_catalog::catalog::Catalog;
use sluice_catalog::table::TableStatus;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::policy_keeper::KeeperReport;
use crate::protocol::readiness::{ReadinessReason, ReadinessReport};
use crate::telemetry::Metrics;

/// What the report is gathered from.
pub(super) struct Watched {
    pub(super) draining: watch::Receiver<bool>,
    pub(super) reports: watch::Receiver<KeeperReport>,
    pub(super) catalog: Arc<Catalog>,
}

/// Keeps the report current until cancelled.
pub(super) async fn keep(
    mut watched: Watched,
    metrics: Metrics,
    out: watch::Sender<ReadinessReport>,
    cancel: CancellationToken,
) {
    let mut tables = watched.catalog.subscribe();
    loop {
        let draining = *watched.draining.borrow_and_update();
        let keeper = watched.reports.borrow_and_update().clone();
        out.send_replace(report(draining, &keeper, &watched.catalog, &metrics));
        let changed = tokio::select! {
            () = cancel.cancelled() => return,
            changed = watched.draining.changed() => changed,
            changed = watched.reports.changed() => changed,
            changed = tables.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
    }
}

/// The report of this moment; the figures of the tables are counted on the way.
pub(super) fn report(
    draining: bool,
    keeper: &KeeperReport,
    catalog: &Catalog,
    metrics: &Metrics,
) -> ReadinessReport {
    if draining {
        return ReadinessReport::not_ready("draining");
    }
    let mut reasons: Vec<ReadinessReason> = Vec::new();
    let mut reason =
        |component: &'static str, message: String| reasons.push(ReadinessReason { component, message });
    if keeper.policy_problems > 0 {
        reason(
            "policies",
            format!("the files have {}; the old set is in force", counted(keeper.policy_problems, "problem")),
        );
    }
    if keeper.unfit_tables > 0 {
        reason(
            "policies",
            format!("new tables that they do not fit, and that are not found: {}", keeper.unfit_tables),
        );
    }
    if keeper.token_problems > 0 {
        reason(
            "tokens",
            format!(
                "the key files have {}; the old keys are in force",
                counted(keeper.token_problems, "problem")
            ),
        );
    }
    if keeper.anonymous_role_undefined {
        let message = "the policies do not define the anonymous role; callers without a token are refused";
        reason("tokens", message.to_owned());
    }
    if keeper.files_hang {
        let message = "policy or token key files cannot be read in time; the old ones are in force";
        reason("policies", message.to_owned());
    }
    if keeper.certificate_refused {
        reason("server", "the certificate files cannot be used; the old certificate is in force".to_owned());
    }
    if keeper.allow_list_problems > 0 {
        let problems = counted(keeper.allow_list_problems, "problem");
        reason("graphql", format!("the list of documents has {problems}; the old one is in force"));
    }
    let (serving, stale, unavailable) = count_tables(catalog);
    metrics.tables(serving, stale, unavailable);
    if stale > 0 {
        reason("catalog", format!("served from an older version: {}", counted(stale, "table")));
    }
    if unavailable > 0 {
        reason("catalog", format!("cannot be read: {}", counted(unavailable, "table")));
    }
    let troubles = catalog.discovery_troubles().len();
    metrics.discovery_troubles(troubles);
    if troubles > 0 {
        reason(
            "catalog",
            format!(
                "cannot be searched or served below the discovery prefixes: {}",
                counted(troubles, "place")
            ),
        );
    }
    ReadinessReport::of(reasons)
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn count_tables(catalog: &Catalog) -> (usize, usize, usize) {
    let (mut serving, mut stale, mut unavailable) = (0, 0, 0);
    for table in catalog.tables() {
        match table.status() {
            TableStatus::Serving { stale: None } => serving += 1,
            TableStatus::Serving { stale: Some(_) } => stale += 1,
            TableStatus::Unavailable { .. } => unavailable += 1,
        }
    }
    (serving, stale, unavailable)
}
