//! SQL over the caller's tables: owns the check that a text is one read-only `SELECT` built from plain parts,
//! the names that it uses, and its plan over secured tables only. Does not authorize.

mod allowed;
mod joins;
mod names;
mod params;
mod resolve;
mod scope;
mod spelling;
mod titles;
mod wildcard;

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::SessionState;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{Query, Statement};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::splitting::partitions;
use super::{Rows, expand, run, run_into};
use crate::engine::error::{Complaint, EngineError, TextPosition};
use crate::engine::expression::long_numbers::{self, LongNumbers};
use crate::engine::expression::{Budget, measure, parse_error, patterns, texts, typed_plan};
use crate::engine::secured::SecuredTable;
use crate::engine::secured::provider::SecuredProvider;
use crate::engine::session::Engine;
use crate::engine::sink::Sink;
use crate::engine::statement::Literal;

/// A parsed and checked query whose tables are not known yet.
#[derive(Debug, Clone)]
pub struct ParsedSql {
    query: Box<Query>,
    tables: Vec<TableName>,
}

/// A table named by a query.
#[derive(Debug, Clone)]
pub struct TableName {
    /// As written.
    pub name: String,
    /// A common table expression that is in reach has this name in another case.
    pub may_be_local: bool,
    /// Where it stands.
    pub position: TextPosition,
}

impl ParsedSql {
    /// Parses `text`.
    ///
    /// # Errors
    /// Anything but one read-only `SELECT` of plain parts, or one over the size limits.
    pub fn parse(engine: &Engine, text: &str) -> Result<Self, EngineError> {
        let limits = &engine.config.statements;
        let budget = Budget::of(limits);
        let tokens = measure(text, budget)?;
        let mut statements = Parser::new(&GenericDialect {})
            .with_recursion_limit(budget.parser_recursion())
            .with_tokens_with_locations(tokens)
            .parse_statements()
            .map_err(|e| parse_error(&e.to_string(), text))?;
        let one = if statements.len() == 1 { statements.pop() } else { None };
        let Some(Statement::Query(mut query)) = one else {
            return Err(EngineError::Unsupported(
                Complaint::new("the text is not one SELECT statement")
                    .with_hint(Some("send one read-only SELECT, without others beside it".to_owned())),
            ));
        };
        allowed::check(&query, limits)?;
        expand::check(&query, limits)?;
        let tables = names::tables(&query)?;
        titles::give(&mut query);
        Ok(Self { query, tables })
    }

    /// The tables that it names, each once.
    pub fn tables(&self) -> &[TableName] {
        &self.tables
    }
}

/// Runs a parsed query over `tables`, by the names that the query uses for them.
///
/// # Errors
/// What does not plan or run over these tables, or a result over the limits.
pub async fn sql(
    engine: &Arc<Engine>,
    parsed: ParsedSql,
    tables: &BTreeMap<String, Arc<SecuredTable>>,
    params: &[Literal],
) -> Result<Rows, EngineError> {
    let (state, plan) = bound(engine, parsed, tables, params).await?;
    run(engine, &state, &plan).await
}

/// The same, putting the rows into `sink`, without limits on the result.
///
/// # Errors
/// What does not plan or run over these tables, and a reader that has stalled or gone.
pub async fn stream(
    engine: &Arc<Engine>,
    parsed: ParsedSql,
    tables: &BTreeMap<String, Arc<SecuredTable>>,
    params: &[Literal],
    sink: Sink,
) -> Result<(), EngineError> {
    let (state, plan) = bound(engine, parsed, tables, params).await?;
    run_into(engine, &state, &plan, sink).await
}

/// The plan of a query over `tables`, checked and typed, and the session that it is to run in.
async fn bound(
    engine: &Arc<Engine>,
    parsed: ParsedSql,
    tables: &BTreeMap<String, Arc<SecuredTable>>,
    params: &[Literal],
) -> Result<(SessionState, LogicalPlan), EngineError> {
    let mut query = parsed.query;
    spelling::correct_functions(&mut query, engine.function_names())?;
    let limits = &engine.config.statements;
    let first = session(engine, tables, engine.config.partitions)?;
    let (plan, numbers) = planned(&first, query, tables).await?;
    SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false)
        .verify_plan(&plan)
        .map_err(|_| EngineError::Unsupported(Complaint::new("only SELECT is allowed")))?;
    let plan = params::bind(plan, params, numbers, limits)?;
    texts::check_plan(&plan, limits)?;
    patterns::check_plan(&plan, limits, &first)?;
    let plan = typed_plan(plan).map_err(EngineError::planning)?;
    refuse_repeated_columns(&plan)?;
    let state = session(engine, tables, partitions(engine, &plan, tables.values())?)?;
    Ok((state, plan))
}

/// The plan of a query whose names are made exact, and the long numbers that were taken out of it.
async fn planned(
    state: &SessionState,
    query: Box<Query>,
    tables: &BTreeMap<String, Arc<SecuredTable>>,
) -> Result<(LogicalPlan, LongNumbers), EngineError> {
    let mut exact = query;
    resolve::exact(&mut exact, tables)?;
    plan(state, exact.clone()).await.map_err(|error| spelling::explain(error, &exact, tables))
}

async fn plan(
    state: &SessionState,
    mut query: Box<Query>,
) -> Result<(LogicalPlan, LongNumbers), EngineError> {
    titles::in_orders(&mut query);
    let numbers = long_numbers::taken(query.as_mut());
    let statement = DfStatement::Statement(Box::new(Statement::Query(query)));
    let plan = state.statement_to_plan(statement).await.map_err(EngineError::planning)?;
    check_columns(&plan)?;
    Ok((plan, numbers))
}

/// The planner lets a column of a relation that does not exist pass where it needs no type of it: in orders
/// and in conditions of joins.
fn check_columns(plan: &LogicalPlan) -> Result<(), EngineError> {
    let unknown = |node: &LogicalPlan| {
        let inputs = node.inputs();
        let expressions = node.expressions();
        let mut columns = expressions.iter().flat_map(Expr::column_refs);
        columns.find(|column| !inputs.iter().any(|input| input.schema().has_column(column))).cloned()
    };
    let mut found = None;
    plan.apply_with_subqueries(|node| {
        found = unknown(node);
        Ok(if found.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })
    .map_err(EngineError::planning)?;
    match found {
        Some(column) => {
            Err(EngineError::UnknownColumn(Complaint::new(format!("column \"{}\" not found", column.name))))
        }
        None => Ok(()),
    }
}

fn session(
    engine: &Arc<Engine>,
    tables: &BTreeMap<String, Arc<SecuredTable>>,
    partitions: usize,
) -> Result<SessionState, EngineError> {
    let mut state = engine.session(partitions);
    // The time that `now()` and its like stand for, the same all over the query.
    state.mark_start_execution();
    let schema = state
        .catalog_list()
        .catalog("lake")
        .and_then(|catalog| catalog.schema("gold"))
        .ok_or_else(|| EngineError::Internal("the session has no schema".into()))?;
    for (name, table) in tables {
        let provider = SecuredProvider::new(Arc::clone(engine), Arc::clone(table));
        schema.register_table(name.clone(), Arc::new(provider)).map_err(EngineError::planning)?;
    }
    Ok(state)
}

/// A row is answered as an object: two columns of one name would hide each other.
fn refuse_repeated_columns(plan: &LogicalPlan) -> Result<(), EngineError> {
    let fields = plan.schema().fields();
    for (at, field) in fields.iter().enumerate() {
        if fields.iter().take(at).any(|other| other.name() == field.name()) {
            return Err(EngineError::InvalidExpression(
                Complaint::new(format!("two result columns are named \"{}\"", field.name()))
                    .with_hint(Some("give one an alias with AS".to_owned())),
            ));
        }
    }
    Ok(())
}
