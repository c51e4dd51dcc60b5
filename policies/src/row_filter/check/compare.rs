//! Comparisons: owns which types may meet, and where claims may stand. Types that an engine
//! would bring together by a cast that can fail never meet.

use arrow_schema::DataType;
use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Value,
};

use super::{Binder, CheckError, Checked, Origin, Typed, boolean, refused, refused_with, value_expr};
use crate::row_filter::{ClaimValue, function};
use crate::type_name::type_name;

const PATTERN_BYTES_MAX: usize = 256;
const LIST_ITEMS_MAX: usize = 2_000;

impl Binder<'_> {
    pub(super) fn comparison(
        &mut self,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
        depth: usize,
    ) -> Checked<Typed> {
        let (left, right) = match (claim_name(left)?, claim_name(right)?) {
            (Some(_), Some(_)) => return refused("a claim is compared with a column"),
            (None, Some(claim)) => {
                let column = self.claimed_column(left, depth)?;
                let claim = self.scalar_claim(&claim, &column.data_type)?;
                (column, claim)
            }
            (Some(claim), None) => {
                let column = self.claimed_column(right, depth)?;
                let claim = self.scalar_claim(&claim, &column.data_type)?;
                (claim, column)
            }
            (None, None) => {
                let left = self.walk(left, depth)?;
                let right = self.walk(right, depth)?;
                self.meet(left, right)?
            }
        };
        let is_order = !matches!(op, BinaryOperator::Eq | BinaryOperator::NotEq);
        if is_order && left.data_type == DataType::Boolean {
            return refused("true and false have no order");
        }
        Ok(boolean(Expr::BinaryOp { left: Box::new(left.expr), op: op.clone(), right: Box::new(right.expr) }))
    }

    /// Both sides of a comparison, brought to types that compare without a cast that can fail.
    fn meet(&mut self, left: Typed, right: Typed) -> Checked<(Typed, Typed)> {
        match (left.origin, right.origin) {
            (Origin::Literal(_), Origin::Literal(_)) => refused("a comparison needs a column"),
            (Origin::Literal(literal), origin) => {
                let expr = self.literal_as(&literal, &right.data_type)?;
                comparable(&right.data_type, &right.data_type)?;
                let literal = Typed::computed(expr, right.data_type.clone());
                Ok((literal, Typed { origin, ..right }))
            }
            (origin, Origin::Literal(literal)) => {
                let expr = self.literal_as(&literal, &left.data_type)?;
                comparable(&left.data_type, &left.data_type)?;
                let literal = Typed::computed(expr, left.data_type.clone());
                Ok((Typed { origin, ..left }, literal))
            }
            (left_origin, right_origin) => {
                comparable(&left.data_type, &right.data_type)?;
                Ok((Typed { origin: left_origin, ..left }, Typed { origin: right_origin, ..right }))
            }
        }
    }

    pub(super) fn in_list(
        &mut self,
        expr: &Expr,
        list: &[Expr],
        negated: bool,
        depth: usize,
    ) -> Checked<Typed> {
        let operand = self.walk(expr, depth)?;
        if matches!(operand.origin, Origin::Literal(_)) {
            return refused("IN needs a column");
        }
        comparable(&operand.data_type, &operand.data_type)?;
        let mut items = Vec::with_capacity(list.len());
        let mut given = 0_usize;
        for item in list {
            if let Some(name) = claim_name(item)? {
                if operand.origin != Origin::Column {
                    return refused("a claim is compared with a column");
                }
                self.claims_used = true;
                match self.claims.list(&name, &operand.data_type) {
                    Ok(values) => {
                        given += values.len();
                        items.extend(as_set(values).into_iter().map(|value| self.param(value)));
                    }
                    Err(error) => return self.claim_error(error),
                }
            } else {
                let Origin::Literal(literal) = self.walk(item, depth)?.origin else {
                    return refused("IN takes literals and claims");
                };
                given += 1;
                items.push(self.literal_as(&literal, &operand.data_type)?);
            }
        }
        if items.is_empty() {
            return refused("IN needs at least one value");
        }
        if given > LIST_ITEMS_MAX {
            // Too long a claim is the caller's, and hides every row; too long a list of literals
            // is over the token limit before it comes here.
            return Err(CheckError::ClaimUnusable);
        }
        Ok(boolean(Expr::InList { expr: Box::new(operand.expr), list: items, negated }))
    }

    pub(super) fn between(
        &mut self,
        expr: &Expr,
        low: &Expr,
        high: &Expr,
        negated: bool,
        depth: usize,
    ) -> Checked<Typed> {
        let operand = self.walk(expr, depth)?;
        if matches!(operand.origin, Origin::Literal(_)) {
            return refused("BETWEEN needs a column");
        }
        if operand.data_type == DataType::Boolean {
            return refused("true and false have no order");
        }
        comparable(&operand.data_type, &operand.data_type)?;
        let mut bounds = Vec::with_capacity(2);
        for bound in [low, high] {
            if let Some(name) = claim_name(bound)? {
                if operand.origin != Origin::Column {
                    return refused("a claim is compared with a column");
                }
                bounds.push(self.scalar_claim(&name, &operand.data_type)?.expr);
                continue;
            }
            let bound = self.walk(bound, depth)?;
            bounds.push(match bound.origin {
                Origin::Literal(literal) => self.literal_as(&literal, &operand.data_type)?,
                Origin::Column | Origin::Computed => {
                    comparable(&operand.data_type, &bound.data_type)?;
                    bound.expr
                }
            });
        }
        let (Some(high), Some(low)) = (bounds.pop(), bounds.pop()) else {
            return refused("BETWEEN needs two bounds");
        };
        Ok(boolean(Expr::Between {
            expr: Box::new(operand.expr),
            negated,
            low: Box::new(low),
            high: Box::new(high),
        }))
    }

    pub(super) fn like(
        &mut self,
        expr: &Expr,
        pattern: &Expr,
        depth: usize,
    ) -> Checked<(Box<Expr>, Box<Expr>)> {
        let operand = function::string_operand(self, expr, depth)?;
        let Expr::Value(value) = pattern else {
            return refused("LIKE needs a pattern in quotes");
        };
        let Value::SingleQuotedString(text) = &value.value else {
            return refused("LIKE needs a pattern in quotes");
        };
        if text.len() > PATTERN_BYTES_MAX {
            return refused(format!("a LIKE pattern has at most {PATTERN_BYTES_MAX} bytes"));
        }
        if text.chars().rev().take_while(|letter| *letter == '\\').count() % 2 == 1 {
            return refused("a LIKE pattern cannot end in a lone backslash");
        }
        Ok((Box::new(operand), Box::new(value_expr(Value::SingleQuotedString(text.clone())))))
    }

    fn claimed_column(&mut self, expr: &Expr, depth: usize) -> Checked<Typed> {
        let typed = self.walk(expr, depth)?;
        if typed.origin != Origin::Column {
            return refused("a claim is compared with a column");
        }
        comparable(&typed.data_type, &typed.data_type)?;
        Ok(typed)
    }

    fn scalar_claim(&mut self, name: &str, data_type: &DataType) -> Checked<Typed> {
        self.claims_used = true;
        match self.claims.scalar(name, data_type) {
            Ok(value) => Ok(Typed::computed(self.param(value), data_type.clone())),
            Err(error) => self.claim_error(error),
        }
    }
}

/// The values of a list in one order, each once: `IN` asks for no other, and callers whose tokens
/// list the same values have one fingerprint.
fn as_set(mut values: Vec<ClaimValue>) -> Vec<ClaimValue> {
    values.sort_by_cached_key(ClaimValue::identity);
    values.dedup_by_key(|value| value.identity());
    values
}

/// The name in `claim('name')`; `None` for anything but a call of `claim`.
fn claim_name(expr: &Expr) -> Checked<Option<String>> {
    let call = match expr {
        Expr::Function(call) if function::is_named(call, "claim") => call,
        Expr::Nested(inner) => return claim_name(inner),
        _ => return Ok(None),
    };
    match single_text(call) {
        Some(name) if !name.is_empty() => Ok(Some(name.to_string())),
        _ => refused_with("claim takes one name in quotes", "claim('carriers')"),
    }
}

fn single_text(call: &Function) -> Option<&str> {
    if !function::is_plain(call) {
        return None;
    }
    let FunctionArguments::List(list) = &call.args else { return None };
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))] => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// Types whose values compare without a cast that can fail.
fn comparable(left: &DataType, right: &DataType) -> Checked<()> {
    let fine = match (left, right) {
        (DataType::Boolean, DataType::Boolean) | (DataType::Date32, DataType::Date32) => true,
        (DataType::Decimal128(..) | DataType::Timestamp(..), _) => left == right,
        _ => (is_number(left) && is_number(right)) || (is_string(left) && is_string(right)),
    };
    if fine {
        return Ok(());
    }
    if left == right {
        return refused(format!("values of type {} cannot be compared in a policy", type_name(left)));
    }
    refused(format!("{left} and {right} cannot be compared in a policy"))
}

/// The type that values of both types have without a cast that can fail.
pub(super) fn common_type(left: &DataType, right: &DataType) -> Checked<DataType> {
    if left == right {
        return Ok(left.clone());
    }
    if is_string(left) && is_string(right) {
        return Ok(DataType::Utf8);
    }
    if is_integer(left) && is_integer(right) {
        return Ok(DataType::Int64);
    }
    if is_number(left) && is_number(right) {
        return Ok(DataType::Float64);
    }
    refused(format!("{} and {} have no common type in a policy", type_name(left), type_name(right)))
}

pub(crate) fn is_string(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn is_integer(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64)
}

fn is_number(data_type: &DataType) -> bool {
    is_integer(data_type) || matches!(data_type, DataType::Float32 | DataType::Float64)
}
