//! Literals of the expression language: owns which are admitted and how each takes the type of
//! the column that it meets. Does not look at columns.

use arrow_schema::{DataType, TimeUnit};
use sqlparser::ast::{self, Expr, TypedString, Value};

use super::{Binder, Checked, Origin, Typed, refused, refused_with, value_expr};
use crate::row_filter::value::ClaimValue;
use crate::type_name::type_name;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Null,
    Boolean(bool),
    Text(String),
    Integer(i64),
    /// Plain decimal notation with a fraction, as written.
    Fraction(String),
    /// `DATE '...'` or `TIMESTAMP '...'`, as written.
    Typed(DataType, String),
}

impl Literal {
    fn typed(self) -> Typed {
        let data_type = match &self {
            Self::Null => DataType::Null,
            Self::Boolean(_) => DataType::Boolean,
            Self::Text(_) => DataType::Utf8,
            Self::Integer(_) => DataType::Int64,
            Self::Fraction(_) => DataType::Float64,
            Self::Typed(data_type, _) => data_type.clone(),
        };
        Typed { expr: value_expr(Value::Null), data_type, origin: Origin::Literal(self) }
    }

    pub(super) fn signed(self, negative: bool) -> Checked<Typed> {
        match self {
            Self::Integer(n) if negative => match n.checked_neg() {
                Some(n) => Ok(Self::Integer(n).typed()),
                None => refused("number is too large"),
            },
            Self::Fraction(text) if negative => Ok(match text.strip_prefix('-') {
                Some(rest) => Self::Fraction(rest.to_string()),
                None => Self::Fraction(format!("-{text}")),
            }
            .typed()),
            number @ (Self::Integer(_) | Self::Fraction(_)) => Ok(number.typed()),
            Self::Null | Self::Boolean(_) | Self::Text(_) | Self::Typed(..) => {
                refused("a sign needs a number")
            }
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Null => "null".to_string(),
            Self::Boolean(b) => b.to_string(),
            Self::Text(text) => format!("'{text}'"),
            Self::Integer(n) => n.to_string(),
            Self::Fraction(text) => text.clone(),
            Self::Typed(data_type, text) => format!("{data_type} '{text}'"),
        }
    }
}

pub(super) fn from_value(value: &Value) -> Checked<Typed> {
    let literal = match value {
        Value::Null => Literal::Null,
        Value::Boolean(b) => Literal::Boolean(*b),
        Value::SingleQuotedString(text) => Literal::Text(text.clone()),
        Value::Number(text, false) => match text.parse::<i64>() {
            Ok(n) => Literal::Integer(n),
            Err(_) if text.contains('.') => Literal::Fraction(text.clone()),
            Err(_) => return refused(format!("number \"{text}\" is too large or has an exponent")),
        },
        other => return refused(format!("literal \"{other}\" is not allowed in a policy")),
    };
    Ok(literal.typed())
}

pub(super) fn from_typed_string(typed: &TypedString) -> Checked<Typed> {
    let Value::SingleQuotedString(text) = &typed.value.value else {
        return refused(format!("literal \"{typed}\" is not allowed in a policy"));
    };
    let wanted = match &typed.data_type {
        ast::DataType::Date => DataType::Date32,
        ast::DataType::Timestamp(None, ast::TimezoneInfo::None) => {
            let zone = chrono::DateTime::parse_from_rfc3339(text).is_ok().then(|| "UTC".into());
            DataType::Timestamp(TimeUnit::Microsecond, zone)
        }
        _ => return refused(format!("literal \"{typed}\" is not allowed in a policy")),
    };
    match ClaimValue::from_text(text, &wanted) {
        Ok(_) => Ok(Literal::Typed(wanted, text.clone()).typed()),
        Err(_) => refused(format!("'{text}' is not a date or timestamp")),
    }
}

impl Binder<'_> {
    /// The literal as a value of this type, or a refusal.
    pub(crate) fn literal_as(&mut self, literal: &Literal, data_type: &DataType) -> Checked<Expr> {
        let mismatch = || -> Checked<Expr> {
            refused(format!("{} is not a value of type {}", literal.text(), type_name(data_type)))
        };
        match (literal, data_type) {
            (Literal::Null, _) => {
                refused_with("a comparison with null is never true", "use IS NULL or IS NOT NULL")
            }
            (Literal::Boolean(b), DataType::Boolean) => Ok(value_expr(Value::Boolean(*b))),
            (Literal::Text(text), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) => {
                Ok(value_expr(Value::SingleQuotedString(text.clone())))
            }
            (Literal::Integer(n), DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64) => {
                Ok(self.param(ClaimValue::Int(*n)))
            }
            (
                Literal::Fraction(text),
                DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64,
            ) => self.bound(text, &DataType::Float64),
            (Literal::Integer(n), DataType::Float32 | DataType::Float64) => {
                self.bound(&n.to_string(), &DataType::Float64)
            }
            (Literal::Fraction(text), DataType::Float32 | DataType::Float64) => {
                self.bound(text, &DataType::Float64)
            }
            (Literal::Integer(n), DataType::Decimal128(..)) => self.bound(&n.to_string(), data_type),
            (Literal::Fraction(text), DataType::Decimal128(..)) => self.bound(text, data_type),
            (Literal::Text(text), DataType::Date32 | DataType::Timestamp(..)) => self.bound(text, data_type),
            (Literal::Typed(own, text), wanted) if same_kind(own, wanted) => self.bound(text, wanted),
            _ => mismatch(),
        }
    }

    fn bound(&mut self, text: &str, data_type: &DataType) -> Checked<Expr> {
        match ClaimValue::from_text(text, data_type) {
            Ok(value) => Ok(self.param(value)),
            Err(error) => refused(format!("{text}: {error}")),
        }
    }
}

fn same_kind(own: &DataType, wanted: &DataType) -> bool {
    match (own, wanted) {
        (DataType::Date32, DataType::Date32) => true,
        (DataType::Timestamp(_, own), DataType::Timestamp(_, wanted)) => own.is_some() == wanted.is_some(),
        _ => false,
    }
}
