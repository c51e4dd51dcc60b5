//! The pipeline: owns the one way from a request to an answer (admission, authorization, cursor,
//! engine). Doors call it and nothing below it.

pub mod admission;
pub mod calendar;
pub mod caller;
pub(crate) mod cursor;
mod describe;
pub mod error;
pub mod follow;
pub mod groups;
pub mod key_values;
pub mod lifecycle;
pub mod request;
pub mod response;
pub mod row_cursors;
mod run;
pub mod shape;
pub mod stream;
pub mod suggestion;

use std::sync::Arc;

use sluice_catalog::catalog::Catalog;
use sluice_policies::keys::KeyRing;
use sluice_policies::principal::Principal;
use sluice_policies::table_policy::PolicySet;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use self::admission::{Admission, Held, QueryClass};
use self::caller::Caller;
use self::cursor::CursorSealer;
use self::error::QueryError;
use self::request::{Pins, Request, VersionSelector};
use self::response::{Delivery, TableDescription, TableSummary};
use self::shape::ShapeMemo;
use crate::config::cursors::CursorConfig;
use crate::config::limits::LimitsConfig;
use crate::engine::abandoned::until;
use crate::engine::authorized::Authority;
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
    shapes: ShapeMemo,
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
                shapes: ShapeMemo::default(),
            }),
        }
    }

    /// Counts a request against the rate of its subject, before anything else is done for it.
    ///
    /// # Errors
    /// `rate_limited`, with the time after which one more request fits.
    pub fn count(&self, principal: Principal) -> Result<Caller, QueryError> {
        self.shared.admission.count(principal)
    }

    /// Where the memory of a request of this caller is counted while it is read.
    pub fn hold(&self, caller: &Caller) -> Held {
        self.shared.admission.hold(caller)
    }

    /// Answers a request. Dropping the future cancels the query. The answer counts as memory of its
    /// caller until the delivery's `held` is dropped.
    ///
    /// # Errors
    /// As documented for each [`error::ErrorCode`].
    pub async fn execute(&self, request: Request) -> Result<Delivery, QueryError> {
        let class = QueryClass::of(&request.statement);
        let (shared, deadline) = (Arc::clone(&self.shared), request.deadline);
        let work = async move {
            let held = shared.admission.hold(&request.caller);
            Delivery::of(run::run(&shared, request).await?, held)
        };
        self.admitted(class, deadline, work).await
    }

    /// The newest versions of those of `tables` that the caller may read, all at this moment: for requests that are
    /// to be answered as one. It takes no grant to read them as long as that lasts.
    pub fn pins(&self, caller: &Caller, tables: &[&str]) -> Pins {
        let policies = Arc::clone(&self.shared.policies.borrow());
        let Shared { engine, catalog, .. } = self.shared.as_ref();
        Authority { engine, catalog, policies: &policies, principal: caller }.pins(tables)
    }

    /// The caller's tables, in name order.
    ///
    /// # Errors
    /// As for any light query: no free slot, or past the deadline.
    pub async fn list_tables(
        &self,
        caller: &Caller,
        deadline: Option<Instant>,
    ) -> Result<Vec<TableSummary>, QueryError> {
        let (shared, caller) = (Arc::clone(&self.shared), caller.clone());
        let work = async move { describe::list(&shared, &caller).await };
        self.admitted(QueryClass::Light, deadline, work).await
    }

    /// One table as the caller sees it.
    ///
    /// # Errors
    /// When the table or version does not exist for the caller, and as for any light query.
    pub async fn describe_table(
        &self,
        caller: &Caller,
        name: &str,
        version: VersionSelector,
        deadline: Option<Instant>,
    ) -> Result<TableDescription, QueryError> {
        let (shared, caller, name) = (Arc::clone(&self.shared), caller.clone(), name.to_owned());
        let work = async move { describe::describe(&shared, &caller, &name, version).await };
        self.admitted(QueryClass::Light, deadline, work).await
    }

    /// Runs `work` on the engine's threads, in a slot of its class, until its deadline and no longer
    /// than somebody waits for it.
    async fn admitted<T: Send + 'static>(
        &self,
        class: QueryClass,
        deadline: Option<Instant>,
        work: impl Future<Output = Result<T, QueryError>> + Send + 'static,
    ) -> Result<T, QueryError> {
        let permit = self.shared.admission.admit(class, deadline).await?;
        let deadline = permit.deadline();
        let threads = match class {
            QueryClass::Light => self.shared.engine.threads(),
            QueryClass::Heavy | QueryClass::Stream => self.shared.engine.heavy_threads(),
        };
        let abandoned = CancellationToken::new();
        let _ends_planning = abandoned.clone().drop_guard();
        let work = threads.spawn(until(abandoned, async move {
            let answer = work.await;
            drop(permit);
            answer
        }));
        match tokio::time::timeout_at(deadline.at(), AbortOnDropHandle::new(work)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(panicked)) => Err(QueryError::internal(panicked)),
            Err(_) => Err(deadline.exceeded()),
        }
    }
}
