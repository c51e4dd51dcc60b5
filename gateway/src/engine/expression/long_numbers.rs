//! Numbers of more digits than a double has: owns keeping them from the planner, which would read them as
//! doubles, until they have met what they are compared with. They travel as parameters.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::Placeholder;
use datafusion::sql::sqlparser::ast::{self, BinaryOperator, UnaryOperator, Value, VisitMut, VisitorMut};

use super::literals::scalar;
use crate::engine::statement::Literal;

/// Decimal digits that every double keeps.
const DOUBLE_DIGITS: usize = 15;

/// What was kept, by the name that stands in its place: one that nobody can write.
pub(in crate::engine) type LongNumbers = BTreeMap<String, Literal>;

/// Takes every long number that something is compared with out of the tree.
pub(in crate::engine) fn taken(tree: &mut impl VisitMut) -> LongNumbers {
    let mut taker = Taker { numbers: LongNumbers::new() };
    let walked = tree.visit(&mut taker);
    debug_assert!(walked.is_continue(), "the taker never breaks");
    taker.numbers
}

/// Puts them back, in the type of what they met.
pub(super) fn put_back(expr: Expr, numbers: &LongNumbers) -> Result<Expr> {
    if numbers.is_empty() {
        return Ok(expr);
    }
    expr.transform_up(|node| {
        let Expr::Placeholder(Placeholder { id, field }) = &node else { return Ok(Transformed::no(node)) };
        let meets = field.as_ref().map_or(&DataType::Null, |field| field.data_type());
        match numbers.get(id).and_then(|number| scalar(number, meets)) {
            Some(value) => Ok(Transformed::yes(Expr::Literal(value, None))),
            None => Ok(Transformed::no(node)),
        }
    })
    .data()
}

struct Taker {
    numbers: LongNumbers,
}

impl Taker {
    fn take(&mut self, expr: &mut ast::Expr) {
        let Some(text) = number(expr).filter(|text| is_long(text)) else { return };
        let name = format!("$number {}", self.numbers.len());
        *expr = ast::Expr::Value(Value::Placeholder(name.clone()).into());
        self.numbers.insert(name, Literal::Number(text));
    }
}

impl VisitorMut for Taker {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<()> {
        match expr {
            ast::Expr::BinaryOp { left, op, right } if is_comparison(op) => {
                if has_type(left) {
                    self.take(right);
                } else if has_type(right) {
                    self.take(left);
                }
            }
            ast::Expr::Between { expr, low, high, .. } if has_type(expr) => {
                self.take(low);
                self.take(high);
            }
            ast::Expr::InList { expr, list, .. } if has_type(expr) => {
                list.iter_mut().for_each(|item| self.take(item));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

const fn is_comparison(op: &BinaryOperator) -> bool {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq)
}

/// Not a plain value, of whose type a number could learn nothing.
fn has_type(expr: &ast::Expr) -> bool {
    number(expr).is_none() && !matches!(expr, ast::Expr::Value(_))
}

/// The text of a number, with its sign.
fn number(expr: &ast::Expr) -> Option<String> {
    match expr {
        ast::Expr::Value(value) => match &value.value {
            Value::Number(text, _) => Some(text.clone()),
            _ => None,
        },
        ast::Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match expr.as_ref() {
            ast::Expr::Value(_) => number(expr).map(|text| format!("-{text}")),
            _ => None,
        },
        _ => None,
    }
}

fn is_long(text: &str) -> bool {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let is_whole = text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok();
    !is_whole && digits.trim_start_matches('0').len() > DOUBLE_DIGITS
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn texts(sql: &str) -> Vec<String> {
        let mut tree = Parser::new(&GenericDialect {}).try_with_sql(sql).unwrap().parse_expr().unwrap();
        let text = |literal| match literal {
            Literal::Number(text) => text,
            other => format!("{other:?}"),
        };
        taken(&mut tree).into_values().map(text).collect()
    }

    #[test]
    fn long_numbers_are_taken_where_something_is_compared_with_them() {
        assert_eq!(texts("a = 1234567890123456.78"), ["1234567890123456.78"]);
        assert_eq!(texts("-1234567890123456.78 < a"), ["-1234567890123456.78"]);
        assert_eq!(texts("a IN (1, 0.1234567890123456)"), ["0.1234567890123456"]);
        assert_eq!(texts("a BETWEEN 123456789012345678901 AND 1e400"), ["123456789012345678901"]);
        assert_eq!(texts("NOT (b OR a >= 9007199254740993.0)"), ["9007199254740993.0"]);
    }

    #[test]
    fn others_stay() {
        for sql in [
            "a = 123456789012345",
            "a = 0.00000000000012345",
            "a = 18446744073709551615",
            "a = -9223372036854775808",
            "1.5 = 1234567890123456.78",
            "'x' = 1234567890123456.78",
            "round(1234567890123456.78) + a",
        ] {
            assert_eq!(texts(sql), Vec::<String>::new(), "{sql}");
        }
    }
}
