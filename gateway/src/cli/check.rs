//! `sluice check`: opens everything that `serve` would, says what is wrong with file and line, and sums up
//! what there is. Does not judge anything itself.

use sluice_catalog::catalog::Catalog;
use sluice_catalog::snapshot::Snapshot;
use sluice_catalog::store::Stores;
use sluice_catalog::table::{Table, TableStatus};
use sluice_policies::diagnostic::Diagnostic;

use super::{CliError, output};
use crate::app::assembly::{Assembly, assemble};
use crate::app::check_certificate;
use crate::config::Config;
use crate::engine::authorized::shape;
use crate::protocol::graphql::schema::left_out;
use crate::query::shape::VisibleShape;

/// Fails with every problem, unreadable tables included.
pub(super) async fn run(config: Config) -> Result<(), CliError> {
    let assembly = match assemble(&config).await {
        Ok(assembly) => assembly,
        Err(problems) => return Err(CliError::Problems(with_catalog_problems(&config, problems).await)),
    };
    let mut problems = catalog_problems(&config, &assembly.catalog);
    problems.extend(assembly.signing_problems(&config));
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
    summarize(&assembly)?;
    for note in notes {
        output::say(format!("note: {note}"))?;
    }
    for left_out in left_out(&VisibleShape::unrestricted(&assembly.catalog)) {
        output::say(format!("note: {left_out}"))?;
    }
    output::say("all is well")
}

/// What was found before the parts could be put together, and what is wrong with the catalog itself if
/// that can be opened: one slip may show in both.
async fn with_catalog_problems(config: &Config, mut problems: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let opened = Catalog::open(config.catalog.clone(), &config.base_dir, Stores::new()).await;
    problems.extend(opened.iter().flat_map(|catalog| catalog_problems(config, catalog)));
    problems.sort();
    problems.dedup();
    problems
}

fn catalog_problems(config: &Config, catalog: &Catalog) -> Vec<Diagnostic> {
    let mut problems = table_problems(config, catalog);
    problems.extend(discovery_problems(config, catalog));
    problems
}

fn table_problems(config: &Config, catalog: &Catalog) -> Vec<Diagnostic> {
    let mut problems: Vec<Diagnostic> = Vec::new();
    for table in catalog.tables() {
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
        if let Some(snapshot) = table.current() {
            problems.extend(column_problems(config, &table, &snapshot));
        }
    }
    problems
}

/// Names of columns in a table's definition that the table does not have.
fn column_problems(config: &Config, table: &Table, snapshot: &Snapshot) -> Vec<Diagnostic> {
    let mut problems: Vec<Diagnostic> = Vec::new();
    let definition = table.definition();
    let has = |column: &str| snapshot.columns().iter().any(|known| known.name == column);
    for (field, columns) in
        [("primary_key", &definition.primary_key), ("clustered_by", &definition.clustered_by)]
    {
        for column in columns.iter().filter(|column| !has(column)) {
            let message = format!("names column \"{column}\" in \"{field}\", which it does not have");
            problems.push(config.table_problem(table.name(), &message));
        }
    }
    let shape = shape(table, snapshot);
    for column in definition.columns.keys().filter(|column| !shape.has_field(column)) {
        let message = format!("names \"{column}\" in \"columns\", which it does not have");
        problems.push(config.column_problem(table.name(), column, &message));
    }
    problems
}

/// Places that discovery could not look into: tables in them are not served.
fn discovery_problems(config: &Config, catalog: &Catalog) -> Vec<Diagnostic> {
    let troubles = catalog.discovery_troubles();
    troubles.iter().map(|trouble| config.prefix_problem(&trouble.prefix, &trouble.reason)).collect()
}

/// A number of things; one is one thing.
pub(super) fn counted(count: usize, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

fn summarize(assembly: &Assembly) -> Result<(), CliError> {
    let tables = assembly.catalog.tables();
    output::say(format!("{}:", counted(tables.len(), "table")))?;
    for table in &tables {
        let Some(snapshot) = table.current() else { continue };
        let rows = snapshot.num_rows().map_or_else(|| "unknown".to_owned(), |rows| rows.to_string());
        output::say(format!(
            "  {}: version {}, {}, {rows} rows in {}",
            table.name(),
            snapshot.version(),
            counted(snapshot.columns().len(), "column"),
            counted(snapshot.files().len(), "file"),
        ))?;
    }
    let roles: Vec<&str> = assembly.policies.roles().collect();
    output::say(format!("{}:", counted(roles.len(), "role")))?;
    for role in roles {
        let granted = assembly.policies.granted_tables(role);
        let granted = if granted.is_empty() { "no table".to_owned() } else { granted.join(", ") };
        output::say(format!("  {role}: {granted}"))?;
    }
    Ok(())
}

/// Grants of tables that nobody declared or discovered: most likely a slip of the pen.
fn missing_tables(assembly: &Assembly) -> Vec<Diagnostic> {
    assembly.policies.grants_of_missing_tables(|table| assembly.catalog.table(table).is_some())
}
