//! Values made of values: owns that structs and lists have one order, whichever door sorts by them
//! and however many rows are asked for, and what is told of the fields inside them.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, ListArray, RecordBatch, StructArray};
use arrow::datatypes::{DataType, Field, Int64Type};
use serde_json::{Value, json};
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Setup, run};

const POLICIES: &str = "version: 1\nroles:\n  reader: { tables: { t: { columns: '*' } } }\n";

/// Rows `id`, a struct of one number and a list of that number.
fn batch(rows: &[(i64, Option<i64>)]) -> RecordBatch {
    let ids: ArrayRef = Arc::new(rows.iter().map(|(id, _)| *id).collect::<Int64Array>());
    let inner: ArrayRef = Arc::new(rows.iter().map(|(_, x)| *x).collect::<Int64Array>());
    let field = Arc::new(Field::new("x", DataType::Int64, true));
    let structs: ArrayRef = Arc::new(StructArray::from(vec![(field, inner)]));
    let items = rows.iter().map(|(_, x)| Some(vec![*x]));
    let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(items));
    RecordBatch::try_from_iter_with_nullable([("id", ids, true), ("st", structs, true), ("li", lists, true)])
        .unwrap()
}

fn ids(rows: &[Value]) -> Vec<i64> {
    rows.iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

#[test]
fn the_first_rows_by_a_nested_key_are_those_of_the_whole_order() {
    run(async {
        let setup = Setup::new("nested", POLICIES).table(json!({ "name": "t", "location": "t" }));
        let first = batch(&[(1, None), (2, Some(5))]);
        let mut table = HandTable::create(&setup.place("t"), &first.schema()).numbered();
        table.append(&[first]);
        table.append(&[batch(&[(3, Some(1)), (4, Some(2))])]);
        let gateway = setup.start().await;
        let reader = gateway.role("reader");
        for column in ["st", "li"] {
            for (sign, direction, order) in [("", "asc", [3, 4, 2, 1]), ("-", "desc", [2, 4, 3, 1])] {
                let paged = reader.walk("t", &[("order", &format!("{sign}{column}")), ("limit", "2")]).await;
                assert_eq!(ids(&paged), order, "order={sign}{column}");
                for limit in 1..=4 {
                    let sql =
                        format!("select id from t order by {column} {direction} nulls last limit {limit}");
                    let sorted = reader.sql(&sql).await.expect_status(200).data();
                    assert_eq!(ids(&sorted), order[..limit], "{sql}");
                }
            }
        }
        gateway.shutdown().await;
    });
}

#[test]
fn the_least_and_greatest_of_nested_values_are_refused() {
    run(async {
        let setup = Setup::new("nested-extremes", POLICIES).table(json!({ "name": "t", "location": "t" }));
        let rows = batch(&[(1, None), (2, Some(5))]);
        HandTable::create(&setup.place("t"), &rows.schema()).append(&[rows]);
        let gateway = setup.start().await;
        let reader = gateway.role("reader");
        for sql in [
            "select max(st) from t",
            "select min(li) over () from t",
            "select id from t where st = (select min(st) from t)",
            "select id from t group by id having max(li) is null",
        ] {
            let refused = reader.sql(sql).await.expect_status(400).json();
            assert!(refused["detail"].as_str().unwrap().contains("takes no structs"), "{sql}: {refused}");
        }
        let body = json!({ "measures": [{ "fn": "max", "column": "st", "as": "m" }] });
        let refused = reader.post("/v1/tables/t/aggregate", &body).await.expect_status(400).json();
        assert_eq!(refused["code"], "invalid_expression");
        let found = reader.sql("select max(st.x) as m from t").await.expect_status(200).data();
        assert_eq!(found, [json!({ "m": 5 })]);
        gateway.shutdown().await;
    });
}

#[test]
fn what_is_declared_of_a_field_is_told_to_those_who_see_it() {
    let policies = "version: 1
roles:
  reader: { tables: { t: { columns: '*' } } }
  partly: { tables: { t: { columns: '*', hide: [st.x], masks: { st.y: null } } } }
";
    run(async {
        let setup = Setup::new("declared-fields", policies).table(json!({
            "name": "t", "location": "t",
            "columns": {
                "st": { "description": "both" },
                "st.x": { "description": "the first", "tags": ["pii"] },
                "st.y": { "description": "the second" },
            },
        }));
        let number = || -> ArrayRef { Arc::new(Int64Array::from(vec![1])) };
        let field = |name: &str| Arc::new(Field::new(name, DataType::Int64, true));
        let both = StructArray::from(vec![(field("x"), number()), (field("y"), number())]);
        let rows =
            RecordBatch::try_from_iter([("id", number()), ("st", Arc::new(both) as ArrayRef)]).unwrap();
        HandTable::create(&setup.place("t"), &rows.schema()).append(&[rows]);
        let gateway = setup.start().await;
        let columns = |role: &'static str| {
            let caller = gateway.role(role);
            async move { caller.get("/v1/tables/t").await.expect_status(200).object()["columns"].clone() }
        };
        let all = columns("reader").await;
        assert!(all[0].get("fields").is_none() && all[1]["description"] == json!("both"), "{all}");
        let first = json!({ "path": "st.x", "description": "the first", "tags": ["pii"] });
        let second = json!({ "path": "st.y", "description": "the second", "tags": [] });
        assert_eq!(all[1]["fields"], json!([first, second]));
        assert_eq!(columns("partly").await[1]["fields"], json!([second]));
        gateway.shutdown().await;
    });
}
