//! Literals beside columns: owns giving a literal the type of what it is compared with, where the planner
//! would rather widen the column. Widening loses: decimals become floats, and timestamps overflow on the far
//! dates that people write for "never". Does not fold constants.

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, i256};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, ScalarValue, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, cast};

use super::membership;
use crate::engine::statement::Literal;

/// A plain value that meets `wanted`. A number, or a text, beside a decimal is a decimal with all
/// of its digits, and so is a number beside an integer unless it is one; `None` when it is none that any
/// decimal can hold.
pub(in crate::engine) fn scalar(literal: &Literal, wanted: &DataType) -> Option<ScalarValue> {
    Some(match literal {
        Literal::Null => ScalarValue::Null,
        Literal::Bool(value) => ScalarValue::Boolean(Some(*value)),
        Literal::Number(text) | Literal::Text(text) if is_decimal(wanted) => decimal(text, wanted)?,
        Literal::Number(text) if wanted.is_integer() => whole(text, wanted).or_else(|| number(text))?,
        Literal::Number(text) => number(text)?,
        Literal::Text(text) => ScalarValue::Utf8(Some(text.clone())),
    })
}

/// A number beside an integer: of that type where it is a value of it, else a decimal, since doubles do not
/// tell large integers apart. `None` for integers of 64 bits, which the engine knows how to compare.
fn whole(text: &str, wanted: &DataType) -> Option<ScalarValue> {
    if text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok() {
        return None;
    }
    let number = decimal(text, &DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0))?;
    let has_fraction = number.data_type() != DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0);
    if has_fraction { Some(number) } else { number.cast_to(wanted).ok().or(Some(number)) }
}

/// An integer where it is one that fits 64 bits, else the nearest double.
fn number(text: &str) -> Option<ScalarValue> {
    // Minus zero is a double of its own.
    match (text.parse::<i64>(), text.parse::<u64>()) {
        (Ok(whole), _) if text != "-0" => Some(ScalarValue::Int64(Some(whole))),
        (Err(_), Ok(whole)) => Some(ScalarValue::UInt64(Some(whole))),
        _ => text.parse::<f64>().ok().map(|number| ScalarValue::Float64(Some(number))),
    }
}

/// Every comparison of `expr` with its literals in the type of the other side.
pub(in crate::engine) fn typed(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    expr.transform_up(|node| {
        Ok(match node {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(op) => {
                let right = beside(&left, *right, schema)?;
                let left = beside(&right, *left, schema)?;
                let (left, right) = as_doubles(left, right, schema);
                Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right))))
            }
            Expr::Between(mut between) => {
                *between.low = beside(&between.expr, *between.low, schema)?;
                *between.high = beside(&between.expr, *between.high, schema)?;
                (*between.expr, *between.low) = as_doubles(*between.expr, *between.low, schema);
                (*between.expr, *between.high) = as_doubles(*between.expr, *between.high, schema);
                Transformed::yes(Expr::Between(between))
            }
            Expr::InList(mut list) => {
                let items = std::mem::take(&mut list.list);
                list.list =
                    items.into_iter().map(|item| beside(&list.expr, item, schema)).collect::<Result<_>>()?;
                Transformed::yes(membership::written_out(list))
            }
            other => Transformed::no(other),
        })
    })
    .data()
}

/// A decimal beside a float as a double: the engine would make the float a decimal of fifteen places.
fn as_doubles(left: Expr, right: Expr, schema: &DFSchema) -> (Expr, Expr) {
    match (left.get_type(schema), right.get_type(schema)) {
        (Ok(l), Ok(r)) if l.is_floating() && is_decimal(&r) => (left, cast(right, DataType::Float64)),
        (Ok(l), Ok(r)) if is_decimal(&l) && r.is_floating() => (cast(left, DataType::Float64), right),
        _ => (left, right),
    }
}

fn is_comparison(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

/// The same for every expression of a plan.
pub(in crate::engine) fn typed_plan(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| {
        let mut schema = DFSchema::empty();
        for input in node.inputs() {
            schema.merge(input.schema());
        }
        if let LogicalPlan::TableScan(scan) = &node {
            schema.merge(&scan.projected_schema);
        }
        // Outputs are named by their expressions, and a name that others refer to must stay.
        let named =
            matches!(node, LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_) | LogicalPlan::Window(_));
        node.map_expressions(|expr| {
            let name = expr.schema_name().to_string();
            let typed = typed(expr, &schema)?;
            let keep = !named || typed.schema_name().to_string() == name;
            Ok(Transformed::yes(if keep { typed } else { typed.alias(name) }))
        })?
        .map_data(LogicalPlan::recompute_schema)
    })
    .data()
}

/// `literal`, in the type of `other` where it has an exact value there.
fn beside(other: &Expr, literal: Expr, schema: &DFSchema) -> Result<Expr> {
    let Expr::Literal(value, metadata) = &literal else { return Ok(literal) };
    let Ok(wanted) = other.get_type(schema) else { return Ok(literal) };
    let exact = match (&wanted, value) {
        // The number as it was written: the shortest text of a double is the text that it was read
        // from, up to fifteen digits.
        (DataType::Decimal128(..) | DataType::Decimal256(..), ScalarValue::Float64(Some(number))) => {
            decimal(&number.to_string(), &wanted)
        }
        (whole_type, ScalarValue::Float64(Some(number))) if whole_type.is_integer() => {
            whole(&format!("{number:?}"), &wanted)
        }
        // A cast would round the text to the column's scale.
        (DataType::Decimal128(..) | DataType::Decimal256(..), ScalarValue::Utf8(Some(text))) => {
            decimal(text, &wanted)
        }
        (DataType::Timestamp(_, _) | DataType::Date32, ScalarValue::Utf8(Some(text))) => {
            let typed = value.cast_to(&wanted).ok().filter(|typed| !typed.is_null());
            if typed.is_some() && wanted != DataType::Date32 && is_finer_than_microseconds(text) {
                // Cut to what the column holds it would be another time.
                return plan_err!("the fraction of \"{text}\" has more than {MICROSECOND_DIGITS} digits");
            }
            typed
        }
        _ => None,
    };
    Ok(exact.map_or_else(|| literal.clone(), |typed| Expr::Literal(typed, metadata.clone())))
}

/// Digits of a fraction of a second that a timestamp holds.
const MICROSECOND_DIGITS: usize = 6;

/// Whether a text that is a time names one between two microseconds.
pub(in crate::engine) fn is_finer_than_microseconds(text: &str) -> bool {
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    let digits = fraction.bytes().take_while(u8::is_ascii_digit);
    digits.skip(MICROSECOND_DIGITS).any(|digit| digit != b'0')
}

const fn is_decimal(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Decimal128(..) | DataType::Decimal256(..))
}

/// The number in decimal notation, with or without an exponent, as the column's own type where
/// that holds it exactly. Else in the widest type, to which the column is then widened: comparing
/// rounds neither.
fn decimal(text: &str, column: &DataType) -> Option<ScalarValue> {
    let (DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale)) = column else {
        return None;
    };
    let Digits { mut digits, scale: own } = Digits::of(text)?;
    let significant = if digits == "0" { 0 } else { digits.trim_start_matches('-').len() };
    let whole = significant.saturating_sub(usize::from(own.unsigned_abs()));
    let room = i16::from(*precision) - i16::from(*scale);
    if own <= *scale && i16::try_from(whole).is_ok_and(|whole| whole <= room) {
        digits.push_str(&"0".repeat(usize::from((*scale - own).unsigned_abs())));
        return match column {
            DataType::Decimal128(..) => {
                Some(ScalarValue::Decimal128(Some(digits.parse().ok()?), *precision, *scale))
            }
            _ => Some(ScalarValue::Decimal256(Some(i256::from_string(&digits)?), *precision, *scale)),
        };
    }
    let needed = u8::try_from(whole).ok()?.checked_add(own.unsigned_abs())?;
    if needed > DECIMAL256_MAX_PRECISION {
        return None;
    }
    Some(ScalarValue::Decimal256(Some(i256::from_string(&digits)?), needed.max(1), own))
}

/// Digits of a number with its sign and without superfluous zeros, and how many of them follow
/// the point (never fewer than none).
struct Digits {
    digits: String,
    scale: i8,
}

impl Digits {
    fn of(text: &str) -> Option<Self> {
        let (sign, unsigned) = match text.as_bytes().first()? {
            b'-' => ("-", &text[1..]),
            b'+' => ("", &text[1..]),
            _ => ("", text),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all: String = [whole, fraction].concat();
        if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let digits = all.trim_start_matches('0').trim_end_matches('0');
        if digits.is_empty() {
            return Some(Self { digits: "0".to_owned(), scale: 0 });
        }
        let trailing = i32::try_from(all.len() - all.trim_end_matches('0').len()).ok()?;
        let scale = i32::try_from(fraction.len()).ok()?.checked_sub(trailing)?.checked_sub(exponent)?;
        let limit = i32::from(DECIMAL256_MAX_PRECISION);
        if !(-limit..=limit).contains(&scale) {
            return None;
        }
        let zeros = "0".repeat(usize::try_from(-scale).unwrap_or(0));
        Some(Self { digits: format!("{sign}{digits}{zeros}"), scale: i8::try_from(scale.max(0)).ok()? })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use arrow::datatypes::{Field, Schema, TimeUnit};
    use datafusion::logical_expr::{col, lit};

    use super::{DFSchema, DataType, Expr, Literal, ScalarValue, i256, scalar, typed};

    fn schema() -> DFSchema {
        let fields = vec![
            Field::new("price", DataType::Decimal128(15, 2), true),
            Field::new("rate", DataType::Float64, true),
            Field::new("at", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true),
        ];
        DFSchema::try_from(Arc::new(Schema::new(fields))).unwrap()
    }

    fn literal_of(expr: Expr) -> ScalarValue {
        let Expr::BinaryExpr(comparison) = typed(expr, &schema()).unwrap() else { return ScalarValue::Null };
        match *comparison.right {
            Expr::Literal(value, _) => value,
            _ => ScalarValue::Null,
        }
    }

    #[test]
    fn a_literal_beside_a_decimal_keeps_its_digits() {
        assert_eq!(literal_of(col("price").eq(lit(711.56))), ScalarValue::Decimal128(Some(71156), 15, 2));
        assert_eq!(literal_of(col("price").eq(lit(711.5))), ScalarValue::Decimal128(Some(71150), 15, 2));
        let large = ScalarValue::Decimal256(i256::from_string(&format!("1{}", "0".repeat(30))), 31, 0);
        assert_eq!(literal_of(col("price").lt(lit(1e30))), large);
    }

    fn beside_price(text: &str) -> Option<ScalarValue> {
        scalar(&Literal::Number(text.to_owned()), &DataType::Decimal128(15, 2))
    }

    #[test]
    fn a_number_that_fits_takes_the_type_of_its_column() {
        for (text, unscaled) in [
            ("0", 0),
            ("-0.00", 0),
            ("0e999999", 0),
            ("1", 100),
            ("-1.5", -150),
            ("1.5e1", 1_500),
            ("15000e-3", 1_500),
            ("0.0100", 1),
            ("9999999999999.99", 999_999_999_999_999),
        ] {
            assert_eq!(beside_price(text), Some(ScalarValue::Decimal128(Some(unscaled), 15, 2)), "{text}");
        }
    }

    #[test]
    fn a_number_that_does_not_fit_keeps_its_digits() {
        for (text, digits, precision, scale) in [
            ("0.1234567890123456789", "1234567890123456789", 19, 19),
            ("-12345678901234567890.12", "-1234567890123456789012", 22, 2),
            ("10000000000000.00", "10000000000000", 14, 0),
            ("1e-3", "1", 3, 3),
        ] {
            let wide = ScalarValue::Decimal256(i256::from_string(digits), precision, scale);
            assert_eq!(beside_price(text), Some(wide), "{text}");
        }
        assert!(beside_price(&"9".repeat(76)).is_some());
        for odd in [&"9".repeat(77), "1e77", "1e-77", "1e99999999999", "", "-", ".", "e1", "1.2.3", "0x1"] {
            assert_eq!(beside_price(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_number_beside_no_decimal_is_an_integer_or_a_double() {
        let number = |text: &str| scalar(&Literal::Number(text.to_owned()), &DataType::Float64);
        assert_eq!(number("-7"), Some(ScalarValue::Int64(Some(-7))));
        assert_eq!(number("18446744073709551615"), Some(ScalarValue::UInt64(Some(u64::MAX))));
        assert_eq!(number("1.5e0"), Some(ScalarValue::Float64(Some(1.5))));
        assert_eq!(number("-0"), Some(ScalarValue::Float64(Some(-0.0))));
    }

    #[test]
    fn a_literal_beside_a_float_stays_a_float() {
        assert_eq!(literal_of(col("rate").gt(lit(1.5))), ScalarValue::Float64(Some(1.5)));
    }

    #[test]
    fn the_end_of_time_is_a_timestamp() {
        let never = literal_of(col("at").lt(lit("9999-12-31T00:00:00Z")));
        assert_eq!(
            never,
            ScalarValue::TimestampMicrosecond(Some(253_402_214_400_000_000), Some("UTC".into()))
        );
        assert_eq!(literal_of(col("at").eq(lit("no date"))), ScalarValue::Utf8(Some("no date".to_owned())));
    }

    #[test]
    fn a_time_between_two_microseconds_is_not_cut() {
        let compared = |text: &str| typed(col("at").gt_eq(lit(text)), &schema());
        assert!(compared("2013-01-01T05:00:00.123456000Z").is_ok());
        assert!(compared("2013-01-01T05:00:00.1234561Z").is_err());
        let list = col("at").in_list(vec![lit("2013-01-01T05:00:00.000000001Z")], false);
        assert!(typed(list, &schema()).is_err());
        assert!(
            typed(col("at").between(lit("2013-01-01"), lit("2013-01-01T00:00:00.0000001Z")), &schema())
                .is_err()
        );
    }
}
