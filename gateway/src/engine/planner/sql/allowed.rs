//! Which SQL is let in: owns the walk that refuses everything but plain reads. What the planner
//! does not know yet is refused here too, so that a later version of it opens nothing.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Distinct, DuplicateTreatment, Expr, FunctionArguments, GroupByExpr, GroupByWithModifier,
    JoinConstraint, JoinOperator, OrderByKind, Query, Select, SelectItem, SetExpr, SetOperator,
    SetQuantifier, TableFactor, TableWithJoins, Visit, Visitor, WildcardAdditionalOptions, WindowSpec,
    WindowType,
};

use crate::config::limits::StatementLimits;
use crate::engine::error::{Complaint, EngineError};
use crate::engine::expression::distinct_from::{SWALLOWING, swallows};

/// Refuses what is not a plain read.
pub(super) fn check(query: &Query, limits: &StatementLimits) -> Result<(), EngineError> {
    let mut guard = Guard { queries: 0, builds: false, grouping_sets: 0 };
    if let ControlFlow::Break(what) = query.visit(&mut guard) {
        return Err(EngineError::Unsupported(
            Complaint::new(format!("{what} is not supported"))
                .with_hint(Some("send one plain read-only SELECT".to_owned())),
        ));
    }
    let most = limits.grouping_sets_max;
    if guard.grouping_sets > most {
        return Err(EngineError::TooLarge(format!("the query has more than {most} grouping sets")));
    }
    Ok(())
}

/// Sets that one `SELECT` groups by; none where it does so plainly.
fn grouping_sets(by: &GroupByExpr) -> usize {
    let GroupByExpr::Expressions(exprs, modifiers) = by else { return 0 };
    let cube = |columns: usize| {
        u32::try_from(columns).ok().and_then(|n| 2_usize.checked_pow(n)).unwrap_or(usize::MAX)
    };
    let of_expr = |expr: &Expr| match expr {
        Expr::Cube(sets) => cube(sets.len()),
        Expr::Rollup(sets) => sets.len() + 1,
        Expr::GroupingSets(sets) => sets.len(),
        _ => 1,
    };
    let of_modifier = |modifier: &GroupByWithModifier| match modifier {
        GroupByWithModifier::Cube => cube(exprs.len()),
        _ => exprs.len() + 1,
    };
    let factors = exprs.iter().map(of_expr).chain(modifiers.iter().map(of_modifier));
    match factors.fold(1, usize::saturating_mul) {
        1 => 0,
        sets => sets,
    }
}

/// The engine goes over all values of the frame for each row.
fn searches_anew(expr: &Expr) -> bool {
    let Expr::Function(function) = expr else { return false };
    let name = function.name.to_string().to_ascii_lowercase();
    let is_plain = |spec: &WindowSpec| spec.order_by.is_empty() && spec.window_frame.is_none();
    ["median", "percentile_cont", "quantile_cont"].contains(&name.as_str())
        && function.over.as_ref().is_some_and(|window| !window_is(window, is_plain))
}

/// The engine's own takes values out of such a sum again, but wraps around.
fn sums_distinct_values_anew(expr: &Expr) -> bool {
    let Expr::Function(function) = expr else { return false };
    let FunctionArguments::List(arguments) = &function.args else { return false };
    function.name.to_string().eq_ignore_ascii_case("sum")
        && arguments.duplicate_treatment == Some(DuplicateTreatment::Distinct)
        && function.over.as_ref().is_some_and(|window| !window_is(window, |spec| spec.window_frame.is_none()))
}

/// Whether a window is written out and is such.
fn window_is(window: &WindowType, is_such: impl Fn(&WindowSpec) -> bool) -> bool {
    match window {
        WindowType::WindowSpec(spec) => spec.window_name.is_none() && is_such(spec),
        WindowType::NamedWindow(_) => false,
    }
}

struct Guard {
    queries: usize,
    /// Some value is put together from others.
    builds: bool,
    /// `CUBE` and `ROLLUP` written out.
    grouping_sets: usize,
}

/// Each level of nesting could double a value that the level below it put together.
const DOUBLING: &str = "|| or a list or struct literal in a query with subqueries";

impl Guard {
    const fn doubles(&self) -> bool {
        self.queries > 1 && self.builds
    }
}

impl Visitor for Guard {
    type Break = &'static str;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<&'static str> {
        self.queries += 1;
        let refused = [
            (self.doubles(), DOUBLING),
            (query.with.as_ref().is_some_and(|w| w.recursive), "WITH RECURSIVE"),
            (!query.locks.is_empty(), "FOR UPDATE"),
            (query.for_clause.is_some(), "a FOR clause"),
            (query.settings.is_some(), "SETTINGS"),
            (query.format_clause.is_some(), "FORMAT"),
            (!query.pipe_operators.is_empty(), "a pipe operator"),
            (is_write(&query.body), "writing"),
            (takes_bags_apart(&query.body), "INTERSECT ALL or EXCEPT ALL"),
            (repeats_an_order_key(query), "DISTINCT ON with an order key twice"),
        ];
        first(&refused)
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<&'static str> {
        self.builds |= matches!(
            expr,
            Expr::BinaryOp { op: BinaryOperator::StringConcat, .. }
                | Expr::Array(_)
                | Expr::Struct { .. }
                | Expr::Tuple(_)
                | Expr::Dictionary(_)
                | Expr::Map(_)
        );
        first(&[
            (self.doubles(), DOUBLING),
            (swallows(expr), SWALLOWING),
            (compares_rows(expr), "comparing rows of values, such as (a, b) < (c, d),"),
            (searches_anew(expr), "median or percentile_cont over a frame that grows or moves"),
            (sums_distinct_values_anew(expr), "a sum of distinct values over a frame that moves"),
        ])
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<&'static str> {
        let refused = [
            (select.into.is_some(), "SELECT INTO"),
            (select.top.is_some(), "TOP"),
            (select.exclude.is_some(), "EXCLUDE"),
            (!select.optimizer_hints.is_empty(), "an optimizer hint"),
            (select.select_modifiers.is_some(), "a SELECT modifier"),
            (!select.lateral_views.is_empty(), "LATERAL VIEW"),
            (select.prewhere.is_some(), "PREWHERE"),
            (!select.connect_by.is_empty(), "CONNECT BY"),
            (!select.cluster_by.is_empty(), "CLUSTER BY"),
            (!select.distribute_by.is_empty(), "DISTRIBUTE BY"),
            (!select.sort_by.is_empty(), "SORT BY"),
            (select.value_table_mode.is_some(), "AS VALUE"),
        ];
        first(&refused)?;
        self.grouping_sets = self.grouping_sets.saturating_add(grouping_sets(&select.group_by));
        select.from.iter().try_for_each(joins)?;
        select.projection.iter().try_for_each(wildcard)
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<&'static str> {
        match factor {
            TableFactor::Table {
                args,
                with_hints,
                version,
                with_ordinality,
                partitions,
                json_path,
                sample,
                index_hints,
                ..
            } => first(&[
                (args.is_some(), "a table function"),
                (!with_hints.is_empty() || !index_hints.is_empty(), "a table hint"),
                (version.is_some(), "a table version in SQL"),
                (*with_ordinality, "WITH ORDINALITY"),
                (!partitions.is_empty(), "PARTITION"),
                (json_path.is_some(), "a path in a table name"),
                (sample.is_some(), "TABLESAMPLE"),
            ]),
            TableFactor::Derived { lateral, sample, .. } => {
                first(&[(*lateral, "LATERAL"), (sample.is_some(), "TABLESAMPLE")])
            }
            TableFactor::NestedJoin { table_with_joins, .. } => joins(table_with_joins),
            _ => ControlFlow::Break("a table function"),
        }
    }
}

/// The planner shows the left side's key of a join that may lack a left row.
fn joins(table: &TableWithJoins) -> ControlFlow<&'static str> {
    table.joins.iter().try_for_each(|join| match &join.join_operator {
        JoinOperator::Right(by) | JoinOperator::RightOuter(by) | JoinOperator::FullOuter(by)
            if matches!(by, JoinConstraint::Using(_) | JoinConstraint::Natural) =>
        {
            ControlFlow::Break("a RIGHT or FULL JOIN by USING or NATURAL, instead of ON,")
        }
        _ => ControlFlow::Continue(()),
    })
}

/// A NULL in a row of values is a value to the engine.
fn compares_rows(expr: &Expr) -> bool {
    match expr {
        Expr::BinaryOp { left, right, .. } => {
            matches!(left.as_ref(), Expr::Tuple(_)) || matches!(right.as_ref(), Expr::Tuple(_))
        }
        Expr::InList { expr, .. } | Expr::InSubquery { expr, .. } | Expr::Between { expr, .. } => {
            matches!(expr.as_ref(), Expr::Tuple(_))
        }
        _ => false,
    }
}

/// The planner runs these as joins, which know no multiplicities.
fn takes_bags_apart(body: &SetExpr) -> bool {
    let mut open = vec![body];
    while let Some(body) = open.pop() {
        let SetExpr::SetOperation { op, set_quantifier, left, right } = body else { continue };
        let of_bags = matches!(set_quantifier, SetQuantifier::All | SetQuantifier::AllByName);
        if of_bags && !matches!(op, SetOperator::Union) {
            return true;
        }
        open.extend([left.as_ref(), right.as_ref()]);
    }
    false
}

/// The planner fails on it.
fn repeats_an_order_key(query: &Query) -> bool {
    let SetExpr::Select(select) = query.body.as_ref() else { return false };
    let (Some(Distinct::On(_)), Some(order)) = (&select.distinct, &query.order_by) else { return false };
    let OrderByKind::Expressions(keys) = &order.kind else { return false };
    (1..keys.len()).any(|at| keys[..at].iter().any(|earlier| earlier.expr == keys[at].expr))
}

/// Leaving columns out of `*` is as good as listing the others; what else dialects let a wildcard
/// do has a plain form.
fn wildcard(item: &SelectItem) -> ControlFlow<&'static str> {
    let (SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options)) = item else {
        return ControlFlow::Continue(());
    };
    let WildcardAdditionalOptions {
        wildcard_token: _,
        opt_ilike,
        opt_exclude: _,
        opt_except: _,
        opt_replace,
        opt_rename,
        opt_alias,
    } = options;
    first(&[
        (opt_ilike.is_some(), "ILIKE after *"),
        (opt_replace.is_some(), "REPLACE after *"),
        (opt_rename.is_some(), "RENAME after *"),
        (opt_alias.is_some(), "AS after *"),
    ])
}

fn is_write(body: &SetExpr) -> bool {
    matches!(
        body,
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) | SetExpr::Table(_)
    )
}

fn first(refused: &[(bool, &'static str)]) -> ControlFlow<&'static str> {
    match refused.iter().find(|(found, _)| *found) {
        Some((_, what)) => ControlFlow::Break(*what),
        None => ControlFlow::Continue(()),
    }
}
