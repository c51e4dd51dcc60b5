//! Who may do what: owns the matrix of every demo role, table and call, kept as a text that people
//! can read. `UPDATE_GOLDEN=1` writes it anew; look at the difference before you keep it.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};
use sluice_tests::client::{Answer, Caller};
use sluice_tests::gateway::{Gateway, run};

/// Each table with a key of a row that it holds, and a column.
const TABLES: [(&str, &str, &str); 8] = [
    ("flights", "4", "carrier"),
    ("airlines", "UA", "name"),
    ("airports", "JFK", "name"),
    ("planes", "N10156", "tailnum"),
    ("weather", "JFK,2013-07-01T05:00:00Z", "temp"),
    ("customer", "1", "c_name"),
    ("orders", "1", "o_clerk"),
    ("unknown", "1", "column"),
];
const CALLS: [&str; 12] = [
    "listed",
    "describe",
    "rows",
    "rows+filter",
    "rows+order",
    "rows+count",
    "query",
    "lookup",
    "aggregate",
    "sql",
    "version=1",
    "as_of",
];

#[test]
fn every_role_table_and_call_is_as_written_down() {
    run(async {
        let gateway = Gateway::demo().await;
        let mut text = String::from(
            "What each demo role gets from each call on each table: the status and, for refusals, the code.\n",
        );
        for (who, caller) in [
            ("without a token", gateway.nobody()),
            ("admin", gateway.role("admin")),
            ("analyst", gateway.role("analyst")),
            ("partner", gateway.role("partner")),
            ("partner without carriers", gateway.role_with("partner", json!({}))),
            ("a role that no policy names", gateway.role("stranger")),
        ] {
            write!(text, "\n{who}\n  {:10}", "").unwrap();
            for call in CALLS {
                write!(text, " {call:21}").unwrap();
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
            for (table, key, column) in TABLES {
                write!(text, "  {table:10}").unwrap();
                for call in CALLS {
                    let cell = cell(&caller, call, table, key, column).await;
                    write!(text, " {cell:21}").unwrap();
                }
                text.truncate(text.trim_end().len());
                text.push('\n');
            }
            write!(text, "  visible columns and masks\n{}", columns(&caller).await).unwrap();
        }
        compare(&text);
    });
}

async fn cell(caller: &Caller, call: &str, table: &str, key: &str, column: &str) -> String {
    let path = format!("/v1/tables/{table}");
    let rows = format!("{path}/rows");
    let filter = format!("{column} IS NOT NULL");
    let answer = match call {
        "listed" => return listed(caller, table).await,
        "describe" => caller.get(&path).await,
        "rows" => caller.get(&format!("{rows}?limit=1")).await,
        "rows+filter" => caller.ask(&rows, &[("limit", "1"), ("filter", &filter)]).await,
        "rows+order" => caller.ask(&rows, &[("limit", "1"), ("order", column)]).await,
        "rows+count" => caller.ask(&rows, &[("limit", "1"), ("count", "exact")]).await,
        "query" => caller.post(&format!("{path}/query"), &json!({ "limit": 1 })).await,
        "lookup" => caller.get(&format!("{rows}/{key}")).await,
        "aggregate" => {
            let body = json!({ "measures": [{ "fn": "count", "column": column, "as": "n" }] });
            caller.post(&format!("{path}/aggregate"), &body).await
        }
        "sql" => caller.sql(&format!("select count({column}) as n from {table}")).await,
        "version=1" => caller.get(&format!("{rows}?limit=1&version=1")).await,
        "as_of" => caller.get(&format!("{rows}?limit=1&as_of=2100-01-01T00:00:00Z")).await,
        other => panic!("no call {other}"),
    };
    shown(&answer)
}

fn shown(answer: &Answer) -> String {
    if answer.status != 200 {
        return format!("{} {}", answer.status, answer.code());
    }
    match &answer.json()["page"]["total_rows"] {
        Value::Number(rows) => format!("200 {rows} rows"),
        _ => "200".to_owned(),
    }
}

async fn listed(caller: &Caller, table: &str) -> String {
    let answer = caller.get("/v1/tables").await;
    if answer.status != 200 {
        return shown(&answer);
    }
    let found = answer.data().iter().any(|one| one["name"] == table);
    if found { "yes" } else { "no" }.to_owned()
}

/// For each visible table its columns, each with its type, and `*` where it is masked.
async fn columns(caller: &Caller) -> String {
    let mut text = String::new();
    for (table, ..) in TABLES {
        let answer = caller.get(&format!("/v1/tables/{table}")).await;
        if answer.status != 200 {
            continue;
        }
        let described = answer.object();
        let columns: Vec<String> = described["columns"]
            .as_array()
            .unwrap()
            .iter()
            .map(|column| {
                let masked = if column["masked"] == json!(true) { "*" } else { "" };
                format!("{}{masked} {}", column["name"].as_str().unwrap(), column["type"].as_str().unwrap())
            })
            .collect();
        writeln!(text, "    {table}: {}", columns.join(", ")).unwrap();
    }
    if text.is_empty() { "    none\n".to_owned() } else { text }
}

fn compare(text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/permission_matrix.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let golden = std::fs::read_to_string(&path).expect("tests/golden/permission_matrix.txt");
    for (number, (is, was)) in text.lines().zip(golden.lines()).enumerate() {
        assert_eq!(is, was, "line {} of the matrix", number + 1);
    }
    assert_eq!(text, golden);
}
