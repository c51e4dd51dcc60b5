//! Columns that a wildcard leaves out: owns where a statement names them, and the check that they are there.

use datafusion::sql::sqlparser::ast::{ExcludeSelectItem, Ident, ObjectNamePart, WildcardAdditionalOptions};

use super::scope::{Match, correct};
use crate::engine::error::{Complaint, EngineError};
use crate::engine::expression::names::{did_you_mean, nearest, place};

/// The names after `EXCEPT` or `EXCLUDE`.
pub(super) fn left_out(options: &mut WildcardAdditionalOptions) -> Vec<&mut Ident> {
    let mut left_out: Vec<&mut Ident> = Vec::new();
    if let Some(except) = &mut options.opt_except {
        left_out.push(&mut except.first_element);
        left_out.extend(&mut except.additional_elements);
    }
    let names = match &mut options.opt_exclude {
        Some(ExcludeSelectItem::Single(name)) => std::slice::from_mut(name),
        Some(ExcludeSelectItem::Multiple(names)) => names.as_mut_slice(),
        None => &mut [],
    };
    left_out.extend(names.iter_mut().flat_map(|name| &mut name.0).filter_map(|part| match part {
        ObjectNamePart::Identifier(ident) => Some(ident),
        ObjectNamePart::Function(_) => None,
    }));
    left_out
}

/// `columns` without those that are left out, whose names are made exact.
///
/// # Errors
/// The first that is not there.
pub(super) fn without(
    left_out: Vec<&mut Ident>,
    mut columns: Vec<String>,
) -> Result<Vec<String>, EngineError> {
    let all = columns.clone();
    for ident in left_out {
        if correct(ident, all.iter().map(String::as_str)) == Match::None {
            let hint = nearest(&ident.value, all.iter().map(String::as_str)).map(did_you_mean);
            let complaint = Complaint::new(format!("column \"{}\" not found", ident.value));
            return Err(EngineError::UnknownColumn(complaint.with_hint(hint).at(Some(place(ident)))));
        }
        columns.retain(|column| *column != ident.value);
    }
    Ok(columns)
}
