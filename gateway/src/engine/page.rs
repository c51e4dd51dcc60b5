//! Pages of one secured table: owns reading a bounded run of visible rows after or before a
//! position of a pinned version, in file order or in any asked order. Cost follows the page: file
//! order seeks, other orders skip files that cannot hold rows of the page. Does not seal
//! positions into cursors.

mod columns;
mod condition;
mod each;
mod keys;
mod ordered;
mod physical;
mod position;
mod sorted;
mod walk;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::execution::SessionState;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, lit};
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};

use self::columns::{add, index, order_keys, refuse_repeats};
use self::condition::Condition;
pub use self::each::{EachKey, KeyRows, each};
use self::keys::Keys;
pub use self::position::{Boundary, Place, Places, Position};
pub use self::walk::walk;
use super::error::wording::types_in_words;
use super::error::{Complaint, EngineError};
use super::expression::names::Names;
use super::expression::{column, condition, is_finer_than_microseconds, row_wise, scalar, texts};
use super::keyset::Key;
use super::secured::SecuredTable;
use super::secured::crossing::Crossing;
use super::secured::transform::Positions;
use super::session::Engine;
use super::statement::{Filter, Literal, OrderKey};

/// Most rows that a batch holds while reading for a page: texts of a megabyte each must fit the memory
/// of one batch. Small pages read in smaller batches.
const BATCH_ROWS_MAX: usize = 1024;

/// Which page.
#[derive(Debug)]
pub struct PageQuery<'a> {
    /// Columns to return, in order; `None` is every visible one.
    pub columns: Option<&'a [String]>,
    /// Rows to keep: a condition over the visible columns, from [`filter`] or [`key`].
    pub filter: Option<Expr>,
    /// Order; empty is file order.
    pub order: &'a [OrderKey],
    /// Most rows.
    pub rows_max: usize,
    /// Most bytes; one row is returned whatever its size.
    pub bytes_max: usize,
    /// Where to continue; `None` starts at the first row, or backward at the last.
    pub from: Option<Position>,
    /// Read the rows before `from` instead of those after it.
    pub backward: bool,
    /// Key of the tie-break where physical order is secret.
    pub tie_key: [u8; 16],
}

/// One page.
#[derive(Debug)]
pub struct Page {
    /// The rows in the asked order.
    pub rows: RecordBatch,
    /// Where each of them stands.
    pub places: Places,
    /// The rows come in file order: a place alone says what comes after it.
    pub in_file_order: bool,
    /// Its first row, of a page that has any.
    pub before: Option<Boundary>,
    /// Its last row, of a page that has any.
    pub after: Option<Boundary>,
    /// There are rows before the first.
    pub more_before: bool,
    /// There are rows after the last.
    pub more_after: bool,
}

/// A page query bound to its table.
struct Bound<'a> {
    engine: &'a Engine,
    table: &'a SecuredTable,
    query: &'a PageQuery<'a>,
    state: SessionState,
    /// Visible columns that are read: output, filter and order columns.
    show: Vec<usize>,
    /// Output columns as indices into `show`.
    output: Vec<usize>,
    /// The rest of the caller's condition, over the shown columns.
    condition: Option<Condition>,
    /// The part of the condition that crosses the barrier.
    crossing: Crossing,
    keys: Vec<Key>,
    positions: Positions,
}

/// Reads one page.
///
/// # Errors
/// A name, filter or order that is wrong for this caller, or data that cannot be read.
pub async fn read(engine: &Engine, table: &SecuredTable, query: &PageQuery<'_>) -> Result<Page, EngineError> {
    let bound = Bound::new(engine, table, query)?;
    match (bound.is_by_place(), query.backward) {
        (true, false) => physical::forward(&bound).await,
        (true, true) => physical::backward(&bound).await,
        (false, _) => ordered::read(&bound).await,
    }
}

/// The caller's condition on rows of `table`.
///
/// # Errors
/// Text or tree that is wrong for this caller.
pub fn filter(engine: &Engine, table: &SecuredTable, filter: &Filter) -> Result<Expr, EngineError> {
    let schema = DFSchema::try_from(Arc::clone(&table.schema)).map_err(EngineError::planning)?;
    condition(engine, &engine.session(1), filter, &schema)
}

/// The condition that a row has the primary key `parts`.
///
/// # Errors
/// A key that is not declared or not visible in the clear, or parts that are not of its types.
pub fn key(table: &SecuredTable, parts: &[String]) -> Result<Expr, EngineError> {
    let names = table.lookup_key().ok_or_else(|| {
        EngineError::KeyUnavailable(format!("rows of \"{}\" cannot be looked up by key", table.name))
    })?;
    if names.len() != parts.len() {
        return Err(EngineError::InvalidRequest(
            Complaint::new(format!("the key has {} parts, not {}", names.len(), parts.len()))
                .with_hint(Some(format!("give {}, separated by commas", names.join(",")))),
        ));
    }
    let mut equalities = Vec::with_capacity(names.len());
    for (name, part) in names.iter().zip(parts) {
        let field = table.schema.field_with_name(name).map_err(|e| EngineError::Internal(Box::new(e)))?;
        let value = key_part(part, field.data_type()).ok_or_else(|| {
            EngineError::InvalidRequest(Complaint::new(format!(
                "key part \"{name}\" is not of type {}",
                types_in_words(&field.data_type().to_string())
            )))
        })?;
        // A decimal of more digits than the column's equals none of its values, rounded or not.
        let fits = value.data_type() == *field.data_type();
        equalities.push(if fits { column(name).eq(lit(value)) } else { lit(false) });
    }
    conjunction(equalities).ok_or_else(|| EngineError::Internal("an empty key".into()))
}

/// A part of a key as a value of its column's type, or of another type where no value of that is the same:
/// casts would cut what the type does not hold, and take "+1", " 1" or "yes" for what JSON writes otherwise.
fn key_part(part: &str, data_type: &DataType) -> Option<ScalarValue> {
    let cast = || ScalarValue::try_from_string(part.to_owned(), data_type).ok();
    let time_of_day = part.get(10..).unwrap_or_default();
    match data_type {
        _ if data_type.is_integer() => cast().filter(|value| value.to_string() == part),
        DataType::Boolean if !matches!(part, "true" | "false") => None,
        DataType::Decimal128(..) if part.starts_with('+') => None,
        DataType::Decimal128(..) => scalar(&Literal::Text(part.to_owned()), data_type),
        DataType::Date32 | DataType::Timestamp(..) if part.trim() != part => None,
        DataType::Date32 if !time_of_day.is_empty() => None,
        DataType::Timestamp(_, None) if time_of_day.contains(['Z', 'z', '+', '-']) => None,
        DataType::Timestamp(..) if is_finer_than_microseconds(time_of_day) => {
            cast().map(|_| ScalarValue::Null)
        }
        _ => cast(),
    }
}

/// Counts every visible row that satisfies the filter.
///
/// # Errors
/// As for [`read`].
pub async fn count(engine: &Engine, table: &SecuredTable, filter: Option<Expr>) -> Result<u64, EngineError> {
    if filter.is_none()
        && table.unfiltered
        && let Some(rows) = table.snapshot.num_rows()
    {
        return Ok(rows);
    }
    let query = PageQuery {
        columns: Some(&[]),
        filter,
        order: &[],
        rows_max: BATCH_ROWS_MAX,
        bytes_max: usize::MAX,
        from: None,
        backward: false,
        tie_key: [0; 16],
    };
    let bound = Bound::new(engine, table, &query)?;
    ordered::count(&bound).await
}

impl<'a> Bound<'a> {
    fn new(
        engine: &'a Engine,
        table: &'a SecuredTable,
        query: &'a PageQuery<'a>,
    ) -> Result<Self, EngineError> {
        Self::with_keys(engine, table, query, None)
    }

    /// The same for the rows of some keys alone, where there are any.
    fn with_keys(
        engine: &'a Engine,
        table: &'a SecuredTable,
        query: &'a PageQuery<'a>,
        keys: Option<&Keys>,
    ) -> Result<Self, EngineError> {
        let rows_wanted = query.rows_max.saturating_mul(keys.map_or(1, Keys::count));
        let batch_rows = rows_wanted.saturating_add(1).clamp(128, BATCH_ROWS_MAX);
        let at_once = texts::rows_at_once(&query.filter).map_err(EngineError::planning)?;
        let batch_rows = batch_rows.min(at_once);
        let state = engine.session_with_batches(engine.config.partitions, batch_rows);
        let names = Names::new(&table.schema, engine.function_names());
        let output = match query.columns {
            Some(columns) => {
                columns.iter().map(|c| index(table, &names, c)).collect::<Result<Vec<_>, _>>()?
            }
            None => (0..table.columns.len()).collect(),
        };
        refuse_repeats(&table.schema, &output)?;
        let mut show = output.clone();
        let schema = DFSchema::try_from(Arc::clone(&table.schema)).map_err(EngineError::planning)?;
        let filter = query.filter.clone();
        let mut conjuncts: Vec<Expr> = filter.map(split_conjunction_owned).unwrap_or_default();
        // What is always true asks nothing; as a condition it would mark rows, and the mark counts among their bytes.
        conjuncts.retain(|part| *part != lit(true));
        let (crossing, rest): (Vec<_>, Vec<_>) = conjuncts.into_iter().partition(|part| table.crosses(part));
        let crossing = match keys {
            None => table.crossing(&state, &crossing)?,
            Some(keys) => keys.crossing(table, &state, crossing)?,
        };
        let condition = match conjunction(rest) {
            Some(expr) => {
                let expr = row_wise::condition(expr, &schema, &engine.config.statements)?;
                Some(state.create_physical_expr(expr, &schema).map_err(EngineError::planning)?)
            }
            None => None,
        };
        if let Some(condition) = &condition {
            let mut used: Vec<usize> = collect_columns(condition).iter().map(|c| c.index()).collect();
            used.sort_unstable();
            used.iter().for_each(|i| add(&mut show, *i));
        }
        let keys = order_keys(engine, table, &names, query.order, &mut show)?;
        let shown =
            Schema::new(show.iter().map(|i| Arc::clone(&table.schema.fields()[*i])).collect::<Vec<_>>());
        let condition = match condition {
            Some(expr) => {
                Some(Condition::new(reassign_expr_columns(expr, &shown).map_err(EngineError::planning)?))
            }
            None => None,
        };
        let output = (0..output.len()).collect();
        let positions =
            if table.order_is_secret { Positions::Hashed(query.tie_key) } else { Positions::Physical };
        Ok(Self { engine, table, query, state, show, output, condition, crossing, keys, positions })
    }

    /// Rows come in file order.
    fn is_by_place(&self) -> bool {
        self.query.order.is_empty() && !self.table.order_is_secret
    }

    /// A place of a walk is one of this version, unless a table was made anew with fewer files and the
    /// same identity.
    fn check(&self, place: Place) -> Result<(), EngineError> {
        let files = self.table.snapshot.files().len();
        if (place.file as usize) < files { Ok(()) } else { Err(EngineError::Expired) }
    }

    /// The columns that are asked for.
    fn output_schema(&self) -> Result<SchemaRef, EngineError> {
        let shown: Vec<usize> = self.output.iter().map(|at| self.show[*at]).collect();
        let schema = self.table.schema.project(&shown).map_err(|e| EngineError::Internal(Box::new(e)))?;
        Ok(Arc::new(schema))
    }

    /// The page's rows without the columns that only served to find them.
    fn project(&self, rows: &RecordBatch) -> Result<RecordBatch, EngineError> {
        rows.project(&self.output).map_err(|e| EngineError::Internal(Box::new(e)))
    }

    /// What the rows of a page are held as until it is complete: the shown columns, where each row
    /// stands, and whether the condition failed on it.
    fn held_schema(&self) -> SchemaRef {
        let mut fields: Vec<FieldRef> =
            self.show.iter().map(|i| Arc::clone(&self.table.schema.fields()[*i])).collect();
        fields.extend(self.positions.fields());
        fields.extend(self.condition.as_ref().map(|_| condition::failed_field()));
        Arc::new(Schema::new(fields))
    }

    /// The rows that satisfy the condition, and those on which it fails, marked.
    async fn matching(&self, batch: RecordBatch) -> Result<RecordBatch, EngineError> {
        match &self.condition {
            None => Ok(batch),
            Some(condition) => condition.matching(&batch).await,
        }
    }

    /// Fails as the condition does on the first of `rows` on which it fails. A page has to show
    /// `rows`, or the fact that they are there, and nothing else that it has read.
    fn answer_for(&self, rows: &RecordBatch) -> Result<(), EngineError> {
        self.condition.as_ref().map_or(Ok(()), |condition| condition.answer_for(rows))
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::TimeUnit;

    use super::*;

    fn is_key(part: &str, data_type: &DataType) -> bool {
        key_part(part, data_type).is_some()
    }

    #[test]
    fn whole_numbers_and_truths_have_one_spelling() {
        for part in ["0", "1", "-1", "9223372036854775807"] {
            assert!(is_key(part, &DataType::Int64), "{part}");
        }
        for part in
            ["", " 1", "1 ", "\t1", "+1", "01", "-0", "1.0", "1e0", "1_0", "\u{661}", "9223372036854775808"]
        {
            assert!(!is_key(part, &DataType::Int64), "{part:?}");
        }
        assert!(is_key("127", &DataType::Int8) && !is_key("128", &DataType::Int8));
        assert!(is_key("true", &DataType::Boolean) && is_key("false", &DataType::Boolean));
        for part in ["", "t", "yes", "1", "True", "true ", "on"] {
            assert!(!is_key(part, &DataType::Boolean), "{part:?}");
        }
    }

    #[test]
    fn blanks_are_no_part_of_other_values() {
        let decimal = DataType::Decimal128(10, 2);
        let timestamp = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        for (part, data_type) in [
            ("1.50", &decimal),
            ("-1.5", &decimal),
            ("2024-02-29", &DataType::Date32),
            ("2024-02-29T12:00:00Z", &timestamp),
        ] {
            assert!(is_key(part, data_type), "{part}");
            for odd in [format!(" {part}"), format!("{part} ")] {
                assert!(!is_key(&odd, data_type), "{odd:?}");
            }
        }
        assert!(!is_key("+1.50", &decimal));
        for part in ["", " a ", "+1"] {
            assert!(is_key(part, &DataType::Utf8), "{part:?}");
        }
    }
}
