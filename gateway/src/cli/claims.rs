//! Claims on the command line: owns `name=value`. The value is JSON when it parses as JSON
//! (`carriers=["UA","B6"]`, `level=3`, `code="3"`), else a string (`region=emea`). Does not judge claims.

use std::collections::BTreeMap;

use serde_json::Value;

use super::CliError;

/// One claim.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    name: String,
    value: Value,
}

/// Reads one `name=value`.
pub(super) fn parse(text: &str) -> Result<Claim, String> {
    let (name, value) = text.split_once('=').ok_or("write it as name=value")?;
    if name.is_empty() {
        return Err("the name is empty".to_owned());
    }
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok(Claim { name: name.to_owned(), value })
}

/// All claims by name; one given twice is an error.
pub(super) fn collect(claims: Vec<Claim>) -> Result<BTreeMap<String, Value>, CliError> {
    let mut collected: BTreeMap<String, Value> = BTreeMap::new();
    for Claim { name, value } in claims {
        if collected.insert(name.clone(), value).is_some() {
            return Err(CliError::ClaimTwice(name));
        }
    }
    Ok(collected)
}
