//! `sluice policy explain`: what one role with these claims sees of one table, for the owner of
//! the policies. Shows hidden names; it runs where the policy files are.

use sluice_catalog::snapshot::Snapshot;
use sluice_catalog::table::TableStatus;
use sluice_policies::column_mask::ColumnMask;
use sluice_policies::principal::Principal;
use sluice_policies::row_filter::RowFilter;
use sluice_policies::table_policy::{EffectivePolicy, VisibleColumn};

use super::{CliError, ExplainArgs, claims, output};
use crate::app::assembly::assemble;
use crate::config::Config;
use crate::engine::authorized::shape;

/// Prints the effective policy.
pub(super) async fn run(config: Config, args: ExplainArgs) -> Result<(), CliError> {
    let ExplainArgs { role: role_args, table: name } = args;
    let assembly = assemble(&config).await.map_err(CliError::Problems)?;
    let role = role_args.role;
    if !assembly.policies.has_role(&role) {
        return Err(CliError::UnknownRole { role, known: listed(assembly.policies.roles()) });
    }
    let Some(table) = assembly.catalog.table(&name) else {
        let tables = assembly.catalog.tables();
        let known = listed(tables.iter().map(|table| table.name()));
        return Err(CliError::UnknownTable { table: name, known });
    };
    let Some(snapshot) = table.current() else {
        let reason = match table.status() {
            TableStatus::Unavailable { reason } => reason,
            TableStatus::Serving { .. } => "it has no version yet".to_owned(),
        };
        return Err(CliError::TableUnavailable { table: name, reason });
    };
    let principal = Principal::local(role.clone(), claims::collect(role_args.claims)?);
    match assembly.policies.effective(&principal, &name, &shape(&table, &snapshot)) {
        None => output::say(format!("role \"{role}\" does not see table \"{name}\": it is not found")),
        Some(policy) => {
            let time_travel = assembly.policies.may_time_travel(&role, &name);
            output::say(in_words(&role, &name, &snapshot, &policy, time_travel))?;
            output::say(as_sql(&name, &policy))
        }
    }
}

fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    names.map(|name| format!("\"{name}\"")).collect::<Vec<String>>().join(", ")
}

fn in_words(
    role: &str,
    table: &str,
    snapshot: &Snapshot,
    policy: &EffectivePolicy,
    time_travel: bool,
) -> String {
    let rows = match &policy.row_filter {
        RowFilter::All => "all".to_owned(),
        RowFilter::Nothing => {
            "none, because a claim that the filter needs is missing or of the wrong type; give it with --claim"
                .to_owned()
        }
        RowFilter::Expression(filter) => {
            format!("those where {} ({}:{})", filter.text, filter.file.display(), filter.line)
        }
    };
    let visible = |name: &str| policy.columns.iter().any(|column| column.name == name);
    let columns = snapshot.columns().iter().map(|column| column.name.clone());
    let fields = policy.columns.iter().flat_map(hidden_fields);
    let hidden: Vec<String> = columns.filter(|name| !visible(name)).chain(fields).collect();
    let masked: Vec<String> = policy.columns.iter().flat_map(masks_in_words).collect();
    let mut text = format!("role \"{role}\", table \"{table}\", version {}\n", snapshot.version());
    text.push_str(&format!("  rows: {rows}\n"));
    text.push_str(&format!("  masked columns:{}\n", list(&masked)));
    text.push_str(&format!("  hidden columns:{}\n", list(&hidden)));
    text.push_str(&format!("  older versions: {}\n", if time_travel { "readable" } else { "not readable" }));
    text
}

/// One a line below the heading, or "none" beside it.
fn list(items: &[impl AsRef<str>]) -> String {
    if items.is_empty() {
        return " none".to_owned();
    }
    let lines: Vec<String> = items.iter().map(|item| format!("\n    {}", item.as_ref())).collect();
    lines.concat()
}

fn masks_in_words(column: &VisibleColumn) -> Vec<String> {
    let whole = column.mask.iter().map(|mask| format!("{}: {}", column.name, mask.describe()));
    let fields = column.nested.iter().filter(|(_, mask)| !matches!(mask, ColumnMask::Absent));
    let nested = fields.map(|(path, mask)| format!("{}: {}", field_path(column, path), mask.describe()));
    whole.chain(nested).collect()
}

fn hidden_fields(column: &VisibleColumn) -> impl Iterator<Item = String> {
    let hidden = column.nested.iter().filter(|(_, mask)| matches!(mask, ColumnMask::Absent));
    hidden.map(|(path, _)| field_path(column, path))
}

fn field_path(column: &VisibleColumn, below: &[String]) -> String {
    let names: Vec<&str> = std::iter::once(&column.name).chain(below).map(String::as_str).collect();
    names.join(".")
}

/// Masks that have no SQL of their own are written as functions of that name.
fn as_sql(table: &str, policy: &EffectivePolicy) -> String {
    let columns: Vec<String> = policy.columns.iter().map(column_as_sql).collect();
    let filter = match &policy.row_filter {
        RowFilter::All => String::new(),
        RowFilter::Nothing => "\nWHERE FALSE".to_owned(),
        RowFilter::Expression(filter) => format!("\nWHERE {}", filter.to_sql()),
    };
    format!("SELECT\n  {}\nFROM {}{filter};", columns.join(",\n  "), quoted(table))
}

fn column_as_sql(column: &VisibleColumn) -> String {
    let name = quoted(&column.name);
    if !column.nested.is_empty() {
        let masks: Vec<String> = column
            .nested
            .iter()
            .map(|(path, mask)| format!("{}: {}", field_path(column, path), mask.describe()))
            .collect();
        return format!("mask_fields({name}) AS {name} /* {} */", masks.join("; "));
    }
    match &column.mask {
        None => name,
        Some(ColumnMask::Null) => format!("NULL AS {name}"),
        Some(ColumnMask::Constant(constant)) => format!("{} AS {name}", constant.value().to_sql()),
        Some(ColumnMask::Expression(expression)) => format!("{} AS {name}", expression.to_sql()),
        Some(mask) => format!("mask_{}({name}) AS {name} /* {} */", mask.name(), mask.describe()),
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
