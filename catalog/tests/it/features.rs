//! What tables may use: features that are read, and those that are refused by name.

use std::path::Path;

use arrow_schema::DataType;
use serde_json::{Value, json};
use sluice_catalog::catalog::Catalog;
use sluice_catalog::config::CatalogConfig;
use sluice_catalog::definition::TableDefinition;
use sluice_catalog::schema::{ColumnMapping, PARQUET_FIELD_ID};
use sluice_catalog::store::Stores;

use crate::lake::{NAME, TestTable, add, metadata, metadata_of, protocol, protocol_with, trouble};

#[tokio::test(flavor = "multi_thread")]
async fn features_that_are_not_read_are_refused_by_name() {
    for feature in [
        "typeWidening",
        "typeWidening-preview",
        "variantType-preview",
        "variantShredding-preview",
        "catalogManaged",
        "geospatial",
        "somethingNew",
    ] {
        let table = TestTable::nothing();
        table.commit(0, &[protocol_with(&[feature]), metadata("id-1", &["a"])]);
        let (_catalog, refused) = table.open().await;
        assert!(refused.current().is_none());
        let reason = trouble(&refused).unwrap();
        assert!(reason.contains(feature), "{feature}: {reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_variant_type_matters_only_where_a_column_has_it() {
    let table = TestTable::nothing();
    table.commit(0, &[protocol_with(&["variantType"]), metadata("id-1", &["a"])]);
    let (_catalog, served) = table.open().await;
    assert_eq!(served.current().unwrap().version(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_version_from_the_future_is_refused() {
    let table = TestTable::nothing();
    let protocol = json!({"protocol": {"minReaderVersion": 4, "minWriterVersion": 7}});
    table.commit(0, &[protocol, metadata("id-1", &["a"])]);
    let (_catalog, refused) = table.open().await;
    assert!(refused.current().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feature_that_arrives_later_leaves_the_version_before_it() {
    let table = TestTable::simple();
    table.commit(1, &[add("a")]);
    let (_catalog, followed) = table.open().await;
    table.commit(2, &[protocol_with(&["somethingNew"])]);
    assert!(followed.refresh().await.is_err());
    assert_eq!(followed.current().unwrap().version(), 1);
    assert!(trouble(&followed).unwrap().contains("somethingNew"));
}

#[tokio::test(flavor = "multi_thread")]
async fn features_of_readers_and_writers_that_real_tables_have_are_served() {
    let table = TestTable::nothing();
    let readers = ["columnMapping", "deletionVectors", "timestampNtz", "v2Checkpoint", "vacuumProtocolCheck"];
    let mut writers = readers.to_vec();
    writers.extend([
        "appendOnly",
        "invariants",
        "checkConstraints",
        "changeDataFeed",
        "generatedColumns",
        "identityColumns",
        "domainMetadata",
        "rowTracking",
        "clustering",
        "inCommitTimestamp",
    ]);
    let protocol = json!({"protocol": {"minReaderVersion": 3, "minWriterVersion": 7,
        "readerFeatures": readers, "writerFeatures": writers}});
    let configuration = json!({"delta.appendOnly": "true", "delta.constraints.c": "a > 0",
        "delta.enableRowTracking": "true"});
    let generated = json!({"name": "a", "type": "integer", "nullable": true,
        "metadata": {"delta.generationExpression": "1", "delta.identity.start": 1}});
    let domain = json!({"domainMetadata": {"domain": "delta.clustering",
        "configuration": "{\"clusteringColumns\":[[\"a\"]]}", "removed": false}});
    table.commit(0, &[protocol, metadata_of("id-1", &[generated], &[], &configuration), domain.clone()]);
    let (_catalog, served) = table.open().await;
    assert_eq!(trouble(&served), None);
    table.commit(1, &[add("a"), domain, json!({"txn": {"appId": "x", "version": 1}})]);
    served.refresh().await.unwrap();
    assert_eq!(served.current().unwrap().files().len(), 1);
}

fn mapped(name: &str, id: i64, data_type: &Value) -> Value {
    json!({"name": name, "type": data_type, "nullable": true, "metadata": {
        "comment": format!("about {name}"),
        "delta.columnMapping.id": id, "delta.columnMapping.physicalName": format!("col-{id}")}})
}

#[tokio::test(flavor = "multi_thread")]
async fn mapped_columns_show_both_faces_at_every_level() {
    for (mode, mapping) in [("name", ColumnMapping::Name), ("id", ColumnMapping::Id)] {
        let table = TestTable::nothing();
        let structure = |fields: &[Value]| json!({"type": "struct", "fields": fields});
        let inner = structure(&[mapped("x", 3, &json!("long"))]);
        let list = json!({"type": "array", "elementType": structure(&[mapped("y", 5, &json!("string"))]),
            "containsNull": true});
        let fields = [mapped("p", 1, &json!("date")), mapped("s", 2, &inner), mapped("l", 4, &list)];
        let configuration = json!({"delta.columnMapping.mode": mode, "delta.columnMapping.maxColumnId": "5"});
        table.commit(
            0,
            &[
                json!({"protocol": {"minReaderVersion": 2, "minWriterVersion": 5}}),
                metadata_of("id-1", &fields, &["p"], &configuration),
            ],
        );
        let mut file = add("f");
        file["add"]["partitionValues"] = json!({"col-1": "2024-01-02"});
        file["add"]["stats"] = json!(r#"{"numRecords":1,"minValues":{"col-2":{"col-3":7}}}"#);
        table.commit(1, &[file]);
        let (_catalog, served) = table.open().await;
        let snapshot = served.current().unwrap();
        assert_eq!(snapshot.column_mapping(), mapping);
        assert_eq!(snapshot.partition_columns(), ["p"]);
        let ids: Vec<(&str, i64)> =
            snapshot.column_ids().iter().map(|(path, id)| (path.as_str(), *id)).collect();
        assert_eq!(ids, [("l", 4), ("l.element.y", 5), ("p", 1), ("s", 2), ("s.x", 3)]);
        let column = &snapshot.columns()[1];
        assert_eq!((column.name.as_str(), column.id), ("s", Some(2)));
        assert_eq!(column.description.as_deref(), Some("about s"));
        assert!(column.field.metadata().is_empty());
        assert_eq!(column.physical.name(), "col-2");
        assert_eq!(column.physical.metadata()[PARQUET_FIELD_ID], "2");
        let DataType::Struct(below) = column.physical.data_type() else { panic!("not a struct") };
        assert_eq!(
            (below[0].name().as_str(), below[0].metadata()[PARQUET_FIELD_ID].as_str()),
            ("col-3", "3")
        );
        let DataType::List(element) = snapshot.columns()[2].physical.data_type() else {
            panic!("not a list")
        };
        let DataType::Struct(below) = element.data_type() else { panic!("not a struct") };
        assert_eq!(below[0].name(), "col-5");
        let file = &snapshot.files()[0];
        assert_eq!(file.partition_values["p"].as_deref(), Some("2024-01-02"));
        assert_eq!(file.stats.as_ref().unwrap().column("s.x").unwrap().min, Some("7"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_table_does_not_keep_the_others_from_serving() {
    let good = TestTable::simple();
    let bad = TestTable::nothing();
    bad.commit(0, &[protocol_with(&["somethingNew"]), metadata("id-1", &["a"])]);
    let definitions = vec![
        TableDefinition::bare("good", good.path().to_str().unwrap()),
        TableDefinition::bare("bad", bad.path().to_str().unwrap()),
        TableDefinition::bare("remote", "hdfs://name/t"),
    ];
    let config = CatalogConfig { tables: definitions, ..CatalogConfig::default() };
    let catalog = Catalog::open(config, Path::new("/"), Stores::new()).await.unwrap();
    let names: Vec<String> = catalog.tables().iter().map(|table| table.name().to_owned()).collect();
    assert_eq!(names, ["bad", "good", "remote"]);
    assert_eq!(trouble(&catalog.table("good").unwrap()), None);
    assert!(trouble(&catalog.table("remote").unwrap()).unwrap().contains("\"hdfs\" is not supported"));
    assert!(catalog.table("Good").is_none() && catalog.table(NAME).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_the_configuration_are_reported_together() {
    let config = CatalogConfig {
        tables: vec![TableDefinition::bare("a b", "x"), TableDefinition::bare("c", "")],
        load_timeout_ms: 0,
        ..CatalogConfig::default()
    };
    assert_eq!(Catalog::open(config, Path::new("/"), Stores::new()).await.unwrap_err().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_that_leads_out_of_the_table_is_not_read() {
    for sidecar in ["../../../x.parquet", "file:///etc/x.parquet", "http://127.0.0.1:9/x?sp=1", "..%2f..%2fx"]
    {
        let table = TestTable::nothing();
        table.commit(0, &[protocol_with(&["v2Checkpoint"]), metadata("id-1", &["a"])]);
        table.commit(1, &[add("a")]);
        let checkpoint = [
            json!({"checkpointMetadata": {"version": 1}}),
            protocol_with(&["v2Checkpoint"]),
            metadata("id-1", &["a"]),
            json!({"sidecar": {"path": sidecar, "sizeInBytes": 100, "modificationTime": 1}}),
        ];
        let text: String = checkpoint.iter().map(|action| format!("{action}\n")).collect();
        let name = format!("{:020}.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json", 1);
        std::fs::write(table.path().join("_delta_log").join(name), text).unwrap();
        let (_catalog, refused) = table.open().await;
        let reason = trouble(&refused).unwrap();
        assert!(
            reason.contains("in the log is refused") || reason.contains("outside the table's directory"),
            "{sidecar}: {reason}"
        );
    }
    let table = TestTable::nothing();
    table.commit(0, &[protocol(), metadata("id-1", &["a"])]);
    assert_eq!(trouble(&table.open().await.1), None);
}
