//! The pipeline: owns the one way from a request to an answer (admission, authorization, cursor,
//! engine). Doors call it and nothing below it.

pub mod admission;
pub(crate) mod cursor;
mod describe;
pub mod error;
pub mod lifecycle;
pub mod request;
pub mod response;
mod run;

use std::sync::Arc;

use sluice_catalog::catalog::Catalog;
use sluice_policies::keys::KeyRing;
use sluice_policies::principal::Principal;
use sluice_policies::table_policy::PolicySet;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use self::admission::{Admission, QueryClass};
use self::cursor::CursorSealer;
use self::error::{ErrorCode, QueryError};
use self::request::{Request, VersionSelector};
use self::response::{Delivery, TableDescription, TableSummary};
use crate::config::cursors::CursorConfig;
use crate::config::limits::LimitsConfig;
use crate::engine::abandoned::until;
use crate::engine::session::Engine;

/// What the pipeline is built from.
#[derive(Debug)]
pub struct QueryParts {
    /// The engine.
    pub engine: Arc<Engine>,
    /// What exists.
    pub catalog: Arc<Catalog>,
    /// Who may see what; replaced whole when policies reload.
    pub policies: watch::Receiver<Arc<PolicySet>>,
    /// The gate before every query.
    pub admission: Admission,
    /// Limits.
    pub limits: LimitsConfig,
    /// Life and size of cursors.
    pub cursors: CursorConfig,
    /// Seals cursors.
    pub cursor_keys: Arc<KeyRing>,
}

/// The pipeline. Cheap to clone.
#[derive(Debug, Clone)]
pub struct QueryService {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    engine: Arc<Engine>,
    catalog: Arc<Catalog>,
    policies: watch::Receiver<Arc<PolicySet>>,
    admission: Admission,
    limits: LimitsConfig,
    sealer: CursorSealer,
}

impl QueryService {
    /// Puts the pipeline together.
    pub fn new(parts: QueryParts) -> Self {
        let sealer = CursorSealer::new(parts.cursor_keys, &parts.cursors);
        Self {
            shared: Arc::new(Shared {
                engine: parts.engine,
                catalog: parts.catalog,
                policies: parts.policies,
                admission: parts.admission,
                limits: parts.limits,
                sealer,
            }),
        }
    }

    /// The threads on which answers are computed and may be encoded.
    pub fn engine_threads(&self) -> tokio::runtime::Handle {
        self.shared.engine.threads()
    }

    /// Answers a request. Dropping the future cancels the query. The answer counts as memory of its
    /// caller until the delivery's `held` is dropped.
    ///
    /// # Errors
    /// As documented for each [`ErrorCode`].
    pub async fn execute(&self, request: Request) -> Result<Delivery, QueryError> {
        let class = QueryClass::of(&request.statement);
        let permit = self.shared.admission.admit(class, &request.principal).await?;
        let deadline = permit.deadline();
        let held = self.shared.admission.hold(&request.principal);
        let shared = Arc::clone(&self.shared);
        let threads = match class {
            QueryClass::Light => self.shared.engine.threads(),
            QueryClass::Heavy => self.shared.engine.heavy_threads(),
        };
        let abandoned = CancellationToken::new();
        let _ends_planning = abandoned.clone().drop_guard();
        let work = threads.spawn(until(abandoned, async move {
            let answer = run::run(&shared, request).await;
            let delivery = answer.and_then(|response| Delivery::of(response, held));
            drop(permit);
            delivery
        }));
        match tokio::time::timeout_at(deadline, AbortOnDropHandle::new(work)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(panicked)) => Err(QueryError::internal(panicked)),
            Err(_) => Err(QueryError::new(
                ErrorCode::DeadlineExceeded,
                format!("the query ran longer than {} ms", self.shared.limits.query_time_ms_max),
            )
            .with_hint("narrow the filter or ask for less")),
        }
    }

    /// The caller's tables, in name order.
    ///
    /// # Errors
    /// When the subject is over its rate.
    pub async fn list_tables(&self, principal: &Principal) -> Result<Vec<TableSummary>, QueryError> {
        self.shared.admission.charge(principal)?;
        describe::list(&self.shared, principal).await
    }

    /// One table as the caller sees it.
    ///
    /// # Errors
    /// When the table or version does not exist for the caller, or the subject is over its rate.
    pub async fn describe_table(
        &self,
        principal: &Principal,
        name: &str,
        version: VersionSelector,
    ) -> Result<TableDescription, QueryError> {
        self.shared.admission.charge(principal)?;
        describe::describe(&self.shared, principal, name, version).await
    }
}
