//! Roles after their files were read: owns the checked rules, with parsed expressions and the
//! place of every part. Knows no table's columns.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::row_filter::ParsedExpression;
use crate::rule::MaskRule;

/// A part of a policy file with its place.
#[derive(Debug, Clone)]
pub(super) struct Located<T> {
    pub(super) value: T,
    pub(super) file: Arc<Path>,
    pub(super) line: u64,
    pub(super) column: u64,
}

impl<T> Located<T> {
    pub(super) fn problem(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::at(&self.file, self.line, self.column, message)
    }
}

#[derive(Debug, Clone)]
pub(super) struct Role {
    pub(super) description: Option<String>,
    pub(super) administrator: bool,
    pub(super) time_travel: bool,
    pub(super) tables: BTreeMap<String, TablePolicy>,
    pub(super) any_table: Option<TablePolicy>,
    pub(super) masks_by_tag: Vec<TagMask>,
}

impl Role {
    pub(super) fn table(&self, name: &str) -> Option<&TablePolicy> {
        self.tables.get(name).or(self.any_table.as_ref())
    }
}

#[derive(Debug, Clone)]
pub(super) struct TagMask {
    pub(super) tag: String,
    pub(super) mask: Located<WrittenMask>,
}

impl TagMask {
    /// The tag itself, or one below it: `pii` covers `pii.email` and not `piil`.
    pub(super) fn covers(&self, tag: &str) -> bool {
        tag.strip_prefix(self.tag.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

#[derive(Debug, Clone)]
pub(super) struct TablePolicy {
    /// Where the grant stands.
    pub(super) place: Located<()>,
    pub(super) columns: GrantedColumns,
    pub(super) hide: Vec<Located<String>>,
    pub(super) rows: Option<ParsedExpression>,
    pub(super) masks: Vec<Located<ColumnMaskRule>>,
    pub(super) clear: Vec<Located<String>>,
    pub(super) time_travel: Option<bool>,
}

#[derive(Debug, Clone)]
pub(super) struct ColumnMaskRule {
    pub(super) path: String,
    pub(super) mask: WrittenMask,
}

#[derive(Debug, Clone)]
pub(super) enum GrantedColumns {
    /// Those that are known when the table is bound.
    Known,
    /// Those of every version.
    All,
    /// These.
    Listed(Vec<Located<String>>),
}

/// A mask before it meets a column.
#[derive(Debug, Clone)]
pub(super) enum WrittenMask {
    Rule(MaskRule),
    Expression(Box<ParsedExpression>),
}

impl WrittenMask {
    /// Whether two masks were written alike, so that it does not matter which one applies.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Rule(own), Self::Rule(other)) => own == other,
            (Self::Expression(own), Self::Expression(other)) => own.text == other.text,
            (Self::Rule(_), Self::Expression(_)) | (Self::Expression(_), Self::Rule(_)) => false,
        }
    }
}
