//! The constant mask: owns a typed value that stands for every other. Does not apply it.

use arrow_schema::DataType;

use crate::row_filter::{ClaimValue, ValueError};

/// A value of exactly the type of the column that it masks.
#[derive(Debug, Clone, PartialEq)]
pub struct ConstantMask {
    value: ClaimValue,
    data_type: DataType,
}

impl ConstantMask {
    /// Reads the constant as a value of the column's type.
    pub fn new(text: &str, data_type: &DataType) -> Result<Self, ValueError> {
        let value = ClaimValue::from_text(text, data_type)?;
        Ok(Self { value, data_type: data_type.clone() })
    }

    /// The value.
    pub fn value(&self) -> &ClaimValue {
        &self.value
    }

    pub(super) fn fits(&self, data_type: &DataType) -> bool {
        self.data_type == *data_type
    }
}
