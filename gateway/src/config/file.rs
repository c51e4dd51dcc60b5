//! Reading the configuration file: owns YAML to [`Config`] and the places of problems in it. Does
//! not know what makes a configuration sound.

use std::path::{Path, PathBuf};

use sluice_policies::diagnostic::Diagnostic;

use super::outline::Outline;
use super::{Config, ConfigProblem};

pub(super) fn load(path: &Path) -> Result<Config, Vec<Diagnostic>> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| vec![Diagnostic::file(path, format!("cannot be read: {error}"))])?;
    let mut config = parse(path, &text)?;
    let absolute = std::path::absolute(path)
        .map_err(|error| vec![Diagnostic::file(path, format!("has no absolute path: {error}"))])?;
    config.base_dir = absolute.parent().map(Path::to_path_buf).unwrap_or_default();
    config.file = path.to_path_buf();
    resolve_paths(&mut config);
    Ok(config)
}

pub(super) fn table_problem(file: &Path, table: &str, message: &str) -> Diagnostic {
    let (line, column) = outline_of(file).item_place(&["catalog", "tables"], "name", table);
    Diagnostic::at(file, line, column, format!("table \"{table}\" {message}"))
}

pub(super) fn column_problem(file: &Path, table: &str, column: &str, message: &str) -> Diagnostic {
    let below = ["columns", column];
    let (line, place) = outline_of(file).item_key_place(&["catalog", "tables"], "name", table, &below);
    Diagnostic::at(file, line, place, format!("table \"{table}\" {message}"))
}

pub(super) fn prefix_problem(file: &Path, prefix: &str, message: &str) -> Diagnostic {
    let (line, column) = outline_of(file).item_place(&["catalog", "discover"], "prefix", prefix);
    Diagnostic::at(file, line, column, format!("discovery prefix \"{prefix}\" {message}"))
}

pub(super) fn relation_problem(file: &Path, index: usize, message: &str) -> Diagnostic {
    let (line, column) = outline_of(file).nth_item_place(&["catalog", "relations"], index);
    Diagnostic::at(file, line, column, message)
}

pub(super) fn issuer_problem(file: &Path, issuer: &str, message: &str) -> Diagnostic {
    let (line, column) = outline_of(file).item_place(&["tokens", "issuers"], "issuer", issuer);
    Diagnostic::at(file, line, column, message)
}

pub(super) fn field_problem(file: &Path, path: &[&str], message: &str) -> Diagnostic {
    let (line, column) = outline_of(file).place(path);
    Diagnostic::at(file, line, column, format!("\"{}\" {message}", path.join(".")))
}

/// A file that cannot be read any more has no places.
fn outline_of(file: &Path) -> Outline {
    Outline::parse(&std::fs::read_to_string(file).unwrap_or_default())
}

fn parse(path: &Path, text: &str) -> Result<Config, Vec<Diagnostic>> {
    let config: Config = if text.trim().is_empty() {
        Config::default()
    } else {
        serde_saphyr::from_str(text).map_err(|error| vec![Diagnostic::yaml(path, &error)])?
    };
    let problems = config.problems();
    if problems.is_empty() {
        return Ok(config);
    }
    let outline = Outline::parse(text);
    Err(problems.into_iter().map(|problem| located(path, &outline, problem)).collect())
}

fn located(path: &Path, outline: &Outline, problem: ConfigProblem) -> Diagnostic {
    let (line, column) = match problem.item {
        Some(index) => outline.nth_item_place(&problem.path, index),
        None => outline.place(&problem.path),
    };
    Diagnostic::at(path, line, column, format!("\"{}\" {}", problem.path.join("."), problem.message))
}

/// Catalog and tokens take `base_dir` themselves; all other paths become absolute here.
fn resolve_paths(config: &mut Config) {
    let base_dir = config.base_dir.clone();
    let resolve = |path: &mut PathBuf| *path = base_dir.join(&*path);
    if let Some(tls) = &mut config.server.tls {
        resolve(&mut tls.cert_file);
        resolve(&mut tls.key_file);
    }
    if let Some(signing) = &mut config.signing {
        resolve(&mut signing.key_file);
    }
    config.keys.cursor.iter_mut().for_each(&resolve);
    config.keys.mask.iter_mut().for_each(&resolve);
    config.policies.files.iter_mut().for_each(&resolve);
    config.limits.spill_dir.iter_mut().for_each(&resolve);
    config.graphql.allow_list_file.iter_mut().for_each(&resolve);
}
