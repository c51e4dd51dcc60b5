//! `min` and `max` over groups of floats: owns keeping to the engine's way of one value after another.
//! Its quicker way for groups compares NaN with neither more nor less, and begins at the largest and
//! smallest finite numbers: NaN is lost or wins by where it stands, infinities become finite.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, FieldRef};
use datafusion::error::Result;
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, Expr, GroupsAccumulator, ReversedUDAF,
    SetMonotonicity, Signature,
};

static MIN: LazyLock<Arc<AggregateUDF>> = LazyLock::new(|| exact(min_udaf()));
static MAX: LazyLock<Arc<AggregateUDF>> = LazyLock::new(|| exact(max_udaf()));

/// The least value of a group.
pub(in crate::engine) fn min(operand: Expr) -> Expr {
    MIN.call(vec![operand])
}

/// The greatest value of a group.
pub(in crate::engine) fn max(operand: Expr) -> Expr {
    MAX.call(vec![operand])
}

/// The function itself, or ours in place of the engine's.
pub(super) fn replaced(function: Arc<AggregateUDF>) -> Arc<AggregateUDF> {
    match function.name() {
        "min" => Arc::clone(&MIN),
        "max" => Arc::clone(&MAX),
        _ => function,
    }
}

fn exact(inner: Arc<AggregateUDF>) -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(ExactExtreme { inner }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ExactExtreme {
    inner: Arc<AggregateUDF>,
}

impl AggregateUDFImpl for ExactExtreme {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        self.inner.return_type(args)
    }

    fn coerce_types(&self, args: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(args)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.inner.state_fields(args)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.inner.accumulator(args)
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.inner.create_sliding_accumulator(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        !args.return_field.data_type().is_floating() && self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        self.inner.create_groups_accumulator(args)
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.inner.order_sensitivity()
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.inner.reverse_udf()
    }

    fn is_descending(&self) -> Option<bool> {
        self.inner.is_descending()
    }

    fn set_monotonicity(&self, data_type: &DataType) -> SetMonotonicity {
        self.inner.inner().set_monotonicity(data_type)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}
