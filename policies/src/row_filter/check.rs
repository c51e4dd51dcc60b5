//! The walk that admits an expression: owns the language of filters and mask expressions. It
//! admits what is listed, refuses everything else, and rebuilds the tree with quoted names and
//! typed placeholders. What it admits cannot fail on any row: no casts of columns, no
//! arithmetic, and only comparisons between values of one kind.

use crate::type_name::type_name;
use arrow_schema::DataType;
use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{BinaryOperator, CaseWhen, Expr, Ident, UnaryOperator, Value, ValueWithSpan};
use sqlparser::tokenizer::Span;

use super::function;
use super::parse::ParsedExpression;
use super::scope::{ClaimError, Claims, Columns};
use super::value::ClaimValue;
use super::{BoundExpression, RowFilter};

mod compare;
mod literal;

pub(super) use compare::is_string;
pub(super) use literal::Literal;

const DEPTH_MAX: usize = 128;

/// Why an expression is not usable.
#[derive(Debug)]
pub(crate) enum CheckError {
    /// The rule is wrong, whoever asks.
    Refused { message: String, hint: Option<String> },
    /// The rule is fine, but this caller's claims do not serve: nothing may be shown.
    ClaimUnusable,
}

pub(super) type Checked<T> = Result<T, CheckError>;

pub(super) fn refused<T>(message: impl Into<String>) -> Checked<T> {
    Err(CheckError::Refused { message: message.into(), hint: None })
}

pub(super) fn refused_with<T>(message: impl Into<String>, hint: impl Into<String>) -> Checked<T> {
    Err(CheckError::Refused { message: message.into(), hint: Some(hint.into()) })
}

/// Checks an expression against the columns and binds the claims that it uses.
pub(crate) fn bind(
    parsed: &ParsedExpression,
    columns: &dyn Columns,
    claims: Claims<'_>,
) -> Result<BoundExpression, CheckError> {
    let mut binder = Binder { columns, claims, params: Vec::new(), claims_used: false };
    let typed = binder.walk(&parsed.ast, 0)?;
    let typed = binder.settle(typed)?;
    Ok(BoundExpression {
        ast: typed.expr,
        params: binder.params,
        data_type: typed.data_type,
        text: parsed.text.clone(),
        file: parsed.file.clone(),
        line: parsed.line,
        column: parsed.column,
    })
}

/// Checks a row filter; an unusable claim hides every row.
pub(crate) fn bind_filter(
    parsed: &ParsedExpression,
    columns: &dyn Columns,
    claims: Claims<'_>,
) -> Result<RowFilter, CheckError> {
    match bind(parsed, columns, claims) {
        Ok(bound) if bound.data_type == DataType::Boolean => Ok(RowFilter::Expression(Box::new(bound))),
        Ok(bound) => refused(format!("a row filter is true or false, not {}", type_name(&bound.data_type))),
        // The walk stopped at the claim: a rule that is wrong further on is still wrong.
        Err(CheckError::ClaimUnusable) => {
            bind_filter(parsed, columns, Claims::Sample).map(|_| RowFilter::Nothing)
        }
        Err(error) => Err(error),
    }
}

/// True when the expression calls `claim(...)` anywhere.
pub(crate) fn uses_claims(parsed: &ParsedExpression, columns: &dyn Columns) -> bool {
    let mut binder = Binder { columns, claims: Claims::Sample, params: Vec::new(), claims_used: false };
    let walked = binder.walk(&parsed.ast, 0);
    binder.claims_used || walked.is_err()
}

/// A checked part of the tree.
#[derive(Debug)]
pub(super) struct Typed {
    pub(super) expr: Expr,
    pub(super) data_type: DataType,
    pub(super) origin: Origin,
}

#[derive(Debug, PartialEq)]
pub(super) enum Origin {
    Column,
    Literal(Literal),
    Computed,
}

impl Typed {
    pub(super) fn computed(expr: Expr, data_type: DataType) -> Self {
        Self { expr, data_type, origin: Origin::Computed }
    }
}

pub(super) struct Binder<'a> {
    columns: &'a dyn Columns,
    claims: Claims<'a>,
    params: Vec<ClaimValue>,
    claims_used: bool,
}

impl Binder<'_> {
    pub(super) fn walk(&mut self, expr: &Expr, depth: usize) -> Checked<Typed> {
        if depth > DEPTH_MAX {
            return refused(format!("expression is nested more than {DEPTH_MAX} deep"));
        }
        let next = depth + 1;
        match expr {
            Expr::Nested(inner) => self.walk(inner, next),
            Expr::Identifier(name) => self.column(std::slice::from_ref(name)),
            Expr::CompoundIdentifier(path) => self.column(path),
            Expr::Value(value) => literal::from_value(&value.value),
            Expr::TypedString(typed) => literal::from_typed_string(typed),
            Expr::BinaryOp { left, op, right } => self.binary(expr, left, op, right, next),
            Expr::UnaryOp { op, expr } => self.unary(*op, expr, next),
            Expr::IsNull(operand) => self.presence(operand, Expr::IsNull, next),
            Expr::IsNotNull(operand) => self.presence(operand, Expr::IsNotNull, next),
            Expr::IsTrue(operand) => self.truth(operand, Expr::IsTrue, next),
            Expr::IsNotTrue(operand) => self.truth(operand, Expr::IsNotTrue, next),
            Expr::IsFalse(operand) => self.truth(operand, Expr::IsFalse, next),
            Expr::IsNotFalse(operand) => self.truth(operand, Expr::IsNotFalse, next),
            Expr::IsUnknown(operand) => self.truth(operand, Expr::IsUnknown, next),
            Expr::IsNotUnknown(operand) => self.truth(operand, Expr::IsNotUnknown, next),
            Expr::InList { expr, list, negated } => self.in_list(expr, list, *negated, next),
            Expr::Between { expr, negated, low, high } => self.between(expr, low, high, *negated, next),
            Expr::Like { negated, any: false, expr, pattern, escape_char: None } => {
                let (expr, pattern) = self.like(expr, pattern, next)?;
                Ok(boolean(Expr::Like { negated: *negated, any: false, expr, pattern, escape_char: None }))
            }
            Expr::ILike { negated, any: false, expr, pattern, escape_char: None } => {
                let (expr, pattern) = self.like(expr, pattern, next)?;
                Ok(boolean(Expr::ILike { negated: *negated, any: false, expr, pattern, escape_char: None }))
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), next)
            }
            Expr::Function(call) => function::call(self, call, next),
            Expr::Substring { expr, substring_from, substring_for, .. } => {
                function::substring(self, expr, substring_from.as_deref(), substring_for.as_deref(), next)
            }
            other => refused_with(
                format!("\"{}\" is not allowed in a policy", excerpt(other)),
                "comparisons, IN, BETWEEN, LIKE, IS NULL, CASE and a few functions are",
            ),
        }
    }

    fn column(&mut self, idents: &[Ident]) -> Checked<Typed> {
        let path: Vec<String> = idents.iter().map(|ident| ident.value.clone()).collect();
        let Some((current, data_type)) = self.columns.find(&path) else {
            let message = format!("unknown column \"{}\"", path.join("."));
            return match self.columns.similar(&path) {
                Some(name) => refused_with(message, format!("did you mean \"{name}\"?")),
                None => refused(message),
            };
        };
        let mut quoted: Vec<Ident> = current.into_iter().map(|name| Ident::with_quote('"', name)).collect();
        let expr = match (quoted.len(), quoted.pop()) {
            (1, Some(only)) => Expr::Identifier(only),
            (_, Some(last)) => {
                quoted.push(last);
                Expr::CompoundIdentifier(quoted)
            }
            (_, None) => return refused("empty column name"),
        };
        Ok(Typed { expr, data_type, origin: Origin::Column })
    }

    fn unary(&mut self, op: UnaryOperator, operand: &Expr, depth: usize) -> Checked<Typed> {
        match op {
            UnaryOperator::Not => {
                let operand = self.boolean_operand(operand, depth)?;
                Ok(boolean(Expr::UnaryOp { op, expr: Box::new(operand) }))
            }
            UnaryOperator::Minus | UnaryOperator::Plus => {
                let typed = self.walk(operand, depth)?;
                match typed.origin {
                    Origin::Literal(literal) => literal.signed(op == UnaryOperator::Minus),
                    Origin::Column | Origin::Computed => {
                        refused("arithmetic can fail on some row and is not allowed in a policy")
                    }
                }
            }
            other => refused(format!("operator \"{other}\" is not allowed in a policy")),
        }
    }

    fn binary(
        &mut self,
        whole: &Expr,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
        depth: usize,
    ) -> Checked<Typed> {
        match op {
            BinaryOperator::And | BinaryOperator::Or => self.chain(whole, op, depth),
            BinaryOperator::Eq
            | BinaryOperator::NotEq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq => self.comparison(left, op, right, depth),
            BinaryOperator::StringConcat => {
                let left = function::string_operand(self, left, depth)?;
                let right = function::string_operand(self, right, depth)?;
                let joined = Expr::BinaryOp { left: Box::new(left), op: op.clone(), right: Box::new(right) };
                Ok(Typed::computed(nested(joined), DataType::Utf8))
            }
            BinaryOperator::Plus
            | BinaryOperator::Minus
            | BinaryOperator::Multiply
            | BinaryOperator::Divide
            | BinaryOperator::Modulo => {
                refused("arithmetic can fail on some row and is not allowed in a policy")
            }
            other => refused(format!("operator \"{other}\" is not allowed in a policy")),
        }
    }

    /// AND and OR chains come out balanced: a long flat chain would otherwise be as deep as it
    /// is long for whoever walks it next.
    fn chain(&mut self, whole: &Expr, op: &BinaryOperator, depth: usize) -> Checked<Typed> {
        let mut parts = Vec::new();
        let mut pending = vec![whole];
        while let Some(part) = pending.pop() {
            match part {
                Expr::BinaryOp { left, op: inner, right } if inner == op => {
                    pending.push(right);
                    pending.push(left);
                }
                other => parts.push(self.boolean_operand(other, depth)?),
            }
        }
        Ok(Typed::computed(balanced(&parts, op), DataType::Boolean))
    }

    fn boolean_operand(&mut self, expr: &Expr, depth: usize) -> Checked<Expr> {
        let typed = self.walk(expr, depth)?;
        let typed = self.settle(typed)?;
        if typed.data_type != DataType::Boolean {
            return refused(format!("\"{}\" is not true or false", excerpt(expr)));
        }
        Ok(typed.expr)
    }

    fn presence(&mut self, operand: &Expr, make: fn(Box<Expr>) -> Expr, depth: usize) -> Checked<Typed> {
        let typed = self.walk(operand, depth)?;
        if matches!(typed.origin, Origin::Literal(_)) {
            return refused("IS NULL needs a column");
        }
        Ok(boolean(make(Box::new(typed.expr))))
    }

    fn truth(&mut self, operand: &Expr, make: fn(Box<Expr>) -> Expr, depth: usize) -> Checked<Typed> {
        let operand = self.boolean_operand(operand, depth)?;
        Ok(boolean(make(Box::new(operand))))
    }

    fn case(
        &mut self,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        else_result: Option<&Expr>,
        depth: usize,
    ) -> Checked<Typed> {
        let mut tests = Vec::with_capacity(conditions.len());
        let mut results = Vec::with_capacity(conditions.len() + 1);
        for when in conditions {
            // `CASE x WHEN y` is written out as `CASE WHEN x = y`: one form to check.
            tests.push(match operand {
                Some(operand) => self.comparison(operand, &BinaryOperator::Eq, &when.condition, depth)?.expr,
                None => self.boolean_operand(&when.condition, depth)?,
            });
            results.push(self.walk(&when.result, depth)?);
        }
        let has_else = else_result.is_some();
        if let Some(result) = else_result {
            results.push(self.walk(result, depth)?);
        }
        let (mut exprs, data_type) = self.unify(results)?;
        let else_expr = if has_else { exprs.pop() } else { None };
        let pairs = tests.into_iter().zip(exprs);
        let rebuilt = Expr::Case {
            case_token: AttachedToken::empty(),
            end_token: AttachedToken::empty(),
            operand: None,
            conditions: pairs.map(|(condition, result)| CaseWhen { condition, result }).collect(),
            else_result: else_expr.map(Box::new),
        };
        Ok(Typed::computed(rebuilt, data_type))
    }

    /// Results of one CASE or COALESCE: one type; literals take the type of what they stand
    /// beside.
    pub(super) fn unify(&mut self, parts: Vec<Typed>) -> Checked<(Vec<Expr>, DataType)> {
        let mut common: Option<DataType> = None;
        for part in parts.iter().filter(|part| !matches!(part.origin, Origin::Literal(_))) {
            common = Some(match common {
                None => part.data_type.clone(),
                Some(known) => compare::common_type(&known, &part.data_type)?,
            });
        }
        if common.is_none() {
            common = parts.iter().map(|part| &part.data_type).find(|t| **t != DataType::Null).cloned();
        }
        let Some(common) = common else { return refused("every result is null") };
        let mut exprs = Vec::with_capacity(parts.len());
        for part in parts {
            exprs.push(match part.origin {
                Origin::Literal(Literal::Null) => part.expr,
                Origin::Literal(literal) => self.literal_as(&literal, &common)?,
                Origin::Column | Origin::Computed => part.expr,
            });
        }
        Ok((exprs, common))
    }

    /// A literal that stands by itself takes its natural type.
    pub(super) fn settle(&mut self, typed: Typed) -> Checked<Typed> {
        match typed.origin {
            Origin::Literal(Literal::Null) => refused("null by itself is not allowed in a policy"),
            Origin::Literal(literal) => {
                let expr = self.literal_as(&literal, &typed.data_type)?;
                Ok(Typed::computed(expr, typed.data_type))
            }
            Origin::Column | Origin::Computed => Ok(typed),
        }
    }

    pub(super) fn param(&mut self, value: ClaimValue) -> Expr {
        self.params.push(value);
        value_expr(Value::Placeholder(format!("${}", self.params.len())))
    }

    fn claim_error<T>(&self, error: ClaimError) -> Checked<T> {
        match error {
            ClaimError::Unusable => Err(CheckError::ClaimUnusable),
            ClaimError::Type(_) => refused("a claim cannot be compared with a column of this type"),
        }
    }
}

fn balanced(parts: &[Expr], op: &BinaryOperator) -> Expr {
    match parts {
        [] => value_expr(Value::Boolean(*op == BinaryOperator::And)),
        [only] => only.clone(),
        _ => {
            let (left, right) = parts.split_at(parts.len() / 2);
            nested(Expr::BinaryOp {
                left: Box::new(balanced(left, op)),
                op: op.clone(),
                right: Box::new(balanced(right, op)),
            })
        }
    }
}

pub(super) fn boolean(expr: Expr) -> Typed {
    Typed::computed(nested(expr), DataType::Boolean)
}

pub(super) fn nested(expr: Expr) -> Expr {
    Expr::Nested(Box::new(expr))
}

pub(super) fn value_expr(value: Value) -> Expr {
    Expr::Value(ValueWithSpan { value, span: Span::empty() })
}

fn excerpt(expr: &Expr) -> String {
    const SHOWN_CHARS_MAX: usize = 60;
    let text = expr.to_string();
    if text.chars().count() <= SHOWN_CHARS_MAX {
        return text;
    }
    text.chars().take(SHOWN_CHARS_MAX).chain("...".chars()).collect()
}
