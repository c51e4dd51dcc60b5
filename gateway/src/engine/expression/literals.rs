//! Literals beside columns: owns giving a literal the type of what it is compared with, where the
//! planner would rather widen the column. Widening loses: decimals become floats, and timestamps
//! overflow on the far dates that people write for "never".

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator};

/// Every comparison of `expr` with its literals in the type of the other side.
pub(in crate::engine) fn typed(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    expr.transform_up(|node| {
        Ok(match node {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(op) => {
                let right = beside(&left, *right, schema);
                let left = beside(&right, *left, schema);
                Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right))))
            }
            Expr::Between(mut between) => {
                *between.low = beside(&between.expr, *between.low, schema);
                *between.high = beside(&between.expr, *between.high, schema);
                Transformed::yes(Expr::Between(between))
            }
            Expr::InList(mut list) => {
                let items = std::mem::take(&mut list.list);
                list.list = items.into_iter().map(|item| beside(&list.expr, item, schema)).collect();
                Transformed::yes(Expr::InList(list))
            }
            other => Transformed::no(other),
        })
    })
    .data()
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
        if matches!(node, LogicalPlan::Window(_)) {
            return Ok(Transformed::no(node));
        }
        // Outputs are named by their expressions, and a name that others refer to must stay.
        let named = matches!(node, LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_));
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
fn beside(other: &Expr, literal: Expr, schema: &DFSchema) -> Expr {
    let Expr::Literal(value, metadata) = &literal else { return literal };
    let Ok(wanted) = other.get_type(schema) else { return literal };
    let exact = match (&wanted, value) {
        (DataType::Decimal128(_, _), ScalarValue::Float64(Some(number))) => decimal(*number),
        (DataType::Timestamp(_, _) | DataType::Date32, ScalarValue::Utf8(Some(_))) => {
            value.cast_to(&wanted).ok().filter(|typed| !typed.is_null())
        }
        _ => None,
    };
    exact.map_or_else(|| literal.clone(), |typed| Expr::Literal(typed, metadata.clone()))
}

/// The number as it was written: the shortest text of a double is the text that it was read from,
/// up to fifteen digits.
fn decimal(number: f64) -> Option<ScalarValue> {
    let text = number.to_string();
    let scale = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let data_type = DataType::Decimal128(38, i8::try_from(scale).ok().filter(|s| *s <= 30)?);
    ScalarValue::try_from_string(text, &data_type).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use arrow::datatypes::{Field, Schema, TimeUnit};
    use datafusion::logical_expr::{col, lit};

    use super::{DFSchema, DataType, Expr, ScalarValue, typed};

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
        assert_eq!(literal_of(col("price").eq(lit(711.56))), ScalarValue::Decimal128(Some(71156), 38, 2));
        assert_eq!(
            literal_of(col("price").lt(lit(1e30))),
            ScalarValue::Decimal128(Some(10_i128.pow(30)), 38, 0)
        );
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
}
