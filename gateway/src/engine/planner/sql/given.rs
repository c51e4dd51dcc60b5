//! The names that a query itself gives: owns collecting its aliases and common table expressions. Does not
//! know where each is in scope.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    JoinConstraint, JoinOperator, Query, Select, SelectItem, TableAlias, TableFactor, TableWithJoins, Visit,
    Visitor,
};

/// Names that a query gives.
#[derive(Default)]
pub(super) struct Given {
    /// To relations: aliases and common table expressions.
    pub(super) relations: BTreeSet<String>,
    /// To columns.
    pub(super) columns: BTreeSet<String>,
    /// What each name of a relation stands for; `None` where that is no table, or not the same everywhere.
    tables: BTreeMap<String, Option<String>>,
}

impl Given {
    pub(super) fn by(query: &Query) -> Self {
        let mut given = Self::default();
        let _ = query.visit(&mut given);
        given
    }

    /// The table that a name or an alias stands for.
    pub(super) fn table_of(&self, relation: &str) -> Option<&str> {
        self.tables.get(relation)?.as_deref()
    }

    fn alias(&mut self, alias: &TableAlias) {
        self.relations.insert(alias.name.value.clone());
        self.columns.extend(alias.columns.iter().map(|column| column.name.value.clone()));
    }

    fn stands_for(&mut self, relation: String, table: Option<String>) {
        let known = self.tables.entry(relation).or_insert_with(|| table.clone());
        if *known != table {
            *known = None;
        }
    }
}

impl Visitor for Given {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.alias(&cte.alias);
            self.stands_for(cte.alias.name.value.clone(), None);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        for item in &select.projection {
            if let SelectItem::ExprWithAlias { alias, .. } = item {
                self.columns.insert(alias.value.clone());
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, alias, .. } => {
                let table = name.0.last().and_then(|part| part.as_ident()).map(|ident| ident.value.clone());
                if let Some(alias) = alias {
                    self.alias(alias);
                    // Columns that the alias renames are not the table's.
                    let table = table.filter(|_| alias.columns.is_empty());
                    self.stands_for(alias.name.value.clone(), table);
                } else if let Some(name) = &table {
                    self.stands_for(name.clone(), table.clone());
                }
            }
            TableFactor::Derived { alias: Some(alias), .. } => {
                self.alias(alias);
                self.stands_for(alias.name.value.clone(), None);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// What each join of a FROM clause is on; those of its subqueries are not among them.
pub(super) fn constraints(from: &mut [TableWithJoins]) -> Vec<&mut JoinConstraint> {
    let mut found = Vec::new();
    let mut open: Vec<&mut TableWithJoins> = from.iter_mut().collect();
    while let Some(TableWithJoins { relation, joins }) = open.pop() {
        let (relations, operators): (Vec<_>, Vec<_>) =
            joins.iter_mut().map(|join| (&mut join.relation, &mut join.join_operator)).unzip();
        for factor in std::iter::once(relation).chain(relations) {
            if let TableFactor::NestedJoin { table_with_joins, .. } = factor {
                open.push(table_with_joins);
            }
        }
        found.extend(operators.into_iter().filter_map(constraint));
    }
    found
}

fn constraint(operator: &mut JoinOperator) -> Option<&mut JoinConstraint> {
    match operator {
        JoinOperator::Join(on)
        | JoinOperator::Inner(on)
        | JoinOperator::Left(on)
        | JoinOperator::LeftOuter(on)
        | JoinOperator::Right(on)
        | JoinOperator::RightOuter(on)
        | JoinOperator::FullOuter(on)
        | JoinOperator::Semi(on)
        | JoinOperator::LeftSemi(on)
        | JoinOperator::RightSemi(on)
        | JoinOperator::Anti(on)
        | JoinOperator::LeftAnti(on)
        | JoinOperator::RightAnti(on) => Some(on),
        _ => None,
    }
}
