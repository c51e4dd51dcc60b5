//! Tables in an object store: owns that they read as on a disk through every kind of write, are found
//! by discovery, and that a store that does not answer is felt by its own tables alone.

use serde_json::{Value, json};
use sluice_tests::client::Caller;
use sluice_tests::gateway::{Setup, run};
use sluice_tests::process::Server;
use sluice_tests::python::{Bucket, Writer, interpreter};
use sluice_tests::waiting::until;

use super::life::{self, POLICIES};

/// Holds what has to be encoded in requests, and what must not be encoded twice.
const LOCATION: &str = "s3://lake/gold/my table%2F{1}/été";

fn setup(name: &str, bucket: &Bucket) -> Setup {
    let setup = Setup::new(name, POLICIES);
    let stores = json!([bucket.store(setup.directory.path())]);
    setup.with(json!({ "catalog": { "stores": stores } }))
}

/// Whether the description of a table says so.
async fn told(reader: &Caller, table: &str, field: &str, value: impl Into<Value>) -> Option<()> {
    let described = reader.get(&format!("/v1/tables/{table}")).await.object();
    (described[field] == value.into()).then_some(())
}

#[test]
fn a_table_in_a_bucket_through_its_whole_life() {
    run(async {
        let Some(python) = interpreter() else { return };
        let bucket = Bucket::start(&python);
        let setup = setup("bucket", &bucket);
        let writer = Writer::remote(&python, &bucket, LOCATION, setup.place("rows.json"));
        let steps =
            ["create_partitioned", "more", "delete", "checkpoint", "more", "compact", "vacuum", "more"];
        life::follow("bucket", setup, &writer, &steps).await;
    });
}

#[test]
fn tables_in_a_bucket_are_discovered() {
    run(async {
        let Some(python) = interpreter() else { return };
        let bucket = Bucket::start(&python);
        let setup = setup("discovered-bucket", &bucket).with(json!({ "catalog": {
            "discover": [{ "prefix": "s3://lake/gold", "name_prefix": "g." }], "discover_interval_ms": 50,
        }}));
        let write = |name: &str| {
            let location = format!("s3://lake/gold/{name}");
            Writer::remote(&python, &bucket, &location, setup.place(&name.replace('/', "."))).write("create");
        };
        write("a");
        write("deep/b");
        let later = setup.place("later.json");
        let gateway = setup.start().await;
        let reader = gateway.role("reader");
        for table in ["g.a", "g.deep.b"] {
            assert_eq!(reader.walk(table, &[("limit", "20")]).await.len(), 50, "{table}");
        }
        Writer::remote(&python, &bucket, "s3://lake/gold/c", later).write("create");
        until("the new table is served", || async {
            (reader.get("/v1/tables/g.c").await.status == 200).then_some(())
        })
        .await;
        gateway.shutdown().await;
    });
}

#[test]
fn a_store_that_does_not_answer_is_told_and_hurts_its_own_tables_only() {
    run(async {
        let Some(python) = interpreter() else { return };
        let bucket = Bucket::start(&python);
        let setup = setup("frozen-bucket", &bucket).with(json!({
            "catalog": { "load_timeout_ms": 1000, "concurrent_loads_max": 1 },
            "limits": { "query_time_ms_max": 500, "queue_wait_ms_max": 500 },
        }));
        let local = Writer::local(&python, &setup.place("local"));
        let remote = Writer::remote(&python, &bucket, "s3://lake/t", setup.place("rows.json"));
        local.write("create");
        remote.write("create");
        // Those that are not there wait for slots as well.
        let gateway = ["t", "a", "b", "c", "d"]
            .iter()
            .fold(setup, |setup, at| {
                setup.table(json!({ "name": at, "location": format!("s3://lake/{at}") }))
            })
            .table(json!({ "name": "local", "location": local.location() }))
            .start()
            .await;
        let reader = gateway.role("reader");
        assert_eq!(reader.get("/v1/tables/t/rows").await.status, 200);

        bucket.freeze();
        until("the table is seen to be stale", || told(&reader, "t", "stale", true)).await;
        let answer = reader.get("/v1/tables/t/rows").await;
        assert_eq!(answer.code(), "deadline_exceeded");
        assert!(!answer.text().contains(Bucket::SECRET));
        let (version, _) = local.write("more");
        until("the table beside it is followed", || told(&reader, "local", "version", version)).await;
        assert_eq!(reader.get("/v1/tables/local/rows").await.status, 200);

        bucket.thaw();
        until("the table is served afresh", || told(&reader, "t", "stale", false)).await;
        assert_eq!(reader.get("/v1/tables/t/rows").await.status, 200);
        gateway.shutdown().await;
    });
}

#[test]
fn descriptions_and_listings_have_slots_and_a_deadline() {
    run(async {
        let Some(python) = interpreter() else { return };
        let bucket = Bucket::start(&python);
        let setup = setup("frozen-version", &bucket).with(json!({ "limits": {
            "query_time_ms_max": 3_000, "queue_wait_ms_max": 50,
            "queries_concurrent_max": 1, "queries_queued_max": 1,
        }}));
        let writer = Writer::remote(&python, &bucket, "s3://lake/t", setup.place("rows.json"));
        writer.write("create");
        writer.write("more");
        let server = Server::start(setup.table(json!({ "name": "t", "location": "s3://lake/t" }))).await;
        let (reader, nobody) = (server.role("reader"), server.nobody());
        bucket.freeze();
        let asking = tokio::spawn({
            let reader = reader.clone();
            async move { reader.get("/v1/tables/t?version=0").await }
        });
        until("the description runs", || async {
            let metrics = nobody.get("/metrics").await.text();
            metrics.contains("sluice_queries_running{class=\"light\"} 1").then_some(())
        })
        .await;
        for target in ["/v1/tables", "/v1/tables/t"] {
            let refused = reader.get(target).await;
            assert_eq!((refused.status, refused.code().as_str()), (503, "overloaded"), "{}", refused.text());
        }
        let late = asking.await.unwrap();
        assert_eq!((late.status, late.code().as_str()), (504, "deadline_exceeded"), "{}", late.text());
        let _ = reader.get("/v1/tables").await.expect_status(200);
        bucket.thaw();
    });
}

#[test]
fn a_bucket_that_is_not_there_is_named_without_its_keys() {
    run(async {
        let Some(python) = interpreter() else { return };
        let bucket = Bucket::start(&python);
        let setup = Setup::new("no-bucket", POLICIES);
        let mut store = bucket.store(setup.directory.path());
        store["prefix"] = json!("s3://nowhere/");
        let gateway = setup
            .with(json!({ "catalog": { "stores": [store] } }))
            .table(json!({ "name": "t", "location": "s3://nowhere/t" }))
            .start()
            .await;
        let listed = gateway.role("reader").get("/v1/tables").await.expect_status(200);
        assert!(listed.text().contains("NoSuchBucket"), "{}", listed.text());
        assert!(!listed.text().contains(Bucket::SECRET));
        gateway.shutdown().await;
    });
}
