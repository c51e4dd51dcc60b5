//! Policies against the engine, at load: owns the check that every filter and expression mask
//! plans, type-checks and cannot fail, so that a mistake is an error with file and line and not
//! a table that silently does not exist.

use sluice_catalog::catalog::Catalog;
use sluice_policies::diagnostic::Diagnostic;
use sluice_policies::table_policy::PolicySet;

use super::compile::Compiler;
use crate::engine::error::EngineError;
use crate::engine::session::Engine;

/// Every policy expression on one of `tables` that does not hold against the current version of its table.
pub fn check(
    engine: &Engine,
    policies: &PolicySet,
    catalog: &Catalog,
    tables: impl Fn(&str) -> bool,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for policy in policies.expressions().filter(|policy| tables(&policy.table)) {
        let Some(snapshot) = catalog.table(&policy.table).and_then(|t| t.current()) else { continue };
        let bound = &policy.expression;
        let outcome = Compiler::new(engine, &snapshot).and_then(|c| c.expression(bound));
        let message = match outcome {
            Ok((_, data_type)) if data_type == bound.data_type => continue,
            Ok((_, data_type)) if policy.masked_column.is_none() => {
                format!("a row filter must be boolean, this one is {data_type}")
            }
            Ok(_) => continue,
            Err(EngineError::Internal(cause)) => cause.to_string(),
            Err(error) => error.to_string(),
        };
        found.push(Diagnostic {
            file: bound.file.to_path_buf(),
            line: bound.line,
            column: bound.column,
            message: format!("role \"{}\", table \"{}\": {message}", policy.role, policy.table),
            hint: None,
        });
    }
    found
}
