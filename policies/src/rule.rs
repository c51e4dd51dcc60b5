//! The policy file as people write it: owns the YAML model and where each part of it stands.
//! Does not check names, types or expressions, and decides nothing.
//!
//! ```yaml
//! version: 1
//! roles:
//!   analyst:
//!     description: every row, people masked
//!     time_travel: true
//!     tables:
//!       flights: { columns: '*', hide: [air_time] }
//!       customer:
//!         columns: '*'
//!         rows: "c_nationkey IN (claim('nations'))"
//!         masks:
//!           c_name: { hash: { key: pii.name } }
//!           c_phone: { partial: { keep_last: 4 } }
//!           c_address: null
//!           c_acctbal: { round: 1000 }
//!     masks_by_tag:
//!       pii.tail: { hash: {} }
//! ```

mod entries;

use std::path::Path;

use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use crate::diagnostic::Diagnostic;

pub use entries::Entries;

/// A whole policy file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyFile {
    /// Version of the format: 1.
    pub version: Spanned<u64>,
    /// Roles by name.
    pub roles: Entries<RoleRule>,
}

/// What one role may see.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleRule {
    /// For people.
    #[serde(default)]
    pub description: Option<String>,
    /// May read older versions of every table that it is granted.
    #[serde(default)]
    pub time_travel: bool,
    /// Sees tables that cannot be read, and may be granted `columns: all` and the table `'*'`.
    #[serde(default)]
    pub administrator: bool,
    /// Granted tables by name; nothing else is visible. `'*'` stands for every table that is not
    /// named (administrators only).
    #[serde(default)]
    pub tables: Entries<TableRule>,
    /// Masks for every column that carries the tag, or a tag below it (`pii` covers `pii.email`).
    #[serde(default)]
    pub masks_by_tag: Entries<Spanned<Option<MaskRule>>>,
}

/// What one role may see of one table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableRule {
    /// `'*'` (columns known when the policy was loaded), `all` (future ones too, administrators
    /// only), or a list of columns.
    pub columns: Spanned<ColumnsRule>,
    /// Columns, or fields inside structs, that do not exist for the role.
    #[serde(default)]
    pub hide: Vec<Spanned<String>>,
    /// Rows to show: a SQL condition over the table's columns and the token's claims.
    #[serde(default, deserialize_with = "given")]
    pub rows: Option<Spanned<String>>,
    /// Masks by column or dotted field path; `null` is the null mask.
    #[serde(default)]
    pub masks: Entries<Spanned<Option<MaskRule>>>,
    /// Columns or fields that no tag masks for this role.
    #[serde(default)]
    pub clear: Vec<Spanned<String>>,
    /// Overrides the role's own `time_travel` for this table.
    #[serde(default, deserialize_with = "given")]
    pub time_travel: Option<bool>,
}

/// A value that is there once its field is: a field that was left empty means something else to its author than
/// one that is absent, which opens more.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Which columns a role sees.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum ColumnsRule {
    /// `'*'` or `all`.
    Word(String),
    /// Exactly these.
    List(Vec<String>),
}

/// How values of one column are hidden.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaskRule {
    /// Every value is null.
    Null(NullRule),
    /// Every value is this one.
    Constant(String),
    /// A keyed digest: equal values stay equal.
    Hash(HashRule),
    /// Part of a string stays.
    Partial(PartialRule),
    /// Cut to a unit, or toward zero to a multiple.
    Truncate(GrainRule),
    /// To the nearest multiple.
    Round(String),
    /// To the lower bound of a bucket.
    Bucket(GrainRule),
    /// A SQL expression over the table's raw columns.
    Expression(String),
}

/// Takes no settings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NullRule {}

/// Settings of the hash mask.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HashRule {
    /// Values that are hashed under one key name are joinable. By default the tag of a mask by
    /// tag, and `table.column` of a mask by column.
    pub key: Option<String>,
}

/// Settings of the partial mask: `email` alone, or how many characters stay.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PartialRule {
    /// Characters that stay at the start.
    pub keep_first: usize,
    /// Characters that stay at the end.
    pub keep_last: usize,
    /// Keep the domain of an e-mail address.
    pub email: bool,
}

/// A unit of time, or a step of numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GrainRule {
    /// `year`, `quarter`, `month`, `week`, `day`, `hour`, `minute` or `second`.
    pub unit: Option<String>,
    /// Size of a step, as a plain decimal number; `width` means the same.
    #[serde(alias = "width")]
    pub step: Option<String>,
}

impl PolicyFile {
    /// Reads one policy file. `path` is only for the diagnostic.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Diagnostic> {
        let file: Self = serde_saphyr::from_str(text).map_err(|error| Diagnostic::yaml(path, &error))?;
        if file.version.value != 1 {
            let place = &file.version.referenced;
            let message = format!("unknown version {} of the policy format", file.version.value);
            return Err(Diagnostic::at(path, place.line(), place.column(), message)
                .with_hint("this build reads version 1"));
        }
        Ok(file)
    }
}

#[cfg(test)]
mod tests;
