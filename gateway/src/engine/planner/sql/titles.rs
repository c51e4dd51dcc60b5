//! Names of result columns to which the query gives none: owns naming them as they are written. The engine
//! would name them after its own types. Columns keep their names.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, Ident, OrderByKind, Query, Select, SelectItem, SetExpr, TableFactor, TableWithJoins,
    VisitMut, VisitorMut,
};

/// Names the columns of `query` and of every query that it selects from.
pub(super) fn give(query: &mut Query) {
    for cte in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
        give(&mut cte.query);
    }
    of_body(&mut query.body);
}

fn of_body(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => of_select(select),
        SetExpr::Query(query) => give(query),
        SetExpr::SetOperation { left, right, .. } => {
            of_body(left);
            of_body(right);
        }
        _ => {}
    }
}

fn of_select(select: &mut Select) {
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(expr) = item
            && !is_column(expr)
        {
            let alias = Ident::with_quote('"', expr.to_string());
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
        }
    }
    select.from.iter_mut().for_each(of_tables);
}

fn is_column(expr: &Expr) -> bool {
    match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => true,
        Expr::Nested(inner) => is_column(inner),
        _ => false,
    }
}

fn of_tables(tables: &mut TableWithJoins) {
    of_table(&mut tables.relation);
    tables.joins.iter_mut().for_each(|join| of_table(&mut join.relation));
}

fn of_table(table: &mut TableFactor) {
    match table {
        TableFactor::Derived { subquery, .. } => give(subquery),
        TableFactor::NestedJoin { table_with_joins, .. } => of_tables(table_with_joins),
        _ => {}
    }
}

/// Has distinct rows ordered by their columns where the order repeats what the columns are made of: the engine
/// does not see that these are the same once a column has a name.
pub(super) fn in_orders(query: &mut Query) {
    struct Orders;
    impl VisitorMut for Orders {
        type Break = ();
        fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
            if let (SetExpr::Select(select), Some(order)) = (query.body.as_ref(), &mut query.order_by)
                && matches!(select.distinct, Some(Distinct::Distinct))
                && let OrderByKind::Expressions(keys) = &mut order.kind
            {
                keys.iter_mut().for_each(|key| by_title(&mut key.expr, &select.projection));
            }
            ControlFlow::Continue(())
        }
    }
    let _ = query.visit(&mut Orders);
}

fn by_title(key: &mut Expr, projection: &[SelectItem]) {
    let title = projection.iter().find_map(|item| match item {
        SelectItem::ExprWithAlias { expr, alias } if expr == key => Some(alias.clone()),
        _ => None,
    });
    if let Some(title) = title {
        *key = Expr::Identifier(title);
    }
}
