//! A secured table as the planner sees it: owns the scan of the caller's tables in SQL and
//! aggregates. It takes only predicates that may cross the barrier, and those only to skip data.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::DFSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SessionState;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use roaring::RoaringTreemap;

use super::compile::raw_schema;
use super::infallible::{is_safe_comparison, proves};
use super::transform::{Positions, TIE, Transform};
use super::{Masking, SecuredTable, VisibleRows};
use crate::engine::barrier::{ReorderedExec, SecuredExec};
use crate::engine::error::{BelowBarrier, EngineError};
use crate::engine::scan::prune::candidates;
use crate::engine::scan::{ScanFile, ScanSpec, source};
use crate::engine::session::Engine;

/// A secured table bound to the engine, ready to be planned over.
#[derive(Debug)]
pub(in crate::engine) struct SecuredProvider {
    engine: Arc<Engine>,
    table: Arc<SecuredTable>,
}

impl SecuredProvider {
    pub(in crate::engine) fn new(engine: Arc<Engine>, table: Arc<SecuredTable>) -> Self {
        Self { engine, table }
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
        let clear = |name: &str| self.table.can_skip(name);
        Ok(filters
            .iter()
            .map(|filter| {
                if is_safe_comparison(filter, &clear) {
                    TableProviderFilterPushDown::Inexact
                } else {
                    TableProviderFilterPushDown::Unsupported
                }
            })
            .collect())
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
            let pruning = self.table.pruning(state, filters)?;
            let all = (0..self.table.snapshot.files().len()).collect();
            let files = self.table.candidates(pruning.as_ref(), all)?;
            let groups = spread(&files, state.config().target_partitions());
            let positions = if self.table.order_is_secret {
                Positions::Hashed(self.engine.config.order_key)
            } else {
                Positions::None
            };
            let secured = self
                .table
                .secured_scan(&self.engine, state, &show, &groups, positions, pruning.as_ref())
                .await?;
            if !self.table.order_is_secret {
                return Ok(secured);
            }
            let reordered = ReorderedExec::by(secured, TIE).map_err(EngineError::planning)?;
            Ok(Arc::new(reordered) as Arc<dyn ExecutionPlan>)
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
    pub(in crate::engine) fn is_clear(&self, name: &str) -> bool {
        self.column(name).is_some_and(|c| matches!(c.mask, Masking::Clear))
    }

    /// A visible column is the raw one, and its statistics prove something.
    fn can_skip(&self, name: &str) -> bool {
        self.column(name).is_some_and(|c| matches!(c.mask, Masking::Clear) && proves(&c.data_type))
    }

    /// The predicate over raw columns that data may be skipped by: the safe ones among the
    /// caller's `filters`, and the policy's own.
    pub(in crate::engine) fn pruning(
        &self,
        state: &SessionState,
        filters: &[Expr],
    ) -> Result<Option<Arc<dyn PhysicalExpr>>, EngineError> {
        let clear = |name: &str| self.can_skip(name);
        let safe = filters.iter().filter(|f| is_safe_comparison(f, &clear)).cloned();
        let raw = DFSchema::try_from(raw_schema(&self.snapshot)).map_err(EngineError::planning)?;
        let callers = match conjunction(safe) {
            Some(expr) => Some(state.create_physical_expr(expr, &raw).map_err(EngineError::planning)?),
            None => None,
        };
        Ok(match (&self.rows, callers) {
            (VisibleRows::Where { skipping: Some(policy), .. }, Some(callers)) => {
                Some(and(Arc::clone(policy), callers))
            }
            (VisibleRows::Where { skipping: Some(policy), .. }, None) => Some(Arc::clone(policy)),
            (_, callers) => callers,
        })
    }

    /// The files among `ordinals` that can hold visible rows that matter.
    pub(in crate::engine) fn candidates(
        &self,
        pruning: Option<&Arc<dyn PhysicalExpr>>,
        ordinals: Vec<usize>,
    ) -> Result<Vec<usize>, EngineError> {
        match (&self.rows, pruning) {
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
        pruning: Option<&Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn ExecutionPlan>, EngineError> {
        let deleted = self.deleted_rows(groups).await?;
        let read = self.raw_columns(show);
        let located = positions != Positions::None || !deleted.is_empty();
        let transform =
            Transform::bind(self, &read, show, positions, deleted).map_err(EngineError::planning)?;
        if groups.is_empty() {
            return Ok(Arc::new(EmptyExec::new(Arc::clone(transform.schema()))));
        }
        let spec = ScanSpec { snapshot: &self.snapshot, columns: &read, groups, positions: located, pruning };
        let raw = source(engine, state, &spec)?;
        Ok(Arc::new(SecuredExec::new(self.name.clone(), raw, Arc::new(transform))))
    }

    /// Raw columns that the policy and the shown columns read, ascending.
    fn raw_columns(&self, show: &[usize]) -> Vec<usize> {
        let mut read = BTreeSet::new();
        if let VisibleRows::Where { used, .. } = &self.rows {
            read.extend(used.iter().copied());
        }
        for index in show {
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

fn and(left: Arc<dyn PhysicalExpr>, right: Arc<dyn PhysicalExpr>) -> Arc<dyn PhysicalExpr> {
    use datafusion::logical_expr::Operator;
    use datafusion::physical_expr::expressions::BinaryExpr;
    Arc::new(BinaryExpr::new(left, Operator::And, right))
}
