//! Joins of a `FROM` clause: owns finding what each of them is on. Those of its subqueries are not among them.

use datafusion::sql::sqlparser::ast::{JoinConstraint, JoinOperator, TableFactor, TableWithJoins};

/// What each join is on.
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
