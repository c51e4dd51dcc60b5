//! Questions about many keys: owns asking them of the pipeline, and the question about each key alone that their
//! answers are held against.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt64Array, new_null_array};
use arrow::compute::{cast, concat_batches, take_record_batch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow::row::{RowConverter, SortField};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::Value;
use sluice_gateway::engine::statement::{Filter, FilterNode, OrderKey, PerKey, Select, Side, keyed_filter};
use sluice_gateway::query::error::QueryError;
use sluice_gateway::query::groups::GroupPage;
use sluice_gateway::query::key_values::key_values;
use sluice_gateway::query::response::{Delivery, Response};
use sluice_tests::json::rows;

use crate::paging::asked::Asked;

/// Cursors that are tried of one key.
const CURSORS: usize = 1;

/// The values that these columns have together in what this one sees, nulls too.
pub(super) async fn distinct(asked: Asked<'_>, columns: &[&str]) -> RecordBatch {
    let columns = columns.iter().map(|column| (*column).to_owned()).collect();
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let select =
            Select { columns: Some(Vec::clone(&columns)), cursor, limit: Some(1_000), ..Select::default() };
        let response = asked.select(select).await.unwrap().response;
        all.extend(response.batches);
        cursor = response.page.unwrap().next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let all = concat_batches(&all[0].schema(), &all).unwrap();
    let fields = all.columns().iter().map(|column| SortField::new(column.data_type().clone())).collect();
    let converted = RowConverter::new(fields).unwrap().convert_columns(all.columns()).unwrap();
    let places = converted.iter().map(|row| row.as_ref().to_vec()).zip(0_u64..);
    let one_each: BTreeMap<Vec<u8>, u64> = places.collect();
    take_record_batch(&all, &one_each.into_values().collect::<UInt64Array>()).unwrap()
}

/// Some of the keys, at times as integers of another width, and one that no row has: null, too large or unknown.
pub(super) fn with_strangers(keys: &RecordBatch, random: &mut StdRng) -> RecordBatch {
    let schema = keys.schema();
    let mut columns: Vec<ArrayRef> = keys.columns().to_vec();
    if random.random_bool(0.5) {
        columns.iter_mut().filter(|column| column.data_type().is_integer()).for_each(|column| {
            *column = cast(column, &DataType::Int64).unwrap();
        });
    }
    let stranger = |data_type: &DataType| -> ArrayRef {
        match data_type {
            DataType::Utf8 => Arc::new(arrow::array::StringArray::from(vec!["nobody's"])),
            DataType::Int64 => Arc::new(arrow::array::Int64Array::from(vec![i64::MIN + 7])),
            other => new_null_array(other, 1),
        }
    };
    for column in &mut columns {
        *column = arrow::compute::concat(&[column, &stranger(column.data_type())]).unwrap();
    }
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .zip(&columns)
        .map(|(field, column)| Field::new(field.name(), column.data_type().clone(), true))
        .collect();
    let keys = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    let mut order: Vec<u64> = (0..keys.num_rows() as u64).collect();
    order.shuffle(random);
    order.truncate(random.random_range(1..20));
    take_record_batch(&keys, &UInt64Array::from(order)).unwrap()
}

/// One question about many keys.
pub(super) struct Question<'a> {
    pub(super) asked: Asked<'a>,
    pub(super) columns: Vec<String>,
    pub(super) keys: RecordBatch,
    pub(super) show: Option<Vec<String>>,
    pub(super) rest: Option<FilterNode>,
    pub(super) order: Vec<OrderKey>,
    pub(super) limit: Option<usize>,
    pub(super) count_exact: bool,
}

impl Question<'_> {
    fn told(&self, key: usize) -> String {
        format!(
            "role {}, key {key} of {:?} in {:?}, rest {:?}, order {:?}, limit {:?}, show {:?}, count {}",
            self.asked.role,
            self.keys,
            self.columns,
            self.rest,
            self.order,
            self.limit,
            self.show,
            self.count_exact
        )
    }

    pub(super) fn select(&self) -> Select {
        Select {
            columns: self.show.clone(),
            filter: self.rest.clone().map(Filter::Tree),
            order: self.order.clone(),
            limit: self.limit,
            count_exact: self.count_exact,
            row_cursors: true,
            per_key: Some(PerKey { columns: self.columns.clone(), keys: self.keys.clone() }),
            ..Select::default()
        }
    }

    /// The question about one key alone; none about one that no row has.
    pub(super) fn alone(&self, key: usize) -> Option<Select> {
        let key = key_values(&self.keys, key)?;
        let filter = Some(keyed_filter(&self.columns, &key, self.rest.as_ref()));
        Some(Select { filter, per_key: None, ..self.select() })
    }

    pub(super) async fn ask(&self) -> Result<Response, QueryError> {
        self.asked.select(self.select()).await.map(|delivery| delivery.response)
    }

    /// Holds what each key has against what it has alone.
    pub(super) async fn check(&self, random: &mut StdRng) {
        let response = match self.ask().await {
            Ok(response) => response,
            Err(error) => return self.check_failure(&error).await,
        };
        assert!(response.page.is_none() && response.total_rows.is_none());
        let groups = response.groups.as_ref().expect("groups");
        assert_eq!(groups.pages.len(), self.keys.num_rows());
        let all = rows(&response.batches);
        let mut end = 0;
        for (key, page) in groups.pages.iter().enumerate() {
            assert_eq!(page.rows.start, end, "groups lie beside each other");
            end = page.rows.end;
            self.check_key(&response, key, page, &all[page.rows.clone()], random).await;
        }
        assert_eq!(end, all.len());
        let cursors = groups.cursors.as_ref().unwrap();
        assert!(cursors.at(0, all.len()).is_err() && cursors.at(groups.pages.len(), 0).is_err());
    }

    /// Holds a failure against that of the first key about which a question fails.
    async fn check_failure(&self, error: &QueryError) {
        for key in 0..self.keys.num_rows() {
            let Some(alone) = self.alone(key) else { continue };
            if let Err(alone) = self.asked.select(alone).await {
                let texts = |error: &QueryError| (error.code.as_str(), error.message.clone());
                assert_eq!(texts(error), texts(&alone), "{}", self.told(key));
                return;
            }
        }
        panic!("no key fails alone: {error}; {}", self.told(0));
    }

    async fn check_key(
        &self,
        response: &Response,
        key: usize,
        page: &GroupPage,
        found: &[Value],
        random: &mut StdRng,
    ) {
        let told = self.told(key);
        let Some(alone) = self.alone(key) else {
            let empty = GroupPage {
                rows: page.rows.clone(),
                has_more: false,
                total_rows: self.count_exact.then_some(0),
            };
            assert_eq!((page, found.len()), (&empty, 0), "{told}");
            return;
        };
        let single = self.asked.select(alone.clone()).await.unwrap().response;
        assert_eq!(found, rows(&single.batches), "{told}");
        assert_eq!(response.schema, single.schema, "{told}");
        assert_eq!(response.tables[0].version, single.tables[0].version);
        let info = single.page.unwrap();
        assert_eq!((page.has_more, page.total_rows), (info.has_more, single.total_rows), "{told}");
        let cursors = response.groups.as_ref().unwrap().cursors.as_ref().unwrap();
        for _ in 0..CURSORS.min(found.len()) {
            let at = random.random_range(0..found.len());
            let side = if random.random_bool(0.7) { Side::After } else { Side::Before };
            let continued =
                |cursor: String| Select { cursor: Some(cursor), side: Some(side), ..alone.clone() };
            let ours = self.asked.select(continued(cursors.at(key, page.rows.start + at).unwrap())).await;
            let theirs =
                self.asked.select(continued(info.row_cursors.as_ref().unwrap().at(at).unwrap())).await;
            // Further on the condition may fail.
            let outcome = |answer: Result<Delivery, QueryError>| match answer {
                Ok(Delivery { response, .. }) => {
                    Ok((rows(&response.batches), response.page.unwrap().has_more))
                }
                Err(error) => Err((error.code, error.message)),
            };
            assert_eq!(outcome(ours), outcome(theirs), "{side:?} row {at}, {told}");
        }
    }
}

/// Keys of 64 bits.
pub(super) fn whole_keys(keys: impl IntoIterator<Item = i64>) -> RecordBatch {
    let keys: arrow::array::PrimitiveArray<Int64Type> = keys.into_iter().map(Some).collect();
    RecordBatch::try_from_iter([("k", Arc::new(keys) as ArrayRef)]).unwrap()
}
