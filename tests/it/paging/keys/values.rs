//! Keys of every type that can be one, and what is refused: owns a table with a column of each.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int8Array, Int16Array, Int32Array,
    Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::json;
use sluice_gateway::engine::statement::{Filter, PerKey, Select};
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup, run};
use sluice_tests::random::seeded;

use super::question::{Question, distinct, whole_keys, with_strangers};
use crate::paging::asked::Asked;

const POLICIES: &str = "version: 1
roles:
  reader: { administrator: true, tables: { t: { columns: all } } }
  narrow: { tables: { t: { columns: [i64, text] } } }
  hashed: { tables: { t: { columns: '*', masks: { i64: { hash: {} } } } } }
";
const KEY_COLUMNS: [&str; 9] = ["flag", "i8", "i16", "i32", "i64", "text", "price", "day", "moment"];
const FILES: usize = 4;

fn some<T: Copy>(random: &mut StdRng, values: &[T]) -> Option<T> {
    random.random_bool(0.85).then(|| values[random.random_range(0..values.len())])
}

fn random_batch(random: &mut StdRng) -> RecordBatch {
    let rows = random.random_range(5..60);
    let mut pick = |values: &[i64]| -> Vec<Option<i64>> { (0..rows).map(|_| some(random, values)).collect() };
    let narrowed = |values: Vec<Option<i64>>| values.into_iter().map(|v| v.map(|v| i8::try_from(v).unwrap()));
    let small = [-128, -1, 0, 1, 127];
    let (i8s, i16s) = (narrowed(pick(&small)), pick(&[-32_768, -1, 0, 7, 32_767]));
    let i32s = pick(&[i64::from(i32::MIN), -1, 0, 7, i64::from(i32::MAX)]);
    let days = pick(&[0, 15_736, -719_162, 2_932_896]);
    let instants = pick(&[0, 1_359_608_400_120_000, -1, 253_402_300_799_999_999]);
    let columns: [(&str, ArrayRef); 11] = [
        ("flag", Arc::new(pick(&[0, 1]).into_iter().map(|v| v.map(|v| v == 1)).collect::<BooleanArray>())),
        ("i8", Arc::new(i8s.collect::<Int8Array>())),
        (
            "i16",
            Arc::new(i16s.into_iter().map(|v| v.map(|v| i16::try_from(v).unwrap())).collect::<Int16Array>()),
        ),
        (
            "i32",
            Arc::new(i32s.into_iter().map(|v| v.map(|v| i32::try_from(v).unwrap())).collect::<Int32Array>()),
        ),
        (
            "i64",
            Arc::new(pick(&[i64::MIN, -1, 0, 1, 7, 1 << 40, i64::MAX]).into_iter().collect::<Int64Array>()),
        ),
        ("text", {
            let texts = ["", "a", "A", "\u{e4}", "1", "a\"b\\", "2013-01-31"];
            Arc::new(
                pick(&[0, 1, 2, 3, 4, 5, 6])
                    .into_iter()
                    .map(|v| v.map(|v| texts[usize::try_from(v).unwrap()]))
                    .collect::<StringArray>(),
            )
        }),
        ("price", {
            let cents = pick(&[0, -1, 750, 9_999_999_999]).into_iter().map(|v| v.map(i128::from));
            Arc::new(cents.collect::<Decimal128Array>().with_precision_and_scale(10, 2).unwrap())
        }),
        (
            "day",
            Arc::new(days.into_iter().map(|v| v.map(|v| i32::try_from(v).unwrap())).collect::<Date32Array>()),
        ),
        (
            "moment",
            Arc::new(instants.into_iter().collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
        ),
        (
            "local",
            Arc::new(pick(&[0, 5, 1_359_608_400_000_000]).into_iter().collect::<TimestampMicrosecondArray>()),
        ),
        ("ratio", Arc::new(pick(&[0, 1]).into_iter().map(|v| v.map(|_| 0.5)).collect::<Float64Array>())),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, values)| (name, values, true))).unwrap()
}

async fn gateway(random: &mut StdRng) -> (Gateway, RecordBatch) {
    let setup = Setup::new("key-types", POLICIES).table(json!({ "name": "t", "location": "t" }));
    let batches: Vec<RecordBatch> = (0..FILES).map(|_| random_batch(random)).collect();
    let mut table = HandTable::create(&setup.place("t"), &batches[0].schema()).row_group_rows(10);
    table.append(&batches);
    (setup.start().await, table.rows())
}

#[test]
fn values_of_every_type_of_a_key_find_their_rows() {
    run(async {
        let mut random = seeded("paging::key_types");
        let (gateway, _) = gateway(&mut random).await;
        let asked = Asked { gateway: &gateway, role: "reader" };
        for column in KEY_COLUMNS.into_iter().chain(["local"]) {
            let keys = distinct(asked, &[column]).await;
            for _ in 0..3 {
                let question = Question {
                    asked,
                    columns: vec![column.to_owned()],
                    keys: with_strangers(&keys, &mut random),
                    show: None,
                    rest: None,
                    order: Vec::new(),
                    limit: Some(random.random_range(1..9)),
                    count_exact: true,
                };
                question.check(&mut random).await;
            }
        }
        gateway.shutdown().await;
    });
}

#[test]
fn keys_that_cannot_be_found_so_are_refused_by_what_is_visible() {
    run(async {
        let mut random = seeded("paging::key_refusals");
        let (gateway, rows) = gateway(&mut random).await;
        let texts = |column: usize| rows.project(&[column]).unwrap().slice(0, 1);
        let cases: [(&str, &str, RecordBatch, &str, &str); 5] = [
            (
                "reader",
                "ratio",
                texts(10),
                "invalid_request",
                "keys of type float64 cannot be found by \"ratio\" of type float64",
            ),
            (
                "reader",
                "text",
                whole_keys([1]),
                "invalid_request",
                "keys of type int64 cannot be found by \"text\" of type string",
            ),
            (
                "reader",
                "i64",
                texts(5),
                "invalid_request",
                "keys of type string cannot be found by \"i64\" of type int64",
            ),
            (
                "hashed",
                "i64",
                whole_keys([1]),
                "invalid_request",
                "keys of type int64 cannot be found by \"i64\" of type string",
            ),
            ("narrow", "price", texts(6), "unknown_column", "column \"price\" not found"),
        ];
        for (role, column, keys, code, message) in cases {
            let per_key = Some(PerKey { columns: vec![column.to_owned()], keys });
            let asked = Asked { gateway: &gateway, role };
            let refused = asked.select(Select { per_key, ..Select::default() }).await.unwrap_err();
            assert_eq!((refused.code.as_str(), refused.message.as_str()), (code, message), "{role} {column}");
        }
        let per_key = Some(PerKey { columns: vec!["i64".to_owned()], keys: whole_keys([1]) });
        let filter = Some(Filter::Text("i64 = 1".to_owned()));
        let asked = Asked { gateway: &gateway, role: "reader" };
        let refused = asked.select(Select { per_key, filter, ..Select::default() }).await.unwrap_err();
        assert_eq!(refused.code.as_str(), "invalid_request");
        gateway.shutdown().await;
    });
}
