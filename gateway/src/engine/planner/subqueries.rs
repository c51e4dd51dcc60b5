//! Subqueries that the engine would answer wrong: owns refusing them on the plan, before it is optimized.
//! They become joins, which know neither the NULL that `IN` has for "perhaps" nor the row that an aggregate
//! without groups always gives, nor how many rows are passed over.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator, Subquery};

use crate::engine::error::{Complaint, EngineError};

const IN: &str = "IN (subquery) is supported in a condition joined by AND and OR; NOT IN (subquery) by AND alone, \
                  with a subquery that refers to nothing outside";
const ONE_ROW: &str = "a subquery of EXISTS or IN that refers to its outer query cannot aggregate without groups or pass over rows";

/// Refuses a plan with such a subquery.
pub(super) fn check(plan: &LogicalPlan) -> std::result::Result<(), EngineError> {
    let mut wrong = None;
    let walked = plan.apply_with_subqueries(|node| {
        let filters = matches!(node, LogicalPlan::Filter(_));
        node.apply_expressions(|expr| {
            let place = if filters { Place::Conjunct } else { Place::Value };
            look(expr, place, &mut wrong)?;
            Ok(TreeNodeRecursion::Continue)
        })
    });
    walked.map_err(EngineError::planning)?;
    match wrong {
        None => Ok(()),
        Some((what, hint)) => {
            Err(EngineError::Unsupported(Complaint::new(what).with_hint(Some(hint.to_owned()))))
        }
    }
}

/// Where a condition stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Only whether it is TRUE matters, and if not, nothing else does.
    Conjunct,
    /// Only whether it is TRUE matters.
    Alternative,
    /// FALSE and NULL differ.
    Value,
}

type Wrong = Option<(&'static str, &'static str)>;

fn look(expr: &Expr, place: Place, wrong: &mut Wrong) -> Result<()> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
            let inside = match (place, op) {
                (Place::Value, _) => Place::Value,
                (Place::Conjunct, Operator::And) => Place::Conjunct,
                _ => Place::Alternative,
            };
            look(left, inside, wrong)?;
            look(right, inside, wrong)
        }
        Expr::Not(inner) if place == Place::Conjunct && matches!(inner.as_ref(), Expr::InSubquery(_)) => {
            let Expr::InSubquery(member) = inner.as_ref() else { return Ok(()) };
            look(&Expr::InSubquery(InSubquery { negated: !member.negated, ..member.clone() }), place, wrong)
        }
        Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
            let is_fine = match (negated, place) {
                (false, Place::Conjunct | Place::Alternative) => true,
                (true, Place::Conjunct) => subquery.outer_ref_columns.is_empty(),
                _ => false,
            };
            if !is_fine {
                *wrong = Some((IN, "write it with EXISTS, or as a join"));
            }
            if gives_a_row_anyway(subquery) {
                *wrong = Some((ONE_ROW, "write it as a join"));
            }
            look(expr, Place::Value, wrong)
        }
        Expr::Exists(Exists { subquery, .. }) => {
            if gives_a_row_anyway(subquery) {
                *wrong = Some((ONE_ROW, "write it as a join"));
            }
            Ok(())
        }
        other => {
            let walked = other.apply_children(|child| {
                look(child, Place::Value, wrong)?;
                Ok(TreeNodeRecursion::Continue)
            });
            walked.map(drop)
        }
    }
}

/// Correlated, with an aggregate without groups, or rows that are passed over.
fn gives_a_row_anyway(subquery: &Subquery) -> bool {
    if subquery.outer_ref_columns.is_empty() {
        return false;
    }
    let found = subquery.subquery.exists(|node| {
        Ok(match node {
            LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
            LogicalPlan::Limit(limit) => limit.skip.is_some(),
            _ => false,
        })
    });
    found.unwrap_or(true)
}
