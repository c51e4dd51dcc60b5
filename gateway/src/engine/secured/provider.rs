//! A secured table as the planner sees it: owns the scan of the caller's tables in SQL and
//! aggregates. It takes only predicates that may cross the barrier, and those only to skip data.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use roaring::RoaringTreemap;

use super::compile::raw_schema;
use super::crossing::Crossing;
use super::transform::{Positions, TIE, Transform};
use super::{Masking, SecuredTable, VisibleRows};
use crate::engine::barrier::SecuredExec;
use crate::engine::error::{BelowBarrier, EngineError};
use crate::engine::scan::prune::candidates;
use crate::engine::scan::{ScanFile, ScanSpec, source};
use crate::engine::session::{Engine, order_key_of};

/// A secured table bound to the engine, ready to be planned over.
#[derive(Debug)]
pub(in crate::engine) struct SecuredProvider {
    engine: Arc<Engine>,
    table: Arc<SecuredTable>,
    order_key: [u8; 16],
}

impl SecuredProvider {
    pub(in crate::engine) fn new(engine: Arc<Engine>, table: Arc<SecuredTable>) -> Self {
        let order_key = engine.config.order_key_of(table.snapshot.table_id());
        Self { engine, table, order_key }
    }

    /// With another key than the engine's of the order in which rows come where physical order is secret.
    pub(in crate::engine) fn with_order_key(self, order_key: &[u8; 16]) -> Self {
        Self { order_key: order_key_of(order_key, self.table.snapshot.table_id()), ..self }
    }
}

impl SecuredProvider {
    /// One for a filtered role: which files are read depends on statistics of hidden rows, and where
    /// they are cut into partitions would show in the order of rows and in which of them fails first.
    fn partitions(&self, state: &SessionState) -> usize {
        if self.table.hides_rows() { 1 } else { state.config().target_partitions() }
    }
}

#[async_trait]
impl TableProvider for SecuredProvider {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.table.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        // Exact: the rest of a condition, which may fail, then runs on the rows that satisfy these,
        // whatever data was skipped; otherwise skipping by statistics of hidden rows would show.
        let verdict = |crosses| match crosses {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(|filter| verdict(self.table.crosses(filter))).collect())
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let state = session
            .as_any()
            .downcast_ref::<SessionState>()
            .ok_or_else(|| DataFusionError::Internal("foreign session".to_owned()))?;
        let show: Vec<usize> = match projection {
            Some(indices) => indices.clone(),
            None => (0..self.table.columns.len()).collect(),
        };
        let plan = async {
            let crossing = self.table.crossing(state, filters)?;
            let all = (0..self.table.snapshot.files().len()).collect();
            let files = self.table.candidates(&crossing, all)?;
            let groups = spread(&files, self.partitions(state));
            let positions =
                if self.table.order_is_secret { Positions::Hashed(self.order_key) } else { Positions::None };
            let secured =
                self.table.secured_scan(&self.engine, state, &show, &groups, positions, &crossing).await?;
            let name = &self.table.name;
            Ok(match &self.table.rows {
                _ if self.table.order_is_secret => {
                    Arc::new(SecuredExec::sorted_by(name, secured, TIE).map_err(EngineError::planning)?)
                }
                VisibleRows::All => secured,
                _ => Arc::new(SecuredExec::even(name, secured)),
            })
        };
        plan.await.map_err(|e: EngineError| {
            DataFusionError::External(Box::new(BelowBarrier(DataFusionError::External(Box::new(e)))))
        })
    }
}

/// Files dealt to at most `partitions` groups, each in canonical order.
pub(in crate::engine) fn spread(files: &[usize], partitions: usize) -> Vec<Vec<ScanFile>> {
    let size = files.len().div_ceil(partitions.max(1)).max(1);
    files.chunks(size).map(|chunk| chunk.iter().map(|f| ScanFile::whole(*f)).collect()).collect()
}

impl SecuredTable {
    /// The files among `ordinals` that can hold visible rows that matter.
    pub(in crate::engine) fn candidates(
        &self,
        crossing: &Crossing,
        ordinals: Vec<usize>,
    ) -> Result<Vec<usize>, EngineError> {
        match (&self.rows, &crossing.pruning) {
            (VisibleRows::Nothing, _) => Ok(Vec::new()),
            (_, None) => Ok(ordinals),
            (_, Some(predicate)) => {
                candidates(&self.snapshot, &raw_schema(&self.snapshot), predicate, ordinals)
            }
        }
    }

    /// A plan whose leaf is the barrier: the visible columns `show` of the given files.
    pub(in crate::engine) async fn secured_scan(
        &self,
        engine: &Engine,
        state: &SessionState,
        show: &[usize],
        groups: &[Vec<ScanFile>],
        positions: Positions,
        crossing: &Crossing,
    ) -> Result<Arc<dyn ExecutionPlan>, EngineError> {
        let deleted = self.deleted_rows(groups).await?;
        let read = self.raw_columns(show, &crossing.used);
        let located = positions != Positions::None || !deleted.is_empty();
        let transform = Transform::bind(self, &read, show, positions, deleted, crossing)
            .map_err(EngineError::planning)?;
        if groups.is_empty() {
            return Ok(Arc::new(EmptyExec::new(Arc::clone(transform.schema()))));
        }
        let pruning = crossing.pruning.as_ref();
        let spec = ScanSpec { snapshot: &self.snapshot, columns: &read, groups, positions: located, pruning };
        let raw = source(engine, state, &spec)?;
        Ok(Arc::new(SecuredExec::new(&self.name, raw, Arc::new(transform))))
    }

    /// Raw columns that the policy and the shown columns read, ascending.
    fn raw_columns(&self, show: &[usize], used: &[usize]) -> Vec<usize> {
        let mut read = BTreeSet::new();
        if let VisibleRows::Where { used, .. } = &self.rows {
            read.extend(used.iter().copied());
        }
        for index in show.iter().chain(used) {
            let column = &self.columns[*index];
            read.insert(column.raw);
            if let Masking::Expression(_, used) = &column.mask {
                read.extend(used.iter().copied());
            }
        }
        read.into_iter().collect()
    }

    async fn deleted_rows(
        &self,
        groups: &[Vec<ScanFile>],
    ) -> Result<HashMap<u32, Arc<RoaringTreemap>>, EngineError> {
        let mut deleted = HashMap::new();
        for file in groups.iter().flatten() {
            let data_file = &self.snapshot.files()[file.ordinal];
            if data_file.deletion_vector.is_none() {
                continue;
            }
            let rows =
                self.snapshot.deleted_rows(data_file).await.map_err(|e| EngineError::Storage(Box::new(e)))?;
            if let (Some(rows), Ok(ordinal)) = (rows, u32::try_from(file.ordinal)) {
                deleted.insert(ordinal, rows);
            }
        }
        Ok(deleted)
    }
}
