//! `IN` in the one form that the engine gets right: a list of plain values. Owns writing every
//! other list out. DataFusion's simplifier takes all items of two lists over one column for
//! literals when it merges them, and NULL among them for a value; and an item that is no literal
//! but constant over no rows, such as a `CASE`, passes for one when it is made physical.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::utils::disjunction;
use datafusion::logical_expr::{Expr, lit};

/// The same condition, with equalities for items that are not literals and NULL for itself.
pub(super) fn written_out(list: InList) -> Expr {
    let is_plain = |item: &Expr| matches!(item, Expr::Literal(value, _) if !value.is_null());
    if list.list.iter().all(is_plain) {
        return Expr::InList(list);
    }
    let InList { expr: needle, list: items, negated } = list;
    let (plain, others): (Vec<Expr>, Vec<Expr>) = items.into_iter().partition(is_plain);
    let (nulls, others): (Vec<Expr>, Vec<Expr>) =
        others.into_iter().partition(|item| matches!(item, Expr::Literal(..)));
    let mut any = Vec::with_capacity(others.len() + 2);
    if !plain.is_empty() {
        any.push(needle.as_ref().clone().in_list(plain, false));
    }
    any.extend(others.into_iter().map(|item| needle.as_ref().clone().eq(item)));
    if !nulls.is_empty() {
        any.push(lit(ScalarValue::Boolean(None)));
    }
    let any = disjunction(any).unwrap_or_else(|| lit(false));
    if negated { Expr::Not(Box::new(any)) } else { any }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use datafusion::prelude::col;

    use super::*;

    fn written(items: Vec<Expr>, negated: bool) -> String {
        written_out(InList::new(Box::new(col("x")), items, negated)).to_string()
    }

    #[test]
    fn only_lists_of_values_stay_lists() {
        let null = || lit(ScalarValue::Int64(None));
        assert_eq!(written(vec![lit(1_i64), lit(2_i64)], true), "x NOT IN ([Int64(1), Int64(2)])");
        assert_eq!(written(vec![lit(1_i64), col("y")], false), "x IN ([Int64(1)]) OR x = y");
        assert_eq!(written(vec![col("y"), null()], true), "NOT x = y OR Boolean(NULL)");
        assert_eq!(written(vec![null()], false), "Boolean(NULL)");
    }
}
