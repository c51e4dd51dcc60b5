//! Conditions that fail on some rows: owns the promise that an answer fails where a question about one of its keys
//! does, as that does, and on no row that none of them would show or count.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use serde_json::json;
use sluice_gateway::engine::statement::{CompareOp, FilterNode, Literal, Operand, OrderKey};
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup, run};
use sluice_tests::random::seeded;

use super::question::{Question, whole_keys};
use crate::paging::asked::Asked;

/// For `secret` the order of files is, since it is clustered by what is masked.
const POLICIES: &str = "version: 1
roles:
  reader: { administrator: true, tables: { t: { columns: all } } }
  filtered: { tables: { t: { columns: '*', rows: 'n < 100' } } }
  secret: { tables: { t: { columns: '*', rows: 'n < 100', masks: { hidden: null } } } }
";
/// The texts of each key, in order; those that are no number fail where they are compared with one.
const TEXTS: [(i64, &[&str]); 5] =
    [(1, &["7", "x", "8"]), (2, &["9", "8"]), (3, &["y"]), (4, &["7", "8", "z"]), (5, &["1", "2", "w"])];

async fn gateway() -> Gateway {
    let definition = json!({ "name": "t", "location": "t", "clustered_by": ["hidden"] });
    let setup = Setup::new("key-failures", POLICIES).table(definition);
    let rows: Vec<(i64, i64, &str)> =
        TEXTS.iter().flat_map(|(key, texts)| (0..).zip(*texts).map(|(n, text)| (*key, n, *text))).collect();
    // Rows that nobody but the reader sees.
    let hidden = [(2, 100, "hidden"), (4, 100, "hidden")];
    let batch = |rows: &[(i64, i64, &str)]| {
        let columns: [(&str, ArrayRef); 4] = [
            ("k", Arc::new(rows.iter().map(|row| Some(row.0)).collect::<Int64Array>())),
            ("n", Arc::new(rows.iter().map(|row| Some(row.1)).collect::<Int64Array>())),
            ("text", Arc::new(rows.iter().map(|row| Some(row.2)).collect::<StringArray>())),
            ("hidden", Arc::new(rows.iter().map(|row| Some(-row.1)).collect::<Int64Array>())),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, values)| (name, values, true))).unwrap()
    };
    let batches = [batch(&rows), batch(&hidden)];
    HandTable::create(&setup.place("t"), &batches[0].schema()).numbered().append(&batches);
    setup.start().await
}

fn question<'a>(
    gateway: &'a Gateway,
    role: &'static str,
    keys: &[i64],
    limit: usize,
    count_exact: bool,
) -> Question<'a> {
    let five = Operand::One(Literal::Number("5".to_owned()));
    Question {
        asked: Asked { gateway, role },
        columns: vec!["k".to_owned()],
        keys: whole_keys(keys.iter().copied()),
        show: None,
        rest: Some(FilterNode::Compare { column: "text".to_owned(), op: CompareOp::Gt, value: five }),
        order: vec![OrderKey { column: "n".to_owned(), descending: false, nulls_first: false }],
        limit: Some(limit),
        count_exact,
    }
}

#[test]
fn an_answer_fails_on_the_rows_that_a_key_alone_fails_on() {
    run(async {
        let mut random = seeded("paging::key_failures");
        let gateway = gateway().await;
        for role in ["filtered", "secret"] {
            // The row after the last that is shown fails: whether it is there has to be told.
            let cases: [(&[i64], usize, bool, bool); 7] = [
                (&[2, 4], 1, false, true),
                (&[2], 2, true, true),
                (&[2, 4], 1, true, false),
                (&[2, 1], 1, false, false),
                (&[2, 4], 2, false, false),
                (&[2, 3, 4], 1, false, false),
                (&[5, 2], 1, false, false),
            ];
            for (keys, limit, count_exact, succeeds) in cases {
                let question = question(&gateway, role, keys, limit, count_exact);
                let answer = question.ask().await;
                let told = format!("{role}, keys {keys:?}, limit {limit}, count {count_exact}");
                assert_eq!(answer.is_ok(), succeeds, "{told}: {:?}", answer.err());
                if let Err(error) = answer {
                    assert_eq!(error.code.as_str(), "evaluation_failed", "{told}");
                }
                question.check(&mut random).await;
            }
        }
        // The reader sees one more row, which fails, and which a count meets.
        let all = question(&gateway, "reader", &[2], 2, true);
        assert!(all.ask().await.is_err());
        all.check(&mut random).await;
        gateway.shutdown().await;
    });
}
