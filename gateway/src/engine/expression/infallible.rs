//! Which expressions cannot fail, whatever the row: owns the two lists of shapes, one for policy
//! expressions and one, narrower, for what may cross the barrier to skip data.

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Cast, Expr, Operator};

/// Deepest condition that is looked into when deciding what may cross the barrier.
const DEPTH_MAX: usize = 32;

/// Statistics of this type can prove that no row matches. Those of floats cannot: they leave out
/// NaN, which compares as larger than every number.
pub(in crate::engine) fn proves(data_type: &DataType) -> bool {
    !data_type.is_floating() && !data_type.is_nested()
}

/// A comparison that cannot fail and reads only columns for which `clear` holds: column op
/// literal with no cast on the column, `IN`, `BETWEEN`, `IS [NOT] NULL`, prefix `LIKE`, and
/// `AND`/`OR` of those. Nothing else crosses the barrier.
pub(in crate::engine) fn is_safe_comparison(expr: &Expr, clear: &dyn Fn(&str) -> bool) -> bool {
    safe(expr, clear, DEPTH_MAX)
}

fn safe(expr: &Expr, clear: &dyn Fn(&str) -> bool, depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return false };
    let is_column = |e: &Expr| matches!(e, Expr::Column(c) if clear(&c.name));
    let is_literal = |e: &Expr| matches!(e, Expr::Literal(..));
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And | Operator::Or, right }) => {
            safe(left, clear, depth) && safe(right, clear, depth)
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(*op) => {
            (is_column(left) && is_literal(right)) || (is_literal(left) && is_column(right))
        }
        Expr::InList(list) => is_column(&list.expr) && list.list.iter().all(is_literal),
        Expr::Between(between) => {
            is_column(&between.expr) && is_literal(&between.low) && is_literal(&between.high)
        }
        Expr::IsNull(inner) | Expr::IsNotNull(inner) => is_column(inner),
        Expr::Like(like) => {
            // The engine plans no other escape than the backslash.
            let plain = !like.negated && !like.case_insensitive && like.escape_char.is_none();
            plain && is_column(&like.expr) && is_prefix(&like.pattern)
        }
        _ => false,
    }
}

fn is_prefix(pattern: &Expr) -> bool {
    let Expr::Literal(value, _) = pattern else { return false };
    let Some(Some(text)) = value.try_as_str() else { return false };
    text.strip_suffix('%').is_some_and(|stem| !stem.contains(['%', '_', '\\']))
}

fn is_comparison(op: Operator) -> bool {
    matches!(
        op,
        Operator::Eq | Operator::NotEq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq
    )
}

/// Scalar functions that return for every input, with output bounded by it.
const TOTAL_FUNCTIONS: &[&str] = &[
    "btrim",
    "character_length",
    "coalesce",
    "concat",
    "ends_with",
    "get_field",
    "left",
    "lower",
    "ltrim",
    "nullif",
    "octet_length",
    "reverse",
    "right",
    "rtrim",
    "starts_with",
    "substr",
    "upper",
];

/// Those among them that fail for some numbers: a length below zero, or a place that overflows.
const COUNTING_FUNCTIONS: &[&str] = &["left", "right", "substr"];

/// Whether the place and the length after the text are written down and fail for no text.
fn counts_are_safe(args: &[Expr]) -> bool {
    let within = |expr: &Expr, least: i64| {
        let Expr::Literal(value, _) = expr else { return false };
        let number = value.cast_to(&DataType::Int64).ok();
        matches!(number, Some(ScalarValue::Int64(Some(n))) if n >= least && n <= i64::from(i32::MAX))
    };
    args.get(1).is_none_or(|place| within(place, i64::from(i32::MIN)))
        && args.get(2).is_none_or(|length| within(length, 0))
}

/// An expression that yields a value for every row of its columns' types: what a row filter or an
/// expression mask must be, after type coercion.
pub(in crate::engine) fn is_infallible(expr: &Expr, type_of: &dyn Fn(&Expr) -> Option<DataType>) -> bool {
    let all = |parts: &[&Expr]| parts.iter().all(|e| is_infallible(e, type_of));
    match expr {
        Expr::Column(_) | Expr::Literal(..) | Expr::Placeholder(_) => true,
        Expr::Alias(alias) => is_infallible(&alias.expr, type_of),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let total = is_comparison(*op)
                || matches!(
                    op,
                    Operator::And
                        | Operator::Or
                        | Operator::StringConcat
                        | Operator::IsDistinctFrom
                        | Operator::IsNotDistinctFrom
                );
            total && all(&[left, right])
        }
        Expr::Not(e)
        | Expr::IsNull(e)
        | Expr::IsNotNull(e)
        | Expr::IsTrue(e)
        | Expr::IsFalse(e)
        | Expr::IsUnknown(e)
        | Expr::IsNotTrue(e)
        | Expr::IsNotFalse(e)
        | Expr::IsNotUnknown(e) => is_infallible(e, type_of),
        Expr::Between(b) => all(&[&b.expr, &b.low, &b.high]),
        Expr::InList(list) => {
            is_infallible(&list.expr, type_of) && list.list.iter().all(|e| is_infallible(e, type_of))
        }
        Expr::Like(like) => {
            like.escape_char.is_none()
                && matches!(like.pattern.as_ref(), Expr::Literal(..))
                && is_infallible(&like.expr, type_of)
        }
        Expr::Case(case) => {
            case.expr.as_ref().is_none_or(|e| is_infallible(e, type_of))
                && case.when_then_expr.iter().all(|(w, t)| all(&[w, t]))
                && case.else_expr.as_ref().is_none_or(|e| is_infallible(e, type_of))
        }
        Expr::ScalarFunction(f) => {
            let counted = !COUNTING_FUNCTIONS.contains(&f.name()) || counts_are_safe(&f.args);
            counted && TOTAL_FUNCTIONS.contains(&f.name()) && f.args.iter().all(|e| is_infallible(e, type_of))
        }
        Expr::Cast(Cast { expr: inner, field }) => {
            is_infallible(inner, type_of)
                && type_of(inner).is_some_and(|from| is_widening(&from, field.data_type()))
        }
        _ => false,
    }
}

/// A cast that keeps every value.
fn is_widening(from: &DataType, to: &DataType) -> bool {
    use DataType::{Float32, Float64, Int8, Int16, Int32, Int64, LargeUtf8, Null, Utf8, Utf8View};
    if from == to || matches!(from, Null) {
        return true;
    }
    match (from, to) {
        (Int8, Int16 | Int32 | Int64 | Float32 | Float64)
        | (Int16, Int32 | Int64 | Float32 | Float64)
        | (Int32, Int64 | Float64)
        | (Float32, Float64)
        | (Utf8 | LargeUtf8 | Utf8View, Utf8 | LargeUtf8 | Utf8View)
        // Not dates: those past the years that calendars of libraries know have no text.
        | (Int8 | Int16 | Int32 | Int64 | DataType::Boolean, Utf8 | LargeUtf8 | Utf8View) => true,
        (Int8 | Int16 | Int32 | Int64, DataType::Decimal128(precision, scale)) => {
            let digits = match from {
                Int8 => 3,
                Int16 => 5,
                Int32 => 10,
                _ => 19,
            };
            i16::from(*precision) - i16::from(*scale) >= digits
        }
        (DataType::Decimal128(p, s), DataType::Decimal128(wide, scale)) => {
            scale >= s && i16::from(*wide) - i16::from(*scale) >= i16::from(*p) - i16::from(*s)
        }
        _ => false,
    }
}
