//! A caller's condition made into an expression: owns the way from text or tree to a checked,
//! coerced, simplified boolean over visible columns. Knows nothing of raw columns.

pub(super) mod distinct_from;
mod fields;
pub(super) mod infallible;
mod literals;
mod locating;
pub(super) mod long_numbers;
mod measure;
mod membership;
pub(crate) mod names;
pub(super) mod patterns;
pub(super) mod row_wise;
pub(super) mod texts;
mod tree;

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::execution::SessionState;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::error::wording::{plain, types_in_words};
use super::error::{Complaint, EngineError, TextPosition};
use super::functions::guarded::guarded;
use super::session::Engine;
use super::statement::Filter;
use crate::config::limits::StatementLimits;
use names::Names;

pub(super) use fields::ExactFields;
pub(super) use literals::{is_finer_than_microseconds, scalar, typed_plan};
pub(super) use measure::{Budget, measure};

/// A caller's condition over `schema` as a boolean expression whose columns all exist there.
pub(super) fn condition(
    engine: &Engine,
    state: &SessionState,
    filter: &Filter,
    schema: &DFSchema,
) -> Result<Expr, EngineError> {
    let limits = &engine.config.statements;
    let budget = Budget::of(limits);
    let names = Names::new(schema.as_arrow(), engine.function_names());
    match filter {
        Filter::Text(text) => {
            let mut tree = parse(text, budget)?;
            names.resolve(&mut tree)?;
            let compile = |tree| compile(state, tree, schema, limits);
            compile(tree.clone())
                .and_then(|expr| boolean(expr, schema))
                .map_err(|error| locating::located(error, &tree, |part| compile(part).map(drop)))
        }
        Filter::Tree(node) => {
            let expr = tree::to_expr(node, schema.as_arrow(), &names, budget)?;
            patterns::check(&expr, limits, state)?;
            let expr = settle(state, expr, schema)?;
            refuse_foreign(&expr)?;
            boolean(expr, schema)
        }
    }
}

/// A caller's syntax tree whose names are resolved, as an expression over `schema` that can be run.
fn compile(
    state: &SessionState,
    mut tree: ast::Expr,
    schema: &DFSchema,
    limits: &StatementLimits,
) -> Result<Expr, EngineError> {
    let numbers = long_numbers::taken(&mut tree);
    let expr = from_ast(state, tree, schema)?;
    let expr = long_numbers::put_back(expr, &numbers).map_err(EngineError::planning)?;
    texts::check(&expr, limits)?;
    patterns::check(&expr, limits, state)?;
    let expr = settle(state, expr, schema)?;
    refuse_foreign(&expr)?;
    Ok(expr)
}

fn boolean(expr: Expr, schema: &DFSchema) -> Result<Expr, EngineError> {
    match datafusion::logical_expr::ExprSchemable::get_type(&expr, schema) {
        Ok(DataType::Boolean | DataType::Null) => Ok(expr),
        Ok(other) => Err(EngineError::InvalidExpression(
            Complaint::new(format!(
                "the filter is of type {}, not boolean",
                types_in_words(&other.to_string())
            ))
            .with_hint(Some("compare it with something".to_owned())),
        )),
        Err(error) => Err(EngineError::planning(error)),
    }
}

/// Text to syntax tree, measured first: the parser recurses.
pub(super) fn parse(text: &str, budget: Budget) -> Result<ast::Expr, EngineError> {
    let tokens = measure(text, budget)?;
    let mut parser = Parser::new(&GenericDialect {})
        .with_recursion_limit(budget.parser_recursion())
        .with_tokens_with_locations(tokens);
    let tree = parser.parse_expr().map_err(|e| parse_error(&e.to_string(), text))?;
    let rest = parser.peek_token();
    if rest.token != datafusion::sql::sqlparser::tokenizer::Token::EOF {
        let at = TextPosition { line: rest.span.start.line, column: rest.span.start.column };
        return Err(EngineError::InvalidExpression(
            Complaint::new(format!("unexpected \"{}\" after the expression", rest.token)).at(Some(at)),
        ));
    }
    Ok(tree)
}

/// A syntax tree whose names are resolved, as an expression over `schema`.
pub(super) fn from_ast(
    state: &SessionState,
    tree: ast::Expr,
    schema: &DFSchema,
) -> Result<Expr, EngineError> {
    let tree = ast::ExprWithAlias { expr: tree, alias: None };
    state.create_logical_expr_from_sql_expr(tree, schema).map_err(EngineError::planning)
}

/// Types coerced, arithmetic checked, constants folded; the time of day is the session's, or else this moment.
pub(super) fn settle(state: &SessionState, expr: Expr, schema: &DFSchema) -> Result<Expr, EngineError> {
    let asked_at = state.execution_props().query_execution_start_time;
    let context = SimplifyContext::builder()
        .with_schema(Arc::new(schema.clone()))
        .with_config_options(Arc::clone(state.config_options()))
        .with_query_execution_start_time(Some(asked_at.unwrap_or_else(chrono::Utc::now)))
        .build();
    let simplifier = ExprSimplifier::new(context);
    let expr = literals::typed(expr, schema).map_err(EngineError::planning)?;
    let coerced = simplifier.coerce(expr, schema).map_err(EngineError::planning)?;
    let guarded = guarded(coerced, schema).map_err(EngineError::planning)?;
    simplifier.simplify(guarded).map_err(EngineError::planning)
}

/// The parser's complaint about `source`, with its position taken out of its text.
pub(super) fn parse_error(message: &str, source: &str) -> EngineError {
    let message = message.trim_start_matches("sql parser error: ");
    let (text, position) = match message.rsplit_once(" at Line: ") {
        Some((text, place)) => (text, position(place)),
        None if message.ends_with("found: EOF") => (message, Some(end_of(source))),
        None => (message, None),
    };
    if text.contains("recursion limit") {
        return EngineError::TooLarge("the expression is nested too deeply".to_owned());
    }
    let text = if text.is_empty() { "the text does not parse".to_owned() } else { plain(text) };
    EngineError::InvalidExpression(Complaint::new(text).at(position))
}

/// One past the last character.
fn end_of(text: &str) -> TextPosition {
    let last = text.rsplit('\n').next().unwrap_or_default();
    let lines = text.matches('\n').count();
    TextPosition { line: lines as u64 + 1, column: last.chars().count() as u64 + 1 }
}

fn position(place: &str) -> Option<TextPosition> {
    let (line, column) = place.split_once(", Column: ")?;
    Some(TextPosition { line: line.trim().parse().ok()?, column: column.trim().parse().ok()? })
}

/// A row condition has no aggregates, windows, subqueries or parameters.
fn refuse_foreign(expr: &Expr) -> Result<(), EngineError> {
    let mut found = None;
    let walked = expr.apply(|node| {
        found = match node {
            Expr::AggregateFunction(_) => Some("aggregate functions"),
            Expr::WindowFunction(_) => Some("window functions"),
            Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::SetComparison(_) => {
                Some("subqueries")
            }
            Expr::Placeholder(_) => Some("parameters"),
            _ => None,
        };
        Ok(if found.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    walked.map_err(EngineError::planning)?;
    match found {
        Some(what) => {
            Err(EngineError::InvalidExpression(Complaint::new(format!("{what} are not allowed in a filter"))))
        }
        None => Ok(()),
    }
}

/// An unqualified column by its exact name.
pub(super) fn column(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}
