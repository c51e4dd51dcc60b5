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
    let missing = missing_tables(&assembly);
    // Where tables are discovered, one that rules name may yet appear.
    let (notes, faults) =
        if config.catalog.discover.is_empty() { (Vec::new(), missing) } else { (missing, Vec::new()) };
    problems.extend(faults);
    if !problems.is_empty() {
        problems.sort();
        return Err(CliError::Problems(problems));
    }
    summarize(&assembly);
    for note in notes {
        output::say(format!("note: {note}"));
    }
    output::say("all is well");
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

/// A number of things; one is one thing.
pub(super) fn counted(count: usize, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

fn summarize(assembly: &Assembly) {
    let tables = assembly.catalog.tables();
    output::say(format!("{}:", counted(tables.len(), "table")));
    for table in &tables {
        let Some(snapshot) = table.current() else { continue };
        let rows = snapshot.num_rows().map_or_else(|| "unknown".to_owned(), |rows| rows.to_string());
        output::say(format!(
            "  {}: version {}, {}, {rows} rows in {}",
            table.name(),
            snapshot.version(),
            counted(snapshot.columns().len(), "column"),
            counted(snapshot.files().len(), "file"),
        ));
    }
    let roles: Vec<&str> = assembly.policies.roles().collect();
    output::say(format!("{}:", counted(roles.len(), "role")));
    for role in roles {
        let granted = assembly.policies.granted_tables(role);
        let granted = if granted.is_empty() { "no table".to_owned() } else { granted.join(", ") };
        output::say(format!("  {role}: {granted}"));
    }
}

/// Grants of tables that nobody declared or discovered: most likely a slip of the pen.
fn missing_tables(assembly: &Assembly) -> Vec<Diagnostic> {
    assembly.policies.grants_of_missing_tables(|table| assembly.catalog.table(table).is_some())
}
