//! The server's configuration: owns the typed tree, its defaults and its checks. Does not read
//! files ([`file`]) and does not start anything; each layer takes its own section by value.

mod ceilings;
pub mod cursors;
mod file;
pub mod graphql;
pub mod limits;
mod outline;
pub mod serving;
pub mod trust;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sluice_catalog::config::CatalogConfig;
use sluice_policies::diagnostic::Diagnostic;
use sluice_policies::token::TokenConfig;

use self::cursors::CursorConfig;
use self::graphql::GraphqlConfig;
use self::limits::LimitsConfig;
use self::serving::{ServerConfig, TelemetryConfig};
use self::trust::{KeysConfig, PoliciesConfig, SigningConfig};

/// Everything that a gateway is started from. Paths in it are absolute or count from `base_dir`.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Directory that relative paths count from: the configuration file's own.
    #[serde(skip)]
    pub base_dir: PathBuf,
    /// The file that it was read from, for messages; empty when it was not read from one.
    #[serde(skip)]
    pub file: PathBuf,
    /// Listener, TLS, CORS, drain.
    pub server: ServerConfig,
    /// Who may issue tokens.
    pub tokens: TokenConfig,
    /// What `sluice token` signs with; serving does not need it.
    pub signing: Option<SigningConfig>,
    /// Key rings.
    pub keys: KeysConfig,
    /// Tables.
    pub catalog: CatalogConfig,
    /// Policy files.
    pub policies: PoliciesConfig,
    /// Limits.
    pub limits: LimitsConfig,
    /// Cursors.
    pub cursors: CursorConfig,
    /// The GraphQL door.
    pub graphql: GraphqlConfig,
    /// Logs.
    pub telemetry: TelemetryConfig,
}

/// A field that does not hold, by its path from the root, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblem {
    /// Names from the root to the field.
    pub path: Vec<&'static str>,
    /// Which item of the list in that field, from 0, where it is one item's problem.
    pub item: Option<usize>,
    /// What is wrong with it.
    pub message: String,
}

impl ConfigProblem {
    fn of(path: Vec<&'static str>, message: String) -> Self {
        Self { path, item: None, message }
    }
}

impl Config {
    /// Reads and checks a file. Relative paths in it count from its directory.
    ///
    /// # Errors
    /// Every problem found, each with its line.
    pub fn load(path: &Path) -> Result<Self, Vec<Diagnostic>> {
        file::load(path)
    }

    /// Every relation between fields that does not hold; empty means the configuration is sound
    /// as far as can be told without opening the files it names.
    pub fn problems(&self) -> Vec<ConfigProblem> {
        let mut found: Vec<ConfigProblem> = Vec::new();
        let statements = self.limits.statements.problems().into_iter();
        found.extend(
            statements
                .map(|(field, message)| ConfigProblem::of(vec!["limits", "statements", field], message)),
        );
        let mut section = |name: &'static str, problems: Vec<(&'static str, String)>| {
            found.extend(
                problems.into_iter().map(|(field, message)| ConfigProblem::of(vec![name, field], message)),
            );
        };
        section("server", self.server.problems(&self.limits));
        section("policies", self.policies.problems());
        section("limits", self.limits.problems());
        section("cursors", self.cursors.problems());
        section("graphql", self.graphql.problems());
        section("telemetry", self.telemetry.problems());
        let faults = self.catalog.faults();
        let placed =
            faults.iter().filter(|fault| fault.relation().is_none()).map(|fault| match fault.setting() {
                Some((setting, reason)) => (setting, reason.to_owned()),
                None => ("tables", fault.to_string()),
            });
        section("catalog", placed.collect());
        section("tokens", trust::token_problems(&self.tokens));
        found.extend(faults.iter().filter_map(|fault| fault.relation()).map(|(index, message)| {
            ConfigProblem { item: Some(index), ..ConfigProblem::of(vec!["catalog", "relations"], message) }
        }));
        if self.tokens.issuers.is_empty() && self.tokens.anonymous_role.is_none() {
            let message =
                "names neither an issuer nor an anonymous role, so that nobody could call".to_owned();
            found.push(ConfigProblem::of(vec!["tokens"], message));
        }
        found
    }

    /// A problem with a declared table, at the line where it is declared when there is one.
    pub fn table_problem(&self, table: &str, message: &str) -> Diagnostic {
        file::table_problem(&self.file, table, message)
    }

    /// A problem with what is declared of a table's column, at the column's line.
    pub fn column_problem(&self, table: &str, column: &str, message: &str) -> Diagnostic {
        file::column_problem(&self.file, table, column, message)
    }

    /// A problem with a discovery prefix, at its line.
    pub fn prefix_problem(&self, prefix: &str, message: &str) -> Diagnostic {
        file::prefix_problem(&self.file, prefix, message)
    }

    /// A problem with a relation, by its place among the relations, at its line.
    pub fn relation_problem(&self, index: usize, message: &str) -> Diagnostic {
        file::relation_problem(&self.file, index, message)
    }

    /// A problem with an issuer, which the message names, at the line where it is declared.
    pub fn issuer_problem(&self, issuer: &str, message: &str) -> Diagnostic {
        file::issuer_problem(&self.file, issuer, message)
    }

    /// A problem with a section or field, at its line when it is written down.
    pub fn field_problem(&self, path: &[&str], message: &str) -> Diagnostic {
        file::field_problem(&self.file, path, message)
    }
}

#[cfg(test)]
mod tests;
