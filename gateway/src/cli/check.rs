//! `sluice check`: opens everything that `serve` would, says what is wrong with file and line, and
//! sums up what there is.

use sluice_catalog::table::TableStatus;
use sluice_policies::diagnostic::Diagnostic;

use super::{CliError, output};
use crate::app::assembly::{Assembly, assemble};
use crate::app::check_certificate;
use crate::config::Config;

/// Fails with every problem, unreadable tables included.
pub(super) async fn run(config: Config) -> Result<(), CliError> {
    let assembly = assemble(&config).await.map_err(CliError::Problems)?;
    let mut problems = table_problems(&config, &assembly);
    if let Err(error) = check_certificate(&config).await {
        problems.push(config.field_problem(&["server", "tls"], &format!("cannot be used: {error}")));
    }
    if !problems.is_empty() {
        return Err(CliError::Problems(problems));
    }
    summarize(&assembly);
    Ok(())
}

fn table_problems(config: &Config, assembly: &Assembly) -> Vec<Diagnostic> {
    let mut problems: Vec<Diagnostic> = Vec::new();
    for table in assembly.catalog.tables() {
        let name = table.name();
        match table.status() {
            TableStatus::Serving { stale: None } => {}
            TableStatus::Serving { stale: Some(stale) } => {
                problems
                    .push(config.table_problem(name, &format!("cannot be read any more: {}", stale.reason)));
            }
            TableStatus::Unavailable { reason } => {
                problems.push(config.table_problem(name, &format!("cannot be read: {reason}")));
            }
        }
        let Some(snapshot) = table.current() else { continue };
        let definition = table.definition();
        let has = |column: &str| snapshot.columns().iter().any(|known| known.name == column);
        for (field, columns) in
            [("primary_key", &definition.primary_key), ("clustered_by", &definition.clustered_by)]
        {
            for column in columns.iter().filter(|column| !has(column)) {
                let message = format!("names column \"{column}\" in \"{field}\", which it does not have");
                problems.push(config.table_problem(name, &message));
            }
        }
    }
    problems
}

fn summarize(assembly: &Assembly) {
    let tables = assembly.catalog.tables();
    output::say(format!("{} tables:", tables.len()));
    for table in &tables {
        let Some(snapshot) = table.current() else { continue };
        let rows = snapshot.num_rows().map_or_else(|| "unknown".to_owned(), |rows| rows.to_string());
        output::say(format!(
            "  {}: version {}, {} columns, {rows} rows in {} files",
            table.name(),
            snapshot.version(),
            snapshot.columns().len(),
            snapshot.files().len(),
        ));
    }
    let roles: Vec<&str> = assembly.policies.roles().collect();
    output::say(format!("{} roles:", roles.len()));
    for role in roles {
        let granted = assembly.policies.granted_tables(role);
        let granted = if granted.is_empty() { "no table".to_owned() } else { granted.join(", ") };
        output::say(format!("  {role}: {granted}"));
    }
    output::say("all is well");
}
