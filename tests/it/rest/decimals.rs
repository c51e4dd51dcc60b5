//! Decimals of many digits in conditions and parameters: nothing of what the caller writes is
//! rounded on its way to the column.

use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use serde_json::{Value, json};
use sluice_tests::client::{Answer, Caller};
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup, run};

const POLICIES: &str = "version: 1\nroles: { reader: { tables: { amounts: { columns: '*' } } } }\n";

/// Two columns of fine and of large amounts, a last digit apart.
async fn amounts(name: &str) -> Gateway {
    let schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("fine", DataType::Decimal128(38, 19), true),
        Field::new("large", DataType::Decimal128(22, 2), true),
    ]));
    let decimals = |values: [i128; 4], precision, scale| -> ArrayRef {
        Arc::new(Decimal128Array::from(values.to_vec()).with_precision_and_scale(precision, scale).unwrap())
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![1, 2, 3, 4])),
        decimals(
            [1_234_567_890_123_456_788, 1_234_567_890_123_456_789, 1_234_567_890_123_456_790, 0],
            38,
            19,
        ),
        decimals(
            [
                1_234_567_890_123_456_789_011,
                1_234_567_890_123_456_789_012,
                1_234_567_890_123_456_789_013,
                100,
            ],
            22,
            2,
        ),
    ];
    let rows = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
    let setup = Setup::new(name, POLICIES)
        .table(json!({ "name": "amounts", "location": "amounts", "primary_key": ["id"] }));
    HandTable::create(&setup.place("amounts"), &schema).append(&[rows]);
    setup.start().await
}

/// The body as it stands: a JSON library would round the numbers in it.
async fn post(caller: &Caller, path: &str, body: String) -> Answer {
    caller.send(reqwest::Method::POST, path, Some(("application/json", body.into_bytes()))).await
}

fn ids(answer: &Answer) -> Vec<u64> {
    let mut ids: Vec<u64> = answer.data().iter().map(|row| row["id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    ids
}

/// Column, operator as a name and in SQL, value, and the rows that it holds for.
const COMPARISONS: [(&str, &str, &str, &str, &[u64]); 18] = [
    ("fine", "eq", "=", "0.1234567890123456789", &[2]),
    ("fine", "ne", "<>", "0.1234567890123456789", &[1, 3, 4]),
    ("fine", "lt", "<", "0.1234567890123456789", &[1, 4]),
    ("fine", "le", "<=", "0.1234567890123456789", &[1, 2, 4]),
    ("fine", "gt", ">", "0.1234567890123456789", &[3]),
    ("fine", "ge", ">=", "0.1234567890123456789", &[2, 3]),
    ("fine", "eq", "=", "1234567890123456789e-19", &[2]),
    ("fine", "eq", "=", "0.12345678901234567890", &[2]),
    ("fine", "eq", "=", "0.12345678901234567891", &[]),
    ("fine", "gt", ">", "0.12345678901234567891", &[3]),
    ("fine", "lt", "<", "0.12345678901234567891", &[1, 2, 4]),
    ("large", "eq", "=", "12345678901234567890.12", &[2]),
    ("large", "gt", ">", "12345678901234567890.12", &[3]),
    ("large", "lt", "<", "12345678901234567890.125", &[1, 2, 4]),
    ("large", "eq", "=", "12345678901234567890.125", &[]),
    ("large", "eq", "=", "1", &[4]),
    ("large", "lt", "<", "1e30", &[1, 2, 3, 4]),
    ("large", "gt", ">", "-1e30", &[1, 2, 3, 4]),
];

#[test]
fn structured_filters_keep_every_digit() {
    run(async {
        let gateway = amounts("decimals-filter").await;
        let reader = gateway.role("reader");
        for (column, op, _, value, expected) in COMPARISONS {
            for written in [value.to_owned(), format!("\"{value}\"")] {
                let filter = format!(r#"{{"column":"{column}","op":"{op}","value":{written}}}"#);
                let body = format!(r#"{{"filter":{filter}}}"#);
                let answer = post(&reader, "/v1/tables/amounts/query", body).await.expect_status(200);
                assert_eq!(ids(&answer), expected, "{filter}");
                let grouped = format!(r#"{{"filter":{filter},"measures":[{{"fn":"count","as":"n"}}]}}"#);
                let answer = post(&reader, "/v1/tables/amounts/aggregate", grouped).await.expect_status(200);
                assert_eq!(answer.data(), [json!({ "n": expected.len() })], "{filter}");
            }
        }
        for (op, value, expected) in [
            (
                "in",
                "[0.1234567890123456788, 0.1234567890123456789, 0.12345678901234567891, null]",
                &[1, 2][..],
            ),
            ("not_in", "[0.1234567890123456788, 0.12345678901234567891, 1e30]", &[2, 3, 4]),
            ("between", "[0.1234567890123456789, 0.12345678901234567905]", &[2, 3]),
        ] {
            let body = format!(r#"{{"filter":{{"column":"fine","op":"{op}","value":{value}}}}}"#);
            let answer = post(&reader, "/v1/tables/amounts/query", body).await.expect_status(200);
            assert_eq!(ids(&answer), expected, "{op} {value}");
        }
        gateway.shutdown().await;
    });
}

#[test]
fn parameters_keep_every_digit_beside_a_decimal() {
    run(async {
        let gateway = amounts("decimals-params").await;
        let reader = gateway.role("reader");
        for (column, _, op, value, expected) in COMPARISONS {
            for sql in [
                format!("select id from amounts where {column} {op} $1"),
                format!("select id from (select * from amounts) a where {column} {op} $1"),
            ] {
                let body = format!(r#"{{"sql":"{sql}","params":[{value}]}}"#);
                let answer = post(&reader, "/v1/sql", body).await.expect_status(200);
                assert_eq!(ids(&answer), expected, "{sql} {value}");
            }
        }
        let body = r#"{"sql":"select id from amounts where fine between $1 and $2 or large in ($3, $4)",
            "params":[0.1234567890123456789,0.1234567890123456789,12345678901234567890.11,5]}"#;
        let answer = post(&reader, "/v1/sql", body.to_owned()).await.expect_status(200);
        assert_eq!(ids(&answer), [1, 2]);
        gateway.shutdown().await;
    });
}

#[test]
fn what_no_decimal_can_hold_is_refused() {
    run(async {
        let gateway = amounts("decimals-refused").await;
        let reader = gateway.role("reader");
        let many = "9".repeat(77);
        for value in [many.as_str(), "1e-300", "\"much\"", "\"\"", "\"0x1\"", "1e999", "[1]", "{}"] {
            let body = format!(r#"{{"filter":{{"column":"fine","op":"eq","value":{value}}}}}"#);
            let answer = post(&reader, "/v1/tables/amounts/query", body).await;
            assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_expression"), "{value}");
        }
        for value in ["1e999", "[1]", "{}"] {
            let body = format!(r#"{{"sql":"select id from amounts where fine = $1","params":[{value}]}}"#);
            let answer = post(&reader, "/v1/sql", body).await;
            assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_request"), "{value}");
        }
        gateway.shutdown().await;
    });
}

#[test]
fn a_walk_goes_on_with_the_digits_that_it_began_with() {
    run(async {
        let gateway = amounts("decimals-walk").await;
        let reader = gateway.role("reader");
        let body = |value: &str, cursor: &Value| {
            format!(
                r#"{{"filter":{{"column":"fine","op":"le","value":{value}}},"order":"id","limit":1,"cursor":{cursor}}}"#
            )
        };
        let path = "/v1/tables/amounts/query";
        let first = post(&reader, path, body("0.1234567890123456789", &Value::Null)).await.expect_status(200);
        let cursor = first.json()["page"]["next_cursor"].clone();
        let second = post(&reader, path, body("0.1234567890123456789", &cursor)).await.expect_status(200);
        assert_eq!((ids(&first), ids(&second)), (vec![1], vec![2]));
        let other = post(&reader, path, body("0.1234567890123456788", &cursor)).await;
        assert_eq!(other.code(), "cursor_mismatch", "a digit apart is another question");
        gateway.shutdown().await;
    });
}

#[test]
fn a_text_beside_a_decimal_is_not_rounded_to_its_scale() {
    run(async {
        let gateway = amounts("decimal-texts").await;
        let caller = gateway.role("reader");
        for (condition, expected) in [
            ("large = '1.00'", vec![4]),
            ("large = '1.004'", vec![]),
            ("large < '1.004' AND large > '0.996'", vec![4]),
            ("fine IN ('0.1234567890123456789', '0')", vec![2, 4]),
        ] {
            let page =
                caller.ask("/v1/tables/amounts/rows", &[("filter", condition)]).await.expect_status(200);
            assert_eq!(ids(&page), expected, "{condition}");
            let sql = format!("select id from amounts where {condition}");
            assert_eq!(ids(&caller.sql(&sql).await.expect_status(200)), expected, "{sql}");
        }
        // Hundreds of zeros after the point are in no decimal, and zero is another number.
        let tiny = r#"{"sql":"select id from amounts where large = $1","params":[1e-400]}"#;
        let refused = post(&caller, "/v1/sql", tiny.to_owned()).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "invalid_request"), "{}", refused.text());
    });
}

#[test]
fn a_key_of_more_digits_than_its_column_is_nobodys() {
    run(async {
        let schema = Arc::new(Schema::new(vec![Field::new("price", DataType::Decimal128(10, 2), false)]));
        let prices: ArrayRef =
            Arc::new(Decimal128Array::from(vec![100, 101]).with_precision_and_scale(10, 2).unwrap());
        let setup = Setup::new(
            "decimal-keys",
            "version: 1\nroles: { reader: { tables: { prices: { columns: '*' } } } }\n",
        )
        .table(json!({ "name": "prices", "location": "prices", "primary_key": ["price"] }));
        HandTable::create(&setup.place("prices"), &schema).append(&[RecordBatch::try_new(
            Arc::clone(&schema),
            vec![prices],
        )
        .unwrap()]);
        let gateway = setup.start().await;
        let reader = gateway.role("reader");
        for (key, status) in [
            ("1.00", 200),
            ("1", 200),
            ("1.0100", 200),
            ("1.005", 404),
            ("1.004", 404),
            ("99999999999", 404),
            ("one", 400),
            ("1e", 400),
        ] {
            let answer = reader.get(&format!("/v1/tables/prices/rows/{key}")).await;
            assert_eq!(answer.status, status, "{key}: {}", answer.text());
        }
        gateway.shutdown().await;
    });
}

#[test]
fn numbers_in_a_text_keep_their_digits() {
    run(async {
        let gateway = amounts("decimal-texts").await;
        let reader = gateway.role("reader");
        for (column, _, op, value, expected) in COMPARISONS {
            for condition in [format!("{column} {op} {value}"), format!("{column} - 0 {op} {value}")] {
                let page = reader.ask("/v1/tables/amounts/rows", &[("filter", &condition)]).await;
                assert_eq!(ids(&page.expect_status(200)), expected, "{condition}");
                let sql = format!("select id from amounts where {condition}");
                assert_eq!(ids(&reader.sql(&sql).await.expect_status(200)), expected, "{sql}");
            }
            let item = format!("{column} in (-1234567890123456.78, {value})");
            let page = reader.ask("/v1/tables/amounts/rows", &[("filter", &item)]).await.expect_status(200);
            assert!(op != "=" || ids(&page) == expected, "{item}");
        }
        let body = json!({ "group_by": ["id"], "measures": [{ "fn": "max", "column": "large", "as": "m" }],
            "having": "m = 12345678901234567890.12" });
        let groups = reader.post("/v1/tables/amounts/aggregate", &body).await.expect_status(200);
        assert_eq!(ids(&groups), [2]);
        let both = "select id from amounts where large = 12345678901234567890.12 and id = $1";
        let body = json!({ "sql": both, "params": [2] });
        assert_eq!(ids(&reader.post("/v1/sql", &body).await.expect_status(200)), [2]);
        gateway.shutdown().await;
    });
}

#[test]
fn an_integer_equals_no_number_with_a_fraction() {
    run(async {
        let schema = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false)]));
        let policies = "version: 1\nroles: { reader: { tables: { whole: { columns: '*' } } } }\n";
        let setup =
            Setup::new("whole-numbers", policies).table(json!({ "name": "whole", "location": "whole" }));
        let values: Vec<i64> = vec![1, 9_007_199_254_740_992, 9_007_199_254_740_993, i64::MAX];
        let column: ArrayRef = Arc::new(Int64Array::from(values));
        HandTable::create(&setup.place("whole"), &schema).append(&[RecordBatch::try_new(
            Arc::clone(&schema),
            vec![column],
        )
        .unwrap()]);
        let gateway = setup.start().await;
        let reader = gateway.role("reader");
        for (op, name, value, expected) in [
            ("=", "eq", "9007199254740993.0", &[9_007_199_254_740_993][..]),
            ("=", "eq", "9.007199254740993e15", &[9_007_199_254_740_993]),
            ("=", "eq", "9223372036854775806.5", &[]),
            (">", "gt", "9223372036854775806.5", &[9_223_372_036_854_775_807]),
            ("=", "eq", "1.0", &[1]),
            ("<", "lt", "1.5", &[1]),
            ("=", "eq", "1.5", &[]),
            (">", "gt", "1e19", &[]),
        ] {
            let text = format!("id {op} {value}");
            let tree = format!(r#"{{"filter":{{"column":"id","op":"{name}","value":{value}}}}}"#);
            let sql = format!("select id from whole where {text}");
            let param = format!(r#"{{"sql":"select id from whole where id {op} $1","params":[{value}]}}"#);
            assert_eq!(
                ids(&reader.ask("/v1/tables/whole/rows", &[("filter", &text)]).await),
                expected,
                "{text}"
            );
            assert_eq!(ids(&post(&reader, "/v1/tables/whole/query", tree.clone()).await), expected, "{tree}");
            assert_eq!(ids(&reader.sql(&sql).await), expected, "{sql}");
            assert_eq!(ids(&post(&reader, "/v1/sql", param.clone()).await), expected, "{param}");
        }
        gateway.shutdown().await;
    });
}
