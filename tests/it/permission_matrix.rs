//! Who may do what: owns the matrix of every demo role, table and call, kept as a text that people
//! can read. `UPDATE_GOLDEN=1` writes it anew; look at the difference before you keep it. The text is what the REST
//! door says; every other door must say the same, cell by cell.

use std::fmt::Write;
use std::path::Path;

use futures::future::join;
use serde_json::{Value, json};
use sluice_tests::client::{Answer, Caller};
use sluice_tests::doors::question::question;
use sluice_tests::doors::{Door, doors};
use sluice_tests::gateway::{Gateway, run};
use sluice_tests::grpc::GrpcCaller;

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
        for (who, caller, grpc_caller) in callers(gateway) {
            let others = other_doors(&caller, grpc_caller);
            write!(text, "\n{who}\n  {:10}", "").unwrap();
            for call in CALLS {
                write!(text, " {call:21}").unwrap();
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
            for (table, key, column) in TABLES {
                write!(text, "  {table:10}").unwrap();
                for call in CALLS {
                    let at_others = cells_at(&others, call, table, key, column);
                    let (cell, told) = join(cell(&caller, call, table, key, column), at_others).await;
                    for (door, word) in told {
                        assert_eq!(word, word_of(&cell), "{who}: {call} of {table} at {door}");
                    }
                    write!(text, " {cell:21}").unwrap();
                }
                text.truncate(text.trim_end().len());
                text.push('\n');
            }
            let columns = columns(&caller).await;
            for door in &others {
                let told = columns_at(door.as_ref()).await;
                assert!(told.is_none_or(|told| told == columns), "{who}: columns at {}", door.name());
            }
            write!(text, "  visible columns and masks\n{columns}").unwrap();
        }
        compare(&text);
    });
}

/// Everybody whose row there is, as the callers of each door.
fn callers(gateway: &Gateway) -> [(&'static str, Caller, GrpcCaller); 6] {
    let role = |name: &str| (gateway.role(name), gateway.grpc_role(name));
    let without = gateway.token("partner", json!({}));
    let of = |who, (caller, grpc_caller)| (who, caller, grpc_caller);
    [
        of("without a token", (gateway.nobody(), gateway.grpc(None))),
        of("admin", role("admin")),
        of("analyst", role("analyst")),
        of("partner", role("partner")),
        of("partner without carriers", (gateway.bearer(&without), gateway.grpc(Some(without.clone())))),
        of("a role that no policy names", role("stranger")),
    ]
}

fn other_doors(caller: &Caller, grpc_caller: GrpcCaller) -> Vec<Box<dyn Door>> {
    doors(caller.clone(), grpc_caller).into_iter().filter(|door| door.name() != "REST").collect()
}

/// What the other doors say to a call, each with its name.
async fn cells_at(
    others: &[Box<dyn Door>],
    call: &str,
    table: &str,
    key: &str,
    column: &str,
) -> Vec<(&'static str, String)> {
    let mut told: Vec<(&'static str, String)> = Vec::new();
    let Some(line) = line(call, table, key, column) else { return told };
    let asked = question(&line).unwrap();
    for door in others {
        let Some(outcome) = door.ask(&asked, None).await else { continue };
        let word = match (outcome.code(), outcome.said.get("total_rows")) {
            ("answered", _) if call == "listed" => {
                let listed = outcome.said["description"].as_array().unwrap();
                if listed.iter().any(|one| one["name"] == table) { "yes" } else { "no" }.to_owned()
            }
            (_, Some(Value::Number(rows))) => format!("{rows} rows"),
            (code, _) => code.to_owned(),
        };
        told.push((door.name(), word));
    }
    told
}

/// A call as a statement of the parity suite. Pages have two calls over REST, by a query string and by a body, and one
/// at every other door, which "rows" asks already.
fn line(call: &str, table: &str, key: &str, column: &str) -> Option<String> {
    let rows = |body: Value| Some(format!("rows {table} {body}"));
    match call {
        "listed" => Some("tables".to_owned()),
        "describe" => Some(format!("describe {table}")),
        "rows" => rows(json!({ "limit": 1 })),
        "rows+filter" => rows(json!({ "limit": 1, "filter": { "column": column, "op": "is_not_null" } })),
        "rows+order" => rows(json!({ "limit": 1, "order": column })),
        "rows+count" => rows(json!({ "limit": 1, "count": "exact" })),
        "query" => None,
        "lookup" => Some(format!("lookup {table} {}", json!(key.split(',').collect::<Vec<&str>>()))),
        "aggregate" => {
            let body = json!({ "measures": [{ "fn": "count", "column": column, "as": "n" }] });
            Some(format!("aggregate {table} {body}"))
        }
        "sql" => {
            Some(format!("sql {}", json!({ "sql": format!("select count({column}) as n from {table}") })))
        }
        "version=1" => rows(json!({ "limit": 1, "version": 1 })),
        "as_of" => rows(json!({ "limit": 1, "as_of": "2100-01-01T00:00:00Z" })),
        other => panic!("no call {other}"),
    }
}

/// What a cell says in the words of the other doors, which have no HTTP status.
fn word_of(cell: &str) -> &str {
    match cell.split_once(' ') {
        Some((_, word)) => word,
        None if cell == "200" => "answered",
        None => cell,
    }
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
        if answer.status == 200 {
            text.push_str(&columns_of(table, &answer.object()));
        }
    }
    or_none(text)
}

/// The same from another door, where it describes tables.
async fn columns_at(door: &dyn Door) -> Option<String> {
    let mut text = String::new();
    for (table, ..) in TABLES {
        let outcome = door.ask(&question(&format!("describe {table}")).unwrap(), None).await?;
        if let Some(described) = outcome.said.get("description") {
            text.push_str(&columns_of(table, described));
        }
    }
    Some(or_none(text))
}

fn columns_of(table: &str, described: &Value) -> String {
    let columns: Vec<String> = described["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| {
            let masked = if column["masked"] == json!(true) { "*" } else { "" };
            format!("{}{masked} {}", column["name"].as_str().unwrap(), column["type"].as_str().unwrap())
        })
        .collect();
    format!("    {table}: {}\n", columns.join(", "))
}

fn or_none(text: String) -> String {
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
