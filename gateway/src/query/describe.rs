//! What a caller may know of tables without reading them: owns listings and descriptions. A
//! hidden column or table is simply not there.

use std::collections::BTreeMap;
use std::sync::Arc;

use sluice_catalog::table::{Table, TableStatus};
use sluice_policies::principal::Principal;
use sluice_policies::table_policy::TableShape;
use sluice_policies::type_name::type_name;

use super::Shared;
use super::error::QueryError;
use super::request::VersionSelector;
use super::response::{ColumnDescription, FieldDescription, TableDescription, TableSummary};
use super::run::meta;
use crate::engine::authorized::{Authority, Pin};
use crate::engine::error::EngineError;
use crate::engine::secured::SecuredTable;

/// The caller's tables. Tables that cannot be read are listed to administrators only.
pub(super) async fn list(
    shared: &Arc<Shared>,
    principal: &Principal,
) -> Result<Vec<TableSummary>, QueryError> {
    let policies = Arc::clone(&shared.policies.borrow());
    let authority = authority(shared, &policies, principal);
    let mut summaries = Vec::new();
    for table in authority.visible_tables() {
        match authority.table(table.name(), Pin::Asked(VersionSelector::Latest)).await {
            Ok(secured) => summaries.push(summary(&secured)),
            Err(EngineError::TableUnavailable { .. }) if policies.is_administrator(&principal.role) => {
                summaries.push(unavailable(&table));
            }
            Err(EngineError::TableUnavailable { .. } | EngineError::UnknownTable(_)) => {}
            Err(error) => return Err(error.into()),
        }
        // Thousands of tables are no single stretch of work.
        tokio::task::yield_now().await;
    }
    Ok(summaries)
}

/// One table.
pub(super) async fn describe(
    shared: &Arc<Shared>,
    principal: &Principal,
    name: &str,
    version: VersionSelector,
) -> Result<TableDescription, QueryError> {
    let policies = Arc::clone(&shared.policies.borrow());
    let secured = authority(shared, &policies, principal).table(name, Pin::Asked(version)).await?;
    let definition = secured.table().definition();
    let visible = |part: &String| secured.schema().field_with_name(part).is_ok();
    let key = &definition.primary_key;
    let primary_key = if key.iter().all(visible) { key.clone() } else { Vec::new() };
    let page_rows = definition.page_rows_max.unwrap_or(usize::MAX);
    Ok(TableDescription {
        summary: summary(&secured),
        columns: columns(&secured),
        primary_key,
        key_lookup: secured.lookup_key().is_some(),
        max_page_rows: page_rows.min(shared.limits.page_rows_max),
    })
}

/// What decides over what `principal` may know and read.
pub(super) fn authority<'a>(
    shared: &'a Shared,
    policies: &'a sluice_policies::table_policy::PolicySet,
    principal: &'a Principal,
) -> Authority<'a> {
    Authority { engine: &shared.engine, catalog: &shared.catalog, policies, principal }
}

pub(super) fn summary(table: &SecuredTable) -> TableSummary {
    let snapshot = table.snapshot();
    let open = table.is_unfiltered();
    TableSummary {
        name: table.name().to_owned(),
        description: table
            .table()
            .definition()
            .description
            .clone()
            .or_else(|| snapshot.description().map(str::to_owned)),
        meta: Some(meta(table)),
        unavailable: None,
        rows: if open { snapshot.num_rows() } else { None },
        bytes: open.then(|| snapshot.num_bytes()),
    }
}

fn unavailable(table: &Table) -> TableSummary {
    let reason = match table.status() {
        TableStatus::Unavailable { reason } => reason,
        TableStatus::Serving { stale } => stale.map(|s| s.reason).unwrap_or_default(),
    };
    TableSummary {
        name: table.name().to_owned(),
        description: table.definition().description.clone(),
        meta: None,
        unavailable: Some(reason),
        rows: None,
        bytes: None,
    }
}

pub(super) fn columns(table: &SecuredTable) -> Vec<ColumnDescription> {
    let raw = table.snapshot().columns();
    let declared = &table.table().definition().columns;
    // What the caller does not see is not in this schema, and has no entry.
    let (tags, column_ids) = (BTreeMap::new(), BTreeMap::new());
    let visible = TableShape { schema: Arc::clone(table.schema()), tags, column_ids };
    let fields_of = |column: &str| {
        let inside = declared.iter().filter(|(path, _)| {
            path.strip_prefix(column).is_some_and(|rest| rest.starts_with('.')) && visible.has_field(path)
        });
        let described = inside.map(|(path, facts)| FieldDescription {
            path: path.clone(),
            description: facts.description.clone(),
            tags: facts.tags.clone(),
        });
        described.collect()
    };
    table
        .schema()
        .fields()
        .iter()
        .map(|field| {
            let name = field.name();
            let masked = table.is_masked(name);
            let own = raw.iter().find(|column| column.name == *name);
            let facts = declared.get(name);
            ColumnDescription {
                name: name.clone(),
                data_type: type_name(field.data_type()),
                arrow_type: field.data_type().clone(),
                nullable: masked || own.is_none_or(|column| column.field.is_nullable()),
                description: facts
                    .and_then(|f| f.description.clone())
                    .or_else(|| own.and_then(|column| column.description.clone())),
                tags: facts.map(|f| f.tags.clone()).unwrap_or_default(),
                masked,
                partition: own.is_some_and(|column| column.partition),
                fields: fields_of(name),
            }
        })
        .collect()
}
