//! `+`, `-` and `*` of integers: owns failing where a result does not fit its type. The engine's own
//! operators wrap around without a word.

use std::hash::Hash;
use std::sync::Arc;

use arrow::array::{ArrayRef, Datum};
use arrow::compute::kernels::numeric::{add, mul, neg, sub};
use arrow::datatypes::{DataType, Field, FieldRef};
use arrow::error::ArrowError;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr_common::datum::apply;

/// `expr`, with types coerced already, over rows of `schema`.
pub(super) fn checked(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    expr.transform_up(|node| operation(node, schema).map(Transformed::yes)).data()
}

fn operation(node: Expr, schema: &DFSchema) -> Result<Expr> {
    match node {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: op @ (Operator::Plus | Operator::Minus | Operator::Multiply),
            right,
        }) => {
            let data_type = type_of(&left, schema)?;
            if !data_type.is_integer() || type_of(&right, schema)? != data_type {
                return Ok(Expr::BinaryExpr(BinaryExpr { left, op, right }));
            }
            // What the parser nests to the left is one call: names and types of calls are made from
            // those inside, so that thousands of nested ones would take long to plan.
            let (mut ops, mut args) = match *left {
                Expr::ScalarFunction(call) if call.func.inner().is::<Chain>() => {
                    let ops = call.func.inner().downcast_ref::<Chain>().map(|chain| chain.ops.clone());
                    (ops.unwrap_or_default(), call.args)
                }
                other => (Vec::new(), vec![other]),
            };
            ops.push(op);
            args.push(*right);
            Ok(ScalarUDF::new_from_impl(Chain { ops, checked: Checked::new(data_type) }).call(args))
        }
        Expr::Negative(operand) => {
            let data_type = type_of(&operand, schema)?;
            if !data_type.is_integer() {
                return Ok(Expr::Negative(operand));
            }
            Ok(ScalarUDF::new_from_impl(Negation { checked: Checked::new(data_type) }).call(vec![*operand]))
        }
        other => Ok(other),
    }
}

fn type_of(expr: &Expr, schema: &DFSchema) -> Result<DataType> {
    if let Expr::ScalarFunction(call) = expr
        && let Some(chain) = call.func.inner().downcast_ref::<Chain>()
    {
        return Ok(chain.checked.data_type.clone());
    }
    expr.get_type(schema)
}

/// What both functions have in common: operands and result of one integer type.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    data_type: DataType,
    signature: Signature,
}

impl Checked {
    fn new(data_type: DataType) -> Self {
        let signature = Signature::variadic(vec![data_type.clone()], Volatility::Immutable);
        Self { data_type, signature }
    }

    fn field(&self, name: &str, args: &[FieldRef]) -> FieldRef {
        let nullable = args.iter().any(|field| field.is_nullable());
        Arc::new(Field::new(name, self.data_type.clone(), nullable))
    }
}

/// `a + b - c`, from left to right.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Chain {
    /// One fewer than arguments.
    ops: Vec<Operator>,
    checked: Checked,
}

impl Chain {
    fn written(&self, parts: impl Iterator<Item = String>) -> String {
        let mut text = String::new();
        for (place, part) in parts.enumerate() {
            if let Some(op) = place.checked_sub(1).and_then(|place| self.ops.get(place)) {
                text.push_str(&format!(" {op} "));
            }
            text.push_str(&part);
        }
        text
    }
}

impl ScalarUDFImpl for Chain {
    fn name(&self) -> &'static str {
        "arithmetic"
    }

    // Outputs are named by their expressions: the names are those of the operators.
    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(self.written(args.iter().map(|arg| arg.schema_name().to_string())))
    }

    fn display_name(&self, args: &[Expr]) -> Result<String> {
        Ok(self.written(args.iter().map(ToString::to_string)))
    }

    fn signature(&self) -> &Signature {
        &self.checked.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.checked.data_type.clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        Ok(self.checked.field(self.name(), args.arg_fields))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let mut values = args.args.into_iter();
        let Some(first) = values.next() else { return internal_err!("an operator lacks its operands") };
        self.ops.iter().zip(values).try_fold(first, |left, (op, right)| apply(&left, &right, kernel(*op)))
    }
}

type Kernel = fn(&dyn Datum, &dyn Datum) -> std::result::Result<ArrayRef, ArrowError>;

fn kernel(op: Operator) -> Kernel {
    match op {
        Operator::Plus => add,
        Operator::Minus => sub,
        _ => mul,
    }
}

/// `- a`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Negation {
    checked: Checked,
}

impl ScalarUDFImpl for Negation {
    fn name(&self) -> &'static str {
        "negation"
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(args.iter().map(|arg| format!("(- {})", arg.schema_name())).collect())
    }

    fn display_name(&self, args: &[Expr]) -> Result<String> {
        Ok(args.iter().map(|arg| format!("(- {arg})")).collect())
    }

    fn signature(&self) -> &Signature {
        &self.checked.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.checked.data_type.clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        Ok(self.checked.field(self.name(), args.arg_fields))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [operand] = args.args.as_slice() else { return internal_err!("a sign has one operand") };
        let negated = neg(&operand.to_array(1)?)?;
        match operand {
            ColumnarValue::Array(_) => Ok(ColumnarValue::Array(negated)),
            ColumnarValue::Scalar(_) => {
                Ok(ColumnarValue::Scalar(datafusion::common::ScalarValue::try_from_array(&negated, 0)?))
            }
        }
    }
}
