//! Orders by a partition column of floats: NaN and the infinities stand where they stand in any other
//! column, however few files a page reads.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};
use sluice_tests::gateway::{Setup, run};

const POLICIES: &str = "version: 1\nroles: { reader: { tables: { t: { columns: '*' } } } }\n";

/// Partition values in ascending order, NaN and null last.
const ASCENDING: [Option<&str>; 9] = [
    Some("-Infinity"),
    Some("-2.5"),
    Some("-0.5"),
    Some("0.0"),
    Some("1.5"),
    Some("2.5"),
    Some("Infinity"),
    Some("NaN"),
    None,
];

/// One file of two rows a value; ids count up with the values.
fn write(directory: &Path, partitions: &[Option<&str>]) {
    fs::create_dir_all(directory.join("_delta_log")).unwrap();
    let field = |name: &str, of: &str| json!({ "name": name, "type": of, "nullable": true, "metadata": {} });
    let schema = json!({ "type": "struct", "fields": [field("id", "long"), field("p", "double")] });
    let mut actions = vec![
        json!({ "protocol": { "minReaderVersion": 1, "minWriterVersion": 2 } }),
        json!({ "metaData": {
            "id": format!("{:032x}", rand::random::<u128>()), "format": { "provider": "parquet", "options": {} },
            "schemaString": schema.to_string(), "partitionColumns": ["p"], "configuration": {}, "createdTime": 0,
        }}),
    ];
    for (place, value) in (0_i64..).zip(partitions) {
        let ids: ArrayRef = Arc::new(Int64Array::from(vec![2 * place, 2 * place + 1]));
        let rows = RecordBatch::try_from_iter_with_nullable([("id", ids, true)]).unwrap();
        // Path order is not the order of the values.
        let name = format!("{}.parquet", (place * 5) % 9);
        let file = directory.join(&name);
        let mut writer = ArrowWriter::try_new(fs::File::create(&file).unwrap(), rows.schema(), None).unwrap();
        writer.write(&rows).unwrap();
        writer.close().unwrap();
        let size = fs::metadata(&file).unwrap().len();
        actions.push(json!({ "add": {
            "path": name, "partitionValues": { "p": value }, "size": size, "modificationTime": 1_000,
            "dataChange": true, "stats": json!({ "numRecords": 2 }).to_string(),
        }}));
    }
    let text: String = actions.iter().map(|action| format!("{action}\n")).collect();
    fs::write(directory.join("_delta_log/00000000000000000000.json"), text).unwrap();
}

#[test]
fn nan_is_no_largest_number_among_partitions() {
    run(async {
        // Where some partition is null, files are read in their own order.
        for last in [8, 9] {
            walk(&ASCENDING[..last]).await;
        }
    });
}

async fn walk(partitions: &[Option<&str>]) {
    let setup = Setup::new("float-partitions", POLICIES).table(json!({ "name": "t", "location": "t" }));
    write(&setup.place("t"), partitions);
    let gateway = setup.start().await;
    let reader = gateway.role("reader");
    let ids = |rows: &[Value]| rows.iter().map(|row| row["id"].as_i64().unwrap()).collect::<Vec<i64>>();
    let (values, numbers) = (i64::try_from(partitions.len()).unwrap(), 7);
    let of = |place: i64| [2 * place, 2 * place + 1];
    let ascending: Vec<i64> = (0..values).flat_map(of).collect();
    // NaN and null stay last: it is the numbers that turn around.
    let descending: Vec<i64> = (0..numbers).rev().chain(numbers..values).flat_map(of).collect();
    for limit in ["1", "2", "3", "5", "18"] {
        for (order, expected) in [("p,id", &ascending), ("-p,id", &descending)] {
            let met = reader.walk("t", &[("order", order), ("limit", limit)]).await;
            assert_eq!(&ids(&met), expected, "order {order}, limit {limit}, {values} partitions");
        }
    }
    gateway.shutdown().await;
}
