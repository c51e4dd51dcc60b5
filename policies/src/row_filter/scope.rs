//! What an expression may refer to: owns the two views, columns and claims, that checking asks.
//! Does not know where either comes from.

use std::collections::BTreeMap;

use arrow_schema::DataType;
use serde_json::Value;

use super::value::{ClaimValue, ValueError};

/// Finds a column, or a field inside structs, by the name that the rule gives it.
pub(crate) trait Columns {
    /// Current path and type; `None` when there is no such column.
    fn find(&self, path: &[String]) -> Option<(Vec<String>, DataType)>;
    /// The name among the columns that is most like this one.
    fn similar(&self, path: &[String]) -> Option<String>;
}

/// Where the values of claims come from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Claims<'a> {
    /// A caller's token.
    Of(&'a BTreeMap<String, Value>),
    /// Any value of the right type: to check a rule when no caller is there.
    Sample,
}

/// Why a claim gave no value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ClaimError {
    /// The caller's token does not serve; the rule itself is fine.
    Unusable,
    /// No claim of any token can be compared with this type.
    Type(ValueError),
}

impl Claims<'_> {
    /// The claim as one value.
    pub(crate) fn scalar(self, name: &str, data_type: &DataType) -> Result<ClaimValue, ClaimError> {
        let sample = sample(data_type).map_err(ClaimError::Type)?;
        match self {
            Self::Sample => Ok(sample),
            Self::Of(claims) => {
                let value = claims.get(name).ok_or(ClaimError::Unusable)?;
                ClaimValue::from_json(value, data_type).map_err(|_| ClaimError::Unusable)
            }
        }
    }

    /// The claim as a list; one value is a list of one. Never empty.
    pub(crate) fn list(self, name: &str, data_type: &DataType) -> Result<Vec<ClaimValue>, ClaimError> {
        if let Self::Of(claims) = self
            && let Some(Value::Array(items)) = claims.get(name)
        {
            sample(data_type).map_err(ClaimError::Type)?;
            let values: Result<Vec<ClaimValue>, ValueError> =
                items.iter().map(|item| ClaimValue::from_json(item, data_type)).collect();
            return match values {
                Ok(values) if !values.is_empty() => Ok(values),
                Ok(_) | Err(_) => Err(ClaimError::Unusable),
            };
        }
        self.scalar(name, data_type).map(|value| vec![value])
    }
}

fn sample(data_type: &DataType) -> Result<ClaimValue, ValueError> {
    let text = match data_type {
        DataType::Boolean => "true",
        DataType::Date32 => "1970-01-01",
        DataType::Timestamp(_, None) => "1970-01-01T00:00:00",
        DataType::Timestamp(_, Some(_)) => "1970-01-01T00:00:00Z",
        _ => "0",
    };
    ClaimValue::from_text(text, data_type)
}
