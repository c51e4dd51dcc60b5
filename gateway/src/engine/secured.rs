//! Secured tables: owns what a table is to one caller (its columns, filter and masks compiled
//! against one version) and the check of every policy expression at load. The rest of the
//! engine reads tables only through these.

mod check;
mod compile;
pub(super) mod crossing;
mod floats;
pub(super) mod provider;
pub(super) mod transform;

use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::physical_expr::PhysicalExpr;
use sluice_catalog::snapshot::Snapshot;
use sluice_catalog::table::Table;
use sluice_policies::column_mask::ColumnMask;
use sluice_policies::fingerprint::Fingerprint;

pub use check::check;

/// One table at one version as one caller may see it.
#[derive(Clone)]
pub struct SecuredTable {
    /// The name that the catalog knows it by.
    pub(super) name: String,
    /// The pinned version.
    pub(super) snapshot: Arc<Snapshot>,
    /// The catalog's table.
    pub(super) table: Arc<Table>,
    /// Visible columns, all nullable.
    pub(super) schema: SchemaRef,
    /// How each visible column is made, in the order of `schema`.
    pub(super) columns: Arc<[SecuredColumn]>,
    /// Which rows are visible.
    pub(super) rows: VisibleRows,
    /// Identity of the effective policy.
    pub(super) fingerprint: Fingerprint,
    /// No row is hidden, so that counts and sizes tell nothing.
    pub(super) unfiltered: bool,
    /// Physical order would tell ranks of values that this caller may not see.
    pub(super) order_is_secret: bool,
}

impl std::fmt::Debug for SecuredTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecuredTable").field("name", &self.name).finish_non_exhaustive()
    }
}

/// One visible column.
#[derive(Clone)]
pub(super) struct SecuredColumn {
    /// Name, the same above and below the barrier.
    pub(super) name: String,
    /// Index among the snapshot's columns.
    pub(super) raw: usize,
    /// Type above the barrier.
    pub(super) data_type: DataType,
    /// How the visible value is made from the raw one.
    pub(super) mask: Masking,
}

/// How a visible value is made.
#[derive(Clone)]
pub(super) enum Masking {
    /// As it is.
    Clear,
    /// By a mask over the whole value.
    Whole(Arc<ColumnMask>),
    /// By masks over parts of a nested value.
    Parts(Vec<(Vec<String>, ColumnMask)>),
    /// By an expression over the raw columns listed beside it.
    Expression(Arc<dyn PhysicalExpr>, Vec<usize>),
}

/// Which rows are visible.
#[derive(Clone)]
pub(super) enum VisibleRows {
    /// All of them.
    All,
    /// None of them.
    Nothing,
    /// Those for which a predicate over raw columns is true.
    Where {
        /// The predicate.
        predicate: Arc<dyn PhysicalExpr>,
        /// Raw columns that it reads.
        used: Vec<usize>,
        /// The part of it that data may be skipped by.
        skipping: Option<Arc<dyn PhysicalExpr>>,
    },
}

impl SecuredTable {
    /// Declared name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The catalog's table.
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// The pinned version.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// Visible columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Identity of the effective policy.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// There may be rows that the caller does not see.
    pub(in crate::engine) fn hides_rows(&self) -> bool {
        !matches!(self.rows, VisibleRows::All)
    }

    /// The caller sees every row, whatever of its columns.
    pub fn is_unfiltered(&self) -> bool {
        self.unfiltered
    }

    /// The visible column's value is not the raw one.
    pub fn is_masked(&self, column: &str) -> bool {
        self.column(column).is_none_or(|c| !matches!(c.mask, Masking::Clear))
    }

    /// The declared primary key where a row can be looked up by it: every part is visible and
    /// unmasked.
    pub fn lookup_key(&self) -> Option<&[String]> {
        let key = &self.table.definition().primary_key;
        let usable = !key.is_empty() && key.iter().all(|part| !self.is_masked(part));
        usable.then_some(key.as_slice())
    }

    pub(super) fn column(&self, name: &str) -> Option<&SecuredColumn> {
        self.columns.iter().find(|c| c.name == name)
    }
}
