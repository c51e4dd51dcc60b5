//! Rows that belong to other rows: owns finding them for all rows of a level by one statement, and telling which belong
//! to which. Does not plan.

use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::take;
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::{Failed, Running};
use crate::engine::statement::{Filter, PerKey, Select, Side, Statement, keyed_filter};
use crate::protocol::graphql::found::{Account, Below};
use crate::protocol::graphql::plan::BelowPlan;
use crate::query::error::{ErrorCode, QueryError};
use crate::query::key_values::key_values;
use crate::query::request::VersionSelector;

impl Running<'_> {
    /// What a plan asks for the rows of a batch, and what finding it took, even where that failed.
    pub(super) fn below<'a>(
        &'a self,
        plan: BelowPlan,
        batch: &'a RecordBatch,
        version: VersionSelector,
    ) -> BoxFuture<'a, (Result<Below, Failed>, Account)> {
        let found = async move {
            let mut account = Account::default();
            let path = plan.path.clone();
            let found = self.found_below(plan, batch, version, &mut account).await;
            (found.map_err(|failed| Failed { path: failed.path.or(Some(path)), ..failed }), account)
        };
        found.boxed()
    }

    async fn found_below(
        &self,
        plan: BelowPlan,
        batch: &RecordBatch,
        version: VersionSelector,
        account: &mut Account,
    ) -> Result<Below, Failed> {
        let BelowPlan { columns, key, statement, below, .. } = plan;
        let Keys { distinct, pages } = Keys::of(batch, &columns, &key)?;
        let statement = match distinct.num_rows() {
            0 => return Ok(Below { pages, level: None }),
            1 => of_one(statement, &key, &distinct)?,
            keys => of_many(statement, key, distinct, keys, self.door.config.relation_keys_max)?,
        };
        let response = self.ask(Statement::Select(statement), version, account).await?;
        let level = self.level(response, below, version, account).await?;
        Ok(Below { pages, level: Some(level) })
    }
}

/// The question about the rows of one key: a page like any other.
fn of_one(statement: Select, columns: &[String], keys: &RecordBatch) -> Result<Select, QueryError> {
    let key = key_values(keys, 0).ok_or_else(|| QueryError::internal("a key of a type that makes none"))?;
    let rest = match &statement.filter {
        None => None,
        Some(Filter::Tree(node)) => Some(node),
        Some(Filter::Text(_)) => return Err(QueryError::internal("a condition as text")),
    };
    let filter = Some(keyed_filter(columns, &key, rest));
    Ok(Select { filter, ..statement })
}

/// The question about the rows of each of many keys.
fn of_many(
    statement: Select,
    columns: Vec<String>,
    keys: RecordBatch,
    count: usize,
    most: usize,
) -> Result<Select, QueryError> {
    if count > most {
        let message =
            format!("the rows above belong to more than {most} different rows of \"{}\"", statement.table);
        return Err(QueryError::new(ErrorCode::ResultTooLarge, message).with_hint("ask for fewer of them"));
    }
    if statement.cursor.is_some() || statement.side == Some(Side::Before) {
        let message = "a cursor, and \"last\", go on from one row above, and here are several";
        let hint = "ask for one row above, or ask the table itself with a condition on its key";
        return Err(QueryError::new(ErrorCode::InvalidRequest, message).with_hint(hint));
    }
    Ok(Select { per_key: Some(PerKey { columns, keys }), ..statement })
}

/// The keys that rows name.
struct Keys {
    /// Each once, without nulls.
    distinct: RecordBatch,
    /// For each row, its place among them; `None` where a part of it is null.
    pages: Vec<Option<usize>>,
}

impl Keys {
    /// Of the rows of a batch: `columns` name them there, `key` in the other table.
    fn of(batch: &RecordBatch, columns: &[String], key: &[String]) -> Result<Self, QueryError> {
        let lacking = || QueryError::internal("rows without a column of their relation");
        let named = |name: &String| batch.column_by_name(name).cloned().ok_or_else(lacking);
        let values = columns.iter().map(named).collect::<Result<Vec<ArrayRef>, QueryError>>()?;
        Self::distinct(&values, key).map_err(QueryError::internal)
    }

    fn distinct(values: &[ArrayRef], key: &[String]) -> Result<Self, ArrowError> {
        let fields = values.iter().map(|one| SortField::new(one.data_type().clone())).collect();
        let rows = RowConverter::new(fields)?.convert_columns(values)?;
        let mut places: HashMap<&[u8], usize> = HashMap::new();
        let mut first: Vec<u32> = Vec::new();
        let mut pages: Vec<Option<usize>> = Vec::with_capacity(rows.num_rows());
        for row in 0..rows.num_rows() {
            if values.iter().any(|one| one.is_null(row)) {
                pages.push(None);
                continue;
            }
            let place = *places.entry(rows.row(row).data()).or_insert(first.len());
            if place == first.len() {
                first.push(
                    u32::try_from(row).map_err(|_| ArrowError::ComputeError("too many rows".to_owned()))?,
                );
            }
            pages.push(Some(place));
        }
        let first = UInt32Array::from(first);
        let taken =
            values.iter().map(|one| take(one.as_ref(), &first, None)).collect::<Result<Vec<_>, _>>()?;
        let distinct = RecordBatch::try_from_iter(key.iter().zip(taken))?;
        Ok(Self { distinct, pages })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};

    use super::*;

    fn batch() -> RecordBatch {
        let texts = StringArray::from(vec![Some("b"), Some("a"), None, Some("b"), Some("b")]);
        let numbers = Int64Array::from(vec![Some(1), Some(1), Some(1), Some(1), None]);
        RecordBatch::try_from_iter([("t", Arc::new(texts) as ArrayRef), ("n", Arc::new(numbers))]).unwrap()
    }

    fn keys(columns: &[&str]) -> Keys {
        let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
        let key: Vec<String> = columns.iter().map(|name| format!("key_{name}")).collect();
        Keys::of(&batch(), &columns, &key).unwrap()
    }

    #[test]
    fn keys_are_asked_for_once_and_nulls_never() {
        let of = keys(&["t"]);
        assert_eq!(of.pages, [Some(0), Some(1), None, Some(0), Some(0)]);
        assert_eq!((of.distinct.num_rows(), of.distinct.schema().field(0).name().as_str()), (2, "key_t"));
        let of = keys(&["t", "n"]);
        assert_eq!(of.pages, [Some(0), Some(1), None, Some(0), None]);
        assert_eq!(of.distinct.num_columns(), 2);
    }

    #[test]
    fn one_key_is_a_condition_and_several_are_keys() {
        let of = keys(&["t", "n"]);
        let asked = Select { table: "k".to_owned(), ..Select::default() };
        let names = vec!["key_t".to_owned(), "key_n".to_owned()];
        let one = of_one(asked.clone(), &names, &of.distinct.slice(1, 1)).unwrap();
        let values = [("key_t", "{\"Text\":\"a\"}"), ("key_n", "{\"Number\":\"1\"}")];
        let parts = values.map(|(column, value)| {
            format!("{{\"Compare\":{{\"column\":\"{column}\",\"op\":\"Eq\",\"value\":{{\"One\":{value}}}}}}}")
        });
        let expected = format!("{{\"Tree\":{{\"And\":[{}]}}}}", parts.join(","));
        assert_eq!(serde_json::to_string(&one.filter.unwrap()).unwrap(), expected);
        let many = |select: Select, most| of_many(select, names.clone(), of.distinct.clone(), 2, most);
        assert_eq!(many(asked.clone(), 2).unwrap().per_key.unwrap().columns, names);
        assert_eq!(many(asked.clone(), 1).unwrap_err().code, ErrorCode::ResultTooLarge);
        let back = Select { side: Some(Side::Before), ..asked.clone() };
        assert_eq!(many(back, 2).unwrap_err().code, ErrorCode::InvalidRequest);
        let further = Select { cursor: Some("c".to_owned()), ..asked };
        assert_eq!(many(further, 2).unwrap_err().code, ErrorCode::InvalidRequest);
    }
}
