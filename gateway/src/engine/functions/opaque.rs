//! What the optimizer must not look into: owns hiding casts that lose digits, and null-safe equality. It
//! compares what a cast was made from instead of what the cast gave, and has a join treat every equality
//! as null-safe when one is.

use std::sync::{Arc, LazyLock};

use arrow::array::ArrayRef;
use arrow::compute::kernels::cmp::not_distinct;
use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::{
    BinaryExpr, Cast, ColumnarValue, Expr, ExprSchemable, Operator, ReturnFieldArgs, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, TryCast, Volatility,
};
use datafusion::physical_expr_common::datum::apply;

static KEPT: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| function(Kind::Kept));
static NOT_DISTINCT: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| function(Kind::NotDistinct));

/// `expr`, with types coerced already, over rows of `schema`.
pub(super) fn opaque(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    expr.transform_up(|node| hidden(node, schema)).data()
}

fn hidden(node: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let hidden = match &node {
        Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field })
            if loses_digits(&expr.get_type(schema)?, field.data_type()) =>
        {
            KEPT.call(vec![node])
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::IsNotDistinctFrom, right })
            if left.get_type(schema)? == right.get_type(schema)? && !left.get_type(schema)?.is_nested() =>
        {
            NOT_DISTINCT.call(vec![left.as_ref().clone(), right.as_ref().clone()])
        }
        _ => return Ok(Transformed::no(node)),
    };
    Ok(Transformed::yes(hidden))
}

/// Whether two values may be cast to one.
fn loses_digits(from: &DataType, to: &DataType) -> bool {
    let scale = |data_type: &DataType| match data_type {
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => Some(*scale),
        whole if whole.is_integer() => Some(0),
        _ => None,
    };
    let is_decimal = matches!(from, DataType::Decimal128(..) | DataType::Decimal256(..));
    match (from, to) {
        (DataType::Timestamp(from, _), DataType::Timestamp(to, _)) => rank(*to) < rank(*from),
        _ if is_decimal => scale(to) < scale(from) || to.is_floating(),
        _ => false,
    }
}

const fn rank(unit: TimeUnit) -> u8 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 1,
        TimeUnit::Microsecond => 2,
        TimeUnit::Nanosecond => 3,
    }
}

fn function(kind: Kind) -> Arc<ScalarUDF> {
    let signature = Signature::any(kind.operands(), Volatility::Immutable);
    Arc::new(ScalarUDF::new_from_impl(Hidden { kind, signature }))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Kept,
    NotDistinct,
}

impl Kind {
    const fn operands(self) -> usize {
        match self {
            Self::Kept => 1,
            Self::NotDistinct => 2,
        }
    }

    // Outputs are named by their expressions: the names are those of what is hidden.
    fn written(self, operands: &[String]) -> String {
        match self {
            Self::Kept => operands.concat(),
            Self::NotDistinct => operands.join(" IS NOT DISTINCT FROM "),
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Hidden {
    kind: Kind,
    signature: Signature,
}

impl ScalarUDFImpl for Hidden {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Kept => "kept",
            Kind::NotDistinct => "not_distinct",
        }
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(self.kind.written(&args.iter().map(|arg| arg.schema_name().to_string()).collect::<Vec<_>>()))
    }

    fn display_name(&self, args: &[Expr]) -> Result<String> {
        Ok(self.kind.written(&args.iter().map(ToString::to_string).collect::<Vec<_>>()))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        match (self.kind, args.first()) {
            (Kind::Kept, Some(operand)) => Ok(operand.clone()),
            _ => Ok(DataType::Boolean),
        }
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let nullable = self.kind == Kind::Kept && args.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(Field::new(self.name(), self.return_type(&types)?, nullable)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match (self.kind, args.args.as_slice()) {
            (Kind::Kept, [operand]) => Ok(operand.clone()),
            (Kind::NotDistinct, [left, right]) => apply(left, right, |left, right| {
                not_distinct(left, right).map(|same| Arc::new(same) as ArrayRef)
            }),
            _ => internal_err!("a hidden operator lacks its operands"),
        }
    }
}
