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
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use roaring::RoaringTreemap;

use super::compile::raw_schema;
use super::transform::{Positions, TIE, Transform};
use super::{Masking, SecuredTable, VisibleRows};
use crate::engine::barrier::SecuredExec;
use crate::engine::error::{BelowBarrier, EngineError};
use crate::engine::expression::infallible::{is_safe_comparison, proves};
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
            let groups = spread(&files, state.config().target_partitions());
            let positions = if self.table.order_is_secret {
                Positions::Hashed(self.engine.config.order_key)
            } else {
                Positions::None
            };
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

/// The part of a caller's condition that crosses the barrier.
#[derive(Debug)]
pub(in crate::engine) struct Crossing {
    /// It, over the visible columns.
    pub(super) condition: Option<Arc<dyn PhysicalExpr>>,
    /// Visible columns that it reads, ascending.
    pub(super) used: Vec<usize>,
    /// What data may be skipped by, over the raw columns.
    pruning: Option<Arc<dyn PhysicalExpr>>,
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

    /// The conditions among `filters` that cannot fail. They cross the barrier: rows are chosen by
    /// them, on visible values, before anything that can fail runs. Those on columns that the
    /// caller sees as they are, and the policy's own, are what data is skipped by.
    pub(in crate::engine) fn crossing(
        &self,
        state: &SessionState,
        filters: &[Expr],
    ) -> Result<Crossing, EngineError> {
        let physical = |expr: Option<Expr>, schema: SchemaRef| match expr {
            Some(expr) => {
                let schema = DFSchema::try_from(schema).map_err(EngineError::planning)?;
                state.create_physical_expr(expr, &schema).map(Some).map_err(EngineError::planning)
            }
            None => Ok(None),
        };
        let safe = conjunction(filters.iter().filter(|filter| self.crosses(filter)).cloned());
        let condition = physical(safe, Arc::clone(&self.schema))?;
        let columns = condition.iter().flat_map(collect_columns);
        let used: BTreeSet<usize> = columns.map(|column| column.index()).collect();
        let can_skip = |name: &str| self.can_skip(name);
        let skips = filters.iter().filter(|filter| is_safe_comparison(filter, &can_skip)).cloned();
        let callers = physical(conjunction(skips), raw_schema(&self.snapshot))?;
        let pruning = match (&self.rows, callers) {
            (VisibleRows::Where { skipping: Some(policy), .. }, Some(callers)) => {
                Some(and(Arc::clone(policy), callers))
            }
            (VisibleRows::Where { skipping: Some(policy), .. }, None) => Some(Arc::clone(policy)),
            (_, callers) => callers,
        };
        Ok(Crossing { condition, used: used.into_iter().collect(), pruning })
    }

    /// The filter may cross the barrier.
    pub(in crate::engine) fn crosses(&self, filter: &Expr) -> bool {
        is_safe_comparison(filter, &|name: &str| self.column(name).is_some())
    }

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

fn and(left: Arc<dyn PhysicalExpr>, right: Arc<dyn PhysicalExpr>) -> Arc<dyn PhysicalExpr> {
    use datafusion::logical_expr::Operator;
    use datafusion::physical_expr::expressions::BinaryExpr;
    Arc::new(BinaryExpr::new(left, Operator::And, right))
}
