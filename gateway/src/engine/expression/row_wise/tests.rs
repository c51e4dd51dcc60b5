//! That `AND`, `OR`, `IN` and `BETWEEN` are decided by each row alone: owns the check of batches against
//! their rows one by one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use datafusion::common::cast::as_boolean_array;
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::{SessionContext, col};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::engine::expression::literals::typed;

/// Conditions that fail on some rows, in every place where one operand can spare another.
const CONDITIONS: &[&str] = &[
    "10 / a > 1 AND 10 / b > 1",
    "10 / a > 1 OR 10 / b > 1",
    "10 / a > 1 AND b > 2",
    "a > 2 OR 10 / b > 1 OR cast(s AS bigint) = 1",
    "a <> 0 AND 10 / a > 1 AND cast(s AS bigint) < 3",
    "NOT (10 / a > 1 AND 10 / b > 1)",
    "(10 / a > 1 OR b IS NULL) AND (cast(s AS bigint) = 1 OR 10 / b < 3)",
    "a BETWEEN 10 / b AND cast(s AS bigint)",
    "a NOT BETWEEN 10 / b AND cast(s AS bigint)",
    "a IN (1, 10 / b, cast(s AS bigint))",
    "a NOT IN (b, 10 / b)",
    "CASE WHEN a > 1 THEN 10 / b > 1 AND 10 / a > 1 ELSE b = 1 OR 10 / a = 2 END",
];

fn batch(random: &mut StdRng) -> RecordBatch {
    let rows = random.random_range(1..12);
    let bias = random.random_range(0.05..0.95);
    let mut number = || (!random.random_bool(0.1)).then(|| i64::from(random.random_bool(bias)) * 4);
    let a: Int64Array = (0..rows).map(|_| number()).collect();
    let b: Int64Array = (0..rows).map(|_| number()).collect();
    let s: StringArray = (0..rows).map(|_| number().map(|n| if n == 0 { "x" } else { "1" })).collect();
    let columns: Vec<(&str, ArrayRef, bool)> =
        vec![("a", Arc::new(a), true), ("b", Arc::new(b), true), ("s", Arc::new(s), true)];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn evaluate(context: &SessionContext, expr: &Expr, batch: &RecordBatch) -> Result<BooleanArray> {
    let schema = DFSchema::try_from(batch.schema())?;
    let physical = context.state().create_physical_expr(expr.clone(), &schema)?;
    let verdict = physical.evaluate(batch)?.into_array(batch.num_rows())?;
    Ok(as_boolean_array(&verdict)?.clone())
}

#[test]
fn a_batch_fails_exactly_where_a_row_of_it_fails_alone() {
    let seed = rand::random();
    eprintln!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let context = SessionContext::new_with_state(SessionStateBuilder::new().with_default_features().build());
    for round in 0..600 {
        let batch = batch(&mut random);
        let schema = DFSchema::try_from(batch.schema()).unwrap();
        let text = CONDITIONS[round % CONDITIONS.len()];
        let written = context.state().create_logical_expr(text, &schema).unwrap();
        let written = typed(written, &schema).unwrap();
        for nulls in [Nulls::Matter, Nulls::AreFalse] {
            let copies = Copies::new(&StatementLimits::default());
            let expr = RowWise { copies: &copies, schema: &schema }.rewrite(written.clone(), nulls).unwrap();
            let alone: Vec<Result<BooleanArray>> =
                (0..batch.num_rows()).map(|row| evaluate(&context, &expr, &batch.slice(row, 1))).collect();
            let together = evaluate(&context, &expr, &batch);
            assert_eq!(together.is_err(), alone.iter().any(Result::is_err), "{text}\n{batch:?}");
            let Ok(together) = together else { continue };
            let plain = evaluate(&context, &written, &batch.slice(0, 1));
            if let (Ok(plain), Nulls::Matter) = (plain, nulls) {
                assert_eq!(plain, together.slice(0, 1), "{text}\n{batch:?}");
            }
            let alone: BooleanArray =
                alone.into_iter().map(|row| row.unwrap().iter().next().unwrap()).collect();
            assert_eq!(together, alone, "{text}\n{batch:?}");
        }
    }
}

#[test]
fn what_cannot_fail_comes_first_and_stays_a_conjunction() {
    let schema = DFSchema::try_from(batch(&mut StdRng::seed_from_u64(1)).schema()).unwrap();
    let expr =
        (lit(1_i64) / col("a")).gt(lit(0_i64)).and(col("b").gt(lit(1_i64))).and(col("a").not_eq(lit(0_i64)));
    let row_wise = condition(expr, &schema, &StatementLimits::default()).unwrap();
    let expected =
        "CASE WHEN b > Int64(1) AND a != Int64(0) THEN Int64(1) / a > Int64(0) ELSE Boolean(false) END";
    assert_eq!(row_wise.to_string(), expected);
    let safe = col("a").gt(lit(1_i64)).and(col("b").gt(lit(1_i64)));
    assert_eq!(condition(safe.clone(), &schema, &StatementLimits::default()).unwrap(), safe);
}
