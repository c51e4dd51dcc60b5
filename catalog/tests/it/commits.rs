//! Tables that Sluice makes itself.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Int32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use sluice_catalog::commit::{NewTable, append, create_table};
use sluice_catalog::error::CatalogError;

use crate::lake::TestTable;

#[tokio::test(flavor = "multi_thread")]
async fn a_table_made_here_is_read_back_with_statistics() {
    let place = TestTable::nothing();
    let schema = Arc::new(Schema::new(vec![
        Field::new("month", DataType::Int32, true),
        Field::new("carrier", DataType::Utf8, true),
    ]));
    let new = NewTable {
        schema: Arc::clone(&schema),
        partition_columns: &["month".to_owned()],
        name: Some("flights"),
        description: Some("all of them"),
        configuration: HashMap::new(),
    };
    create_table(place.path(), new.clone()).await.unwrap();
    assert!(matches!(create_table(place.path(), new).await, Err(CatalogError::Write(_))));
    let (_catalog, table) = place.open().await;
    assert_eq!(table.current().unwrap().num_rows(), Some(0));
    let batch = RecordBatch::try_new(
        schema,
        vec![
            Arc::new(Int32Array::from(vec![1, 1, 2])),
            Arc::new(StringArray::from(vec![Some("UA"), None, Some("B6")])),
        ],
    )
    .unwrap();
    assert_eq!(append(place.path(), vec![batch.clone(), batch]).await.unwrap(), 1);
    assert!(table.refresh().await.unwrap());
    let snapshot = table.current().unwrap();
    assert_eq!(snapshot.description(), Some("all of them"));
    assert_eq!(snapshot.num_rows(), Some(6));
    assert_eq!(snapshot.files().len(), 2);
    assert!(snapshot.num_bytes() > 0);
    let first = &snapshot.files()[0];
    assert_eq!(first.partition_values["month"].as_deref(), Some("1"));
    let carrier = first.stats.as_ref().unwrap().column("carrier").unwrap();
    assert_eq!((carrier.min, carrier.max, carrier.null_count), (Some("\"UA\""), Some("\"UA\""), Some(2)));
    let bytes = object_store::ObjectStoreExt::get(snapshot.store(), &first.path).await.unwrap().bytes().await;
    assert_eq!(bytes.unwrap().len() as u64, first.size_bytes);
}
