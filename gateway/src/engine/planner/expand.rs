//! How large a query becomes once its common table expressions are written out: the planner inlines them, so
//! that thirty short lines can name a billion scans. Counted before planning. Writes nothing out.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Ident, ObjectName, Query, Visit, Visitor};

use crate::config::limits::StatementLimits;
use crate::engine::error::EngineError;

/// Refuses a query that reads more relations than the limit once written out.
pub(super) fn check(query: &Query, limits: &StatementLimits) -> Result<(), EngineError> {
    let most = limits.tables_max;
    if relations(query, &HashMap::new()) > most as u64 {
        return Err(EngineError::TooLarge(format!(
            "the query reads more than {most} tables, common table expressions written out"
        )));
    }
    Ok(())
}

/// Relations that `query` reads, given those that the names in scope stand for.
fn relations(query: &Query, outer: &HashMap<String, u64>) -> u64 {
    let mut scope = outer.clone();
    if let Some(with) = &query.with {
        for cte in &with.cte_tables {
            let size = relations(&cte.query, &scope).max(1);
            // Names that differ only in case may be corrected into each other: the larger counts.
            let held = scope.entry(folded(&cte.alias.name)).or_default();
            *held = size.max(*held);
        }
    }
    let mut counter = Counter { scope: &scope, total: 0, depth: 0 };
    // Whatever the query has besides: subqueries may stand in its LIMIT, too.
    let without_ctes = Query { with: None, ..query.clone() };
    let counted = without_ctes.visit(&mut counter);
    debug_assert!(counted.is_continue(), "the counter never breaks");
    counter.total
}

/// The name itself, however it was quoted, without case.
fn folded(ident: &Ident) -> String {
    ident.value.to_lowercase()
}

struct Counter<'a> {
    scope: &'a HashMap<String, u64>,
    total: u64,
    depth: usize,
}

impl Visitor for Counter<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        // A nested query has names of its own: count it as a whole, and not again inside.
        if self.depth == 0 && query.with.is_some() {
            self.total = self.total.saturating_add(relations(query, self.scope));
        }
        if query.with.is_some() {
            self.depth += 1;
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if query.with.is_some() {
            self.depth -= 1;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
        if self.depth == 0 {
            let part = name.0.last().and_then(|part| part.as_ident());
            let size = part.and_then(|ident| self.scope.get(&folded(ident))).copied();
            self.total = self.total.saturating_add(size.unwrap_or(1));
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use datafusion::sql::sqlparser::ast::Statement;
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::check;
    use crate::config::limits::StatementLimits;

    const TABLES_MAX: usize = 64;

    fn admits(sql: &str) -> bool {
        let Statement::Query(query) = Parser::parse_sql(&GenericDialect {}, sql).unwrap().remove(0) else {
            panic!("not a query: {sql}");
        };
        check(&query, &StatementLimits { tables_max: TABLES_MAX, ..Default::default() }).is_ok()
    }

    fn doubling(levels: usize, name: impl Fn(usize) -> String) -> String {
        let mut sql = format!("with {} as (select * from t)", name(0));
        for level in 1..levels {
            let below = name(level - 1);
            sql.push_str(&format!(", {} as (select * from {below} p, {below} q)", name(level)));
        }
        format!("{sql} select * from {}", name(levels - 1))
    }

    #[test]
    fn relations_are_counted_at_the_limit_and_past_it() {
        let list = |n| format!("select * from {}", vec!["t"; n].join(", "));
        assert!(admits(&list(TABLES_MAX)));
        assert!(!admits(&list(TABLES_MAX + 1)));
    }

    #[test]
    fn doubling_is_seen_however_the_names_are_written() {
        for quote in ["", "\"", "`"] {
            let name = |level: usize| format!("{quote}a{level}{quote}");
            assert!(admits(&doubling(7, name)), "{quote}");
            assert!(!admits(&doubling(8, name)), "{quote}");
        }
        let alternating = |level: usize| (if level.is_multiple_of(2) { "\"x\"" } else { "\"X\"" }).to_owned();
        assert!(!admits(&doubling(12, alternating)));
        assert!(!admits(&doubling(12, |level| format!("\"a'{level}\""))));
    }

    #[test]
    fn a_query_inside_counts_its_own_expressions() {
        let inner = doubling(8, |level| format!("b{level}"));
        assert!(!admits(&format!("select * from ({inner}) s")));
        assert!(!admits(&format!("select (select count(*) from ({inner}) s) from t")));
        let within = doubling(8, |level| format!("c{level}"));
        let (ctes, last) = within.rsplit_once(" select * from ").unwrap();
        for clause in ["order by", "limit", "limit 1 offset"] {
            let sql = format!("{ctes} select 1 from t {clause} (select count(*) from {last})");
            assert!(!admits(&sql), "{sql}");
        }
        assert!(!admits(&format!(
            "with a as ({ctes} select 1 limit (select count(*) from {last})) select * from a"
        )));
    }
}
