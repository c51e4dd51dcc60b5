//! Which names of a query are tables: owns telling them from the query's own common table
//! expressions, by their scopes. Does not know which tables there are.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{ObjectName, Query, Visit, Visitor};

use super::TableName;
use crate::engine::error::{Complaint, EngineError};
use crate::engine::expression::names::place;

/// The tables named in `query`, each once, in name order.
///
/// # Errors
/// A name of several parts: it could only mean a schema that does not exist here.
pub(super) fn tables(query: &Query) -> Result<Vec<TableName>, EngineError> {
    let mut collector = Collector::default();
    match query.visit(&mut collector) {
        ControlFlow::Break(name) => Err(EngineError::UnknownSchema(
            Complaint::new(format!("table \"{name}\" not found")).with_hint(Some(
                "there are no schemas; the name of a table that has dots stands in double quotes".to_owned(),
            )),
        )),
        ControlFlow::Continue(()) => Ok(collector.named.into_values().collect()),
    }
}

/// A query that the walk is in, and its common table expressions.
struct Scope {
    names: Vec<String>,
    /// How many of them the text at hand can name: those before the one that the walk is in, and
    /// all of them once it has left the WITH clause.
    in_reach: usize,
}

#[derive(Default)]
struct Collector {
    scopes: Vec<Scope>,
    named: BTreeMap<String, TableName>,
}

impl Collector {
    fn locals(&self) -> impl Iterator<Item = &String> {
        self.scopes.iter().flat_map(|scope| scope.names.iter().take(scope.in_reach))
    }
}

impl Visitor for Collector {
    type Break = String;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<String> {
        let tables = query.with.as_ref().map(|with| with.cte_tables.as_slice()).unwrap_or_default();
        let names = tables.iter().map(|table| table.alias.name.value.clone()).collect();
        self.scopes.push(Scope { names, in_reach: 0 });
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<String> {
        self.scopes.pop();
        // The WITH clause is walked first, so that its queries are the first inside this one.
        if let Some(outer) = self.scopes.last_mut() {
            outer.in_reach = outer.names.len().min(outer.in_reach + 1);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<String> {
        let [part] = relation.0.as_slice() else { return ControlFlow::Break(relation.to_string()) };
        let Some(ident) = part.as_ident() else { return ControlFlow::Break(relation.to_string()) };
        if self.locals().any(|local| *local == ident.value) {
            return ControlFlow::Continue(());
        }
        let may_be_local = self.locals().any(|local| local.eq_ignore_ascii_case(&ident.value));
        let known = self.named.entry(ident.value.clone()).or_insert_with(|| TableName {
            name: ident.value.clone(),
            may_be_local,
            position: place(ident),
        });
        known.may_be_local &= may_be_local;
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use datafusion::sql::sqlparser::ast::Statement;
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::tables;

    fn read(sql: &str) -> Vec<String> {
        let Statement::Query(query) = Parser::parse_sql(&GenericDialect {}, sql).unwrap().remove(0) else {
            panic!("not a query: {sql}");
        };
        tables(&query).unwrap().into_iter().map(|table| table.name).collect()
    }

    #[test]
    fn a_name_of_the_querys_own_is_no_table() {
        for (sql, expected) in [
            ("with t as (select 1) select * from t", &[][..]),
            ("with t as (select * from a) select * from t join b on true", &["a", "b"]),
            ("with t as (select * from t) select * from t", &["t"]),
            ("with t as (select * from u), u as (select 1) select * from t, u", &["u"]),
            ("with u as (select 1), t as (select * from u) select * from t, u", &[]),
            ("select * from (with t as (select 1) select * from t) s, t", &["t"]),
            ("with t as (select 1) select (select max(x) from t) from (select * from t) s", &[]),
            ("with t as (select 1) select * from a union select * from t", &["a"]),
            (
                "select * from a where x in (with t as (select 1) select * from t) order by (select 1 from t)",
                &["a", "t"],
            ),
            ("with t as (with u as (select * from a) select * from u) select * from t, u", &["a", "u"]),
        ] {
            assert_eq!(read(sql), expected, "{sql}");
        }
    }
}
