//! `IS [NOT] DISTINCT FROM` as the parser reads it: owns telling where it takes in more than it should. What
//! follows, up to the end, becomes its right operand, `AND` and `OR` included.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr};

/// What is refused.
pub(in crate::engine) const SWALLOWING: &str = "IS DISTINCT FROM before something else, without parentheses,";

/// Whether the expression compares with what is no single value, as written.
pub(in crate::engine) fn swallows(expr: &Expr) -> bool {
    match expr {
        Expr::IsDistinctFrom(_, right) | Expr::IsNotDistinctFrom(_, right) => !is_single(right),
        _ => false,
    }
}

const fn is_single(expr: &Expr) -> bool {
    use BinaryOperator::{Divide, Minus, Modulo, Multiply, Plus, StringConcat};
    match expr {
        Expr::BinaryOp { op, .. } => {
            matches!(op, Plus | Minus | Multiply | Divide | Modulo | StringConcat)
        }
        Expr::Identifier(_)
        | Expr::CompoundIdentifier(_)
        | Expr::CompoundFieldAccess { .. }
        | Expr::Value(_)
        | Expr::TypedString(_)
        | Expr::Interval(_)
        | Expr::Nested(_)
        | Expr::Function(_)
        | Expr::Cast { .. }
        | Expr::Case { .. }
        | Expr::Extract { .. }
        | Expr::Substring { .. }
        | Expr::Trim { .. }
        | Expr::Array(_)
        | Expr::Subquery(_)
        | Expr::UnaryOp { .. } => true,
        _ => false,
    }
}
