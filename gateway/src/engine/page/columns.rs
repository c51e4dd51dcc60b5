//! The columns of a page by the names that its caller gives them: owns finding them, and what may be shown and ordered
//! by. Does not read.

use arrow::datatypes::SchemaRef;

use crate::engine::error::{Complaint, EngineError};
use crate::engine::expression::names::Names;
use crate::engine::keyset::{Key, KeyEncoder};
use crate::engine::secured::SecuredTable;
use crate::engine::session::Engine;
use crate::engine::statement::OrderKey;

/// The visible column that a caller names so.
///
/// # Errors
/// There is none.
pub(super) fn index(table: &SecuredTable, names: &Names<'_>, name: &str) -> Result<usize, EngineError> {
    let field = names.column_at(name, None)?;
    table.schema.index_of(field.name()).map_err(|e| EngineError::Internal(Box::new(e)))
}

/// The keys of an order over the shown columns, to which its own are added.
///
/// # Errors
/// Too many of them, or a column that is not visible or has no order.
pub(super) fn order_keys(
    engine: &Engine,
    table: &SecuredTable,
    names: &Names<'_>,
    order: &[OrderKey],
    show: &mut Vec<usize>,
) -> Result<Vec<Key>, EngineError> {
    let most = engine.config.statements.order_columns_max;
    if order.len() > most {
        return Err(EngineError::TooLarge(format!("the order has more than {most} columns")));
    }
    let mut keys = Vec::with_capacity(order.len());
    for key in order {
        let column = index(table, names, &key.column)?;
        let field = table.schema.field(column);
        if !KeyEncoder::is_sortable(field.data_type()) {
            return Err(EngineError::InvalidRequest(Complaint::new(format!(
                "rows cannot be ordered by \"{}\": its type is {}",
                field.name(),
                field.data_type()
            ))));
        }
        add(show, column);
        let place = show.iter().position(|i| *i == column).unwrap_or_default();
        keys.push(Key { column: place, descending: key.descending, nulls_first: key.nulls_first });
    }
    Ok(keys)
}

/// Adds what is not there yet.
pub(super) fn add(show: &mut Vec<usize>, index: usize) {
    if !show.contains(&index) {
        show.push(index);
    }
}

/// # Errors
/// A column that is there twice.
pub(super) fn refuse_repeats(schema: &SchemaRef, columns: &[usize]) -> Result<(), EngineError> {
    for (at, column) in columns.iter().enumerate() {
        if columns[..at].contains(column) {
            let name = schema.field(*column).name();
            return Err(EngineError::InvalidRequest(Complaint::new(format!(
                "column \"{name}\" is selected twice"
            ))));
        }
    }
    Ok(())
}
