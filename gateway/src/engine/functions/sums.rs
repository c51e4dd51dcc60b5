//! `sum` of integers and of long decimals: owns adding in a type that cannot overflow and failing
//! where the sum does not fit its own. The engine's own sum wraps around without a word.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Decimal256Array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, Decimal128Type, Field, FieldRef, Int64Type,
    UInt64Type, i256,
};
use datafusion::common::ScalarValue;
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, EmitTo, Expr, GroupsAccumulator,
    ReversedUDAF, Signature,
};

static SUM: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::new_from_impl(ExactSum { inner: sum_udaf() })));

/// The sum of a group.
pub(in crate::engine) fn sum(operand: Expr) -> Expr {
    SUM.call(vec![operand])
}

/// The function itself, or ours in place of the engine's.
pub(super) fn replaced(function: Arc<AggregateUDF>) -> Arc<AggregateUDF> {
    if function.name() == "sum" { Arc::clone(&SUM) } else { function }
}

/// The type in which values of a sum's type are added; `None` where the sum's own does. A sum of
/// decimals has ten digits more than they have, up to 38.
fn wide(sum: &DataType) -> Option<DataType> {
    match sum {
        DataType::Int64 | DataType::UInt64 => Some(DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0)),
        DataType::Decimal128(DECIMAL128_MAX_PRECISION, scale) => {
            Some(DataType::Decimal256(DECIMAL256_MAX_PRECISION, *scale))
        }
        _ => None,
    }
}

/// The values in the wider type of theirs.
fn widened(values: &ArrayRef, wide: &DataType) -> Result<ArrayRef> {
    let wider = match (values.data_type(), wide) {
        (DataType::Int64, DataType::Decimal128(..)) => {
            let plain: Decimal128Array = values.as_primitive::<Int64Type>().unary(i128::from);
            Arc::new(plain.with_data_type(wide.clone())) as ArrayRef
        }
        (DataType::UInt64, DataType::Decimal128(..)) => {
            let plain: Decimal128Array = values.as_primitive::<UInt64Type>().unary(i128::from);
            Arc::new(plain.with_data_type(wide.clone()))
        }
        (DataType::Decimal128(..), DataType::Decimal256(..)) => {
            let plain: Decimal256Array = values.as_primitive::<Decimal128Type>().unary(i256::from_i128);
            Arc::new(plain.with_data_type(wide.clone()))
        }
        _ => return exec_err!("a sum is given values of another type"),
    };
    Ok(wider)
}

/// The sums in the type of the answer.
fn narrowed(sums: &ArrayRef, sum: &DataType) -> Result<ArrayRef> {
    let exact = CastOptions { safe: false, ..CastOptions::default() };
    match cast_with_options(sums, sum, &exact) {
        Ok(narrow) => Ok(narrow),
        Err(_) => exec_err!("a sum does not fit the type {sum}"),
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ExactSum {
    inner: Arc<AggregateUDF>,
}

/// The same arguments, for a sum of another type.
fn typed<'a>(args: AccumulatorArgs<'a>, data_type: DataType) -> AccumulatorArgs<'a> {
    let field = Arc::new(Field::new(args.return_field.name(), data_type, true));
    AccumulatorArgs { return_field: field, ..args }
}

impl AggregateUDFImpl for ExactSum {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        self.inner.return_type(args)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let Some(wide) = wide(args.return_field.data_type()) else { return self.inner.state_fields(args) };
        let field = Arc::new(Field::new(args.return_field.name(), wide, true));
        self.inner.state_fields(StateFieldsArgs { return_field: field, ..args })
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let sum = args.return_field.data_type().clone();
        let Some(wide) = wide(&sum) else { return self.inner.accumulator(args) };
        let inner = self.inner.accumulator(typed(args, wide.clone()))?;
        Ok(Box::new(WideAccumulator { inner, wide, sum }))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let sum = args.return_field.data_type().clone();
        let Some(wide) = wide(&sum) else { return self.inner.create_sliding_accumulator(args) };
        if args.is_distinct {
            // The engine slides distinct sums of its own integers only, and they wrap around.
            return plan_err!("a sum of distinct values over a frame that moves is not supported");
        }
        let inner = self.inner.create_sliding_accumulator(typed(args, wide.clone()))?;
        Ok(Box::new(WideAccumulator { inner, wide, sum }))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        let sum = args.return_field.data_type().clone();
        let Some(wide) = wide(&sum) else { return self.inner.create_groups_accumulator(args) };
        let inner = self.inner.create_groups_accumulator(typed(args, wide.clone()))?;
        Ok(Box::new(WideGroups { inner, wide, sum }))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.inner.order_sensitivity()
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.inner.reverse_udf()
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}

#[derive(Debug)]
struct WideAccumulator {
    inner: Box<dyn Accumulator>,
    wide: DataType,
    sum: DataType,
}

impl WideAccumulator {
    fn widened(&self, values: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        values.iter().map(|values| widened(values, &self.wide)).collect()
    }
}

impl Accumulator for WideAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.inner.update_batch(&self.widened(values)?)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&narrowed(&self.inner.evaluate()?.to_array()?, &self.sum)?, 0)
    }

    fn size(&self) -> usize {
        self.inner.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.inner.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.inner.merge_batch(states)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.inner.retract_batch(&self.widened(values)?)
    }

    fn supports_retract_batch(&self) -> bool {
        self.inner.supports_retract_batch()
    }
}

struct WideGroups {
    inner: Box<dyn GroupsAccumulator>,
    wide: DataType,
    sum: DataType,
}

impl WideGroups {
    fn widened(&self, values: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        values.iter().map(|values| widened(values, &self.wide)).collect()
    }
}

impl GroupsAccumulator for WideGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.inner.update_batch(&self.widened(values)?, group_indices, opt_filter, total_num_groups)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        narrowed(&self.inner.evaluate(emit_to)?, &self.sum)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.inner.state(emit_to)
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.inner.merge_batch(states, group_indices, total_num_groups)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        self.inner.convert_to_state(&self.widened(values)?, opt_filter)
    }

    fn size(&self) -> usize {
        self.inner.size()
    }
}
