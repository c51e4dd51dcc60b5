//! From a mask as it was written to a mask that works: owns settings and their errors. Does not
//! decide whether the column's type takes the mask, except where a setting is typed by it.

use arrow_schema::DataType;

use super::{CalendarUnit, ColumnMask, ConstantMask, Grain, HashMask, MaskError, PartialMask, Step};
use crate::keys::KeyRing;
use crate::rule::{GrainRule, MaskRule, PartialRule};

const KEY_NAME_BYTES_MAX: usize = 256;

/// The settings of a mask do not make sense.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MaskRuleError {
    #[error("{0}")]
    Settings(String),
    #[error(transparent)]
    Type(#[from] MaskError),
}

/// Builds every mask but expressions, which need the table's columns.
pub(crate) fn mask_from_rule(
    rule: &MaskRule,
    data_type: &DataType,
    keys: &KeyRing,
    default_key_name: &str,
) -> Result<ColumnMask, MaskRuleError> {
    let settings = |message: &str| MaskRuleError::Settings(message.to_string());
    match rule {
        MaskRule::Null(_) => Ok(ColumnMask::Null),
        MaskRule::Constant(text) => ConstantMask::new(text, data_type)
            .map(ColumnMask::Constant)
            .map_err(|_| MaskError::ConstantMismatch(data_type.clone()).into()),
        MaskRule::Hash(hash) => {
            let name = hash.key.as_deref().unwrap_or(default_key_name);
            if name.is_empty() || name.len() > KEY_NAME_BYTES_MAX {
                return Err(settings(&format!("a key name has 1 to {KEY_NAME_BYTES_MAX} bytes")));
            }
            HashMask::new(keys.current(), name)
                .map(ColumnMask::Hash)
                .map_err(|_| settings("the mask key cannot be used"))
        }
        MaskRule::Partial(partial) => partial_from_rule(partial).map(ColumnMask::Partial),
        MaskRule::Truncate(grain) => grain_from_rule(grain).map(ColumnMask::Truncate),
        MaskRule::Bucket(grain) => grain_from_rule(grain).map(ColumnMask::Bucket),
        MaskRule::Round(text) => step_from_text(text).map(ColumnMask::Round),
        MaskRule::Expression(_) => Err(MaskError::ExpressionNested.into()),
    }
}

fn partial_from_rule(rule: &PartialRule) -> Result<PartialMask, MaskRuleError> {
    match (rule.email, rule.keep_first, rule.keep_last) {
        (true, 0, 0) => Ok(PartialMask::EmailDomain),
        (true, _, _) => Err(MaskRuleError::Settings(
            "\"email\" goes without \"keep_first\" and \"keep_last\"".to_string(),
        )),
        (false, 0, 0) => Err(MaskRuleError::Settings(
            "partial needs \"keep_first\", \"keep_last\" or \"email\"".to_string(),
        )),
        (false, first, last) => Ok(PartialMask::Ends { first, last }),
    }
}

fn grain_from_rule(rule: &GrainRule) -> Result<Grain, MaskRuleError> {
    match (&rule.unit, &rule.step) {
        (Some(unit), None) => unit.parse().map(Grain::Unit).map_err(|_| {
            let known: Vec<&str> = CalendarUnit::ALL.iter().map(|unit| unit.as_str()).collect();
            MaskRuleError::Settings(format!("unknown unit \"{unit}\"; known are {}", known.join(", ")))
        }),
        (None, Some(step)) => step_from_text(step).map(Grain::Step),
        (Some(_), Some(_)) | (None, None) => {
            Err(MaskRuleError::Settings("give either \"unit\" or \"step\"".to_string()))
        }
    }
}

fn step_from_text(text: &str) -> Result<Step, MaskRuleError> {
    text.parse().map_err(|error: super::InvalidStep| MaskRuleError::Settings(error.to_string()))
}
