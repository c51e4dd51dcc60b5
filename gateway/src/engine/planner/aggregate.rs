//! Grouped results over one secured table: owns the plan of an `Aggregate` statement, which of its groups are a page,
//! and whether they would come in the same order again. Does not make cursors.

mod order;
mod outputs;

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::common::DFSchema;
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;

use self::order::ordered;
use self::outputs::{check_outputs, group, measure};
use super::splitting::{depends_on_order, partitions};
use super::{Rows, collect, started};
use crate::engine::error::EngineError;
use crate::engine::expression::names::Names;
use crate::engine::expression::{column, condition};
use crate::engine::secured::SecuredTable;
use crate::engine::secured::provider::SecuredProvider;
use crate::engine::session::Engine;
use crate::engine::statement::Aggregate;

/// Most groups that are kept instead of sorting all: what is kept cannot go to disk.
const KEPT_GROUPS_MAX: usize = 10_000;

/// Which groups, and what they depend on beside the table: pages that agree on it are pages of one result.
#[derive(Debug, Clone, Copy)]
pub struct GroupsQuery<'a> {
    /// The question; without its `limit`, all groups are asked for.
    pub statement: &'a Aggregate,
    /// Groups before the first one that is wanted.
    pub skip: usize,
    /// The time that `now()` stands for.
    pub asked_at: DateTime<Utc>,
    /// Key of the order in which rows are added up where physical order is secret; SQL goes by the engine's own.
    pub order_key: [u8; 16],
}

/// All groups, or a page of them.
#[derive(Debug)]
pub struct Groups {
    /// The groups.
    pub rows: Rows,
    /// There are groups after the last.
    pub more: bool,
    /// Asked again, all groups come in this order.
    pub settled: bool,
}

/// Runs an aggregate over `table`.
///
/// # Errors
/// A name, filter or measure that is wrong for this caller, or more groups than the limit. Too little memory to have
/// the groups before `skip` in the order that they had.
pub async fn aggregate(
    engine: &Arc<Engine>,
    table: Arc<SecuredTable>,
    query: &GroupsQuery<'_>,
) -> Result<Groups, EngineError> {
    let statement = query.statement;
    check_size(engine, statement)?;
    let mut state = engine.session(engine.config.partitions);
    state.execution_props_mut().query_execution_start_time = Some(query.asked_at);
    let visible = Arc::clone(&table.schema);
    let names = Names::new(&visible, engine.function_names());
    let provider =
        SecuredProvider::new(Arc::clone(engine), Arc::clone(&table)).with_order_key(&query.order_key);
    let mut plan = LogicalPlanBuilder::scan("t", provider_as_source(Arc::new(provider)), None)
        .map_err(EngineError::planning)?;
    if let Some(filter) = &statement.filter {
        let schema = DFSchema::try_from(Arc::clone(&visible)).map_err(EngineError::planning)?;
        let filter = condition(engine, &state, filter, &schema)?;
        plan = plan.filter(filter).map_err(EngineError::planning)?;
    }
    let groups = statement.group_by.iter().map(|g| group(g, &names)).collect::<Result<Vec<_>, _>>()?;
    let measures = statement.measures.iter().map(|m| measure(m, &names)).collect::<Result<Vec<_>, _>>()?;
    let outputs: Vec<String> = groups.iter().chain(&measures).map(|e| e.schema_name().to_string()).collect();
    check_outputs(&outputs)?;
    let rounded = rounded(&measures, plan.schema())?;
    let plan = plan.aggregate(groups.clone(), measures).map_err(EngineError::planning)?;
    let plan = plan.project(outputs.iter().map(|name| column(name))).map_err(EngineError::planning)?;
    let (plan, used) = ordered(engine, &state, plan, statement, groups.len())?;
    let state = engine.session(partitions(engine, &plan, [&table])?);
    let plan = up_to_the_page(plan, query).map_err(EngineError::planning)?;
    let (stream, physical) = started(engine, &state, &plan).await?;
    let (rows, more) = collect(engine, stream, query.skip, statement.limit.unwrap_or(usize::MAX)).await?;
    let settled = used.is_disjoint(&rounded) || !went_to_disk(&physical);
    if query.skip > 0 && !settled {
        let why = "groups in an order of rounded values went to disk";
        return Err(EngineError::Memory(DataFusionError::ResourcesExhausted(why.to_owned())));
    }
    Ok(Groups { rows, more, settled })
}

/// Names of the measures that are rounded otherwise when their rows are added up otherwise.
fn rounded(measures: &[Expr], rows: &DFSchema) -> Result<HashSet<String>, EngineError> {
    let mut names = HashSet::new();
    for measure in measures {
        if depends_on_order(measure, rows).map_err(EngineError::planning)? {
            names.insert(measure.schema_name().to_string());
        }
    }
    Ok(names)
}

/// The plan without what lies far behind the page, where that is cheaper than all.
fn up_to_the_page(plan: LogicalPlan, query: &GroupsQuery<'_>) -> Result<LogicalPlan, DataFusionError> {
    // One more tells whether there are more.
    let wanted = query.statement.limit.map(|limit| limit.saturating_add(1).saturating_add(query.skip));
    match wanted {
        Some(wanted) if wanted <= KEPT_GROUPS_MAX => {
            LogicalPlanBuilder::from(plan).limit(0, Some(wanted))?.build()
        }
        _ => Ok(plan),
    }
}

/// Some groups did not fit memory: what is added up in parts is rounded otherwise.
fn went_to_disk(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let metrics = plan.downcast_ref::<AggregateExec>().and_then(ExecutionPlan::metrics);
    metrics.and_then(|metrics| metrics.spill_count()).is_some_and(|spills| spills > 0)
        || plan.children().into_iter().any(went_to_disk)
}

/// Lists are counted as the parts of an expression are: planning goes over each for all the others.
fn check_size(engine: &Engine, statement: &Aggregate) -> Result<(), EngineError> {
    let parts = statement.group_by.len() + statement.measures.len() + statement.order.len();
    if parts > engine.config.statements.nodes_max {
        return Err(EngineError::TooLarge(format!(
            "group keys, measures and order are more than {} together",
            engine.config.statements.nodes_max
        )));
    }
    Ok(())
}
