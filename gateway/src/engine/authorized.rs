//! Authorization as a type: owns the one constructor through which a statement, a principal and
//! pinned snapshots become a query that may run. The engine runs nothing else.

mod pins;

use std::collections::BTreeMap;
use std::sync::Arc;

use sluice_catalog::catalog::Catalog;
use sluice_catalog::error::CatalogError;
use sluice_catalog::snapshot::Snapshot;
use sluice_catalog::table::Table;
use sluice_policies::principal::Principal;
use sluice_policies::table_policy::{PolicySet, TableShape};

pub use pins::Pins;

use super::error::EngineError;
use super::planner::sql::ParsedSql;
use super::secured::SecuredTable;
use super::session::Engine;
use super::statement::{Statement, VersionSelector};

/// A statement over tables that its caller may read, each at a pinned version and compiled under
/// the caller's policy.
#[derive(Debug)]
pub struct AuthorizedQuery {
    statement: Statement,
    parsed: Option<ParsedSql>,
    tables: BTreeMap<String, Arc<SecuredTable>>,
}

/// What decides over a query.
#[derive(Debug, Clone, Copy)]
pub struct Authority<'a> {
    /// The engine that will run it.
    pub engine: &'a Engine,
    /// What exists.
    pub catalog: &'a Catalog,
    /// Who may see what.
    pub policies: &'a PolicySet,
    /// Who asks.
    pub principal: &'a Principal,
}

/// The version to read, and where it comes from.
#[derive(Debug, Clone, Copy)]
pub enum Pin<'a> {
    /// The caller's wish, which may need a grant.
    Asked(VersionSelector),
    /// What was the newest when the first of several questions came.
    Together(&'a Pins),
    /// A cursor's version: the walk goes on where it was allowed to begin.
    Cursor(u64),
    /// The same of a walk that began by asking for a version, which takes the grant as long as it goes on.
    TravellingCursor(u64),
    /// What one commit added, read by whoever followed the table up to it.
    Added(&'a Arc<Snapshot>),
}

impl AuthorizedQuery {
    /// Resolves every table that the statement names among those that the caller may read.
    ///
    /// # Errors
    /// A table that does not exist for the caller, a version that the role may not ask for or
    /// that is gone, or SQL that is not one plain `SELECT`.
    pub async fn authorize(
        authority: Authority<'_>,
        statement: Statement,
        pin: Pin<'_>,
    ) -> Result<Self, EngineError> {
        let mut tables = BTreeMap::new();
        let mut parsed = None;
        match &statement {
            Statement::Sql(sql) => {
                let query = ParsedSql::parse(authority.engine, &sql.text)?;
                for named in query.tables() {
                    match authority.table(&named.name, pin).await {
                        Ok(table) => {
                            tables.insert(table.name().to_owned(), Arc::new(table));
                        }
                        // The query's own name may hide a table that the caller may not read so.
                        Err(_) if named.may_be_local => {}
                        Err(error) => return Err(error),
                    }
                }
                parsed = Some(query);
            }
            Statement::Select(_) | Statement::Aggregate(_) | Statement::Lookup(_) => {
                let table = authority.table(table_name(&statement), pin).await?;
                tables.insert(table.name().to_owned(), Arc::new(table));
            }
        }
        Ok(Self { statement, parsed, tables })
    }

    /// What is asked.
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Every table that is read, by name.
    pub fn tables(&self) -> &BTreeMap<String, Arc<SecuredTable>> {
        &self.tables
    }

    /// The one table of a statement that is not SQL.
    pub(crate) fn table(&self) -> Result<&Arc<SecuredTable>, EngineError> {
        self.tables
            .values()
            .next()
            .ok_or_else(|| EngineError::Internal("a statement without its table".into()))
    }

    pub(crate) fn parsed(&self) -> Option<&ParsedSql> {
        self.parsed.as_ref()
    }
}

fn table_name(statement: &Statement) -> &str {
    match statement {
        Statement::Select(select) => &select.table,
        Statement::Aggregate(aggregate) => &aggregate.table,
        Statement::Lookup(lookup) => &lookup.table,
        Statement::Sql(_) => "",
    }
}

impl Authority<'_> {
    /// The caller's table of that name at the asked version, secured. A table that is hidden, one
    /// that does not exist and one whose policy does not compile at this version are all the same.
    ///
    /// # Errors
    /// As for [`AuthorizedQuery::authorize`].
    pub async fn table(&self, name: &str, pin: Pin<'_>) -> Result<SecuredTable, EngineError> {
        let unknown = || EngineError::UnknownTable(name.to_owned());
        let table = self.visible_table(name).ok_or_else(unknown)?;
        let snapshot = self.snapshot(&table, pin).await?;
        let policy = self
            .policies
            .effective(self.principal, table.name(), &shape(&table, &snapshot))
            .ok_or_else(unknown)?;
        SecuredTable::compile(self.engine, table, snapshot, &policy).map_err(|error| {
            tracing::error!(table = name, role = self.principal.role, %error, "policy does not compile");
            unknown()
        })
    }

    /// Every table that the caller's role is granted, in name order.
    pub fn visible_tables(&self) -> Vec<Arc<Table>> {
        let mut tables = self.catalog.tables();
        tables.retain(|t| self.policies.grants(&self.principal.role, t.name()));
        tables
    }

    /// The caller's table of that name: exact case first, then a unique match without case, among granted tables
    /// only.
    pub fn visible_table(&self, name: &str) -> Option<Arc<Table>> {
        if let Some(table) = self.catalog.table(name)
            && self.policies.grants(&self.principal.role, table.name())
        {
            return Some(table);
        }
        let mut alike = self.visible_tables().into_iter().filter(|t| t.name().eq_ignore_ascii_case(name));
        match (alike.next(), alike.next()) {
            (Some(table), None) => Some(table),
            _ => None,
        }
    }

    async fn snapshot(&self, table: &Arc<Table>, pin: Pin<'_>) -> Result<Arc<Snapshot>, EngineError> {
        let name = || table.name().to_owned();
        let unavailable = |source| EngineError::TableUnavailable { table: name(), source };
        let current = table.current().ok_or_else(|| unavailable(None))?;
        let found = match pin {
            Pin::Asked(VersionSelector::Latest) => return Ok(current),
            // One that could not be read then cannot be for as long as they last.
            Pin::Together(pins) => return pins.of(table, &current).ok_or_else(|| unavailable(None)),
            // Of a table that was here before.
            Pin::Added(added) if added.table_id() != current.table_id() => return Err(EngineError::Expired),
            Pin::Added(added) => return Ok(Arc::clone(added)),
            Pin::Cursor(version) => table.at_version(version).await,
            Pin::Asked(_) | Pin::TravellingCursor(_)
                if !self.policies.may_time_travel(&self.principal.role, table.name()) =>
            {
                return Err(EngineError::Forbidden(format!(
                    "this role may not read older versions of table \"{}\"",
                    table.name()
                )));
            }
            Pin::TravellingCursor(version) | Pin::Asked(VersionSelector::Version(version)) => {
                table.at_version(version).await
            }
            Pin::Asked(VersionSelector::AsOf(time)) => table.as_of(time).await,
        };
        found.map_err(|error| match (pin, error) {
            (Pin::Cursor(_) | Pin::TravellingCursor(_), CatalogError::VersionNotFound { .. }) => {
                EngineError::Expired
            }
            (_, CatalogError::VersionNotFound { version }) => {
                EngineError::NotFound(format!("version {version} of table \"{}\" not found", table.name()))
            }
            (_, CatalogError::NoVersionAsOf { .. }) => {
                EngineError::NotFound(format!("table \"{}\" has no version as old as that", table.name()))
            }
            (_, other) => unavailable(Some(Box::new(other))),
        })
    }
}

/// What policies need to know of a table at one version.
pub fn shape(table: &Table, snapshot: &Snapshot) -> TableShape {
    TableShape {
        schema: Arc::clone(snapshot.schema()),
        tags: table
            .definition()
            .columns
            .iter()
            .map(|(path, column)| (path.clone(), column.tags.clone()))
            .collect(),
        column_ids: snapshot.column_ids().clone(),
    }
}
