//! Names of result columns to which the query gives none: owns naming them as they are written. The engine
//! would name them after its own types. Columns keep their names.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, Ident, OrderByKind, Query, Select, SelectItem, SetExpr, TableFactor, VisitMut, VisitorMut,
};

/// Names the columns of `query` and of every query that one selects from. Queries inside expressions have
/// columns that nobody sees.
pub(super) fn give(query: &mut Query) {
    struct Titles;
    impl VisitorMut for Titles {
        type Break = ();
        fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
            let ctes = query.with.iter_mut().flat_map(|with| &mut with.cte_tables);
            ctes.for_each(|cte| of_body(&mut cte.query.body));
            ControlFlow::Continue(())
        }
        fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<()> {
            if let TableFactor::Derived { subquery, .. } = table {
                of_body(&mut subquery.body);
            }
            ControlFlow::Continue(())
        }
    }
    of_body(&mut query.body);
    let _ = query.visit(&mut Titles);
}

fn of_body(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => of_select(select),
        SetExpr::Query(query) => of_body(&mut query.body),
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
}

fn is_column(expr: &Expr) -> bool {
    match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => true,
        Expr::Nested(inner) => is_column(inner),
        _ => false,
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
    // These mean columns of the result already, by name or by number.
    if is_column(key) || matches!(key, Expr::Value(_)) {
        return;
    }
    let title = projection.iter().find_map(|item| match item {
        SelectItem::ExprWithAlias { expr, alias } if expr == key => Some(alias.clone()),
        _ => None,
    });
    if let Some(title) = title {
        *key = Expr::Identifier(title);
    }
}
