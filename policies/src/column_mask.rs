//! How values are hidden: owns the masks, which types each takes and gives, and their kernels.
//! Does not decide which column gets which mask, and does not evaluate expressions.
//!
//! A mask is total over the types that it takes: `apply` fails on no value. Nulls stay null.

mod apply;
mod calendar;
mod constant;
mod from_rule;
mod hash;
mod nested;
mod number;
mod partial;

use arrow_schema::{DataType, TimeUnit};

use crate::row_filter::BoundExpression;
use crate::type_name::type_name;

pub(crate) use from_rule::mask_from_rule;

pub use calendar::{CalendarUnit, UnknownUnit};
pub use constant::ConstantMask;
pub use hash::HashMask;
pub use nested::{apply_nested, nested_output_type};
pub use number::{InvalidStep, Step};
pub use partial::PartialMask;

/// How the values of one column, or of one field inside structs, are hidden.
#[derive(Debug, Clone)]
pub enum ColumnMask {
    /// Every value is null.
    Null,
    /// Every value that is not null is this one.
    Constant(ConstantMask),
    /// A keyed digest in hex.
    Hash(HashMask),
    /// Part of a string stays.
    Partial(PartialMask),
    /// Dates and timestamps to the start of a unit; numbers toward zero to a multiple.
    Truncate(Grain),
    /// Numbers to the nearest multiple, halves away from zero.
    Round(Step),
    /// Dates and timestamps to the start of a unit; numbers down to a multiple.
    Bucket(Grain),
    /// The field does not exist. Only for fields inside structs: columns are left out instead.
    Absent,
    /// An expression over the raw columns of the table, for the engine to evaluate.
    Expression(Box<BoundExpression>),
}

/// What a value is cut to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grain {
    /// A unit of time, in UTC.
    Unit(CalendarUnit),
    /// A multiple of a number.
    Step(Step),
}

/// A mask cannot be put on a column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MaskError {
    /// This mask does not take values of this type.
    #[error("mask \"{mask}\" does not take values of type {}", type_name(data_type))]
    UnsupportedType {
        /// The mask's name in policy files.
        mask: &'static str,
        /// The column's type.
        data_type: DataType,
    },
    /// The constant is not a value of the column's type.
    #[error("the constant is not a value of type {}", type_name(.0))]
    ConstantMismatch(DataType),
    /// The step is not a number that values of this type can be multiples of.
    #[error("{step} is not a step for values of type {}", type_name(data_type))]
    StepMismatch {
        /// The step as written.
        step: String,
        /// The column's type.
        data_type: DataType,
    },
    /// The unit is finer than a date.
    #[error("a date cannot be cut to the {0}")]
    UnitTooFine(CalendarUnit),
    /// No field has this path inside structs and lists of the column.
    #[error("there is no field \"{0}\" to mask")]
    NoSuchField(String),
    /// An expression stands for a whole column.
    #[error("an expression masks whole columns, not fields inside them")]
    ExpressionNested,
}

impl ColumnMask {
    /// The mask's name in policy files.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Constant(_) => "constant",
            Self::Hash(_) => "hash",
            Self::Partial(_) => "partial",
            Self::Truncate(_) => "truncate",
            Self::Round(_) => "round",
            Self::Bucket(_) => "bucket",
            Self::Absent => "hide",
            Self::Expression(_) => "expression",
        }
    }

    /// The type after masking, or why the mask does not take the type.
    pub fn output_type(&self, input: &DataType) -> Result<DataType, MaskError> {
        match self {
            Self::Null => Ok(input.clone()),
            Self::Expression(expression) => Ok(expression.data_type.clone()),
            Self::Constant(constant) if constant.fits(input) => Ok(input.clone()),
            Self::Constant(_) => Err(MaskError::ConstantMismatch(input.clone())),
            Self::Hash(_) if hash::takes(input) => Ok(DataType::Utf8),
            Self::Partial(_) if is_string(input) => Ok(input.clone()),
            Self::Truncate(grain) | Self::Bucket(grain) => self.grain_type(grain, input),
            Self::Round(step) if number::takes(input) => step.check(input).map(|()| input.clone()),
            Self::Hash(_) | Self::Partial(_) | Self::Round(_) | Self::Absent => Err(self.unsupported(input)),
        }
    }

    fn grain_type(&self, grain: &Grain, input: &DataType) -> Result<DataType, MaskError> {
        match (grain, input) {
            (Grain::Unit(unit), DataType::Date32) if unit.is_finer_than_day() => {
                Err(MaskError::UnitTooFine(*unit))
            }
            (Grain::Unit(_), DataType::Date32 | DataType::Timestamp(..)) => Ok(input.clone()),
            (Grain::Step(step), _) if number::takes(input) => step.check(input).map(|()| input.clone()),
            (Grain::Unit(_) | Grain::Step(_), _) => Err(self.unsupported(input)),
        }
    }

    fn unsupported(&self, input: &DataType) -> MaskError {
        MaskError::UnsupportedType { mask: self.name(), data_type: input.clone() }
    }

    /// The mask in words, for the owner of the policy. Shows no key.
    pub fn describe(&self) -> String {
        match self {
            Self::Null => "null".to_string(),
            Self::Constant(constant) => format!("the constant {}", constant.value().to_sql()),
            Self::Hash(hash) => format!("hash under key name \"{}\"", hash.tag()),
            Self::Partial(partial) => partial.describe(),
            Self::Truncate(Grain::Unit(unit)) | Self::Bucket(Grain::Unit(unit)) => {
                format!("start of the {unit}")
            }
            Self::Truncate(Grain::Step(step)) => format!("toward zero to a multiple of {step}"),
            Self::Round(step) => format!("nearest multiple of {step}"),
            Self::Bucket(Grain::Step(step)) => format!("down to a multiple of {step}"),
            Self::Absent => "absent".to_string(),
            Self::Expression(expression) => format!("expression {}", expression.to_sql()),
        }
    }

    /// Everything that decides what the mask shows, for fingerprints.
    pub(crate) fn identity(&self) -> Vec<Vec<u8>> {
        let mut parts = vec![self.name().as_bytes().to_vec()];
        match self {
            Self::Null | Self::Absent => {}
            Self::Constant(constant) => parts.push(constant.value().identity()),
            Self::Hash(hash) => {
                parts.push(hash.key_id().as_bytes().to_vec());
                parts.push(hash.tag().as_bytes().to_vec());
            }
            Self::Partial(partial) => parts.push(partial.describe().into_bytes()),
            Self::Truncate(Grain::Unit(unit)) | Self::Bucket(Grain::Unit(unit)) => {
                parts.push(unit.to_string().into_bytes());
            }
            Self::Truncate(Grain::Step(step)) | Self::Bucket(Grain::Step(step)) | Self::Round(step) => {
                parts.push(step.to_string().into_bytes());
            }
            Self::Expression(expression) => parts.extend(expression.identity()),
        }
        parts
    }
}

pub(crate) fn is_string(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// Ticks of a timestamp in one second.
pub(crate) fn ticks_per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

#[cfg(test)]
mod tests;
