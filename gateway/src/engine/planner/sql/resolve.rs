//! Names of columns and relations in a query: owns the walk that gives each of them, in its own scope, the exact
//! name of what is visible. Does not plan: what it cannot find stays as it is written, for the planner to refuse.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, JoinConstraint, ObjectName, ObjectNamePart, OrderByKind, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, TableAlias, TableFactor, TableWithJoins, VisitMut, VisitorMut,
};

use super::joins::constraints;
use super::scope::{Columns, Path, Place, Relation, Scope, Scopes, correct};
use super::wildcard::{left_out, without};
use crate::engine::error::EngineError;
use crate::engine::secured::SecuredTable;

/// Gives all names in `query` the case of what they mean.
///
/// # Errors
/// A column that a wildcard leaves out and that is not there.
pub(super) fn exact(
    query: &mut Query,
    tables: &BTreeMap<String, Arc<SecuredTable>>,
) -> Result<(), EngineError> {
    Resolver { tables }.query(query, &[], None).map(drop)
}

struct Resolver<'a> {
    tables: &'a BTreeMap<String, Arc<SecuredTable>>,
}

type Outer<'s> = Option<&'s Scopes<'s>>;

impl Resolver<'_> {
    /// The names of the query's results. `locals` are the common table expressions in reach.
    fn query(
        &self,
        query: &mut Query,
        locals: &[Relation],
        outer: Outer<'_>,
    ) -> Result<Columns, EngineError> {
        let mut locals = locals.to_vec();
        for cte in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
            let columns = self.query(&mut cte.query, &locals, outer)?;
            locals.push(renamed(&cte.alias, Some(columns)));
        }
        let scope = self.body(&mut query.body, &locals, outer)?;
        let Query { order_by, limit_clause, fetch, .. } = query;
        let mut names =
            Names { resolver: self, locals: &locals, scopes: scopes(&scope, Place::Order, outer) };
        if let Some(OrderByKind::Expressions(keys)) = order_by.as_mut().map(|order| &mut order.kind) {
            names.of(keys)?;
        }
        names.of(limit_clause)?;
        names.of(fetch)?;
        Ok(distinct(scope.outputs))
    }

    /// What an order over the body can name.
    fn body(&self, body: &mut SetExpr, locals: &[Relation], outer: Outer<'_>) -> Result<Scope, EngineError> {
        match body {
            SetExpr::Select(select) => self.select(select, locals, outer),
            SetExpr::Query(query) => {
                let outputs = self.query(query, locals, outer)?.to_vec();
                Ok(Scope { relations: Vec::new(), outputs })
            }
            SetExpr::SetOperation { left, right, .. } => {
                let left = self.body(left, locals, outer)?;
                self.body(right, locals, outer)?;
                Ok(Scope { relations: Vec::new(), outputs: left.outputs })
            }
            SetExpr::Values(values) => {
                let nothing = Scope::default();
                let scopes = scopes(&nothing, Place::Rows, outer);
                Names { resolver: self, locals, scopes }.of(values)?;
                let width = values.rows.first().map_or(0, |row| row.content.len());
                let outputs = (1..=width).map(|at| format!("column{at}")).collect();
                Ok(Scope { relations: Vec::new(), outputs })
            }
            _ => Ok(Scope::default()),
        }
    }

    fn select(
        &self,
        select: &mut Select,
        locals: &[Relation],
        outer: Outer<'_>,
    ) -> Result<Scope, EngineError> {
        let mut scope = Scope::default();
        for table in &mut select.from {
            self.joined(table, locals, outer, &mut scope.relations)?;
        }
        let mut rows = Names { resolver: self, locals, scopes: scopes(&scope, Place::Rows, outer) };
        for constraint in constraints(&mut select.from) {
            if let JoinConstraint::Using(columns) = constraint {
                columns.iter_mut().flat_map(idents).for_each(|ident| rows.scopes.column(ident));
            } else {
                rows.of(constraint)?;
            }
        }
        rows.of(&mut select.distinct)?;
        rows.of(&mut select.selection)?;
        rows.of(&mut select.named_window)?;
        let mut outputs = Vec::new();
        for item in &mut select.projection {
            rows.item(item, &mut outputs)?;
        }
        scope.outputs = outputs;
        let mut groups = Names { resolver: self, locals, scopes: scopes(&scope, Place::Groups, outer) };
        groups.of(&mut select.group_by)?;
        groups.of(&mut select.having)?;
        groups.of(&mut select.qualify)?;
        Ok(scope)
    }

    fn joined(
        &self,
        table: &mut TableWithJoins,
        locals: &[Relation],
        outer: Outer<'_>,
        found: &mut Vec<Relation>,
    ) -> Result<(), EngineError> {
        self.factor(&mut table.relation, locals, outer, found)?;
        for join in &mut table.joins {
            self.factor(&mut join.relation, locals, outer, found)?;
        }
        Ok(())
    }

    fn factor(
        &self,
        factor: &mut TableFactor,
        locals: &[Relation],
        outer: Outer<'_>,
        found: &mut Vec<Relation>,
    ) -> Result<(), EngineError> {
        match factor {
            TableFactor::Table { name, alias, .. } => {
                let relation = self.named(name, locals);
                found.push(match alias {
                    Some(alias) => renamed(alias, relation.columns),
                    None => relation,
                });
            }
            TableFactor::Derived { subquery, alias, .. } => {
                let columns = Some(self.query(subquery, locals, outer)?);
                found.push(match alias {
                    Some(alias) => renamed(alias, columns),
                    None => Relation { name: String::new(), columns },
                });
            }
            TableFactor::NestedJoin { table_with_joins, .. } => {
                self.joined(table_with_joins, locals, outer, found)?;
            }
            // Nothing else is let in; its columns are the planner's to know.
            _ => found.push(Relation { name: String::new(), columns: None }),
        }
        Ok(())
    }

    /// The common table expression or table of this name, which is made exact.
    fn named(&self, name: &mut ObjectName, locals: &[Relation]) -> Relation {
        let known =
            || locals.iter().map(|local| local.name.as_str()).chain(self.tables.keys().map(String::as_str));
        idents(name).for_each(|ident| {
            correct(ident, known());
        });
        let name = idents(name).last().map(|ident| ident.value.clone()).unwrap_or_default();
        // Of two that shadow each other, the inner.
        match locals.iter().rfind(|local| local.name == name) {
            Some(local) => local.clone(),
            None => {
                let columns = self.tables.get(&name).map(|table| {
                    distinct(table.schema.fields().iter().map(|field| field.name().clone()).collect())
                });
                Relation { name, columns }
            }
        }
    }
}

/// The names of one place.
struct Names<'n, 'a> {
    resolver: &'n Resolver<'a>,
    locals: &'n [Relation],
    scopes: Scopes<'n>,
}

impl Names<'_, '_> {
    /// Makes those of a part of the query exact, and those of the queries inside it.
    fn of(&mut self, part: &mut impl VisitMut) -> Result<(), EngineError> {
        match part.visit(&mut Walk { names: self, inside: 0 }) {
            ControlFlow::Break(error) => Err(error),
            ControlFlow::Continue(()) => Ok(()),
        }
    }

    /// Makes those of one result exact, and says what it is called.
    fn item(&mut self, item: &mut SelectItem, outputs: &mut Vec<String>) -> Result<(), EngineError> {
        match item {
            SelectItem::UnnamedExpr(expr) => {
                let written = expr.to_string();
                self.of(expr)?;
                match title(expr, &self.scopes) {
                    Some(column) => outputs.push(column),
                    None => {
                        *item = SelectItem::ExprWithAlias {
                            expr: expr.clone(),
                            alias: Ident::with_quote('"', written.clone()),
                        };
                        outputs.push(written);
                    }
                }
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                self.of(expr)?;
                outputs.push(alias.value.clone());
            }
            SelectItem::Wildcard(options) => {
                let own = self.scopes.own.relations.iter();
                let columns =
                    own.flat_map(|relation| relation.columns.iter().flat_map(|columns| columns.iter()));
                outputs.extend(without(left_out(options), columns.cloned().collect())?);
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                let relation = idents(name).last().and_then(|ident| self.scopes.starred(ident));
                if let Some(columns) = relation.and_then(|relation| relation.columns.as_ref()) {
                    outputs.extend(without(left_out(options), columns.to_vec())?);
                }
            }
            SelectItem::QualifiedWildcard(..) | SelectItem::ExprWithAliases { .. } => {}
        }
        Ok(())
    }
}

/// What a result without a name of its own is called: as its column is; `None` for a field inside one, which is
/// called as it is written. The names are exact already.
fn title(expr: &Expr, scopes: &Scopes<'_>) -> Option<String> {
    match expr {
        Expr::Identifier(ident) => Some(ident.value.clone()),
        Expr::Nested(inner) => title(inner, scopes),
        Expr::CompoundIdentifier(parts) => match scopes.path(&mut parts.clone()) {
            Path::Field => None,
            Path::Column if parts.len() > 2 => None,
            Path::Column | Path::Unknown => parts.last().map(|part| part.value.clone()),
        },
        // In queries inside expressions, which nobody sees.
        other => Some(other.to_string()),
    }
}

/// Visits the names of one place; a query inside has scopes of its own.
struct Walk<'w, 'n, 'a> {
    names: &'w mut Names<'n, 'a>,
    inside: usize,
}

impl VisitorMut for Walk<'_, '_, '_> {
    type Break = EngineError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<EngineError> {
        self.inside += 1;
        if self.inside > 1 {
            return ControlFlow::Continue(());
        }
        let Names { resolver, locals, scopes } = self.names;
        match resolver.query(query, locals, Some(scopes)) {
            Ok(_) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<EngineError> {
        self.inside -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<EngineError> {
        match expr {
            _ if self.inside > 0 => {}
            Expr::Identifier(ident) => self.names.scopes.column(ident),
            Expr::CompoundIdentifier(parts) => {
                self.names.scopes.path(parts);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

const fn scopes<'s>(own: &'s Scope, place: Place, outer: Outer<'s>) -> Scopes<'s> {
    Scopes { own, place, outer }
}

/// A relation under its alias, which may rename its first columns.
fn renamed(alias: &TableAlias, columns: Option<Columns>) -> Relation {
    let given = alias.columns.iter().map(|column| column.name.value.clone());
    let columns = columns
        .map(|columns| distinct(given.chain(columns.iter().skip(alias.columns.len()).cloned()).collect()));
    Relation { name: alias.name.value.clone(), columns }
}

/// Each name once, in order.
fn distinct(names: Vec<String>) -> Columns {
    let mut seen = std::collections::HashSet::new();
    names.into_iter().filter(|name| seen.insert(name.clone())).collect()
}

fn idents(name: &mut ObjectName) -> impl Iterator<Item = &mut Ident> {
    name.0.iter_mut().filter_map(|part| match part {
        ObjectNamePart::Identifier(ident) => Some(ident),
        ObjectNamePart::Function(_) => None,
    })
}
