//! How large a query becomes once its common table expressions are written out: the planner
//! inlines them, so that thirty short lines can name a billion scans. Counted before planning.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{ObjectName, Query, Visit, Visitor};

use crate::engine::error::EngineError;

/// Most tables that one statement may read, every use counted.
const RELATIONS_MAX: u64 = 64;

/// Refuses a query that reads more relations than the limit once written out.
pub(super) fn check(query: &Query) -> Result<(), EngineError> {
    if relations(query, &HashMap::new()) > RELATIONS_MAX {
        return Err(EngineError::TooLarge(format!(
            "the query reads more than {RELATIONS_MAX} tables, common table expressions written out"
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
            scope.insert(cte.alias.name.value.to_lowercase(), size);
        }
    }
    let mut counter = Counter { scope: &scope, total: 0, depth: 0 };
    // Infallible: the counter never breaks.
    let _ = query.body.visit(&mut counter);
    let order = query.order_by.as_ref().map_or(ControlFlow::Continue(()), |o| o.visit(&mut counter));
    debug_assert!(order.is_continue());
    counter.total
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
            let size = self.scope.get(&name.to_string().replace('"', "").to_lowercase()).copied();
            self.total = self.total.saturating_add(size.unwrap_or(1));
        }
        ControlFlow::Continue(())
    }
}
